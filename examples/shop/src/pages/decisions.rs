use dewar::UnixTime;
use dewar::plan::{CookieAction, Decision, Plan};
use maud::{Markup, html};

use crate::journal::{Entry, Page};

/// The browser's latest requests, and what became of the session at the end of each.
pub fn decisions(page: &Page) -> Markup {
    html! {
        @if page.requests.is_empty() {
            p.empty { "This is the first page that this browser asks for." }
        } @else {
            ol.decisions {
                @for entry in &page.requests { (row(entry)) }
            }
        }
        p.note { "This page’s own request is decided when the page is done: reload to see it." }
    }
}

fn row(entry: &Entry) -> Markup {
    html! {
        li.(if entry.method == "POST" { "post" } else { "get" }) {
            p.request {
                code { (entry.method) " " (entry.path) }
                span.when { (time_of_day(entry.at)) @if entry.took.as_millis() >= 100 { ", took " (format!("{:.1} s", entry.took.as_secs_f64())) } }
            }
            @match &entry.decision {
                Some(decision) => (explained(decision, entry.merges)),
                None => p.why { "The session was not opened: status " (entry.status.as_u16()) "." },
            }
        }
    }
}

fn explained(decision: &Decision, merges: u32) -> Markup {
    html! {
        p.verdict {
            span.badge.(weight(decision.plan)) { (format!("{:?}", decision.plan)) }
            " " (deed(decision.plan)) ", " (cookie(decision.cookie)) "."
        }
        p.why { span { "Why: " } (decision.reason) "." }
        @if merges > 0 {
            p.merged { "Merged with what other requests wrote meanwhile" @if merges > 1 { ", " (merges) " times" } "." }
        }
    }
}

/// How much a plan changes.
fn weight(plan: Plan) -> &'static str {
    match plan {
        Plan::Nothing | Plan::Touch => "quiet",
        Plan::Create | Plan::Replace => "writes",
        Plan::Rotate | Plan::Restart | Plan::Delete => "ends",
    }
}

fn deed(plan: Plan) -> &'static str {
    match plan {
        Plan::Nothing => "nothing written",
        Plan::Touch => "expiry moved, data left alone",
        Plan::Create => "new session kept",
        Plan::Replace => "changes written",
        Plan::Rotate => "kept under a new id, old record removed",
        Plan::Restart => "old session removed, new one kept under a new id",
        Plan::Delete => "session removed",
    }
}

fn cookie(action: CookieAction) -> &'static str {
    match action {
        CookieAction::Keep => "no cookie sent",
        CookieAction::Set => "cookie sent",
        CookieAction::Delete => "cookie deleted",
    }
}

/// The time of day in UTC.
pub fn time_of_day(time: UnixTime) -> String {
    let second = time.seconds().rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}
