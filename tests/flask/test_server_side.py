"""What every server-side store gives a Flask application."""

from __future__ import annotations

import copy
import json
import pickle
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import flask
import flask_dewar
import flask_dewar.memory
import pytest
from shops import shop
from werkzeug.utils import cached_property

App = Callable[..., flask.Flask]


def cookie(response: Any) -> str | None:
    """The session cookie that a response sets."""
    for header in response.headers.getlist("Set-Cookie"):
        if header.startswith("session="):
            return str(header.split(";")[0].removeprefix("session="))
    return None


def test_what_is_set_is_there_in_the_next_request(make_app: App) -> None:
    client = make_app().test_client()
    response = client.get("/set/name/ada")
    assert cookie(response)
    assert (
        "Path=/" in response.headers["Set-Cookie"] and "HttpOnly" in response.headers["Set-Cookie"]
    )
    assert response.headers["Vary"] == "Cookie"
    assert client.get("/get/name").text == "ada"
    assert client.get("/pop/name").text == "ada"
    assert client.get("/get/name").text == "None"


def test_an_untouched_session_adds_nothing_to_the_response(make_app: App) -> None:
    client = make_app().test_client()
    client.get("/set/name/ada")
    response = client.get("/nothing")
    assert "Set-Cookie" not in response.headers and "Vary" not in response.headers


def test_a_new_session_that_is_only_read_is_not_stored(make_app: App) -> None:
    response = make_app().test_client().get("/get/name")
    assert cookie(response) is None
    assert response.headers["Vary"] == "Cookie"


def test_nested_changes_are_saved_without_marking_them(make_app: App) -> None:
    client = make_app().test_client()
    client.get("/append/cart/apple")
    client.get("/append/cart/pear")
    assert client.get("/get/cart").text == "['apple', 'pear']"


def test_an_emptied_session_is_deleted_with_its_cookie(make_app: App) -> None:
    client = make_app().test_client()
    sid = cookie(client.get("/set/name/ada"))
    response = client.get("/clear")
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    client.set_cookie("session", str(sid))
    assert client.get("/get/name").text == "None"


def test_an_unknown_id_is_never_adopted(make_app: App) -> None:
    client = make_app().test_client()
    planted = "a" * 43
    client.set_cookie("session", planted)
    assert cookie(client.get("/set/name/ada")) not in (None, planted)


def test_a_new_id_keeps_the_data_and_ends_the_old_one(make_app: App) -> None:
    app = make_app()
    client, thief = app.test_client(), app.test_client()
    old = cookie(client.get("/set/name/ada"))
    new = cookie(client.get("/regenerate"))
    assert new and new != old
    assert client.get("/get/name").text == "ada"
    thief.set_cookie("session", str(old))
    assert thief.get("/get/name").text == "None"


def test_a_session_is_ended_by_its_id(make_app: App) -> None:
    app = make_app()
    phone, laptop = app.test_client(), app.test_client()
    phone.get("/set/name/ada")
    laptop.get("/set/name/ada")
    phone.get("/regenerate")
    with phone.session_transaction() as session:
        sid = session.sid
    app.session_interface.end_session(sid)
    assert phone.get("/get/name").text == "None"
    assert laptop.get("/get/name").text == "ada"
    app.session_interface.end_session(sid)


def test_flash_messages_are_shown_once(make_app: App) -> None:
    client = make_app().test_client()
    client.get("/flash/hello")
    client.get("/flash/there")
    assert client.get("/flashes").json == [["note", "hello"], ["note", "there"]]
    assert client.get("/flashes").json == []


def test_a_session_is_a_dict_for_whoever_looks(make_app: App) -> None:
    app = make_app()
    client = app.test_client()
    client.get("/set/name/ada")
    with client:
        client.get("/get/name")
        session = flask.session
        plain = {"_permanent": True, "name": "ada"}
        assert isinstance(session, dict) and dict(session) == plain and session == plain
        assert json.loads(json.dumps(session._get_current_object())) == plain  # type: ignore[attr-defined]
        real = session._get_current_object()  # type: ignore[attr-defined]
        assert {**real} == plain and pickle.loads(pickle.dumps(real)) == plain
        assert copy.copy(real) == plain and copy.deepcopy(real) == plain and len(real) == 2
        assert (
            isinstance(real, flask_dewar.ServerSideSession)
            and real.sid
            and not real.new
            and real.permanent
        )


