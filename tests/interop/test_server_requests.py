"""Whole requests with sessions in a store: a real Flask app with Flask-Session and Dewar's engine serve the same script.

Each side has its own store and its own browser, because ids are random; everything else is compared. Where Dewar differs
from Flask-Session on purpose, the difference has a test of its own here, and a row in docs/sessions.md.
"""

import os
import random
import re

import cachelib
import pytest
from werkzeug.http import parse_cookie

import originals
import scripts
from flask_app import Browser, DewarSide, FlaskSide
from neutral import neutral
from originals import NOW

SCRIPTS = int(os.environ.get("DEWAR_EXAMPLES", 400))
ADA = ["set", "user", neutral("ada")]
GET = ["get", "user"]
CONFIG = {"SECRET_KEY": "a key", "PERMANENT_SESSION_LIFETIME": scripts.LIFETIME, "SESSION_REFRESH_AFTER": 0}


class Both:
    """A Flask app with Flask-Session and Dewar, each with a folder and a browser of its own."""

    def __init__(self, peer, folder, **config) -> None:
        self.config = CONFIG | config
        originals.clock.now = NOW
        self.cache = cachelib.FileSystemCache(str(folder / "flask"), threshold=0)
        self.folder = folder / "dewar"
        self.flask = FlaskSide(self.config, self.cache)
        self.dewar = DewarSide(peer, self.config | {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(self.folder)})
        name = self.config.get("SESSION_COOKIE_NAME", "session")
        self.their_browser, self.our_browser = Browser(name), Browser(name)

    def ask(self, now: int, *actions: list) -> tuple[dict, dict]:
        """The same request to both, from the browser of each: Flask-Session's answer, Dewar's answer."""
        theirs = self._serve(self.flask, self.their_browser, now, list(actions))
        ours = self._serve(self.dewar, self.our_browser, now, list(actions))
        return theirs, ours

    def agree(self, now: int, *actions: list) -> tuple[dict, dict]:
        """As `ask`, and nothing differs but what is meant to."""
        sent = parse_cookie(self.their_browser.cookie(now)).get(self.their_browser.name)
        theirs, ours = self.ask(now, *actions)
        assert ours == self._as_meant(theirs, sent), f"{actions} under {self.config}"
        return theirs, ours

    def _as_meant(self, theirs: dict, sent: str | None) -> dict:
        """Flask-Session's answer with the differences that may come up in any request."""
        if not theirs["accessed"]:
            # test_a_session_that_nobody_reached_for_is_not_extended
            return theirs | {"set_cookie": None, "vary": False}
        if theirs["set_cookie"] is None:
            return theirs
        if "Max-Age=0" in theirs["set_cookie"]:
            # test_where_there_is_no_cookie_none_is_deleted, test_a_deletion_repeats_the_cookies_attributes
            return theirs | {"set_cookie": flask_deletion(self.config) if sent else None}
        if theirs["set_cookie"].startswith("same id") and "Expires" not in theirs["set_cookie"] and not self.was_permanent:
            # test_a_cookie_that_says_nothing_new_is_not_sent
            return theirs | {"set_cookie": None}
        if self.config.get("SESSION_COOKIE_PARTITIONED"):
            # test_a_partitioned_cookie_is_one
            return theirs | {"set_cookie": partitioned(theirs["set_cookie"])}
        return theirs

    def _serve(self, side, browser: Browser, now: int, actions: list) -> dict:
        before = browser.value
        if browser is self.their_browser:
            self.was_permanent = browser.expires is not None
        answer = side.serve(now, browser.cookie(now), actions)
        browser.obey(answer["set_cookie"])
        if answer["set_cookie"] and "Max-Age=0" not in answer["set_cookie"]:
            self._check(browser.value)
            attributes = answer["set_cookie"].split("; ", 1)[1]
            answer["set_cookie"] = f"{'same' if browser.value == before else 'new'} id; {attributes}"
        return answer

    def _check(self, value: str) -> None:
        """The cookie's value is an id as Flask-Session makes it, signed as it signs."""
        if self.config.get("SESSION_USE_SIGNER"):
            value = self.flask.app.session_interface._unsign(self.flask.app, value)
        assert re.fullmatch("[A-Za-z0-9_-]{43}", value)


def flask_deletion(config: dict) -> str:
    """How Flask itself deletes a cookie of these settings."""
    clear = FlaskSide({key: value for key, value in config.items() if key != "SESSION_TYPE"})
    return clear.serve(NOW, None, [["clear"]])["set_cookie"]


def partitioned(set_cookie: str) -> str:
    """The header with `Partitioned`, and the `Secure` that it needs, where Flask itself puts them."""
    if "; Secure" not in set_cookie:
        set_cookie = re.sub("(?=; HttpOnly; Path=|; Path=)", "; Secure", set_cookie, count=1)
    return f"{set_cookie}; Partitioned"


@pytest.fixture
def both(peer, tmp_path):
    return Both(peer, tmp_path)


@pytest.mark.parametrize("part", range(4))
def test_random_scripts(peer, tmp_path, part):
    for seed in range(part, SCRIPTS, 4):
        play(peer, tmp_path / str(seed), random.Random(seed))


