use std::time::Duration;

use bytes::Bytes;
use dewar::data::{Document, Format};
use dewar::signing::{BadData, Digest, Keyring, Scheme, Signer};
use dewar::{SessionId, UnixTime};
use serde::Serialize;

use super::shape::{self, Flask, Shape};
use super::trial;
use crate::keys::Keys;
use crate::text::{count, time};

/// Judges cookies as a server does that has these keys.
pub(crate) struct Judge<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) scheme: Scheme,
    pub(crate) digest: Digest,
    pub(crate) now: UnixTime,
    pub(crate) max_age: Duration,
}

/// What became of a cookie.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Why it is refused, if it is.
    pub(crate) refusal: Option<Refusal>,
    /// The name of the key that signed it.
    pub(crate) key: Option<String>,
    /// When it was made, if its signature is right.
    pub(crate) issued: Option<UnixTime>,
}

/// Why a cookie is refused; nothing of the cookie is in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refusal {
    /// Which part of the cookie is at fault.
    pub(crate) part: Part,
    /// Why, in a word that does not change.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
}

/// The parts of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Whole,
    Payload,
    Timestamp,
    Signature,
}

/// Browsers keep about this many bytes of a cookie, name and attributes included.
const BROWSER_LIMIT: usize = 4096;

impl Judge<'_> {
    /// Accepts or refuses a value, and says why.
    pub(crate) fn judge(&self, value: &[u8]) -> Verdict {
        let Ok(text) = std::str::from_utf8(value) else {
            return refused(Refusal::new(
                Part::Whole,
                "not-flask",
                "the value is not ASCII text",
            ));
        };
        match Shape::of(text) {
            Shape::Flask(parts) => self.judge_session(text, &parts),
            Shape::SignedId { .. } => self.judge_id(text),
            Shape::BareId(_) => refused(
                Refusal::new(Part::Signature, "not-signed", "it is a session id without a signature: nothing in it can be verified")
                    .hint("the store decides whether such a session exists")
                    .hint("where SESSION_USE_SIGNER is set, ids without a signature are refused"),
            ),
            Shape::WebToken => refused(
                Refusal::new(Part::Whole, "web-token", "it is a JSON web token: another library made it (Flask-JWT-Extended, an identity provider)")
                    .hint("look for the cookie of the session: --name"),
            ),
            Shape::Other => refused(
                self.altered(text).unwrap_or_else(|| {
                    Refusal::new(Part::Whole, "not-flask", "it is neither a signed session of Flask nor a session id of Flask-Session")
                        .hint("look for the cookie of the session: --name")
                }),
            ),
        }
    }

    fn judge_session(&self, value: &str, parts: &Flask) -> Verdict {
        let Some(key) = self.fitting_key(value, &self.scheme) else {
            return refused(self.why_not_signed(
                value,
                parts.signature,
                &self.scheme,
                self.digest,
                parts,
            ));
        };
        let mut verdict = Verdict {
            key: Some(key),
            ..Verdict::default()
        };
        let stamp = match parts.timestamp {
            Some(text) => shape::timestamp(text),
            None => {
                return verdict.refuse(
                    Refusal::new(Part::Timestamp, "timestamp-missing", "it has no timestamp: it was made with URLSafeSerializer, not by Flask's sessions"),
                );
            }
        };
        let Some(issued) = stamp else {
            return verdict.refuse(Refusal::new(
                Part::Timestamp,
                "timestamp-malformed",
                "the timestamp is none",
            ));
        };
        verdict.issued = Some(issued);
        if let Some(refusal) = self.age(issued) {
            return verdict.refuse(refusal);
        }
        match content(parts.payload) {
            Ok(_) => verdict,
            Err(refusal) => verdict.refuse(refusal),
        }
    }

    fn judge_id(&self, value: &str) -> Verdict {
        let scheme = Scheme::flask("flask-session");
        match self.fitting_key(value, &scheme) {
            Some(key) => Verdict {
                key: Some(key),
                ..Verdict::default()
            },
            None => {
                let parts = Flask {
                    payload: value,
                    timestamp: None,
                    signature: value.rsplit_once('.').map(|(_, signature)| signature),
                };
                refused(self.why_not_signed(value, parts.signature, &scheme, Digest::Sha1, &parts))
            }
        }
    }

    fn fitting_key(&self, value: &str, scheme: &Scheme) -> Option<String> {
        let fits = |key| Signer::new(&Keyring::new(key), scheme).validate(value.as_bytes());
        let found = self.keys.iter().find(|found| fits(found.key.clone()))?;
        Some(found.name.clone())
    }

    fn age(&self, issued: UnixTime) -> Option<Refusal> {
        let age = self.now.seconds() - issued.seconds();
        let distance = time::span(Duration::from_secs(age.unsigned_abs()));
        if age < 0 {
            return Some(
                Refusal::new(
                    Part::Timestamp,
                    "from-the-future",
                    format!("it was made {distance} in the future"),
                )
                .hint("compare the clocks of the machine that made it and of this one"),
            );
        }
        let expired_for = u64::try_from(age)
            .ok()?
            .checked_sub(self.max_age.as_secs())?;
        (expired_for > 0).then(|| {
            let allowed = time::span(self.max_age);
            let since = time::span(Duration::from_secs(expired_for));
            Refusal::new(
                Part::Timestamp,
                "expired",
                format!("it expired {since} ago: it is {distance} old, and PERMANENT_SESSION_LIFETIME allows {allowed}"),
            )
            .hint("the lifetime counts for every session, permanent or not; --max-age judges by another one")
        })
    }

    /// Why none of the keys fits.
    fn why_not_signed(
        &self,
        value: &str,
        signature: Option<&str>,
        scheme: &Scheme,
        digest: Digest,
        parts: &Flask,
    ) -> Refusal {
        let whole = match digest {
            Digest::Sha256 => 43,
            Digest::Sha512 => 86,
            _ => 27,
        };
        let Some(signature) = signature else {
            let what = match parts.timestamp {
                Some(_) => "the signature is missing",
                None => "timestamp and signature are missing",
            };
            return self
                .altered(value)
                .unwrap_or_else(|| cut_off(value, what.into()));
        };
        if let Some(fit) = trial::explain(value, self.keys, scheme) {
            return Refusal::new(Part::Signature, fit.reason, fit.message).hint(fit.hint);
        }
        if signature.len() < whole && signature.bytes().all(is_base64) {
            let what = format!(
                "the signature has {} of {whole} characters",
                signature.len()
            );
            return cut_off(value, what);
        }
        let keys = match self.keys.len() {
            1 => "the key".to_owned(),
            number => format!("any of the {}", count(number, "key")),
        };
        let refusal = Refusal::new(
            Part::Signature,
            "wrong-key",
            format!("the signature was not made with {keys}, or the value was changed"),
        );
        if parts.timestamp.is_some() && content(parts.payload).is_err() {
            return refusal.hint("its payload is damaged too, so it was changed or cut on its way");
        }
        refusal
            .hint("the key probably differs: compare those of all processes, with dewar cookie verify and each key")
            .hint("a key made at start (os.urandom) is another one in each worker and after each restart")
    }

    fn altered(&self, value: &str) -> Option<Refusal> {
        let fit = trial::explain(value, self.keys, &self.scheme)
            .or_else(|| trial::explain(value, self.keys, &Scheme::flask("flask-session")))?;
        Some(Refusal::new(Part::Whole, fit.reason, fit.message).hint(fit.hint))
    }
}

