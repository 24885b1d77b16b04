"""Makes the cookies in tests/cookies with Flask, itsdangerous and Flask-Session's signer.

Run it as `python tests/make_cookies.py` in a Python with Flask 3.1; the files are the same each time.
"""

import datetime
import pathlib
import time
import uuid

import flask
import itsdangerous
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup

NOW = 1_700_000_000
FOLDER = pathlib.Path(__file__).parent / "cookies"

time.time = lambda: NOW  # what itsdangerous asks for the time


def flask_cookie(key, session, fallbacks=None):
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=key, SECRET_KEY_FALLBACKS=fallbacks)
    with app.app_context():
        return SecureCookieSessionInterface().get_signing_serializer(app).dumps(session)


def write(name, cookie):
    (FOLDER / name).write_text(cookie)


KEY = "correct horse battery staple"
USER = {"user": "ada", "cart": [1, 2, 3]}

write("plain", flask_cookie(KEY, USER))
write("compressed", flask_cookie(KEY, {"text": "again and " * 60, "_permanent": True}))
write(
    "typed",
    flask_cookie(
        KEY,
        {
            "bytes": b"\x00\xff'",
            "date": datetime.datetime(2026, 11, 22, 19, 30, tzinfo=datetime.timezone.utc),
            "float": float("nan"),
            "html": Markup("<b>ä</b>"),
            "id": uuid.UUID("8d9b6c1e-5a3f-4c7b-9e02-1f6d84a7c35b"),
            "integer": 2**80,
            "none": None,
            "text": "it's \x1b[31m",
            "tuple": ("apple", (True, 1.5)),
            "empty": [{}, [], ()],
        },
    ),
)
write("newline_in_key", flask_cookie(KEY + "\n", USER))
write("well_known_key", flask_cookie("dev", USER))
write("hex_key", flask_cookie(bytes.fromhex("00ff" * 16), USER))
write("sha256", itsdangerous.URLSafeTimedSerializer(
    KEY, salt="cookie-session", signer_kwargs={"key_derivation": "hmac", "digest_method": __import__("hashlib").sha256},
).dumps(USER))
write("itsdangerous", itsdangerous.URLSafeTimedSerializer(KEY).dumps(USER))
write("untimed", itsdangerous.URLSafeSerializer(KEY, salt="cookie-session", signer_kwargs={"key_derivation": "hmac"}).dumps(USER))
write("not_a_dict", itsdangerous.URLSafeTimedSerializer(KEY, salt="cookie-session", signer_kwargs={"key_derivation": "hmac"}).dumps([1]))
write("large", flask_cookie(KEY, {"noise": [uuid.uuid5(uuid.NAMESPACE_DNS, str(n)).hex for n in range(180)]}))


def signed(payload):
    """A right signature over a payload that is none."""
    signer = itsdangerous.TimestampSigner(KEY, salt="cookie-session", key_derivation="hmac")
    return signer.sign(payload).decode()


write("broken_zlib", signed(".eJwrSSwu"))
write("broken_base64", signed("e"))
write("bomb", signed("." + itsdangerous.encoding.base64_encode(__import__("zlib").compress(b" " * 3_000_000)).decode()))

ID = "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo"
write("id", ID)
write("signed_id", itsdangerous.Signer(KEY, salt="flask-session", key_derivation="hmac").sign(ID).decode())
