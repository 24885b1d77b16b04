"""A cookie that the browser will not send back is told of while an application is developed."""

from __future__ import annotations

from pathlib import Path

import flask
import flask_dewar
import pytest

HTTPS = "https://shop.example"


def warnings(
    caplog: pytest.LogCaptureFixture,
    config: dict[str, object],
    *urls: str,
) -> list[str]:
    """What is logged while each of these pages writes to the session."""
    app = flask.Flask(__name__)
    app.config.update({"SECRET_KEY": "a key that nobody can guess", "DEBUG": True} | config)
    if "SESSION_TYPE" in config:
        flask_dewar.Session(app)
    else:
        app.session_interface = flask_dewar.SecureCookieSessionInterface()

    @app.get("/<path:page>")
    def write(page: str) -> str:
        flask.session["page"] = page
        return page

    caplog.clear()
    for url in urls:
        base, _, page = url.rpartition("/")
        assert app.test_client().get(f"/{page}", base_url=base).text == page
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("config", "url", "key", "why"),
    [
        ({"SESSION_COOKIE_SECURE": True}, "http://192.168.1.5:5000/a", "SECURE", "192.168.1.5 by"),
        ({"SESSION_COOKIE_DOMAIN": "shop.example"}, "http://localhost/a", "DOMAIN", "localhost"),
        ({"SESSION_COOKIE_DOMAIN": "shop.example"}, "http://myshop.example/a", "DOMAIN", "myshop"),
        ({"SESSION_COOKIE_PATH": "/app"}, "http://localhost/application", "PATH", "/application"),
        ({"APPLICATION_ROOT": "/app"}, "http://localhost/a", "APPLICATION_ROOT", "such as /a"),
    ],
)
@pytest.mark.parametrize("store", [False, True])
def test_a_cookie_that_the_browser_drops_is_told_of_once(
    config: dict[str, object],
    url: str,
    key: str,
    why: str,
    store: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if store:
        config = config | {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(tmp_path)}
    [text] = warnings(caplog, config, url, url)
    assert key in text.partition(":")[0] and why in text and "finds no session" in text
    # A proxy may stand between an application and its browsers, and say nothing of them.
    assert warnings(caplog, config | {"DEBUG": False}, url) == []


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({"SESSION_COOKIE_SECURE": True}, f"{HTTPS}/a"),
        ({"SESSION_COOKIE_SECURE": True}, "http://localhost:5000/a"),
        ({"SESSION_COOKIE_SECURE": True}, "http://shop.localhost/a"),
        ({"SESSION_COOKIE_SECURE": True}, "http://127.0.0.2:5000/a"),
        ({"SESSION_COOKIE_SECURE": True}, "http://[::1]:5000/a"),
        ({"SESSION_COOKIE_DOMAIN": "shop.example"}, f"{HTTPS}/a"),
        ({"SESSION_COOKIE_DOMAIN": ".Shop.Example"}, "https://WWW.shop.example/a"),
        ({"SESSION_COOKIE_PATH": "/app"}, "http://localhost/app/page"),
        ({"SESSION_COOKIE_PATH": "/app/"}, "http://localhost/app/page"),
        ({"APPLICATION_ROOT": "/app"}, "http://localhost/app/page"),
        ({}, "http://192.168.1.5/a"),
    ],
)
def test_a_cookie_that_comes_back_is_not(
    config: dict[str, object], url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings(caplog, config, url) == []


def test_what_a_path_holds_acts_on_no_terminal(caplog: pytest.LogCaptureFixture) -> None:
    [text] = warnings(caplog, {"SESSION_COOKIE_PATH": "/app"}, "http://localhost/a\x1b[31mb")
    assert "such as /a%1B%5B31mb" in text and "\x1b" not in text
