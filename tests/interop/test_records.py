"""Flask-Session's records: what one side stores, the other loads, byte for byte the same."""

import datetime
import decimal
import pickle
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

import generate
import samples
from neutral import native, neutral
from originals import RECORDS
from peer import Peer, Refused

SESSIONS = {name: session for name, session in {**samples.COOKIE, **samples.RECORD}.items() if samples.storable(session)}
FORMATS = list(RECORDS)


def assert_interchangeable(peer: Peer, format: str, session: dict) -> None:
    # An offset from UTC is the one thing about a datetime that Dewar does not keep.
    theirs = RECORDS[format].encode(native(neutral(session)))
    ours = peer.encode(format, session)
    assert ours == theirs
    for configured in FORMATS:
        assert peer.decode(configured, theirs) == neutral(RECORDS[configured].decode(theirs))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
def test_known_sessions_are_interchangeable(peer, format, session):
    assert_interchangeable(peer, format, session)


@pytest.mark.parametrize("format", FORMATS)
@given(session=generate.record_sessions)
def test_random_sessions_are_interchangeable(peer, format, session):
    assert_interchangeable(peer, format, session)


@pytest.mark.parametrize("format", FORMATS)
@given(session=generate.record_sessions, changes=generate.record_sessions)
def test_a_change_leaves_what_flask_session_would_write(peer, format, session, changes):
    record = RECORDS[format].encode(session)
    changed = peer.ask("record_change", format=format, record=record.hex(), value=neutral(changes))
    assert bytes.fromhex(changed) == RECORDS[format].encode({**session, **changes})


@given(session=generate.record_sessions)
def test_typed_records_keep_every_type(peer, session):
    assert peer.decode("msgpack", peer.encode("msgpack-typed", session)) == neutral(session)


@pytest.mark.parametrize("session", samples.COOKIE.values(), ids=samples.COOKIE)
def test_typed_records_keep_what_cookies_keep(peer, session):
    assert peer.decode("msgpack", peer.encode("msgpack-typed", session)) == neutral(session)


@pytest.mark.parametrize("name", ["null", "bools", "floats", "text", "nested", "flask-login", "unsigned", "sizes"])
def test_flask_session_reads_plain_types_of_typed_records(peer, name):
    record = peer.encode("msgpack-typed", SESSIONS[name])
    assert neutral(RECORDS["msgpack"].decode(record)) == neutral(SESSIONS[name])


PICKLED = {**samples.COOKIE, **samples.RECORD}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("session", PICKLED.values(), ids=PICKLED)
def test_pickles_are_read(peer, protocol, session):
    assert peer.decode("msgpack", pickle.dumps(session, protocol)) == neutral(session)


@given(session=generate.cookie_sessions | generate.record_sessions, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_random_pickles_are_read(peer, protocol, session):
    assert peer.decode("msgpack", pickle.dumps(session, protocol)) == neutral(session)


@pytest.mark.parametrize("session", PICKLED.values(), ids=PICKLED)
def test_pickles_are_written_that_python_reads(peer, session):
    assert neutral(pickle.loads(peer.encode("pickle", session))) == neutral(session)


@given(session=generate.cookie_sessions | generate.record_sessions)
def test_random_pickles_are_written_that_python_reads(peer, session):
    assert neutral(pickle.loads(peer.encode("pickle", session))) == neutral(session)


def test_pickles_that_share_objects_are_read(peer):
    shared = {"v": [1, 2]}
    session = {"a": shared, "b": shared, "c": [shared["v"], shared["v"]]}
    assert peer.decode("json", pickle.dumps(session)) == neutral(session)


class Runs:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    "session",
    [{"v": Runs()}, {"v": complex(1, 2)}, {"v": range(3)}, {"v": print}, {"v": pickle.PickleBuffer}],
    ids=["call", "complex", "range", "function", "class"],
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_anything_else_are_refused(peer, protocol, session):
    with pytest.raises(Refused):
        peer.decode("msgpack", pickle.dumps(session, protocol))


def test_every_prefix_of_a_record_is_refused(peer):
    session = {"a": 1, "b": ["x" * 40, b"y", 1.5, None], "c": uuid.uuid4(), "d": decimal.Decimal("1.5"), "e": datetime.date(2026, 2, 3)}
    for record in [peer.encode("msgpack", session), peer.encode("json", session), pickle.dumps(session, 0), pickle.dumps(session, 5)]:
        # A first byte alone may be an empty msgpack dict.
        for length in {*range(len(record))} - {1}:
            with pytest.raises(Refused):
                peer.decode("msgpack", record[:length])
