"""cachelib's folders, Flask-Session's `filesystem`, with Dewar at work in them at the same time."""

import hashlib

import cachelib
import pytest
from hypothesis import given, settings

import generate
import originals
import samples
from neutral import neutral
from originals import NOW

KEY = "session:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


@pytest.fixture(params=["md5", "sha256"])
def cache(request, tmp_path):
    """A folder with the names of cachelib up to 0.15.4, or from 0.16.0."""
    originals.clock.now = NOW
    return cachelib.FileSystemCache(str(tmp_path), hash_method=getattr(hashlib, request.param))


def load(peer, cache, key=KEY, now=NOW):
    return peer.ask("folder_load", store="filesystem", folder=cache._path, key=key, now=now)


@pytest.mark.parametrize("session", [*samples.COOKIE.values(), *samples.RECORD.values()], ids=[*samples.COOKIE, *samples.RECORD])
def test_what_cachelib_wrote_is_read(peer, cache, session):
    cache.set(KEY, session, timeout=60)
    assert load(peer, cache) == {"value": neutral(session), "expires": NOW + 60}
    assert load(peer, cache, key=KEY + "x") is None


@settings(max_examples=100)
@given(session=generate.record_sessions)
def test_random_sessions_are_read(peer, tmp_path_factory, session):
    originals.clock.now = NOW
    cache = cachelib.FileSystemCache(str(tmp_path_factory.getbasetemp() / "random"))
    cache.set(KEY, session, timeout=0)
    assert load(peer, cache) == {"value": neutral(session), "expires": None}


def test_expiry_is_cachelibs(peer, cache):
    cache.set(KEY, {"v": 1}, timeout=60)
    for now in [NOW, NOW + 59, NOW + 61, NOW + 1000]:
        originals.clock.now = now
        assert (load(peer, cache, now=now) is None) == (not cache.has(KEY))


def test_a_touch_is_seen_by_cachelib(peer, cache):
    cache.set(KEY, {"v": 1}, timeout=60)
    assert peer.ask("folder_touch", store="filesystem", folder=cache._path, key=KEY, now=NOW + 50, expires=NOW + 500)
    originals.clock.now = NOW + 400
    assert cache.get(KEY) == {"v": 1}
    originals.clock.now = NOW + 600
    assert cache.get(KEY) is None


def test_a_deletion_is_seen_by_cachelib(peer, cache):
    cache.set(KEY, {"v": 1}, timeout=60)
    peer.ask("folder_delete", store="filesystem", folder=cache._path, key=KEY, now=NOW)
    assert cache.get(KEY) is None


def test_a_deletion_by_cachelib_is_seen(peer, cache):
    cache.set(KEY, {"v": 1}, timeout=60)
    assert load(peer, cache)
    cache.delete(KEY)
    assert load(peer, cache) is None


def test_cachelib_leaves_dewars_records_alone(peer, cache):
    arguments = {"folder": cache._path, "key": "session:dewar-dewar-dewar-dewar-dewar-dewar-dewar-dewar", "now": NOW}
    assert peer.ask("folder_create", store="filesystem", **arguments, value=neutral({"v": 1}), expires=NOW + 60)
    for number in range(cache._threshold + 20):
        cache.set(str(number), number, timeout=1)
    cache.clear()
    assert peer.ask("folder_load", store="filesystem", **arguments)["value"] == neutral({"v": 1})