def test_a_default_can_be_named_as_in_flask_session(make_app: App) -> None:
    client = make_app().test_client()
    with client.session_transaction() as session:
        session["name"] = "ada"
        assert session.get("name", default="b") == "ada" and session.get("age", default=2) == 2
        assert session.pop("age", default=3) == 3 and session.setdefault("age", default=4) == 4


def test_the_id_cannot_be_chosen(make_app: App) -> None:
    client = make_app().test_client()
    with client.session_transaction() as session, pytest.raises(AttributeError, match="regenerate"):
        session.sid = "planted"  # type: ignore[attr-defined]


def test_a_proxy_of_the_session_is_saved(make_app: App) -> None:
    app = make_app()
    with app.test_request_context("/"):
        flask.session["name"] = "ada"
        response = app.response_class()
        app.session_interface.save_session(app, flask.session, response)  # type: ignore[arg-type]
    assert "Set-Cookie" in response.headers


def test_a_class_of_the_application_is_made_as_it_wants(make_app: App) -> None:
    app = make_app()

    class Mine(app.session_interface.session_class):  # type: ignore[name-defined, misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.log = ["made"]

    app.session_interface.session_class = Mine  # type: ignore[attr-defined]
    client = app.test_client()
    with client.session_transaction() as session:
        session["name"] = "ada"
        assert session.log == ["made"] and session.modified  # type: ignore[attr-defined]
    with client.session_transaction() as session:
        assert session.log == ["made"] and not session.modified  # type: ignore[attr-defined]
        assert session["name"] == "ada" and session.sid  # type: ignore[attr-defined]


@pytest.mark.parametrize("has_init", [False, True])
@pytest.mark.parametrize("kind", ["cookie", "memory"])
def test_a_class_of_the_application_may_make_attributes_of_keys(kind: str, has_init: bool) -> None:
    own = {"modified", "accessed", "on_update", "permanent"}
    app = shop({"SECRET_KEY": "a secret key of some length", "SESSION_TYPE": kind})
    interface: Any = app.session_interface

    class Attributes(interface.session_class):  # type: ignore[misc, name-defined]
        if has_init:

            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, **named)

        def __getattr__(self, name: str) -> Any:
            return self[name]

        def __setattr__(self, name: str, value: Any) -> None:
            if name in own:
                super().__setattr__(name, value)
            else:
                self[name] = value

    interface.session_class = Attributes
    client = app.test_client()

    @app.get("/login")
    def login() -> str:
        flask.session.user = "ada"  # type: ignore[attr-defined]
        return ""

    client.get("/login")
    client.get("/append/cart/apple")
    assert client.get("/get/user").text == "ada"
    assert client.get("/get/cart").text == "['apple']"


def test_session_transaction_reads_and_writes(make_app: App) -> None:
    client = make_app().test_client()
    with client.session_transaction() as session:
        assert "name" not in session and not session
        session["name"] = "ada"
        assert session.modified
    with client.session_transaction() as session:
        assert session.get("name") == "ada"
        del session["name"]
    assert client.get("/get/name").text == "None"


