//! What goes over HTTP: reading `Cookie` headers, writing `Set-Cookie`, and what the session's cookie holds.
//!
//! Headers are read and written as Werkzeug 3.1 does it; [`SessionCookie`] is Flask's
//! `SecureCookieSessionInterface` on the wire, [`SignedId`] is Flask-Session's `SESSION_USE_SIGNER`.

mod read;
mod rejection;
mod session;
mod signed_id;
mod template;
#[cfg(test)]
mod tests;

pub use read::find;
pub use rejection::Rejection;
pub use session::{Opened, SessionCookie};
pub use signed_id::SignedId;
pub use template::{CookieTemplate, CookieTooLarge};
