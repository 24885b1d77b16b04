//! What keeps other sites away from the shop's forms, and scripts out of its pages.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Everything comes from the shop itself, and there are no scripts.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Refuses forms that another site sends.
///
/// `SameSite=Lax` already keeps the session out of them; this also covers what SameSite does not tell apart, another
/// port or a subdomain of the same host.
pub async fn own_forms_only(request: Request, next: Next) -> Response {
    if request.method() == Method::POST && !from_own_pages(request.headers()) {
        return (
            StatusCode::FORBIDDEN,
            "This form was sent by another site.\n",
        )
            .into_response();
    }
    next.run(request).await
}

fn from_own_pages(headers: &HeaderMap) -> bool {
    match (headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)) {
        // "none" is the visitor, by hand.
        (Some(site), _) => site == "same-origin" || site == "none",
        // Browsers before 2023.
        (None, Some(origin)) => {
            let host = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.split_once("://"))
                .map(|(_, host)| host);
            host.is_some() && host == headers.get(HOST).and_then(|host| host.to_str().ok())
        }
        // No browser: nobody's session can be abused.
        (None, None) => true,
    }
}

/// Adds the headers that every page should have.
pub async fn secure_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn forms_from_other_sites_and_other_ports_are_refused() {
        assert!(!from_own_pages(&headers(&[(SEC_FETCH_SITE, "cross-site")])));
        assert!(!from_own_pages(&headers(&[(SEC_FETCH_SITE, "same-site")])));
        assert!(!from_own_pages(&headers(&[
            (ORIGIN, "http://127.0.0.1:4000"),
            (HOST, "127.0.0.1:3000")
        ])));
        assert!(!from_own_pages(&headers(&[
            (ORIGIN, "null"),
            (HOST, "127.0.0.1:3000")
        ])));
    }

    #[test]
    fn the_shop_s_own_forms_are_taken() {
        assert!(from_own_pages(&headers(&[(SEC_FETCH_SITE, "same-origin")])));
        assert!(from_own_pages(&headers(&[
            (ORIGIN, "http://127.0.0.1:3000"),
            (HOST, "127.0.0.1:3000")
        ])));
        assert!(from_own_pages(&headers(&[])));
    }
}