def test_every_type_comes_back_where_types_are_kept(make_app: App) -> None:
    from datetime import UTC, date, datetime, timedelta
    from decimal import Decimal

    from markupsafe import Markup

    values = {
        "tuple": (1, "two"),
        "set": {3},
        "uuid": uuid.UUID(int=7),
        "decimal": Decimal("1.50"),
        "date": date(2026, 11, 22),
        "naive": datetime(2026, 11, 22, 10, 30, 5, 123456),
        "aware": datetime(2026, 11, 22, 10, 30, 5, 123456, tzinfo=UTC),
        "delta": timedelta(days=-1, microseconds=5),
        "bytes": b"\x00\xff",
        "markup": Markup("<b>"),
        "big": 2**200,
        "surrogate-free": "é😀",
        "nested": {"list": [None, True, 1.5, -(2**63)]},
    }
    client = make_app(SESSION_SERIALIZATION_FORMAT="msgpack-typed").test_client()
    with client.session_transaction() as session:
        session.update(values)
    with client.session_transaction() as session:
        found = {key: session[key] for key in values}
    assert found == values
    assert {key: type(value) for key, value in found.items()} == {
        key: type(value) for key, value in values.items()
    }


def test_a_value_that_cannot_be_stored_is_named(make_app: App) -> None:
    app = make_app()

    @app.get("/socket")
    def socket() -> str:
        flask.session["socket"] = object()
        return "set"

    with pytest.raises(TypeError, match=r"socket.*object"):
        app.test_client().get("/socket")


def test_the_id_can_be_signed(make_app: App) -> None:
    app = make_app(SESSION_USE_SIGNER=True, SECRET_KEY="a secret key of some length")
    client = app.test_client()
    signed = cookie(client.get("/set/name/ada"))
    assert signed and "." in signed
    assert client.get("/get/name").text == "ada"
    client.set_cookie("session", signed.split(".")[0])
    assert client.get("/get/name").text == "None"


def test_a_configuration_that_changes_is_followed(make_app: App) -> None:
    app = make_app()
    client = app.test_client()
    client.get("/set/name/ada")
    app.config["SESSION_COOKIE_SECURE"] = True
    assert "Secure" in client.get("/set/name/bob").headers["Set-Cookie"]


def test_methods_that_an_application_replaces_are_asked_in_each_request() -> None:
    class Tenants(flask_dewar.memory.MemorySessionInterface):
        def get_cookie_domain(self, app: flask.Flask) -> str | None:
            return flask.request.host

    app = flask.Flask(__name__)
    app.session_interface = interface = Tenants(app)

    @app.get("/")
    def index() -> str:
        flask.session["user"] = "ada"
        return ""

    def cookie(host: str) -> str:
        return app.test_client().get("/", base_url=f"http://{host}").headers["Set-Cookie"]

    for host in ("one.example", "two.example", "one.example"):
        assert f"; Domain={host};" in cookie(host)
    interface.get_cookie_path = lambda app: "/shop"  # type: ignore[method-assign]
    assert "; Path=/shop" in cookie("one.example")


@pytest.mark.parametrize("session_type", ["memory", "cookie"])
@pytest.mark.parametrize("permanent", [False, True])
def test_a_response_that_sets_cookies_in_its_own_way_sets_the_sessions(
    session_type: str, permanent: bool
) -> None:
    class Strict(flask.Response):
        def set_cookie(self, *arguments: Any, **named: Any) -> None:
            named["samesite"] = "Strict"
            super().set_cookie(*arguments, **named)

    def cookies(app: flask.Flask) -> list[str]:
        app.config.update(SECRET_KEY="a secret key of some length")
        app.config.update(SESSION_COOKIE_DOMAIN="example.org", SESSION_COOKIE_SECURE=True)
        app.response_class = Strict
        client = app.test_client()
        found = [
            client.get(path, base_url="https://example.org").headers["Set-Cookie"]
            for path in ("/write", "/clear")
        ]
        return [re.sub("(session=|Expires=..., )[^;]*", r"\1", cookie) for cookie in found]

    def application() -> flask.Flask:
        app = flask.Flask(__name__)

        @app.get("/write")
        def write() -> str:
            flask.session["user"] = "ada"
            flask.session.permanent = permanent
            return ""

        @app.get("/clear")
        def clear() -> str:
            flask.session.clear()
            return ""

        return app

    app = application()
    app.config["SESSION_TYPE"] = session_type
    flask_dewar.Session(app)
    made = cookies(app)
    assert made == cookies(application()) and all("; SameSite=Strict" in one for one in made)


