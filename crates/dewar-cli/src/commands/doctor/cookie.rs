use std::time::Duration;

use dewar::UnixTime;
use dewar::config::{Config, Interface};
use dewar::cookie::SessionCookie;

use super::Finding;

/// Examines sessions that live in signed cookies, or nowhere.
pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    // What is wrong with the settings is in the configuration's own report.
    let Ok(checked) = config.settings() else {
        findings.push(
            Finding::bad(
                "settings",
                "the configuration has errors: no session can be opened",
            )
            .fix("put right what is said above"),
        );
        return;
    };
    match &checked.settings.interface {
        Interface::SignedCookie(signed) => {
            let cookie = SessionCookie::new(signed);
            let now = UnixTime::now();
            let mut value = String::new();
            cookie.seal(br#"{"examined":true}"#, now, &mut value);
            let opened = cookie.open(value.as_bytes(), now, Duration::from_secs(60));
            findings.push(match opened {
                Ok(_) => Finding::good("cookie", "sessions live in signed cookies; one was signed and read back"),
                Err(rejection) => Finding::bad("cookie", format!("a cookie that was just signed is refused: {rejection}")),
            });
        }
        _ => findings.push(
            Finding::bad("sessions", "sessions live nowhere: they read as empty, and writing fails")
                .fix("set SECRET_KEY for sessions in signed cookies (dewar key new), or SESSION_TYPE for a store; if the application has them, run this in its environment, or name its file with --config; --plain-names reads SECRET_KEY too, and not only FLASK_SECRET_KEY"),
        ),
    }
}
