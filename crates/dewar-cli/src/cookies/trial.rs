//! What else could have signed a cookie that none of the keys fits: the mistakes that people make with keys.

use dewar::SessionId;
use dewar::signing::{Digest, KeyDerivation, Keyring, Scheme, SecretKey, Signer, well_known_keys};

use super::shape::{SIGNATURES, Shape};
use crate::keys::{FoundKey, Keys};

/// Something that the signature fits after all.
pub(super) struct Fit {
    /// Which kind of mistake it is, in a word that does not change.
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// The first explanation that fits.
pub(super) fn explain(value: &str, keys: &Keys, scheme: &Scheme) -> Option<Fit> {
    changed_on_its_way(value, keys, scheme)
        .or_else(|| other_reading_of_a_key(value, keys, scheme))
        .or_else(|| other_scheme(value, keys))
        .or_else(|| known_key(value, scheme))
}

/// The value would be right if something had not been done to it.
fn changed_on_its_way(value: &str, keys: &Keys, scheme: &Scheme) -> Option<Fit> {
    type Repair = (&'static str, &'static str, fn(&str) -> String);
    let repairs: [Repair; 5] = [
        (
            "the value is in quotes twice: something on the way (a proxy) put quotes around a value that had them",
            "find what rewrites Cookie or Set-Cookie headers",
            |value| value.trim_matches(['"', '\\']).to_owned(),
        ),
        (
            "the value is percent-encoded: something on the way encoded or failed to decode it",
            "find what rewrites cookies; in a browser's script, take decodeURIComponent",
            percent_decoded,
        ),
        (
            "there are blanks inside the value",
            "copy the value again, without the breaks that a terminal or a mail program puts in",
            |value| value.split_whitespace().collect(),
        ),
        (
            "padding ('=') was added to the value",
            "hand the value on as it is",
            |value| value.trim_end_matches('=').to_owned(),
        ),
        (
            "something that is no part of the cookie stands at the end of the value",
            "copy the value up to the semicolon",
            |value| {
                value
                    .trim_end_matches([';', ',', '.', ')', '\'', '"', '\\', '>'])
                    .to_owned()
            },
        ),
    ];
    let fits = |repaired: &str| {
        keys.iter()
            .find(|found| signed_with(&found.key, scheme, repaired))
    };
    repairs.into_iter().find_map(|(message, hint, repair)| {
        let repaired = repair(value);
        let found = fits(&repaired).filter(|_| repaired != value)?;
        Some(Fit {
            reason: "altered",
            message: format!("{message}; without that it fits {}", found.name),
            hint,
        })
    })
}

/// The signer read the key in another way than this command.
fn other_reading_of_a_key(value: &str, keys: &Keys, scheme: &Scheme) -> Option<Fit> {
    for found in keys.iter() {
        for (reading, key, hint) in readings(found) {
            if key != found.key && signed_with(&key, scheme, value) {
                return Some(Fit {
                    reason: "key-read-differently",
                    message: format!("it was signed with {}, {reading}", found.name),
                    hint,
                });
            }
        }
    }
    None
}

fn readings(found: &FoundKey) -> Vec<(&'static str, SecretKey, &'static str)> {
    let bytes = found.key.expose();
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let newline = |end: &[u8]| SecretKey::new([bytes, end].concat());
    const STRIP: &str = "strip the line's end wherever the file is read: open(path).read().strip()";
    const SAME_BYTES: &str = "make both sides use the key as text, or both its bytes";
    let mut readings = vec![
        ("with a line's end after it", newline(b"\n"), STRIP),
        (
            "with a line's end (CR LF) after it",
            newline(b"\r\n"),
            STRIP,
        ),
        (
            "without the blanks around it",
            SecretKey::new(text.trim()),
            "remove the blanks around the key",
        ),
        (
            "without the quotes around it",
            SecretKey::new(text.trim_matches(['"', '\''])),
            "remove the quotes around the key: not every tool that reads .env files drops them",
        ),
        (
            "with quotes around it",
            SecretKey::new(format!("\"{text}\"")),
            "remove the quotes around the key: not every tool that reads .env files drops them",
        ),
        (
            "in lower case",
            SecretKey::new(text.to_ascii_lowercase()),
            "write the key alike everywhere",
        ),
        (
            "in upper case",
            SecretKey::new(text.to_ascii_uppercase()),
            "write the key alike everywhere",
        ),
    ];
    if let Some(file) = &found.with_newline {
        readings.insert(
            0,
            (
                "with the line's end that the file has after it",
                file.clone(),
                STRIP,
            ),
        );
    }
    if let Some(decoded) = hex_decoded(text) {
        readings.push((
            "decoded from hexadecimal digits",
            SecretKey::new(decoded),
            SAME_BYTES,
        ));
    }
    let unpadded = text.trim_end_matches('=');
    for base64 in [base64_simd::URL_SAFE_NO_PAD, base64_simd::STANDARD_NO_PAD] {
        if let Ok(decoded) = base64.decode_to_vec(unpadded) {
            readings.push(("decoded from base64", SecretKey::new(decoded), SAME_BYTES));
        }
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    readings.push((
        "encoded as hexadecimal digits",
        SecretKey::new(hex),
        SAME_BYTES,
    ));
    readings
}

/// The key is right, but salt, digest or key derivation differ.
fn other_scheme(value: &str, keys: &Keys) -> Option<Fit> {
    let salts = [
        "cookie-session",
        "flask-session",
        "itsdangerous",
        "itsdangerous.Signer",
    ];
    let derivations = [
        (KeyDerivation::Hmac, "hmac"),
        (KeyDerivation::DjangoConcat, "django-concat"),
        (KeyDerivation::Concat, "concat"),
        (KeyDerivation::None, "none"),
    ];
    let signature = value.rsplit('.').next().unwrap_or_default();
    // Only the digest whose signatures have this length can fit.
    let (digest, digest_name) = match SIGNATURES
        .iter()
        .position(|length| *length == signature.len())?
    {
        0 => (Digest::Sha1, "sha1"),
        1 => (Digest::Sha256, "sha256"),
        _ => (Digest::Sha512, "sha512"),
    };
    for found in keys.iter() {
        for salt in salts {
            for (derivation, derivation_name) in derivations {
                let scheme = Scheme::new(salt)
                    .with_digest(digest)
                    .with_key_derivation(derivation);
                if signed_with(&found.key, &scheme, value) {
                    return Some(Fit {
                        reason: "other-scheme",
                        message: format!(
                            "it was signed with {}, but another scheme: salt '{salt}', digest {digest_name}, key derivation {derivation_name}",
                            found.name
                        ),
                        hint: "set SESSION_SIGNING_SALT, SESSION_SIGNING_DIGEST and SESSION_SIGNING_KEY_DERIVATION alike on both sides",
                    });
                }
            }
        }
    }
    None
}

/// Somebody signed with a placeholder.
fn known_key(value: &str, scheme: &Scheme) -> Option<Fit> {
    well_known_keys()
        .any(|key| signed_with(&SecretKey::new(key), scheme, value))
        .then(|| Fit {
            reason: "well-known-key",
            message: "it was signed with a well-known placeholder: whatever made it runs without a secret key of its own".into(),
            hint: "find the process that runs with a key such as 'dev', and give it the real one: anybody can sign with a well-known key",
        })
}

fn signed_with(key: &SecretKey, scheme: &Scheme, value: &str) -> bool {
    if key.is_empty() {
        return false;
    }
    let signer = Signer::new(&Keyring::new(key.clone()), scheme);
    match signer.unsign(value.as_bytes()) {
        // A signed id must hold an id, a session must be in parts.
        Ok(signed) => {
            let signed = std::str::from_utf8(signed).unwrap_or_default();
            matches!(Shape::of(value), Shape::Flask(_)) || SessionId::parse(signed).is_some()
        }
        Err(_) => false,
    }
}

fn percent_decoded(value: &str) -> String {
    let mut decoded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let byte = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                decoded.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded.trim_matches('"').to_owned()
}

fn hex_decoded(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    pairs.collect::<Result<_, _>>().ok()
}
