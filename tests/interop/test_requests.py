"""Whole requests with Flask's signed cookies: a real Flask app and Dewar's engine serve the same script, and answer the same.

The browser obeys now one and now the other, so each also goes on with the other's cookies. Where Dewar differs from Flask
on purpose, the difference has a test of its own here, and a row in docs/sessions.md.
"""

import os
import random

import pytest
from werkzeug.http import parse_cookie

import originals
import scripts
from flask_app import Browser, DewarSide, FlaskSide
from neutral import neutral
from originals import NOW
from peer import Refused

SCRIPTS = int(os.environ.get("DEWAR_EXAMPLES", 400))
ADA = ["set", "user", neutral("ada")]
GET = ["get", "user"]
#: Dewar as near to Flask as it goes; a test of each difference takes one of these back.
CONFIG = {"SECRET_KEY": "a key", "PERMANENT_SESSION_LIFETIME": scripts.LIFETIME, "SESSION_REFRESH_AFTER": 0, "MAX_COOKIE_SIZE": 0}


class Both:
    """A Flask app and Dewar with the same configuration."""

    def __init__(self, peer, **config) -> None:
        self.config = CONFIG | config
        self.flask = FlaskSide(self.config)
        self.dewar = DewarSide(peer, self.config)
        self.name = self.config.get("SESSION_COOKIE_NAME", "session")

    def ask(self, now: int, cookie: str | None, *actions: list) -> tuple[dict, dict]:
        """The same request to both: Flask's answer, Dewar's answer."""
        return self.flask.serve(now, cookie, list(actions)), self.dewar.serve(now, cookie, list(actions))

    def agree(self, now: int, cookie: str | None, *actions: list) -> tuple[dict, dict]:
        """As `ask`, and nothing differs but what is meant to."""
        theirs, ours = self.ask(now, cookie, *actions)
        expected = as_meant(theirs, parse_cookie(cookie).get(self.name))
        assert self._comparable(ours, theirs) == self._comparable(expected, theirs), f"{actions} with {cookie} under {self.config}"
        return theirs, ours

    def _comparable(self, answer: dict, theirs: dict) -> dict:
        """The answer; where Flask compresses the session, with the session instead of its bytes, because zlib's are not Dewar's."""
        if not (answer["set_cookie"] and theirs["set_cookie"].startswith(f"{self.name}=.")):
            return answer
        value, _, attributes = answer["set_cookie"].removeprefix(f"{self.name}=").partition("; ")
        session = originals.Signing(self.config["SECRET_KEY"]).open(value, originals.clock.now)
        return answer | {"set_cookie": [neutral(session), attributes]}


def as_meant(theirs: dict, sent: str | None) -> dict:
    """Flask's answer with the two differences that may come up in any request."""
    if not theirs["accessed"]:
        # test_a_session_that_nobody_reached_for_is_not_extended
        return theirs | {"set_cookie": None, "vary": False}
    if theirs["set_cookie"] and "Max-Age=0" in theirs["set_cookie"] and not sent:
        # test_where_there_is_no_cookie_none_is_deleted
        return theirs | {"set_cookie": None}
    return theirs


@pytest.fixture
def both(peer):
    return Both(peer)


def cookie_of(answer: dict) -> str:
    return answer["set_cookie"].split(";")[0]


@pytest.mark.parametrize("part", range(4))
def test_random_scripts(peer, part):
    for seed in range(part, SCRIPTS, 4):
        play(peer, random.Random(seed))


