//! What the panel shows of a session: its keys, and the cookie that came with the request, taken apart.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use dewar::data::{Text, Value};
use dewar::{SessionId, UnixTime, cookie};
use dewar_tower::Session;

use crate::app::Shop;

/// The most characters of a value that are shown.
const LONGEST_TEXT: usize = 300;

/// A session and its cookie, for people.
pub struct Inspection {
    pub held: Vec<Held>,
    pub cookie_name: String,
    pub cookie: Received,
}

/// A key of the session.
pub struct Held {
    pub key: String,
    /// The value's type, by Python's name.
    pub kind: &'static str,
    pub text: String,
}

/// The session's cookie in this request.
pub enum Received {
    None,
    /// There is one, and it was not accepted: too old, made with another key, or the session is over.
    Refused,
    /// The session itself.
    Signed(SignedParts),
    /// The session's id in the store; the middle is left out.
    Id {
        shown: String,
        characters: usize,
    },
}

/// A signed cookie: `payload.timestamp.signature`.
pub struct SignedParts {
    pub payload: String,
    pub timestamp: String,
    pub signature: String,
    /// The payload as it was before zlib and base64.
    pub json: String,
    pub packing: Packing,
    pub issued: UnixTime,
    pub age: Duration,
}

/// How the payload was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Base64,
    /// Marked by a dot in front.
    ZlibAndBase64,
}

impl Inspection {
    /// Looks at a session as it is now.
    pub fn new(session: &Session, shop: &Shop, headers: &HeaderMap) -> Inspection {
        let cookie_name = shop.engine.cookie_name();
        let value = headers.get_all(COOKIE).iter().find_map(|header| {
            let value = cookie::find(header.as_bytes(), cookie_name)?;
            String::from_utf8(value.into_owned())
                .ok()
                .filter(|value| !value.is_empty())
        });
        Inspection {
            held: held(session),
            cookie_name: cookie_name.to_owned(),
            cookie: match value {
                None => Received::None,
                Some(_) if session.is_new() => Received::Refused,
                Some(value) => take_apart(&value, shop).unwrap_or(Received::Refused),
            },
        }
    }
}

fn held(session: &Session) -> Vec<Held> {
    let held = |(key, value): (&Text, &Value)| Held {
        key: key.to_string_lossy().into_owned(),
        kind: kind(value),
        text: shortened(&text(value)),
    };
    session.to_dict().iter().map(held).collect()
}

fn take_apart(value: &str, shop: &Shop) -> Option<Received> {
    let Some(cookie) = &shop.cookie else {
        let id = SessionId::parse(value)?;
        return Some(Received::Id {
            shown: short_id(&id),
            characters: id.expose().len(),
        });
    };
    let now = UnixTime::now();
    let opened = cookie
        .open(value.as_bytes(), now, shop.engine.policy().lifetime)
        .ok()?;
    let (signed, signature) = value.rsplit_once('.')?;
    let (payload, timestamp) = signed.rsplit_once('.')?;
    Some(Received::Signed(SignedParts {
        payload: payload.to_owned(),
        timestamp: timestamp.to_owned(),
        signature: signature.to_owned(),
        json: String::from_utf8_lossy(&opened.payload).into_owned(),
        packing: match payload.starts_with('.') {
            true => Packing::ZlibAndBase64,
            false => Packing::Base64,
        },
        issued: opened.issued,
        age: now.since(opened.issued),
    }))
}

/// Enough of an id to see that it changed, too little to use it.
fn short_id(id: &SessionId) -> String {
    let text = id.expose();
    // Ids are ASCII of at least 20 characters.
    format!("{}…{}", &text[..6], &text[text.len() - 4..])
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "None",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::BigInt(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::Tuple(_) => "tuple",
        Value::List(_) => "list",
        Value::Set(_) => "set",
        Value::Dict(_) => "dict",
        Value::DateTime(_) | Value::NaiveDateTime(_) => "datetime",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::TimeDelta(_) => "timedelta",
        Value::Uuid(_) => "UUID",
        Value::Decimal(_) => "Decimal",
        Value::Markup(_) => "Markup",
        _ => "other",
    }
}

/// A value as JSON, which is near enough to how it is stored.
fn text(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}"))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
