"""itsdangerous itself, below Flask: signers of every scheme; and Flask-Session's signed ids."""

import itertools

import itsdangerous
import pytest
from hypothesis import given
from hypothesis import strategies as st

import originals
from originals import NOW
from peer import Refused

SCHEMES = list(itertools.product(originals.DIGESTS, originals.DERIVATIONS))


def settings(keys: list[bytes], salt: bytes, digest: str, derivation: str, separator: str) -> dict:
    return {
        "keys": [key.hex() for key in keys],
        "salt": salt.hex(),
        "digest": digest,
        "derivation": derivation,
        "separator": separator,
    }


@given(
    keys=st.lists(st.binary(max_size=150), min_size=1, max_size=3),
    salt=st.binary(max_size=30),
    scheme=st.sampled_from(SCHEMES),
    separator=st.sampled_from([".", ":", "!", "..", "é", "a.b"]),
    value=st.binary(max_size=100),
    seconds=st.integers(0, 2**33),
)
def test_signers_of_every_scheme(peer, keys, salt, scheme, separator, value, seconds):
    digest, derivation = scheme
    signing = settings(keys, salt, digest, derivation, separator)
    arguments = {"sep": separator, "key_derivation": derivation, "digest_method": originals.DIGESTS[digest]}
    # itsdangerous takes the newest key last.
    signer = itsdangerous.Signer(keys[::-1], salt, **arguments)
    signed = signer.sign(value)
    assert bytes.fromhex(peer.ask("sign", **signing, value=value.hex())) == signed
    assert bytes.fromhex(peer.ask("unsign", **signing, value=signed.hex())) == value

    originals.clock.now = seconds
    timed = itsdangerous.TimestampSigner(keys[::-1], salt, **arguments)
    stamped = timed.sign(value)
    assert bytes.fromhex(peer.ask("sign_timed", **signing, value=value.hex(), now=seconds)) == stamped
    assert timed.unsign(stamped, max_age=60) == value
    assert bytes.fromhex(peer.ask("unsign_timed", **signing, value=stamped.hex(), now=seconds + 60, max_age=60)) == value
    with pytest.raises(Refused, match="expired"):
        peer.ask("unsign_timed", **signing, value=stamped.hex(), now=seconds + 61, max_age=60)


@given(digest=st.sampled_from(list(originals.DIGESTS)), value=st.binary(max_size=60), position=st.integers(0), byte=st.integers(0, 255))
def test_a_changed_byte_gets_the_same_verdict(peer, digest, value, position, byte):
    signer = itsdangerous.Signer(b"k", b"salt", key_derivation="hmac", digest_method=originals.DIGESTS[digest])
    signed = bytearray(signer.sign(value))
    signed[position % len(signed)] = byte
    try:
        ours = bytes.fromhex(peer.ask("unsign", **settings([b"k"], b"salt", digest, "hmac", "."), value=signed.hex()))
    except Refused:
        ours = None
    try:
        theirs = signer.unsign(bytes(signed))
    except itsdangerous.BadSignature:
        theirs = None
    assert ours == theirs


@pytest.mark.parametrize("separator", ["a", "Z", "0", "-", "_", "=", "", "ab"])
def test_separators_that_itsdangerous_refuses_are_refused(peer, separator):
    with pytest.raises(ValueError):
        itsdangerous.Signer("k", sep=separator)
    with pytest.raises(Refused, match="config"):
        peer.ask("sign", **settings([b"k"], b"salt", "sha1", "hmac", separator), value="")


def test_signed_ids_are_flask_sessions(peer):
    for number in range(50):
        key = b"secret %d" % number
        identifier = ("%043d" % number).replace("0", "a-_Z"[number % 4])
        # As flask_session.base.ServerSideSessionInterface._sign does.
        signer = itsdangerous.Signer(key, salt="flask-session", key_derivation="hmac")
        signed = signer.sign(identifier).decode()
        assert peer.ask("id_sign", key=key.hex(), id=identifier) == signed
        assert peer.ask("id_open", key=key.hex(), value=signed) == identifier
        with pytest.raises(Refused, match="bad_signature"):
            peer.ask("id_open", key=b"other".hex(), value=signed)
