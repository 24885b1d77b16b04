use std::time::Duration;

use maud::{Markup, html};

use super::decisions::time_of_day;
use crate::inspect::{Inspection, Packing, Received, SignedParts};

/// The session's cookie in this request.
pub fn cookie(inspection: &Inspection) -> Markup {
    let name = &inspection.cookie_name;
    match &inspection.cookie {
        Received::None => html! {
            p.empty { "This page was asked for without a " code { (name) } " cookie." }
        },
        Received::Refused => html! {
            p.empty {
                "A " code { (name) } " cookie came with this page, and no session belongs to it: it has ended, \
                or the cookie was not made here. Such an id is never taken over."
            }
        },
        Received::Id { shown, characters } => html! {
            p.cookie { code { span.name { (name) } "=" span.id { (shown) } } }
            p.note {
                "An id of " (characters) " characters, 256 random bits. The data stays with the server. Whoever has the id \
                has the session, so the panel leaves out its middle."
            }
        },
        Received::Signed(parts) => signed(name, parts),
    }
}

fn signed(name: &str, parts: &SignedParts) -> Markup {
    html! {
        p.cookie { code {
            span.name { (name) } "="
            span.payload { (parts.payload) } "." span.timestamp { (parts.timestamp) } "." span.signature { (parts.signature) }
        } }
        dl.parts {
            div { dt.payload { "payload" } dd {
                @match parts.packing {
                    Packing::Base64 => "base64 of Flask’s tagged JSON, for everybody to read:",
                    Packing::ZlibAndBase64 => "Flask’s tagged JSON through zlib (the dot in front) and base64, for everybody to read:",
                }
                pre { code { (parts.json) } }
            } }
            div { dt.timestamp { "timestamp" } dd { (time_of_day(parts.issued)) ", " (age(parts.age)) } }
            div { dt.signature { "signature" } dd {
                "HMAC-SHA1 with the secret key over the two parts before it. One changed character, and the cookie is worth nothing."
            } }
        }
    }
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => "just now".to_owned(),
        1 => "a second ago".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds ago"),
        seconds @ 120..7200 => format!("{} minutes ago", seconds / 60),
        seconds @ 7200..172_800 => format!("{} hours ago", seconds / 3600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}
