use dewar::signing::{BadData, Keyring, Scheme, Signer, TimedSigner, UrlSafeSerializer};
use dewar::{SessionId, UnixTime};

/// What a cookie's value looks like, before any key is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape<'a> {
    /// Flask's signed session, or a part of one.
    Flask(Flask<'a>),
    /// Flask-Session's signed id.
    SignedId { id: &'a str, signature: &'a str },
    /// A session id, not signed.
    BareId(SessionId),
    /// A JSON web token.
    WebToken,
    /// Nothing of these.
    Other,
}

/// The parts of a signed session; those that are missing were cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flask<'a> {
    /// The payload as it stands there, with the `.` of a compressed one.
    pub(crate) payload: &'a str,
    pub(crate) timestamp: Option<&'a str>,
    pub(crate) signature: Option<&'a str>,
}

impl Flask<'_> {
    /// Whether the payload says that it is compressed.
    pub(crate) fn compressed(&self) -> bool {
        self.payload.starts_with('.')
    }
}

/// Characters of a SHA-1 signature, of a SHA-256 one, of a SHA-512 one.
pub(super) const SIGNATURES: [usize; 3] = [27, 43, 86];

/// Characters of the timestamps from 2004 to 2106.
const TIMESTAMP: usize = 6;

impl Shape<'_> {
    /// What a value looks like.
    pub(crate) fn of(value: &str) -> Shape<'_> {
        let body = value.strip_prefix('.').unwrap_or(value);
        let compressed = body.len() < value.len();
        let parts: Vec<&str> = body.split('.').collect();
        let flask = |timestamp, signature| {
            Shape::Flask(Flask {
                payload: &value[..value.len() - body.len() + parts[0].len()],
                timestamp,
                signature,
            })
        };
        let text = compressed || begins_json(parts[0]);
        match parts.as_slice() {
            [header, _, _] if !compressed && is_web_token(header) => Shape::WebToken,
            [_, timestamp, signature] if text || timestamp.len() == TIMESTAMP => {
                flask(Some(*timestamp), Some(*signature))
            }
            [_, last] if text && SIGNATURES.contains(&last.len()) => flask(None, Some(*last)),
            [_, timestamp] if text => flask(Some(*timestamp), None),
            [_] if text => flask(None, None),
            [id, signature] if SessionId::parse(id).is_some() => Shape::SignedId { id, signature },
            [id] => SessionId::parse(id).map_or(Shape::Other, Shape::BareId),
            _ => Shape::Other,
        }
    }

    /// What it is, in words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Shape::Flask(_) => "a signed session of Flask",
            Shape::SignedId { .. } => "a signed session id of Flask-Session",
            Shape::BareId(_) => "a session id without a signature",
            Shape::WebToken => "a JSON web token",
            Shape::Other => "nothing that Flask or Flask-Session makes",
        }
    }

    /// What it is, in a word that does not change.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Shape::Flask(_) => "flask",
            Shape::SignedId { .. } => "signed-id",
            Shape::BareId(_) => "id",
            Shape::WebToken => "jwt",
            Shape::Other => "unknown",
        }
    }
}

/// What a payload holds, whether or not its signature is right; inflated within the limit of the engine.
pub(crate) fn payload(text: &str) -> Result<Vec<u8>, BadData> {
    let (keys, scheme) = nobodys();
    let signed = Signer::new(&keys, &scheme).sign(text.as_bytes());
    UrlSafeSerializer::new(&keys, &scheme).loads(&signed)
}

/// When a timestamp says that the cookie was made, whether or not its signature is right.
pub(crate) fn timestamp(text: &str) -> Option<UnixTime> {
    let (keys, scheme) = nobodys();
    let signed = Signer::new(&keys, &scheme).sign(format!(".{text}").as_bytes());
    let read = TimedSigner::new(&keys, &scheme).unsign(&signed, UnixTime::EPOCH, None);
    read.ok().map(|(_, issued)| issued)
}

/// A key that vouches for nothing: the library decodes only what is signed.
fn nobodys() -> (Keyring, Scheme) {
    (Keyring::new("unverified"), Scheme::flask("unverified"))
}

/// Whether base64 begins with a JSON object; a session id that happens to begin with `{` is not ASCII all through.
fn begins_json(text: &str) -> bool {
    // Four characters are three bytes; what is cut off may end within a group.
    let groups = text.get(..text.len() / 4 * 4).unwrap_or_default();
    let whole = payload(text).or_else(|_| payload(groups));
    whole.is_ok_and(|bytes| bytes.trim_ascii_start().first() == Some(&b'{') && bytes.is_ascii())
}

fn is_web_token(header: &str) -> bool {
    payload(header).is_ok_and(|json| {
        serde_json::from_slice::<serde_json::Value>(&json)
            .is_ok_and(|header| header.get("alg").is_some())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PAYLOAD: &str = "eyJ1c2VyIjoiYWRhIn0";
    const SIGNATURE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const ID: &str = "kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo";

    #[test]
    fn each_kind_of_cookie_is_told_from_the_others() {
        let kind = |value: &str| Shape::of(value).kind();
        assert_eq!(kind(&format!("{PAYLOAD}.ZUHcAA.{SIGNATURE}")), "flask");
        assert_eq!(kind(&format!(".eJyrVg.ZUHcAA.{SIGNATURE}")), "flask");
        assert_eq!(kind(PAYLOAD), "flask");
        assert_eq!(kind(&format!("{ID}.{SIGNATURE}")), "signed-id");
        assert_eq!(kind(ID), "id");
        assert_eq!(kind("e3RpcpTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1a"), "id");
        assert_eq!(kind("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"), "jwt");
        assert_eq!(kind("hello"), "unknown");
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_shape(text in ".{0,20}|[.]?(eyJ|e30)?[A-Za-z0-9_=é.-]{0,120}") {
            Shape::of(&text);
        }
    }

    #[test]
    fn parts_are_read_without_a_key() {
        assert_eq!(payload(PAYLOAD).unwrap(), br#"{"user":"ada"}"#);
        assert_eq!(timestamp("ZVPxAA").unwrap().seconds(), 1_700_000_000);
        assert_eq!(payload(".AAAA"), Err(BadData::PayloadNotZlib));
    }
}