def test_an_expiry_of_the_applications_own_leaves_the_cookie_as_it_is_otherwise() -> None:
    class Own(flask_dewar.memory.MemorySessionInterface):
        expires: datetime | None = datetime(2100, 1, 1, tzinfo=UTC)

        def get_expiration_time(
            self, app: flask.Flask, session: flask.sessions.SessionMixin
        ) -> datetime | None:
            return self.expires

    app = flask.Flask(__name__)
    app.config.update(
        SESSION_COOKIE_DOMAIN="example.org",
        SESSION_COOKIE_SAMESITE="None",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_PARTITIONED=True,
    )
    app.session_interface = interface = Own(app)

    @app.get("/")
    def index() -> str:
        flask.session["user"] = "ada"
        return ""

    def attributes() -> set[str]:
        (_, *attributes) = app.test_client().get("/").headers["Set-Cookie"].split("; ")
        return set(attributes)

    always = {"Domain=example.org", "Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"}
    assert attributes() == always | {"Expires=Fri, 01 Jan 2100 00:00:00 GMT"}
    interface.expires = None
    assert attributes() == always


def test_an_expiry_of_the_applications_own_may_be_whatever_flask_takes(make_app: App) -> None:
    app = make_app()
    interface: Any = app.session_interface
    when = "Fri, 01 Jan 2100 00:00:00 GMT"
    client = app.test_client()
    for expires in (when, 4102444800, datetime(2100, 1, 1, tzinfo=UTC)):
        interface.get_expiration_time = lambda app, session, expires=expires: expires
        assert f"; Expires={when};" in client.get("/set/name/ada").headers["Set-Cookie"]
    interface.get_expiration_time = lambda app, session: "never\r\nSet-Cookie: session=other"
    with pytest.raises(ValueError, match="line break"):
        client.get("/set/name/bob")


def expires(response: Any) -> str | None:
    """What the session's cookie of a response says of its expiry; None if no cookie is set."""
    (header,) = response.headers.getlist("Set-Cookie") or [None]
    if header is None:
        return None
    return header.partition("Expires=")[2].partition(";")[0] or "with the browser"


def test_remember_me_by_an_expiry_of_the_applications_own() -> None:
    remembered = "Fri, 01 Jan 2100 00:00:00 GMT"

    class Remember(flask_dewar.memory.MemorySessionInterface):
        def get_expiration_time(
            self, app: flask.Flask, session: flask.sessions.SessionMixin
        ) -> datetime | None:
            return datetime(2100, 1, 1, tzinfo=UTC) if session.get("remember") else None

    app = shop({"SESSION_TYPE": "memory"})
    app.session_interface = Remember(app, permanent=False)
    client = app.test_client()
    assert expires(client.get("/set/csrf/token")) == "with the browser"
    assert expires(client.get("/set/remember/yes")) == remembered
    assert expires(client.get("/set/user/ada")) == remembered
    assert expires(client.get("/get/user")) is None
    assert expires(client.get("/pop/remember")) == "with the browser"


def test_the_applications_own_methods_say_of_each_write_whether_there_is_a_cookie() -> None:
    app = shop({"SESSION_TYPE": "memory"})
    app.session_interface = interface = flask_dewar.memory.MemorySessionInterface(
        app, permanent=False
    )
    client = app.test_client()
    assert expires(client.get("/set/name/ada")) and not expires(client.get("/set/name/bob"))
    interface.should_set_cookie = lambda app, session: flask.request.path != "/set/name/eve"  # type: ignore[method-assign]
    assert expires(client.get("/set/name/ada"))
    assert not expires(client.get("/set/name/eve"))
    assert not expires(client.get("/get/name"))


def test_a_cookie_that_is_too_large_is_warned_of_and_sent(make_app: App) -> None:
    client = make_app(MAX_COOKIE_SIZE=10).test_client()
    with pytest.warns(UserWarning, match="MAX_COOKIE_SIZE"):
        assert cookie(client.get("/set/name/ada"))


