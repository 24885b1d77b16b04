#![no_main]

use dewar::UnixTime;
use dewar::signing::{Keyring, Scheme, UrlSafeTimedSerializer};

const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let keys = Keyring::new("a key for the fuzzer, not a secret");
    let serializer = UrlSafeTimedSerializer::new(&keys, &Scheme::flask("cookie-session"));
    // Nobody forges a signature by chance.
    assert!(serializer.loads(data, NOW, None).is_err());
    // Whatever is signed is read back.
    let signed = serializer.dumps(data, NOW);
    match serializer.loads(signed.as_bytes(), NOW, None) {
        Ok((payload, issued)) => {
            assert_eq!(payload, data);
            assert_eq!(issued, NOW);
        }
        Err(error) => panic!("cannot read what was signed: {error}"),
    }
});