def play(peer, draw: random.Random) -> None:
    config = scripts.cookie_settings(draw) | {"SESSION_REFRESH_EACH_REQUEST": draw.random() < 0.6}
    both = Both(peer, **config)
    browser = Browser(both.name)
    now = NOW
    for _ in range(draw.randrange(3, 16)):
        now += draw.choice([0, 1, 7, 60, scripts.LIFETIME // 2, scripts.LIFETIME, scripts.LIFETIME + 1, -3])
        if draw.random() < 0.1:
            # A new key, and the old one among the fallbacks, or forgotten.
            old = both.config["SECRET_KEY"]
            fallbacks = [old, *both.config.get("SECRET_KEY_FALLBACKS", [])] if draw.random() < 0.8 else []
            both = Both(peer, **config | {"SECRET_KEY": f"key {draw.random()}", "SECRET_KEY_FALLBACKS": fallbacks})
        # Some browsers keep a cookie for longer than they were told to.
        cookie = browser.cookie(now if draw.random() < 0.7 else 0)
        if cookie and draw.random() < 0.15:
            cookie = scripts.disturbed(draw, cookie, both.name)
        theirs, ours = both.agree(now, cookie, *scripts.actions(draw, scripts.COOKIE_VALUES))
        browser.obey(draw.choice([theirs, ours])["set_cookie"])


@pytest.mark.parametrize(
    "actions",
    [
        pytest.param([], id="nothing"),
        pytest.param([GET], id="read"),
        pytest.param([["len"], ["keys"]], id="count"),
        pytest.param([["is_permanent"]], id="ask whether it is permanent"),
        pytest.param([["flashes"]], id="no messages"),
        pytest.param([["set", "user", neutral("grace")]], id="write"),
        pytest.param([ADA], id="write what was there"),
        pytest.param([["mark"]], id="mark as modified"),
        pytest.param([["pop", "absent"]], id="pop what is not there"),
        pytest.param([["pop", "user"]], id="pop the last key"),
        pytest.param([["clear"]], id="clear"),
        pytest.param([["clear"], ADA], id="clear and write"),
        pytest.param([["permanent", True]], id="make permanent"),
        pytest.param([["permanent", False]], id="make not permanent"),
        pytest.param([["append", "cart", neutral(1)], ["append", "cart", neutral(2)]], id="append"),
        pytest.param([["flash", "info", neutral("Saved")]], id="flash"),
    ],
)
@pytest.mark.parametrize("before", [[], [ADA], [ADA, ["permanent", True]]], ids=["new", "known", "permanent"])
@pytest.mark.parametrize("refresh", [True, False], ids=["refresh", "no-refresh"])
def test_one_request(peer, before, actions, refresh):
    both = Both(peer, SESSION_REFRESH_EACH_REQUEST=refresh)
    theirs, _ = both.agree(NOW, None, *before)
    cookie = cookie_of(theirs) if before else None
    both.agree(NOW + 60, cookie, *actions)


@pytest.mark.parametrize("value", [None, False, True, 0, 1, -(2**70), 0.0, -0.0, float("nan"), "", "no", b"", b"0", (), (0,), [], [None], {}, {"a": 0}], ids=repr)
def test_what_counts_as_permanent(both, value):
    theirs, _ = both.agree(NOW, None, ADA, ["set", "_permanent", neutral(value)], ["is_permanent"])
    both.agree(NOW + 1, cookie_of(theirs), ["is_permanent"])


def test_messages_are_shown_once_and_to_every_reader_of_the_request(both):
    theirs, _ = both.agree(NOW, None, ["flash", "info", neutral("a")], ["flash", "error", neutral("b")])
    theirs, ours = both.agree(NOW, cookie_of(theirs), ["flashes"], ["flashes"], ["flash", "info", neutral("c")], ["flashes"])
    pairs = [["info", neutral("a")], ["error", neutral("b")]]
    assert ours["seen"] == [pairs, pairs, None, pairs]
    theirs, ours = both.agree(NOW, cookie_of(theirs), ["flashes"])
    assert ours["seen"] == [[["info", neutral("c")]]]
    assert "Max-Age=0" in ours["set_cookie"]


def test_which_of_several_cookies_counts(both):
    theirs, _ = both.agree(NOW, None, ADA)
    good = cookie_of(theirs)
    for header in [f"{good}; session=bad", f"session=bad; {good}", f"session=; {good}", f"other=1; {good}", good.replace("=", '="', 1) + '"']:
        both.agree(NOW, header, GET)
        both.agree(NOW, header, ["clear"])


def test_a_null_session(peer):
    both = Both(peer, SECRET_KEY=None)
    writes = [ADA, ["pop", "user"], ["clear"], ["permanent", True], ["flash", "info", neutral("Saved")]]
    theirs, ours = both.ask(NOW, "session=x", GET, ["len"], ["contains", "user"], ["flashes"], *writes)
    for their_refusal, our_refusal in zip(theirs["seen"][4:], ours["seen"][4:], strict=True):
        # Flask's words, and then the setting that is missing.
        assert their_refusal[1].lower() in our_refusal[1] and "neither secret_key nor session_type is set" in our_refusal[1]
    for answer in [theirs, ours]:
        del answer["seen"][4:]
    assert ours == theirs


# Where Dewar differs on purpose.


def test_a_session_that_nobody_reached_for_is_not_extended(both):
    """Flask sends a permanent session's cookie with every response, pictures included, which no cache then keeps."""
    theirs, _ = both.agree(NOW, None, ADA, ["permanent", True])
    theirs, ours = both.ask(NOW + 60, cookie_of(theirs))
    assert theirs["set_cookie"] and theirs["vary"]
    assert not ours["set_cookie"] and not ours["vary"]


def test_use_extends_a_permanent_session_only_after_a_pause(peer):
    """A tenth of the lifetime, unless SESSION_REFRESH_AFTER says otherwise."""
    both = Both(peer)
    del both.dewar.config["SESSION_REFRESH_AFTER"]
    theirs, _ = both.agree(NOW, None, ADA, ["permanent", True])
    cookie = cookie_of(theirs)
    theirs, ours = both.ask(NOW + scripts.LIFETIME // 10 - 1, cookie, GET)
    assert theirs["set_cookie"] and not ours["set_cookie"]
    both.agree(NOW + scripts.LIFETIME // 10, cookie, GET)


def test_where_there_is_no_cookie_none_is_deleted(both):
    for header in [None, "other=1", "session="]:
        theirs, ours = both.ask(NOW, header, ["clear"])
        assert "Max-Age=0" in theirs["set_cookie"] and not ours["set_cookie"]
        assert ours["vary"]


def test_a_message_that_is_shown_in_the_request_that_queued_it_leaves_no_trace(both):
    """Flask writes the session as it was before, and deletes the cookie of an empty one."""
    flash_and_show = [["flash", "info", neutral("now")], ["flashes"]]
    theirs, ours = both.ask(NOW, None, *flash_and_show)
    assert ours["seen"] == theirs["seen"] == [None, [["info", neutral("now")]]]
    assert theirs["modified"] and not ours["modified"]
    assert theirs["set_cookie"] and not ours["set_cookie"]
    theirs, _ = both.agree(NOW, None, ADA)
    theirs, ours = both.ask(NOW, cookie_of(theirs), *flash_and_show)
    assert theirs["set_cookie"] and not ours["set_cookie"]


def test_a_small_session_is_not_compressed(both):
    """Trying costs more than signing. Each reads what the other writes."""
    cart = ["set", "cart", neutral(["the same again"] * 20)]
    theirs, ours = both.agree(NOW, None, cart)
    assert theirs["set_cookie"].startswith("session=.") and not ours["set_cookie"].startswith("session=.")
    both.agree(NOW, cookie_of(ours), ["get", "cart"])
    both.agree(NOW, cookie_of(theirs), ["get", "cart"])
    cart = ["set", "cart", neutral(["the same again"] * 200)]
    theirs, ours = both.agree(NOW, None, cart)
    assert theirs["set_cookie"].startswith("session=.") and ours["set_cookie"].startswith("session=.")


def test_a_cookie_that_browsers_would_drop_is_an_error(peer):
    """Flask warns in the log and sends it."""
    both = Both(peer, MAX_COOKIE_SIZE=4093)
    with pytest.raises(Refused, match="4093|4,093"):
        both.dewar.serve(NOW, None, [["set", "v", neutral(os.urandom(4000))]])


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_COOKIE_SAMESITE": "None"},
        {"SESSION_COOKIE_NAME": "__Host-id"},
        {"SESSION_COOKIE_DOMAIN": "https://example.com"},
        {"SESSION_COOKIE_PATH": "shop"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_with_which_no_browser_would_keep_the_cookie_are_refused(peer, settings):
    both = Both(peer, **settings)
    assert both.flask.serve(NOW, None, [ADA])["set_cookie"]
    with pytest.raises(Refused, match=next(iter(settings)).lower()):
        both.dewar.serve(NOW, None, [ADA])