@pytest.mark.parametrize("kind", ["cookie", "memory"])
def test_none_is_false_where_flask_asks_only_whether_a_key_is_true(kind: str) -> None:
    app = shop(
        {
            "SECRET_KEY": "a secret key of some length",
            "SESSION_TYPE": kind,
            "SESSION_COOKIE_HTTPONLY": None,
            "SESSION_REFRESH_EACH_REQUEST": None,
            "SESSION_REFRESH_AFTER": 0,
        }
    )
    client = app.test_client()
    with client.session_transaction() as session:
        session.permanent = True
    assert "HttpOnly" not in client.get("/set/name/ada").headers["Set-Cookie"]
    assert "Set-Cookie" not in client.get("/get/name").headers


def test_whether_a_session_is_new_can_be_set(make_app: App) -> None:
    app = make_app()
    with app.test_request_context():
        assert flask.session.new
        flask.session.new = False
        assert not flask.session.new
        # As an interface that wraps this one has it, before anybody reached for it.
        session = app.session_interface.open_session(app, flask.request)
        assert session is not None
        session.new = False
        assert not session.new


def test_the_cookies_that_a_class_of_requests_gives_are_read(make_app: App) -> None:
    class TokenRequest(flask.Request):
        @cached_property
        def cookies(self) -> Any:
            return {"other": "a; b", "session": self.headers["X-Session"]}

    app = make_app()
    app.request_class = TokenRequest
    token = cookie(app.test_client().get("/set/name/ada", headers={"X-Session": ""}))
    client = app.test_client(use_cookies=False)
    assert client.get("/get/name", headers={"X-Session": str(token)}).text == "ada"
    assert client.get("/get/name", headers={"X-Session": "another"}).text == "None"


@pytest.mark.parametrize("kind", ["cookie", "memory"])
def test_the_key_of_a_class_of_applications_signs(kind: str) -> None:
    class Application(flask.Flask):
        secret_key = "a secret key of some length"  # type: ignore[assignment]

    app = Application(__name__)
    app.config.update(SESSION_TYPE=kind, SESSION_USE_SIGNER=True)
    flask_dewar.Session(app)
    app.add_url_rule("/", view_func=lambda: flask.session.setdefault("name", "ada"))
    client = app.test_client()
    assert client.get("/").text == "ada"
    made = client.get_cookie("session")
    assert made is not None and "." in made.value
    with client.session_transaction() as session:
        assert session["name"] == "ada"


@pytest.mark.parametrize("kind", ["cookie", "memory"])
def test_the_lifetime_that_a_class_of_applications_says_is_asked_for_in_each_request(
    kind: str,
) -> None:
    class Application(flask.Flask):
        @property
        def permanent_session_lifetime(self) -> timedelta:  # type: ignore[override]
            return timedelta(minutes=int(flask.request.args["minutes"]))

    app = Application(__name__)
    app.config.update(SECRET_KEY="a secret key of some length", SESSION_TYPE=kind)
    flask_dewar.Session(app)

    @app.get("/")
    def visits() -> str:
        flask.session.permanent = True
        flask.session["visits"] = flask.session.get("visits", 0) + 1
        return str(flask.session["visits"])

    client = app.test_client()
    for visit, minutes in enumerate((5, 5, 10), 1):
        response = client.get("/", query_string={"minutes": minutes})
        assert response.text == str(visit)
        left = parsedate_to_datetime(str(expires(response))) - datetime.now(UTC)
        assert timedelta(minutes=minutes - 1) < left < timedelta(minutes=minutes + 1)


def test_expired_sessions_are_removed_by_the_command(make_app: App) -> None:
    app = make_app()
    app.test_client().get("/set/name/ada")
    result = app.test_cli_runner().invoke(args=["session_cleanup"])
    assert result.exit_code == 0 and "0 expired sessions removed" in result.output
    assert app.test_client().get("/get/name").text == "None"
