"""Flask's signed cookies: what one side writes, the other reads, byte for byte the same where zlib is not involved."""

import base64
import itertools
import zlib

import pytest
from hypothesis import given

import generate
import originals
import samples
from neutral import neutral
from originals import MAX_AGE, NOW, Signing
from peer import Peer, Refused

FLASK = Signing("a secret key of some length")
SCHEMES = list(itertools.product(originals.DIGESTS, originals.DERIVATIONS))


def text_inside(cookie: str) -> bytes:
    """The JSON in a cookie of either side."""
    compressed = cookie.startswith(".")
    payload = cookie.removeprefix(".").split(".")[0]
    data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return zlib.decompress(data) if compressed else data


def assert_interchangeable(peer: Peer, flask: Signing, session: dict) -> None:
    theirs = flask.seal(session)
    ours = peer.seal(flask.settings, session, NOW)
    assert text_inside(ours) == text_inside(theirs)
    # Two implementations of zlib need not make the same bytes, nor agree on what is not worth compressing.
    if not ours.startswith(".") and not theirs.startswith("."):
        assert ours == theirs
    read_by_flask = neutral(flask.open(theirs))
    assert peer.open(flask.settings, theirs, NOW, MAX_AGE) == read_by_flask
    assert peer.open(flask.settings, ours, NOW, MAX_AGE) == read_by_flask
    assert neutral(flask.open(ours)) == read_by_flask


@given(session=generate.cookie_sessions, changes=generate.cookie_sessions)
def test_a_change_leaves_what_flask_would_write(peer, session, changes):
    changed = peer.ask("record_change", format="tagged-json", record=FLASK.text(session).hex(), value=neutral(changes))
    assert bytes.fromhex(changed) == FLASK.text({**session, **changes})


@pytest.mark.parametrize("session", samples.COOKIE.values(), ids=samples.COOKIE)
def test_known_sessions_are_interchangeable(peer, session):
    assert_interchangeable(peer, FLASK, session)


@given(session=generate.cookie_sessions)
def test_random_sessions_are_interchangeable(peer, session):
    assert_interchangeable(peer, FLASK, session)


@pytest.mark.parametrize("size", [100, 500, 1000, 2000, 4000, 8000, 16000, 40000])
def test_sessions_of_all_sizes_are_interchangeable(peer, size):
    for seed in range(40):
        assert_interchangeable(peer, FLASK, generate.sized_session(seed, size))


@pytest.mark.parametrize(("digest", "derivation"), SCHEMES)
@pytest.mark.parametrize("key", ["k", "ключ", b"\x00\xff" * 100, "x" * 64, "x" * 65, "x" * 129])
def test_every_digest_and_key_derivation(peer, digest, derivation, key):
    for salt in ["cookie-session", "", "other"]:
        flask = Signing(key, digest=digest, derivation=derivation, salt=salt)
        for name in ["empty", "integers", "text", "compressed"]:
            assert_interchangeable(peer, flask, samples.COOKIE[name])


def test_fallback_keys_verify_and_never_sign(peer):
    session = {"user": 1}
    before, between, after = Signing("old"), Signing("middle", ["old"]), Signing("new", ["old", "middle"])
    for signed_by, cookie in [("old", before.seal(session)), ("middle", between.seal(session)), ("new", after.seal(session))]:
        assert after.open(cookie) == session, signed_by
        assert peer.open(after.settings, cookie, NOW, MAX_AGE) == neutral(session), signed_by
    sealed = peer.seal(after.settings, session, NOW)
    assert sealed == after.seal(session) == Signing("new").seal(session)
    with pytest.raises(Refused, match="bad_signature"):
        peer.open(before.settings, sealed, NOW, MAX_AGE)


@pytest.mark.parametrize("issued", [1, 255, 256, 65_536, 2**24, 2**31 - 1, 2**31, 2**32, NOW])
@pytest.mark.parametrize("max_age", [0, 1, 60, MAX_AGE])
def test_edges_of_expiry(peer, issued, max_age):
    session = {"v": 1}
    cookie = FLASK.seal(session, issued)
    assert peer.seal(FLASK.settings, session, issued) == cookie
    for age in {-1, 0, 1, max_age - 1, max_age, max_age + 1, max_age + 1000}:
        accepted = FLASK.open(cookie, issued + age, max_age) == session
        assert accepted == (0 <= age <= max_age)
        if accepted:
            assert peer.open(FLASK.settings, cookie, issued + age, max_age) == neutral(session)
        else:
            with pytest.raises(Refused, match="from_the_future" if age < 0 else "expired"):
                peer.open(FLASK.settings, cookie, issued + age, max_age)


def assert_same_verdict(peer: Peer, flask: Signing, cookie: str) -> bool:
    """Whether both take the cookie, for the same session."""
    theirs = flask.open(cookie)
    try:
        ours = peer.open(flask.settings, cookie, NOW, MAX_AGE)
    except Refused:
        ours = None
    # A refused cookie is an exception's class; a session that is no dict does not work in Flask either.
    assert ours == (neutral(theirs) if isinstance(theirs, dict) else None), cookie
    return ours is not None


@pytest.mark.parametrize("name", ["flashes", "compressed"])
def test_a_changed_byte_gets_the_same_verdict(peer, name):
    cookie = FLASK.seal(samples.COOKIE[name])
    accepted = 0
    for position in range(len(cookie)):
        for changed in {chr(ord(cookie[position]) ^ 1), "A", "_", "-", "+", "=", ".", "", " "} - {cookie[position]}:
            accepted += assert_same_verdict(peer, FLASK, cookie[:position] + changed + cookie[position + 1 :])
    # Some do not matter to Python's base64; that is a few places in the signature only.
    assert accepted < 200


def test_what_is_no_cookie_gets_the_same_verdict(peer):
    cookie = FLASK.seal({"v": 1})
    payload, stamp, signature = cookie.split(".")
    for odd in ["", ".", "..", "...", "x", payload, f"{payload}.{signature}", f"{cookie}.", f".{cookie}", f"{cookie}=", cookie * 2,
                f"{payload}..{signature}", f"{stamp}.{payload}.{signature}", "é", f"{cookie}\n"]:  # fmt: skip
        assert_same_verdict(peer, FLASK, odd)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"v":1}', b' { "v" : [ 1 , 2 ] } \n', b'{"v":1,"v":2}', b'{"v":"\xc3\xa9\\u00e9\\/"}', b'{"v":"\\ud83d\\ude00"}',
        b'{"v":1E400}', b'{"v":-0}', b'{"v":1.0E+2}', b'{"v":{" t":[1],"x":2}}', b'{"v":{" d":"Sun, 06 Nov 1994 08:49:37 GMT"}}',
        b'{"v":{" di":{" t__":[1]}}}', b'{"v":{" u":"12345678-1234-5678-9abc-def012345678"}}', b'{"v":{" b":"AP8="}}', b'{" t":[1]}',
        b'{"v":{" x":{" t":[{" m":"x"}]}}}', b"{}",
    ],
)  # fmt: skip
def test_payloads_by_other_json_writers_read_the_same(peer, payload):
    signer = FLASK.serializer.make_signer(FLASK.serializer.salt)
    originals.clock.now = NOW
    assert_same_verdict(peer, FLASK, signer.sign(base64.urlsafe_b64encode(payload).rstrip(b"=")).decode())
