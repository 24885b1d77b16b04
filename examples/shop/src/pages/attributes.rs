use maud::{Markup, html};

use super::decisions::time_of_day;
use crate::journal::SetCookie;

/// The attributes of the session's last `Set-Cookie`, explained.
pub fn attributes(set_cookie: Option<&SetCookie>) -> Markup {
    let Some(set_cookie) = set_cookie else {
        return html! { p.empty { "None so far." } };
    };
    let has = |name: &str| {
        set_cookie
            .attributes
            .iter()
            .any(|attribute| named(attribute, name))
    };
    html! {
        p.note { "In the answer to " code { (set_cookie.request) } ", " (time_of_day(set_cookie.at)) "." }
        dl.parts.attributes {
            @for attribute in &set_cookie.attributes {
                div { dt { code { (attribute) } } dd { (meaning(attribute)) } }
            }
            @if !has("Expires") && !has("Max-Age") {
                div { dt { em { "no Expires" } } dd { "The browser forgets it when it closes: the session is not permanent." } }
            }
            @if !has("Secure") {
                div { dt { em { "no Secure" } } dd { "This demo has no HTTPS. With it, set SESSION_COOKIE_SECURE." } }
            }
        }
    }
}

fn named(attribute: &str, name: &str) -> bool {
    attribute
        .split('=')
        .next()
        .is_some_and(|own| own.eq_ignore_ascii_case(name))
}

fn meaning(attribute: &str) -> &'static str {
    match attribute.split_once('=') {
        None if named(attribute, "HttpOnly") => "Scripts cannot read it.",
        None if named(attribute, "Secure") => "Sent over HTTPS only.",
        Some((name, "0")) if name.eq_ignore_ascii_case("Max-Age") => "Delete it now.",
        Some((name, date)) if name.eq_ignore_ascii_case("Expires") && date.contains(" 1970 ") => {
            "Long ago: delete it."
        }
        Some((name, _)) if name.eq_ignore_ascii_case("Expires") => {
            "Kept until then, also when the browser closes: the session is permanent."
        }
        Some((name, _)) if name.eq_ignore_ascii_case("Max-Age") => "Kept for so many seconds.",
        Some((name, _)) if name.eq_ignore_ascii_case("Path") => {
            "Sent to the pages below this path only, so each of the three shops has its own."
        }
        Some((name, _)) if name.eq_ignore_ascii_case("Domain") => {
            "Sent to this host and its subdomains."
        }
        Some((name, "Lax")) if name.eq_ignore_ascii_case("SameSite") => {
            "Not sent with forms of other sites; links from there work."
        }
        Some((name, "Strict")) if name.eq_ignore_ascii_case("SameSite") => {
            "Sent only from the site’s own pages."
        }
        _ => "",
    }
}
