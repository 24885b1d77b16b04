"""A folder of cachelib's that a Flask app with Flask-Session and Dewar (`SESSION_TYPE` cachelib) use at the same time."""

import hashlib
import os
import pickle
import random
import stat
import struct
import warnings

import cachelib
import flask_session
import pytest
from hypothesis import given, settings
from werkzeug.http import parse_cookie

import generate
import originals
import samples
from flask_app import Browser, DewarSide, FlaskSide
from neutral import neutral
from originals import NOW

KEY = "session:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
OTHER = KEY.swapcase()
CONFIG = {"SECRET_KEY": "a key", "PERMANENT_SESSION_LIFETIME": 3600}


@pytest.fixture(params=["md5", "sha256"])
def cache(request, tmp_path):
    """A folder with the names of cachelib up to 0.15.4, or from 0.16.0."""
    originals.clock.now = NOW
    return cachelib.FileSystemCache(str(tmp_path), hash_method=getattr(hashlib, request.param))


def ask(peer, cache, operation, key=KEY, now=NOW, **arguments):
    return peer.ask(f"folder_{operation}", store="cachelib", folder=cache._path, key=key, now=now, **arguments)


def create(peer, cache, session, key=KEY, expires=NOW + 60):
    return ask(peer, cache, "create", key, value=neutral(session), expires=expires)


@pytest.mark.parametrize("session", [*samples.COOKIE.values(), *samples.RECORD.values()], ids=[*samples.COOKIE, *samples.RECORD])
def test_what_dewar_wrote_cachelib_reads_and_the_reverse(peer, cache, session):
    assert create(peer, cache, session)
    assert neutral(cache.get(KEY)) == neutral(session)
    cache.set(OTHER, session, timeout=60)
    assert ask(peer, cache, "load", OTHER) == {"value": neutral(session), "expires": NOW + 60}


@settings(max_examples=200)
@given(session=generate.record_sessions | generate.cookie_sessions)
def test_random_sessions_are_read_by_cachelib(peer, tmp_path_factory, session):
    originals.clock.now = NOW
    cache = cachelib.FileSystemCache(str(tmp_path_factory.getbasetemp() / "random-cachelib"))
    ask(peer, cache, "delete")
    assert create(peer, cache, session)
    assert neutral(cache.get(KEY)) == neutral(session)


def test_a_file_is_as_cachelib_writes_it(peer, cache):
    create(peer, cache, {"v": 1})
    cache.set(OTHER, {"v": 1}, timeout=60)
    ours, theirs = (cache._get_filename(key) for key in (KEY, OTHER))
    headers, modes = [], []
    for path in (ours, theirs):
        with open(path, "rb") as file:
            headers.append(file.read(4))
            assert pickle.load(file) == {"v": 1}
        modes.append(stat.S_IMODE(os.stat(path).st_mode))
    assert headers == [struct.pack("I", NOW + 60)] * 2
    assert modes == [0o600] * 2


def test_expiry_is_cachelibs(peer, cache):
    create(peer, cache, {"v": 1})
    for now in [NOW, NOW + 59, NOW + 61, NOW + 1000]:
        originals.clock.now = now
        assert (ask(peer, cache, "load", now=now) is None) == (not cache.has(KEY))


def test_a_touch_and_a_deletion_are_seen_by_cachelib(peer, cache):
    create(peer, cache, {"v": 1})
    assert ask(peer, cache, "touch", now=NOW + 50, expires=NOW + 500)
    originals.clock.now = NOW + 400
    assert cache.get(KEY) == {"v": 1}
    ask(peer, cache, "delete")
    assert cache.get(KEY) is None
    assert os.listdir(cache._path) == [name for name in os.listdir(cache._path) if cache._is_mgmt(name)]


def test_cachelibs_count_stays_right(peer, cache):
    for number in range(5):
        create(peer, cache, {"v": number}, key=f"session:{number}")
    cache.set(OTHER, {})
    assert cache._file_count == 6 == len([*cache._list_dir()])
    ask(peer, cache, "delete", "session:0")
    ask(peer, cache, "delete", "session:0")
    cache.delete("session:1")
    assert not create(peer, cache, {}, key="session:2")
    assert create(peer, cache, {}, key="session:1")
    assert cache._file_count == 5 == len([*cache._list_dir()])


def test_a_folder_without_a_count_gets_none(peer, tmp_path):
    originals.clock.now = NOW
    cache = cachelib.FileSystemCache(str(tmp_path), threshold=0)
    create(peer, cache, {"v": 1})
    assert [*cache._list_dir()] == [cache._get_filename(KEY)]
    assert not os.path.exists(cache._get_filename(cache._fs_count_file))


class Shared:
    """A Flask app and Dewar over one folder, and one browser that meets now one, now the other."""

    def __init__(self, peer, folder, flask):
        originals.clock.now = NOW
        self.dewar = DewarSide(peer, CONFIG | {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": folder})
        self.flask = flask
        self.browser = Browser()

    def serve(self, side, *actions, now=NOW):
        answer = side.serve(now, self.browser.cookie(now), list(actions))
        self.browser.obey(answer["set_cookie"])
        return answer["seen"]


def on_cachelib(folder):
    return FlaskSide(CONFIG, cachelib.FileSystemCache(folder, threshold=0))


def on_filesystem(folder):
    """Flask-Session's type `filesystem`, which makes such a cache itself."""
    app = FlaskSide(CONFIG, cachelib.FileSystemCache(folder, threshold=0)).app
    side = FlaskSide({})
    side.app.config |= app.config | {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": folder}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        flask_session.Session(side.app)
    return side


@pytest.mark.parametrize("flask_on", [on_cachelib, on_filesystem])
def test_a_login_works_on_both_sides_at_once(peer, tmp_path, flask_on):
    folder = str(tmp_path)
    shared = Shared(peer, folder, flask_on(folder))
    draw = random.Random(20)
    model = {}
    for step in range(300):
        side = draw.choice([shared.flask, shared.dewar])
        name = draw.choice("abcd")
        match draw.randrange(6):
            case 0:
                value = neutral([step, ("tuple", {"set"}), None, 1.5, b"bytes"])
                shared.serve(side, ["set", name, value])
                model[name] = value
            case 1 if len(model) > 1 and name in model:
                assert shared.serve(side, ["pop", name]) == [model.pop(name)]
            case 2 if draw.random() < 0.1:
                shared.serve(side, ["clear"])
                model = {}
            case _:
                assert shared.serve(side, ["get", name]) == [model.get(name)], f"step {step}"
    id = parse_cookie(shared.browser.cookie(NOW))["session"]
    assert os.path.exists(tmp_path / hashlib.sha256(f"session:{id}".encode()).hexdigest())


def test_a_logout_on_one_side_ends_the_session_on_the_other(peer, tmp_path):
    shared = Shared(peer, str(tmp_path), on_cachelib(str(tmp_path)))
    for first, second in [(shared.flask, shared.dewar), (shared.dewar, shared.flask)]:
        shared.serve(first, ["set", "user", neutral("ada")])
        assert shared.serve(second, ["get", "user"]) == [neutral("ada")]
        cookie = shared.browser.cookie(NOW)
        shared.serve(second, ["clear"])
        assert first.serve(NOW, cookie, [["get", "user"]])["seen"] == [None]
