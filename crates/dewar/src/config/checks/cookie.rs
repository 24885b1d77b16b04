use super::Findings;
use crate::config::draft::Place;
use crate::config::setting::quoted;
use crate::config::{Code, Stage};

pub(super) fn name(findings: &mut Findings<'_>) {
    let Some(name) = &findings.draft.cookie_name else {
        return;
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        let what = format!("{} cannot be a cookie's name (RFC 6265)", quoted(name));
        let fix = "use letters, digits, '-' and '_'";
        findings.error(Code::CookieName, "SESSION_COOKIE_NAME", what, fix);
    }
}

pub(super) fn domain(findings: &mut Findings<'_>) {
    let Some(Some(domain)) = &findings.draft.cookie_domain else {
        return;
    };
    let host = host_of(domain);
    let wrong = if domain.contains("://") {
        "has a scheme"
    } else if domain.contains('/') {
        "has a path"
    } else if domain.contains(char::is_whitespace) {
        "has a space"
    } else if !domain.is_ascii() {
        "is not in its ASCII form ('xn--…')"
    } else if host.len() > 253 || host.split('.').any(|label| !is_label(label)) {
        "is not a host name"
    } else {
        return;
    };
    findings.error(
        Code::CookieDomain,
        "SESSION_COOKIE_DOMAIN",
        format!("{} {wrong}; browsers would drop the cookie", quoted(domain)),
        "write the host name alone, such as 'example.org', or leave it unset for this host only",
    );
}

/// The domain as browsers get it: Werkzeug's `dump_cookie` leaves out a dot before it and a port behind it.
fn host_of(domain: &str) -> &str {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    match host.split_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => host,
    }
}

pub(super) fn public_domain(findings: &mut Findings<'_>) {
    let Some(Some(domain)) = &findings.draft.cookie_domain else {
        return;
    };
    let host = host_of(domain);
    if is_public_suffix(&host.to_ascii_lowercase()) {
        findings.error(
            Code::CookieDomainPublic,
            "SESSION_COOKIE_DOMAIN",
            format!(
                "{} is a public suffix, below which others have their sites; browsers would drop the cookie",
                quoted(domain)
            ),
            "write your own domain, or leave it unset for this host only",
        );
    }
}

/// Whether anybody can have a name directly below this one; of names such as `localhost` nothing is known.
#[cfg(feature = "public-suffixes")]
fn is_public_suffix(host: &str) -> bool {
    psl::suffix(host.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == host.as_bytes())
}

#[cfg(not(feature = "public-suffixes"))]
fn is_public_suffix(_: &str) -> bool {
    false
}

fn is_label(label: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(letter)
}

pub(super) fn path(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let (key, path) = match (&draft.cookie_path, &draft.application_root) {
        (Some(Some(path)), _) => ("SESSION_COOKIE_PATH", path),
        (Some(None), Some(path)) => ("APPLICATION_ROOT", path),
        _ => return,
    };
    if !is_path(path) {
        let what = format!("{} cannot be a cookie's path", quoted(path));
        let fix = "write a path that starts with '/' and has neither ';' nor control characters";
        findings.error(Code::CookiePath, key, what, fix);
    }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains(|c: char| c == ';' || c.is_control())
}

pub(super) fn same_site_none_insecure(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    if draft.same_site == Some(Some("None")) && draft.effectively_secure() == Some(false) {
        findings.error(
            Code::SameSiteNoneInsecure,
            "SESSION_COOKIE_SAMESITE",
            "browsers drop a cookie with SameSite=None that is not Secure",
            "set SESSION_COOKIE_SECURE to true (and serve over HTTPS), or SESSION_COOKIE_SAMESITE to 'Lax'",
        );
    }
}

pub(super) fn name_prefix(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    let Some(name) = &draft.cookie_name else {
        return;
    };
    let lower = name.to_ascii_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| lower.starts_with(prefix));
    let (host, http) = (begins(&["__host-"]), begins(&["__http-", "__host-http-"]));
    let mut broken = Vec::new();
    if (host || http || begins(&["__secure-"])) && draft.effectively_secure() == Some(false) {
        broken.push("set SESSION_COOKIE_SECURE to true");
    }
    if http && draft.http_only == Some(false) {
        broken.push("set SESSION_COOKIE_HTTPONLY to true");
    }
    if host && matches!(draft.cookie_domain, Some(Some(_))) {
        broken.push("leave SESSION_COOKIE_DOMAIN unset");
    }
    if host && not_root(findings) {
        broken.push("set SESSION_COOKIE_PATH to '/'");
    }
    if !broken.is_empty() {
        let what = format!(
            "browsers drop a cookie named {} with these settings",
            quoted(name)
        );
        let fix = format!(
            "{}; or choose a name without that prefix",
            broken.join(", ")
        );
        findings.error(Code::CookieNamePrefix, "SESSION_COOKIE_NAME", what, fix);
    }
}

/// Whether the cookie's path is a path other than `/`.
fn not_root(findings: &Findings<'_>) -> bool {
    let draft = findings.draft;
    let path = match &draft.cookie_path {
        Some(Some(path)) => Some(path),
        Some(None) => draft.application_root.as_ref(),
        None => None,
    };
    path.is_some_and(|path| path != "/" && is_path(path))
}

pub(super) fn partitioned_means_secure(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    if draft.partitioned == Some(true) && draft.secure == Some(false) {
        findings.warning(
            Code::PartitionedMeansSecure,
            "SESSION_COOKIE_PARTITIONED",
            "a partitioned cookie is sent as Secure, as in Flask, although SESSION_COOKIE_SECURE is not set",
            "set SESSION_COOKIE_SECURE to true, and serve over HTTPS",
        );
    }
}

/// Also where it was set to false: that may be left from development.
pub(super) fn over_http(findings: &mut Findings<'_>) {
    let draft = findings.draft;
    // With SameSite=None it is an error, and so is it with a name that asks for it.
    let told = findings.have(&[Code::SameSiteNoneInsecure, Code::CookieNamePrefix]);
    if in_production(findings) && draft.effectively_secure() == Some(false) && !told {
        findings.warning(
            Code::CookieOverHttp,
            "SESSION_COOKIE_SECURE",
            "this is production, and browsers send the cookie over plain HTTP too: whoever reads one such request has the session",
            "set it to true, and serve over HTTPS",
        );
    }
}

pub(super) fn same_site_unset(findings: &mut Findings<'_>) {
    if in_production(findings) && findings.draft.same_site == Some(None) {
        findings.warning(
            Code::CookieSameSiteUnset,
            "SESSION_COOKIE_SAMESITE",
            "this is production, and not all browsers keep the cookie from requests that other sites make",
            "set it to 'Lax'; or to 'None', if the application is meant to stand in frames of other sites",
        );
    }
}

pub(super) fn open_to_scripts(findings: &mut Findings<'_>) {
    // With a name that asks for it, it is an error.
    let told = findings.have(&[Code::CookieNamePrefix]);
    if in_production(findings) && findings.draft.http_only == Some(false) && !told {
        findings.warning(
            Code::CookieOpenToScripts,
            "SESSION_COOKIE_HTTPONLY",
            "this is production, and every script in a page can read the cookie: one that an attacker gets in has the session",
            "set it to true, or leave it unset; what a page's scripts need to know, an address of the application can tell them",
        );
    }
}

/// Whether users who matter get a cookie.
fn in_production(findings: &Findings<'_>) -> bool {
    let some = !matches!(findings.draft.place(), None | Some(Place::Nowhere));
    some && findings.config.current_stage() == Stage::Production
}
