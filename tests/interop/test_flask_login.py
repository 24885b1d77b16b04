"""A login of Flask-Login's, in a Flask app and in Dewar, as docs/sessions.md describes it."""

from http.cookies import SimpleCookie

import flask_login
import pytest

import originals
from flask_app import DewarSide, FlaskSide
from neutral import native, neutral
from originals import NOW

CONFIG = {"SECRET_KEY": "a key", "SESSION_COOKIE_NAME": "session"}
LOGIN = [["set", "_user_id", neutral("42")], ["set", "_fresh", neutral(True)]]


class Login:
    """A Flask app with Flask-Login, and Dewar, behind one browser."""

    def __init__(self, peer, **config) -> None:
        self.cookies: dict[str, str] = {}
        self.dewar = DewarSide(peer, CONFIG)
        side = FlaskSide(CONFIG | config)
        manager = flask_login.LoginManager(side.app)

        @manager.user_loader
        def load(user_id: str) -> flask_login.UserMixin:
            user = flask_login.UserMixin()
            user.id = user_id
            return user

        @side.app.get("/who")
        def who() -> dict:
            return {"user": flask_login.current_user.get_id(), "fresh": flask_login.login_fresh()}

        @side.app.get("/login")
        def login() -> dict:
            flask_login.login_user(load("42"), remember=True)
            return {}

        self.client = side.app.test_client(use_cookies=False)

    def flask(self, path: str) -> dict:
        originals.clock.now = NOW
        response = self.client.get(path, headers={"Cookie": self._sent()})
        for set_cookie in response.headers.getlist("Set-Cookie"):
            self._obey(set_cookie)
        return response.json

    def rust(self, *actions: list) -> list:
        answer = self.dewar.serve(NOW, self._sent(), list(actions))
        if answer["set_cookie"]:
            self._obey(answer["set_cookie"])
        return answer["seen"]

    def _sent(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _obey(self, set_cookie: str) -> None:
        (cookie,) = SimpleCookie(set_cookie).values()
        if cookie.value:
            self.cookies[cookie.key] = cookie.value
        else:
            self.cookies.pop(cookie.key, None)


def test_each_side_knows_who_logged_in_at_the_other(peer):
    login = Login(peer)
    assert login.flask("/who")["user"] is None
    login.rust(*LOGIN)
    assert login.flask("/who")["user"] == "42"
    login = Login(peer)
    login.flask("/login")
    (user,) = login.rust(["get", "_user_id"])
    assert native(user) == "42"


@pytest.mark.parametrize("protection, seen", [
    (None, {"user": "42", "fresh": True}),
    ("basic", {"user": "42", "fresh": False}),
    ("strong", {"user": None, "fresh": False}),
])
def test_what_session_protection_makes_of_a_login_at_the_rust_service(peer, protection, seen):
    login = Login(peer, SESSION_PROTECTION=protection)
    login.rust(*LOGIN)
    assert login.flask("/who") == seen


def test_a_logout_at_the_rust_service_lasts_where_flask_remembers(peer):
    login = Login(peer)
    login.flask("/login")
    login.rust(["clear"])
    assert login.flask("/who")["user"] == "42", "Flask-Login's own cookie logs in again"
    login.rust(["clear"], ["set", "_remember", neutral("clear")])
    assert login.flask("/who")["user"] is None
    assert "remember_token" not in login.cookies
    assert login.flask("/who")["user"] is None
