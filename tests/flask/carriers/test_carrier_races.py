"""Of two methods that race for one key, one comes first: two handles, eight threads."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import carrier_places as places
import pytest

# python-memcached leaves the connections of threads that have ended to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
    ),
    # An emulator decides nothing about races: without DEWAR_TEST_REAL_MONGODB_URL, its kind is not among these.
    pytest.mark.parametrize(
        "kind", [pytest.param(kind, id=kind.name) for kind in places.KINDS if kind.races]
    ),
]

THREADS = 8


def race(place, work, threads=THREADS):
    start = threading.Barrier(threads)

    def run(at):
        start.wait()
        return work(at, [place.store, place.other][at % 2])

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, at) for at in range(threads)]
    # All of them: one error of a shared client is another's cause.
    errors = [error for future in running if (error := future.exception())]
    if errors:
        raise ExceptionGroup("threads failed", errors)
    return [future.result() for future in running]


def test_replaces_lose_no_change(place):
    key, changes = place.key("a"), 15
    place.store.create(key, counted(0), place.later())

    def work(_, store):
        for _ in range(changes):
            while True:
                data, seen = store.load(key)
                outcome, _ = store.replace(key, counted(number(data) + 1), place.later(), seen)
                assert outcome != "gone"
                if outcome == "done":
                    break

    race(place, work)
    assert number(place.store.load(key)[0]) == THREADS * changes


def test_creates_are_won_by_one(place):
    for turn in range(10):
        key = place.key(str(turn))
        won = race(place, lambda at, store, k=key: store.create(k, counted(at), place.later()))
        assert won.count(True) == 1
        assert number(place.store.load(key)[0]) == won.index(True)


def test_creates_in_the_place_of_an_expired_record_are_won_by_one(place):
    if not place.kind.manual:
        # The server removes it by itself: nothing is overwritten.
        return
    keys = [place.key(str(turn)) for turn in range(10)]
    for key in keys:
        place.store.create(key, counted(99), place.soon())
    place.pass_soon()
    for key in keys:
        won = race(place, lambda at, store, k=key: store.create(k, counted(at), place.later()))
        assert won.count(True) == 1
        assert number(place.store.load(key)[0]) == won.index(True)


def test_replace_touch_and_delete_never_bring_a_session_back(place):
    for turn in range(10):
        key = place.key(str(turn))
        place.store.create(key, counted(0), place.later())
        deadline = time.monotonic() + 30

        def work(at, store, key=key, deadline=deadline):
            if at == 0:
                store.delete(key)
                assert store.load(key) is None
            elif at % 2:
                while found := store.load(key):
                    assert time.monotonic() < deadline, "the session lives on"
                    store.replace(key, counted(number(found[0]) + 1), place.later(), found[1])
            else:
                while store.touch(key, place.later()):
                    assert time.monotonic() < deadline, "the session lives on"

        race(place, work, 4)
        assert place.store.load(key) is None
        assert place.other.load(key) is None


def test_touch_and_replace_lose_neither_data_nor_version(place):
    key, changes = place.key("a"), 30
    place.store.create(key, counted(0), place.later())

    def work(at, store):
        for change in range(changes):
            if at:
                assert store.touch(key, place.later() + change)
                continue
            outcome = "conflict"
            while outcome == "conflict":
                data, seen = store.load(key)
                outcome = store.replace(key, counted(number(data) + 1), place.later(), seen)[0]
                assert outcome == "done" or not place.kind.touches
            assert outcome == "done"

    race(place, work, 4)
    assert number(place.store.load(key)[0]) == changes


def test_delete_unchanged_and_replace_are_won_by_one(place):
    for turn in range(10):
        key = place.key(str(turn))
        place.store.create(key, counted(1), place.later())
        _, seen = place.store.load(key)

        def work(at, store, key=key, seen=seen):
            if at % 2:
                return store.delete_unchanged(key, seen) == "done"
            return store.replace(key, counted(2), place.later(), seen)[0] == "done"

        won = race(place, work, 4)
        assert won.count(True) == 1
        found = place.store.load(key)
        assert (found is None) == won[won.index(True) :].count(True) * bool(won.index(True) % 2)


def test_no_answer_is_another_users(place):
    """Eight users at once on one client: each only ever sees its own record."""
    keys = [place.key(f"user{at}") for at in range(THREADS)]
    for at, key in enumerate(keys):
        place.store.create(key, counted(at * 1000), place.later())

    def work(at, _):
        for change in range(1, 20):
            data, seen = place.store.load(keys[at])
            assert number(data) == at * 1000 + change - 1
            done = place.store.replace(keys[at], counted(at * 1000 + change), place.later(), seen)
            assert done[0] == "done"

    race(place, work)


def test_handles_make_the_table_at_the_same_time(place):
    """The first use of all handles at once, as after a start of several workers."""
    made = race(
        place, lambda at, store: store.create(place.key(str(at)), counted(at), place.later())
    )
    assert all(made)


def counted(value):
    return json.dumps({"n": value}).encode()


def number(data):
    return json.loads(data)["n"]
