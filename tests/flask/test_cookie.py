"""Signed cookies: the same as Flask's own, each reads the other's."""

from __future__ import annotations

import functools
import gc
import hashlib
import uuid
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import flask.sessions
import flask_dewar
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import Markup

KEY = "a secret key of some length"


def app_with(interface: flask.sessions.SessionInterface | None, **config: Any) -> flask.Flask:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=KEY, TESTING=True, **config)
    if interface is not None:
        app.session_interface = interface

    @app.get("/get")
    def get() -> flask.Response:
        return flask.jsonify({key: repr(flask.session[key]) for key in flask.session})

    @app.get("/append")
    def append() -> str:
        flask.session.setdefault("cart", []).append("apple")
        return "appended"

    @app.get("/nothing")
    def nothing() -> str:
        return "nothing"

    return app


def transfer(writer: flask.Flask, reader: flask.Flask, data: dict[str, Any]) -> dict[str, Any]:
    """What `reader` finds in the cookie that `writer` makes of `data`."""
    client, other = writer.test_client(), reader.test_client()
    with client.session_transaction() as session:
        session.update(data)
    made = client.get_cookie("session")
    if made is None:
        return {}
    other.set_cookie("session", made.value)
    with other.session_transaction() as session:
        return dict(session)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=[]), max_size=20)
    | st.binary(max_size=20)
    | st.uuids()
    | st.text(max_size=10).map(Markup)
    | st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)).map(
        lambda at: at.replace(microsecond=0, tzinfo=UTC)
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from([" t", " di", " b"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
sessions = st.dictionaries(st.text(max_size=8), values, min_size=1, max_size=5)

ours = app_with(flask_dewar.SecureCookieSessionInterface(), MAX_COOKIE_SIZE=0)
flasks = app_with(None, MAX_COOKIE_SIZE=0)


@settings(max_examples=200)
@given(data=sessions)
@example(data={"_flashes": [None]})
@example(data={"_flashes": [["error", "a list"]]})
@example(data={"_flashes": ("a tuple",)})
def test_flask_reads_what_dewar_writes_as_it_reads_its_own(data: dict[str, Any]) -> None:
    assert transfer(ours, flasks, data) == transfer(flasks, flasks, data)


@settings(max_examples=200)
@given(data=sessions)
def test_dewar_reads_what_flask_writes_as_flask_does(data: dict[str, Any]) -> None:
    found, expected = transfer(flasks, ours, data), transfer(flasks, flasks, data)
    assert found == expected
    assert repr(found) == repr(expected)


def test_an_untouched_session_adds_nothing_to_the_response() -> None:
    client = ours.test_client()
    with client.session_transaction() as session:
        session["name"] = "ada"
    response = client.get("/nothing")
    assert "Set-Cookie" not in response.headers and "Vary" not in response.headers


def test_a_permanent_session_is_extended_untouched_unless_asked_otherwise() -> None:
    for more, extended in ({}, True), ({"SESSION_REFRESH_AFTER": 60}, False):
        app = app_with(flask_dewar.SecureCookieSessionInterface(), **more)
        client = app.test_client()
        with client.session_transaction() as session:
            session.permanent = True
        assert ("Set-Cookie" in client.get("/nothing").headers) is extended


def test_nested_changes_are_saved_without_marking_them() -> None:
    client = ours.test_client()
    client.get("/append")
    client.get("/append")
    assert client.get("/get").json == {"cart": "['apple', 'apple']"}


@pytest.mark.parametrize("interface", [None, flask_dewar.SecureCookieSessionInterface()])
def test_a_session_that_an_application_saves_by_itself_is_saved_again_with_the_response(
    interface: flask.sessions.SessionInterface | None,
) -> None:
    app = app_with(interface)

    @app.get("/both")
    def both() -> str:
        flask.session["before"] = 1
        app.session_interface.save_session(app, flask.session, app.response_class())
        flask.session["list"] = [1]
        app.session_interface.save_session(app, flask.session, app.response_class())
        flask.session["list"].append(2)
        return "saved"

    client = app.test_client()
    assert client.get("/both").text == "saved"
    assert client.get("/get").json == {"before": "1", "list": "[1, 2]"}


def test_old_keys_are_read_and_the_new_one_signs() -> None:
    old = app_with(None)
    old.secret_key = "the key of last year, long enough"
    new = app_with(
        flask_dewar.SecureCookieSessionInterface(), SECRET_KEY_FALLBACKS=[old.secret_key]
    )
    assert transfer(old, new, {"name": "ada"}) == {"name": "ada"}
    assert transfer(new, flasks, {"name": "ada"}) == {"name": "ada"}
    new.config["SECRET_KEY_FALLBACKS"].clear()
    assert transfer(old, new, {"name": "ada"}) == {}


def test_salt_digest_and_derivation_of_a_subclass_are_followed() -> None:
    class Theirs(flask.sessions.SecureCookieSessionInterface):
        salt = "another salt"
        digest_method = staticmethod(hashlib.sha256)
        key_derivation = "django-concat"

    class Mine(flask_dewar.SecureCookieSessionInterface):
        salt = "another salt"
        digest_method = staticmethod(hashlib.sha256)
        key_derivation = "django-concat"

    mine = app_with(Mine())
    assert transfer(mine, app_with(Theirs()), {"name": "ada"}) == {"name": "ada"}
    assert transfer(app_with(Theirs()), mine, {"name": "ada"}) == {"name": "ada"}
    assert mine.session_interface._current is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("get_cookie_name", "other", "other="),
        ("get_cookie_domain", "example.org", "Domain=example.org"),
        ("get_cookie_secure", True, "Secure"),
        ("get_cookie_samesite", "Strict", "SameSite=Strict"),
    ],
)
def test_methods_that_an_application_replaces_are_asked(
    name: str, value: Any, expected: str
) -> None:
    interface = type(
        "Mine", (flask_dewar.SecureCookieSessionInterface,), {name: lambda self, app: value}
    )()
    response = app_with(interface).test_client().get("/append")
    assert expected in response.headers["Set-Cookie"]


def test_what_is_replaced_on_the_object_after_a_request_is_followed() -> None:
    interface = flask_dewar.SecureCookieSessionInterface()
    client = app_with(interface).test_client()
    assert client.get("/append").headers["Set-Cookie"].startswith("session=")
    interface.get_cookie_name = lambda app: "other"  # type: ignore[method-assign]
    assert client.get("/append").headers["Set-Cookie"].startswith("other=")
    del interface.get_cookie_name
    assert client.get("/append").headers["Set-Cookie"].startswith("session=")
    interface.salt = "another salt"
    assert client.get("/get").json == {}
    del interface.salt
    assert client.get("/get").json == {"cart": "['apple', 'apple']"}


class Shouting(flask.json.provider.DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(obj, **kwargs).upper()


class TagApple(flask.json.tag.JSONTag):
    key = " a"

    def check(self, value: Any) -> bool:
        return value == ["apple"]

    def to_json(self, value: Any) -> Any:
        return "one"

    def to_python(self, value: Any) -> Any:
        return ["pear"]


def use_another_key(app: flask.Flask) -> None:
    app.config.update(SECRET_KEY="another key of some length", SECRET_KEY_FALLBACKS=[KEY])


#: Flask before 3.1 does not know the fallbacks.
FALLBACKS = [use_another_key] if "SECRET_KEY_FALLBACKS" in flask.Flask.default_config else []


def set_class_attribute(name: str, value: Any) -> Callable[[flask.Flask], None]:
    return lambda app: setattr(type(app.session_interface), name, value)


@pytest.mark.parametrize(
    "change",
    [
        lambda app: app.config.update(SECRET_KEY="another key of some length"),
        lambda app: app.config.update(SECRET_KEY=None),
        lambda app: app.config.update(SESSION_COOKIE_NAME="other"),
        lambda app: app.config.update(PERMANENT_SESSION_LIFETIME=timedelta(seconds=-1)),
        lambda app: app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="None"),
        lambda app: app.config.update(SESSION_COOKIE_HTTPONLY=False),
        lambda app: app.config.update(SESSION_REFRESH_EACH_REQUEST=False),
        set_class_attribute("salt", "another salt"),
        set_class_attribute("digest_method", staticmethod(hashlib.sha256)),
        set_class_attribute("key_derivation", "concat"),
        lambda app: setattr(app.session_interface, "key_derivation", "none"),
        lambda app: app.session_interface.serializer.register(TagApple, index=0),
        lambda app: setattr(
            app.session_interface, "serializer", flask.json.tag.TaggedJSONSerializer()
        ),
        lambda app: setattr(app, "json", Shouting(app)),
        *FALLBACKS,
    ],
)
def test_what_changes_after_a_request_is_noticed_as_by_flask(
    change: Callable[[flask.Flask], None],
) -> None:
    def visits(base: type[flask.sessions.SecureCookieSessionInterface]) -> list[Any]:
        # A class and a serializer of its own, for they are changed.
        interface = type("Own", (base,), {"serializer": flask.json.tag.TaggedJSONSerializer()})()
        app = app_with(interface)

        @app.get("/login")
        def login() -> str:
            flask.session.permanent = True
            flask.session["cart"] = ["apple"]
            return "login"

        client = app.test_client()
        client.get("/login")
        assert client.get("/get").json
        change(app)
        # What Flask says without a key is an error; the response is what is compared.
        app.config["PROPAGATE_EXCEPTIONS"] = False
        seen: list[Any] = []
        for path in ("/get", "/nothing", "/login", "/get"):
            response = client.get(path, base_url="https://localhost")
            # But for the values and times, which differ.
            cookies = [
                [
                    part.split("=")[0] if at == 0 or "xpires" in part else part
                    for at, part in enumerate(parts)
                ]
                for parts in (
                    cookie.split("; ") for cookie in response.headers.getlist("Set-Cookie")
                )
            ]
            seen.append((response.status, response.json if path == "/get" else None, cookies))
        return seen

    assert visits(flask_dewar.SecureCookieSessionInterface) == visits(
        flask.sessions.SecureCookieSessionInterface
    )


@pytest.mark.parametrize("route", ["/append", "/permanent"])
def test_what_a_handler_configures_is_followed_by_its_own_cookie(route: str) -> None:
    app = app_with(flask_dewar.SecureCookieSessionInterface())

    @app.get("/permanent")
    def permanent() -> str:
        # The second time nothing changes, but the session is extended.
        flask.session.permanent = True
        return "permanent"

    @app.after_request
    def configure(response: flask.Response) -> flask.Response:
        app.config["SESSION_COOKIE_PATH"] = flask.request.headers["Path"]
        return response

    client = app.test_client()
    for path in ("/", "/first", "/second", "/second"):
        response = client.get(route, headers={"Path": path})
        assert f"Path={path};" in response.headers["Set-Cookie"] + ";"
        # The browser would not send one of another path.
        client.set_cookie("session", response.headers["Set-Cookie"].split(";")[0].split("=", 1)[1])


def test_an_application_that_is_dropped_is_freed() -> None:
    app = app_with(flask_dewar.SecureCookieSessionInterface())
    app.test_client().get("/append")
    left = weakref.ref(app)
    del app
    gc.collect()
    assert left() is None


def test_should_set_cookie_is_asked() -> None:
    class Never(flask_dewar.SecureCookieSessionInterface):
        def should_set_cookie(self, app: flask.Flask, session: flask.sessions.SessionMixin) -> bool:
            return False

    assert "Set-Cookie" not in app_with(Never()).test_client().get("/append").headers


def test_a_json_provider_of_the_application_is_used() -> None:
    class Provider(flask.json.provider.DefaultJSONProvider):
        @staticmethod
        def default(o: Any) -> Any:
            return (
                "a set"
                if isinstance(o, set)
                else flask.json.provider.DefaultJSONProvider.default(o)
            )

    app = app_with(flask_dewar.SecureCookieSessionInterface())
    app.json = Provider(app)
    client = app.test_client()
    with client.session_transaction() as session:
        session["set"] = {1}
    assert client.get("/get").json == {"set": "'a set'"}


@pytest.mark.parametrize("late", [False, True], ids=["at first", "after a request"])
@pytest.mark.parametrize(
    ("on", "name", "value"),
    [
        ("class", "sort_keys", False),
        ("class", "ensure_ascii", False),
        ("object", "sort_keys", False),
        ("object", "ensure_ascii", False),
        (
            "object",
            "dumps",
            lambda self, value, **named: super(Shouting, self).dumps(value, indent=1, **named),
        ),
        ("object", "loads", lambda self, text, **named: {"found": text}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_set_on_flasks_json_provider_counts_for_cookies(
    on: str, name: str, value: Any, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def visits(interface: flask.sessions.SessionInterface | None) -> list[Any]:
        app = app_with(interface)
        app.add_url_rule("/keys", view_func=lambda: repr(dict(flask.session)))
        client = app.test_client()
        if late:
            client.get("/keys")
        with monkeypatch.context() as patch:
            if on == "class":
                patch.setattr(flask.json.provider.DefaultJSONProvider, name, value)
            else:
                bound = functools.partial(value, Shouting(app)) if callable(value) else value
                patch.setattr(app.json, name, bound)
            with client.session_transaction() as session:
                session.update(zoe={"b": 1, "a": 2}, name="ü")
            made = client.get_cookie("session")
            assert made is not None
            return [made.value.partition(".")[0], client.get("/keys").text]

    assert visits(flask_dewar.SecureCookieSessionInterface()) == visits(None)


def test_a_tag_that_an_application_registers_is_used() -> None:
    class TagComplex(flask.json.tag.JSONTag):
        key = " c"

        def check(self, value: Any) -> bool:
            return isinstance(value, complex)

        def to_json(self, value: Any) -> Any:
            return [value.real, value.imag]

        def to_python(self, value: Any) -> Any:
            return complex(*value)

    interface = flask_dewar.SecureCookieSessionInterface()
    interface.serializer = flask.json.tag.TaggedJSONSerializer()
    app = app_with(interface)
    interface.serializer.register(TagComplex)
    client = app.test_client()
    with client.session_transaction() as session:
        session["z"] = 1j
    assert client.get("/get").json == {"z": "1j"}


def test_without_a_key_reading_works_and_writing_says_what_is_missing() -> None:
    app = app_with(flask_dewar.SecureCookieSessionInterface())
    app.secret_key = None
    assert app.test_client().get("/get").json == {}
    with pytest.raises(RuntimeError, match="no secret key was set"):
        app.test_client().get("/append")


def test_a_lifetime_that_each_request_sets_anew_is_followed() -> None:
    app = app_with(flask_dewar.SecureCookieSessionInterface())

    @app.before_request
    def permanent() -> None:
        flask.session.permanent = True
        app.permanent_session_lifetime = timedelta(minutes=5)

    response = app.test_client().get("/nothing")
    expires = response.headers["Set-Cookie"].split("Expires=")[1].split(";")[0]
    left = datetime.strptime(expires, "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    ) - datetime.now(UTC)
    assert timedelta(minutes=4) < left < timedelta(minutes=6)


def test_a_configuration_that_the_engine_refuses_is_left_to_flask(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(
        flask_dewar.SecureCookieSessionInterface(), SESSION_COOKIE_DOMAIN="https://localhost"
    )
    response = app.test_client().get("/append")
    assert "session=" in response.headers["Set-Cookie"]
    assert "SESSION_COOKIE_DOMAIN" in caplog.text and KEY not in caplog.text


def test_values_that_are_not_json_keep_their_types() -> None:
    data = {"id": uuid.UUID(int=1), "pair": (1, 2), "raw": b"\xff", "markup": Markup("<b>")}
    found = transfer(ours, ours, data)
    assert repr([found[key] for key in data]) == repr(list(data.values()))
