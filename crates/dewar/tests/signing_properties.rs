//! What holds for all values, keys and times.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use dewar::UnixTime;
use dewar::signing::{
    Digest, KeyDerivation, Keyring, Scheme, SecretKey, Signer, TimedSigner, UrlSafeSerializer,
    UrlSafeTimedSerializer,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

fn schemes() -> impl Strategy<Value = Scheme> {
    let digests = [Digest::Sha1, Digest::Sha256, Digest::Sha512];
    let derivations = [
        KeyDerivation::Hmac,
        KeyDerivation::DjangoConcat,
        KeyDerivation::Concat,
        KeyDerivation::None,
    ];
    (
        bytes(),
        proptest::sample::select(digests.to_vec()),
        proptest::sample::select(derivations.to_vec()),
    )
        .prop_map(|(salt, digest, derivation)| {
            Scheme::new(salt)
                .with_digest(digest)
                .with_key_derivation(derivation)
        })
}

proptest! {
    #[test]
    fn what_a_signer_signs_it_unsigns(key in bytes(), scheme in schemes(), value in bytes()) {
        let signer = Signer::new(&Keyring::new(SecretKey::new(key)), &scheme);
        let signed = signer.sign(&value);
        prop_assert_eq!(signer.unsign(&signed), Ok(&value[..]));
    }

    #[test]
    fn what_a_timed_signer_signs_it_unsigns_until_it_is_too_old(
        value in bytes(), time in 0..1_i64 << 40, age in 0..1000_u64, max_age in 0..1000_u64,
    ) {
        let signer = TimedSigner::new(&Keyring::new("k"), &Scheme::new("s"));
        let issued = UnixTime::from_seconds(time);
        let signed = signer.sign(&value, issued);
        let now = issued + Duration::from_secs(age);
        let read = signer.unsign(&signed, now, Some(Duration::from_secs(max_age)));
        if age <= max_age {
            prop_assert_eq!(read, Ok((&value[..], issued)));
        } else {
            prop_assert!(read.is_err());
        }
    }

    #[test]
    fn what_a_serializer_dumps_it_loads(scheme in schemes(), payload in bytes(), repeat in 1..50_usize) {
        let keys = Keyring::new("k");
        let payload = payload.repeat(repeat);
        let serializer = UrlSafeSerializer::new(&keys, &scheme);
        let text = serializer.dumps(&payload);
        prop_assert_eq!(serializer.loads(text.as_bytes()), Ok(payload.clone()));

        let now = UnixTime::from_seconds(1_700_000_000);
        let serializer = UrlSafeTimedSerializer::new(&keys, &scheme);
        let text = serializer.dumps(&payload, now);
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        let read = serializer.loads(text.as_bytes(), now, Some(Duration::ZERO));
        prop_assert_eq!(read, Ok((payload, now)));
    }

    #[test]
    fn no_other_key_accepts_it(value in bytes(), key in bytes(), other in bytes()) {
        prop_assume!(key != other);
        // HMAC pads keys with zeros, so keys that differ only in zeros at the end are one key.
        let scheme = Scheme::new("salt").with_key_derivation(KeyDerivation::Concat);
        let signed = Signer::new(&Keyring::new(SecretKey::new(key)), &scheme).sign(&value);
        prop_assert!(!Signer::new(&Keyring::new(SecretKey::new(other)), &scheme).validate(&signed));
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(text in bytes(), now in any::<i64>()) {
        let serializer = UrlSafeTimedSerializer::new(&Keyring::new("k"), &Scheme::flask("s"));
        let now = UnixTime::from_millis(now);
        prop_assert!(serializer.loads(&text, now, Some(Duration::MAX)).is_err());
    }

    /// Only the holder of the key can get this far; nothing panics there either.
    #[test]
    fn arbitrary_signed_bytes_do_not_panic(
        payload in bytes(), stamp in "[ -~]{0,14}", mark in "\\.?", now in any::<i64>(),
    ) {
        let keys = Keyring::new("k");
        let scheme = Scheme::flask("s");
        let value = [mark.as_bytes(), &payload, b".", stamp.as_bytes()].concat();
        let signed = Signer::new(&keys, &scheme).sign(&value);
        let serializer = UrlSafeTimedSerializer::new(&keys, &scheme);
        let now = UnixTime::from_millis(now);
        let _ = serializer.loads(&signed, now, Some(Duration::from_secs(60)));
        let _ = serializer.loads(&signed, now, None);
    }

    /// Half-broken zlib data behind a good signature.
    #[test]
    fn arbitrary_signed_zlib_data_does_not_panic(
        text in "[a-z]{20,60}", at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0..20_usize,
    ) {
        let (keys, scheme) = (Keyring::new("k"), Scheme::flask("s"));
        let serializer = UrlSafeSerializer::new(&keys, &scheme).with_inflated_limit(1000);
        let dumped = serializer.dumps(text.repeat(5).as_bytes());
        let mut value = dumped.rsplit_once('.').unwrap().0.as_bytes().to_vec();
        let length = value.len();
        value[1 + at.index(length - 1)] = byte;
        value.truncate(length.saturating_sub(cut).max(1));
        let _ = serializer.loads(&Signer::new(&keys, &scheme).sign(&value));
    }
}
