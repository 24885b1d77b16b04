use maud::{Markup, html};

use super::{View, attributes, cookie, decisions};
use crate::inspect::Held;

/// The panel beside the shop: the session from the inside.
pub fn panel(view: &View) -> Markup {
    html! {
        aside.panel #session aria-label="The session, from the inside" {
            section {
                h2 { "What the session holds" }
                (held(&view.inspection.held))
            }
            section {
                h2 { "Its cookie, taken apart" }
                (cookie::cookie(&view.inspection))
            }
            section {
                h2 { "What Dewar decided, and why" }
                (decisions::decisions(&view.journal))
            }
            section {
                h2 { "The last Set-Cookie" }
                (attributes::attributes(view.journal.set_cookie.as_ref()))
            }
        }
    }
}

fn held(held: &[Held]) -> Markup {
    html! {
        @if held.is_empty() {
            p.empty { "Nothing. An empty session is never stored, and needs no cookie." }
        } @else {
            dl.held {
                @for Held { key, kind, text } in held {
                    div {
                        dt { code.key { (key) } " " span.kind { (kind) } }
                        dd { code { (text) } }
                    }
                }
            }
        }
    }
}