/// The session in a payload, whether or not it is signed.
pub(crate) fn content(payload: &str) -> Result<Document, Refusal> {
    let bytes = shape::payload(payload).map_err(|bad| match bad {
        BadData::PayloadNotZlib => Refusal::new(Part::Payload, "payload-not-zlib", "the payload is marked as compressed (a leading dot), but is no zlib data, or only the beginning of it"),
        BadData::PayloadTooLarge { limit } => Refusal::new(Part::Payload, "payload-too-large", format!("the payload inflates to more than {limit} bytes")),
        _ => Refusal::new(Part::Payload, "payload-not-base64", "the payload is not base64"),
    })?;
    Document::parse(Format::TaggedJson, Bytes::from(bytes)).map_err(|error| {
        Refusal::new(
            Part::Payload,
            "payload-not-json",
            format!("the payload is not what Flask writes: {error}"),
        )
    })
}

/// The id of a signed one, whether or not the signature is right.
pub(crate) fn id_of(value: &str) -> Option<SessionId> {
    match Shape::of(value) {
        Shape::SignedId { id, .. } => SessionId::parse(id),
        Shape::BareId(id) => Some(id),
        _ => None,
    }
}

impl Verdict {
    fn refuse(mut self, refusal: Refusal) -> Verdict {
        self.refusal = Some(refusal);
        self
    }
}

impl Refusal {
    fn new(part: Part, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            part,
            reason,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hints.push(hint.into());
        self
    }
}

impl Part {
    /// The part, in a word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Whole => "the whole value",
            Part::Payload => "payload",
            Part::Timestamp => "timestamp",
            Part::Signature => "signature",
        }
    }
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::default().refuse(refusal)
}

fn cut_off(value: &str, what: String) -> Refusal {
    let refusal = Refusal::new(
        Part::Signature,
        "cut-off",
        format!("the end is cut off: {what}"),
    );
    // Attributes and name count too, so it is cut somewhat earlier.
    if value.len() + 512 > BROWSER_LIMIT {
        refusal.hint(large(value))
    } else {
        refusal.hint("it is shorter than the limits of browsers, so it was probably cut by hand, by a log or by a column of a table")
    }
}

fn large(value: &str) -> String {
    format!(
        "it has {} bytes: browsers and proxies cut or drop cookies of more than {BROWSER_LIMIT}; keep less in the session, or keep it on the server (SESSION_TYPE)",
        value.len()
    )
}

/// What is to be said of a cookie that is larger than browsers keep.
pub(crate) fn too_large(value: &str) -> Option<String> {
    (value.len() > BROWSER_LIMIT).then(|| large(value))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