def play(peer, folder, draw: random.Random) -> None:
    config = scripts.cookie_settings(draw) | {
        "SESSION_REFRESH_EACH_REQUEST": draw.random() < 0.6,
        "SESSION_PERMANENT": draw.random() < 0.6,
        "SESSION_USE_SIGNER": draw.random() < 0.3,
    }
    folder.mkdir()
    both = Both(peer, folder, **config)
    now = NOW
    for _ in range(draw.randrange(3, 16)):
        # Never so long that only a request that reached for nothing could have kept the session.
        now += draw.choice([0, 0, 1, 7, 60, 10 * scripts.LIFETIME])
        if draw.random() < 0.1:
            # An id that nobody made, or something else than an id.
            both.their_browser.expires = both.our_browser.expires = None
            both.their_browser.value = both.our_browser.value = draw.choice(["x", "A" * 43, "A" * 43 + "." + "A" * 27, ""])
        actions = scripts.actions(draw, scripts.STORE_VALUES)
        if draw.random() < 0.1:
            actions += [ADA, ["regenerate"]]
        both.agree(now, *actions)


@pytest.mark.parametrize(
    "actions",
    [
        pytest.param([], id="nothing"),
        pytest.param([GET], id="read"),
        pytest.param([["set", "user", neutral("grace")]], id="write"),
        pytest.param([["mark"]], id="mark as modified"),
        pytest.param([["pop", "user"]], id="pop the last key"),
        pytest.param([["clear"]], id="clear"),
        pytest.param([["clear"], ADA], id="clear and write"),
        pytest.param([["permanent", True]], id="make permanent"),
        pytest.param([["permanent", False]], id="make not permanent"),
        pytest.param([["append", "cart", neutral(1)], ["append", "cart", neutral(2)]], id="append"),
        pytest.param([["flash", "info", neutral("Saved")]], id="flash"),
        pytest.param([["regenerate"]], id="regenerate"),
        pytest.param([["regenerate"], ["clear"]], id="regenerate and clear"),
    ],
)
@pytest.mark.parametrize("before", [[], [ADA], [ADA, ["permanent", False]]], ids=["new", "known", "not-permanent"])
@pytest.mark.parametrize("refresh", [True, False], ids=["refresh", "no-refresh"])
def test_one_request(peer, tmp_path, before, actions, refresh):
    both = Both(peer, tmp_path, SESSION_REFRESH_EACH_REQUEST=refresh)
    both.agree(NOW, *before)
    both.agree(NOW + 60, *actions)
    both.agree(NOW + 120, GET, ["keys"], ["flashes"], ["is_permanent"])


def test_an_id_is_changed_by_regenerate_alone(both):
    for actions, expected in [([ADA], "new"), ([ADA], "same"), ([["regenerate"]], "new"), ([GET], "same"), ([["clear"], ADA], "same")]:
        _, ours = both.agree(NOW, *actions)
        assert ours["set_cookie"].startswith(f"{expected} id"), actions


def test_a_session_expires_for_both(both):
    both.agree(NOW, ADA)
    both.their_browser.expires = both.our_browser.expires = None
    _, ours = both.agree(NOW + scripts.LIFETIME + 1, GET)
    assert ours["seen"] == [None]


# Where Dewar differs on purpose.


def test_a_session_that_nobody_reached_for_is_not_extended(both):
    """Flask-Session rewrites the record at every request, pictures included, with what it held when the request began."""
    both.agree(NOW, ADA)
    theirs, ours = both.ask(NOW + 60)
    assert theirs["set_cookie"] and theirs["vary"]
    assert not ours["set_cookie"] and not ours["vary"]


def test_where_there_is_no_cookie_none_is_deleted(both):
    theirs, ours = both.ask(NOW, ["clear"])
    assert "Max-Age=0" in theirs["set_cookie"] and not ours["set_cookie"]


def test_a_deletion_repeats_the_cookies_attributes(peer, tmp_path):
    """Browsers keep a `__Host-` cookie whose deletion is not Secure: with Flask-Session, nobody can log out."""
    both = Both(peer, tmp_path, SESSION_COOKIE_NAME="__Host-id", SESSION_COOKIE_SECURE=True)
    both.agree(NOW, ADA)
    theirs, ours = both.ask(NOW, ["clear"])
    assert "Secure" not in theirs["set_cookie"] and "Secure" in ours["set_cookie"]


def test_a_cookie_that_says_nothing_new_is_not_sent(peer, tmp_path):
    """The cookie of a session that ends with the browser holds the id, which the browser has."""
    both = Both(peer, tmp_path, SESSION_PERMANENT=False)
    both.agree(NOW, ADA)
    theirs, ours = both.ask(NOW + 60, ADA)
    assert theirs["set_cookie"].startswith("same id") and not ours["set_cookie"]


def test_a_partitioned_cookie_is_one(peer, tmp_path):
    """Flask-Session knows nothing of SESSION_COOKIE_PARTITIONED."""
    both = Both(peer, tmp_path, SESSION_COOKIE_PARTITIONED=True)
    theirs, ours = both.ask(NOW, ADA)
    assert "Partitioned" not in theirs["set_cookie"]
    assert ours["set_cookie"].endswith("; Secure; HttpOnly; Path=/; Partitioned")


def test_regenerate_counts_for_a_session_that_is_empty_for_the_moment(both):
    """A login that clears what there was, regenerates and then writes: Flask-Session keeps the id, the attack's aim."""
    both.agree(NOW, ADA)
    theirs, ours = both.ask(NOW, ["clear"], ["regenerate"], ["set", "user", neutral("grace")])
    assert theirs["set_cookie"].startswith("same id") and ours["set_cookie"].startswith("new id")


def test_clear_leaves_no_key_in_a_session_that_is_not_permanent(peer, tmp_path):
    both = Both(peer, tmp_path, SESSION_PERMANENT=False)
    both.agree(NOW, ADA)
    theirs, ours = both.ask(NOW, ["clear"], ["contains", "_permanent"])
    assert (theirs["seen"], ours["seen"]) == ([None, True], [None, False])
