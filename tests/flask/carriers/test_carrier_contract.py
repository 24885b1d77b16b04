"""Every carrier keeps the contract: each sentence of `carriers/base.py` and of the store contract has its test."""

from __future__ import annotations


def test_a_record_is_made_where_there_is_none(place):
    key = place.key("a")
    assert place.store.load(key) is None
    assert place.store.create(key, place.data("one"), place.later())
    assert place.store.load(key)[0] == place.data("one")
    assert place.other.load(key)[0] == place.data("one")


def test_a_key_longer_than_any_that_is_made_is_absent(place):
    # Whatever a cookie can hold after the prefix: that a server has no such keys is no failure.
    assert place.store.load(place.key("a" * 256)) is None


def test_a_live_record_is_not_created_again(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    assert not place.store.create(key, place.data("two"), place.later())
    assert not place.other.create(key, place.data("two"), place.later())
    assert place.store.load(key)[0] == place.data("one")


def test_a_record_is_made_anew_after_a_deletion(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    place.other.delete(key)
    assert place.store.create(key, place.data("two"), place.later())
    assert place.other.load(key)[0] == place.data("two")


def test_replace_overwrites_what_was_seen(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    _, token = place.other.load(key)
    outcome, token = place.store.replace(key, place.data("two"), place.later(), token)
    assert outcome == "done"
    assert place.other.load(key)[0] == place.data("two")
    assert place.store.replace(key, place.data("three"), place.later(), token)[0] == "done"
    assert place.other.load(key)[0] == place.data("three")


def test_the_records_own_bytes_are_a_token(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    outcome, _ = place.other.replace(key, place.data("two"), place.later(), place.data("one"))
    assert outcome == "done"
    late = place.other.replace(key, place.data("three"), place.later(), place.data("one"))
    assert late == ("conflict", None)
    assert place.store.delete_unchanged(key, place.data("one")) == "conflict"
    assert place.store.delete_unchanged(key, place.data("two")) == "done"


def test_replace_conflicts_with_a_write_in_between(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(key)
    place.other.replace(key, place.data("two"), place.later(), seen)
    assert place.store.replace(key, place.data("late"), place.soon(), seen) == ("conflict", None)
    assert place.store.load(key)[0] == place.data("two")


def test_replace_never_makes_a_record(place):
    key, other = place.key("a"), place.key("b")
    place.store.create(other, place.data("one"), place.later())
    _, seen = place.store.load(other)
    assert place.store.replace(key, place.data("two"), place.later(), seen) == ("gone", None)
    assert place.store.load(key) is None


def test_replace_never_revives_a_deleted_session(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(key)
    place.other.delete(key)
    assert place.store.replace(key, place.data("two"), place.later(), seen) == ("gone", None)
    assert place.other.load(key) is None


def test_a_token_of_before_a_deletion_fits_nothing(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(key)
    place.other.delete(key)
    place.other.create(key, place.data("two"), place.later())
    assert place.store.replace(key, place.data("late"), place.later(), seen)[0] == "conflict"
    assert place.store.delete_unchanged(key, seen) == "conflict"
    assert place.store.load(key)[0] == place.data("two")


def test_touch_says_whether_there_is_a_record_and_never_makes_one(place):
    key = place.key("a")
    assert not place.store.touch(key, place.later())
    assert place.store.load(key) is None
    place.store.create(key, place.data("one"), place.later())
    assert place.other.touch(key, place.later() + 60)
    place.other.delete(key)
    assert not place.store.touch(key, place.later())
    assert place.store.load(key) is None


def test_touch_changes_neither_data_nor_version(place):
    key = place.key("a")
    place.store.create(key, place.data("x" * 60_000), place.later())
    data, seen = place.store.load(key)
    assert place.other.touch(key, place.later() + 60)
    assert place.other.load(key)[0] == data
    outcome = place.store.replace(key, place.data("two"), place.later(), seen)[0]
    assert outcome == ("done" if place.kind.touches else "conflict")


def test_delete_removes_the_record_and_no_other(place):
    key, other = place.key("a"), place.key("b")
    place.store.delete(key)
    for one in (key, other):
        place.store.create(one, place.data("one"), place.later())
    place.other.delete(key)
    place.other.delete(key)
    assert place.store.load(key) is None
    assert place.store.load(other)[0] == place.data("one")


def test_delete_unchanged_removes_what_was_seen(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(key)
    assert place.other.delete_unchanged(key, seen) == "done"
    assert place.store.load(key) is None
    assert place.other.delete_unchanged(key, seen) == "gone"


def test_delete_unchanged_conflicts_with_a_write_in_between(place):
    key = place.key("a")
    place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(key)
    _, newer = place.other.replace(key, place.data("two"), place.later(), seen)
    assert place.store.delete_unchanged(key, seen) == "conflict"
    assert place.store.load(key)[0] == place.data("two")
    assert place.store.delete_unchanged(key, newer) == "done"


def test_an_expired_record_does_not_exist_for_any_method(place):
    names = ["load", "create", "replace", "touch", "delete_unchanged", "again"]
    keys = {name: place.key(name) for name in names}
    seen = {}
    for name, key in keys.items():
        assert place.store.create(key, place.data("one"), place.later())
        seen[name] = place.store.load(key)[1]
        assert place.store.touch(key, place.soon())
    made = place.key("made")
    assert place.store.create(made, place.data("one"), place.soon())
    place.pass_soon()
    assert place.other.load(made) is None
    assert place.other.load(keys["load"]) is None
    assert place.other.create(keys["create"], place.data("new"), place.later())
    assert place.store.load(keys["create"])[0] == place.data("new")
    replaced = place.store.replace(
        keys["replace"], place.data("new"), place.later(), seen["replace"]
    )
    assert replaced == ("gone", None)
    assert not place.store.touch(keys["touch"], place.later())
    assert (
        place.store.delete_unchanged(keys["delete_unchanged"], seen["delete_unchanged"]) == "gone"
    )
    assert place.store.create(keys["again"], place.data("again"), place.later())
    late = place.store.replace(keys["again"], place.data("late"), place.later(), seen["again"])
    assert late[0] == "conflict"
    for name in ["replace", "touch", "delete_unchanged"]:
        assert place.store.load(keys[name]) is None


def test_replace_and_touch_move_the_expiry(place):
    shorter, cut = place.key("shorter"), place.key("cut")
    for key in (shorter, cut):
        place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(shorter)
    assert place.store.replace(shorter, place.data("two"), place.soon(), seen)[0] == "done"
    assert place.other.touch(cut, place.soon())
    longer, touched = extended(place)
    place.pass_soon()
    assert place.store.load(longer)[0] == place.data("two")
    assert place.store.load(touched)[0] == place.data("one")
    assert place.store.load(shorter) is None
    assert place.store.load(cut) is None


def extended(place):
    """Two records that were to expire soon, one replaced and one touched before they did. How soon, the machine decides."""
    for seconds in (1, 5, 25):
        longer, touched = place.key(f"longer{seconds}"), place.key(f"touched{seconds}")
        expires = place.soon(seconds)
        for key in (longer, touched):
            place.store.create(key, place.data("one"), expires)
        found = place.store.load(longer)
        replaced = found and place.store.replace(longer, place.data("two"), place.later(), found[1])
        was_touched = place.other.touch(touched, place.later())
        if place.now() < expires:
            assert replaced[0] == "done" and was_touched
            return longer, touched
    raise AssertionError(f"six calls took longer than {seconds} seconds")


def test_an_expiry_in_the_past_is_at_once(place):
    made, written, touched = (place.key(name) for name in "abc")
    past = place.now() - 10
    assert place.store.create(made, place.data("one"), past)
    for key in (written, touched):
        place.store.create(key, place.data("one"), place.later())
    _, seen = place.store.load(written)
    place.store.replace(written, place.data("two"), past, seen)
    place.store.touch(touched, past)
    for key in (made, written, touched):
        assert place.store.load(key) is None


def test_an_expiry_may_lie_years_ahead(place):
    key, years = place.key("a"), place.now() + 5 * 365 * 86_400
    assert place.store.create(key, place.data("one"), years)
    data, seen = place.other.load(key)
    assert data == place.data("one")
    assert place.store.replace(key, place.data("two"), years, seen)[0] == "done"
    assert place.store.touch(key, years + 5)
    assert place.other.load(key)[0] == place.data("two")


def test_any_bytes_come_back(place):
    if not place.kind.any_bytes:
        # This store keeps dicts.
        return
    for name, data in [("all", bytes(range(256)) * 40), ("line", b"\r\nEND\r\n"), ("text", b"12")]:
        key = place.key(name)
        assert place.store.create(key, data, place.later())
        assert place.other.load(key)[0] == data
        assert place.other.replace(key, data + b"'", place.later(), data)[0] == "done"
        assert place.store.load(key)[0] == data + b"'"


def test_delete_expired_removes_what_has_expired_and_nothing_else(place):
    for at in range(25):
        place.store.create(place.key(f"dead{at}"), place.data("x"), place.soon())
        place.store.create(place.key(f"live{at}"), place.data("x"), place.later())
    before = place.now()
    assert place.store.delete_expired(before, 1000)[0] == 0
    if place.kind.purges:
        place.pass_soon()
    removed, more = 0, True
    while more:
        step, more = place.other.delete_expired(place.now(), 4)
        assert step <= 4
        removed += step
    assert removed == (25 if place.kind.purges else 0)
    assert all(place.store.load(place.key(f"live{at}")) for at in range(25))


def test_list_shows_every_live_record_page_by_page(place):
    if not place.kind.lists:
        assert place.store.list("", None, 10) is None
        return
    place.store.create(place.key("ours:expired"), place.data("x"), place.soon())
    place.pass_soon()
    begun, expires = place.now(), place.later()
    ours = {place.key(f"ours:{at}") for at in range(23)}
    for key in ours | {place.key("our"), place.key("theirs:1")}:
        place.store.create(key, place.data("x"), expires)
    for limit in (1, 7, 100):
        listed = {}
        for key, size, told in pages(place, place.key("ours:"), limit):
            listed[key] = True
            assert size == len(place.data("x"))
            # What is told as the time that is left counts from when it is sent, and from when it is read.
            took = place.now() - begun
            assert told is None or expires - 1.1 <= told <= expires + took + 1.1
        assert listed.keys() == ours


def test_list_takes_the_prefix_literally(place):
    if not place.kind.lists:
        assert place.store.list("", None, 10) is None
        return
    place.store.create(place.key("abc"), place.data("x"), place.later())
    for pattern in ["*", "a*", "?bc", "[a]bc", "%", "a_c", "_", "A", ".", "a.c", "\\", "'", "a^"]:
        assert list(pages(place, place.key(pattern), 10)) == [], pattern


def pages(place, prefix, limit):
    cursor = None
    while True:
        entries, cursor = place.other.list(prefix, cursor, limit)
        yield from entries
        if cursor is None:
            return
