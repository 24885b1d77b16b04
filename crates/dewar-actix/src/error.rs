use std::fmt;

use actix_web::http::header::InvalidHeaderValue;
use actix_web::{HttpResponse, ResponseError};

/// Why a request has no session: a [`dewar::Error`], or no middleware around. As a response it is an empty 500, and
/// the error is logged.
pub struct Error(Kind);

enum Kind {
    NoMiddleware,
    Session(dewar::Error),
    Cookie(InvalidHeaderValue),
}

impl Error {
    pub(crate) fn no_middleware() -> Error {
        Error(Kind::NoMiddleware)
    }

    /// The engine's error, if it is one.
    pub fn session_error(&self) -> Option<&dewar::Error> {
        match &self.0 {
            Kind::Session(error) => Some(error),
            Kind::NoMiddleware | Kind::Cookie(_) => None,
        }
    }

    /// What failed, for the log.
    fn what(&self) -> &'static str {
        dewar::adapter::what_failed(self.session_error())
    }
}

impl From<dewar::Error> for Error {
    fn from(error: dewar::Error) -> Error {
        Error(Kind::Session(error))
    }
}

impl From<InvalidHeaderValue> for Error {
    fn from(error: InvalidHeaderValue) -> Error {
        Error(Kind::Cookie(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoMiddleware => f.write_str(
                "no SessionMiddleware is around this handler, or it runs in a task of its own: add \
                 `.wrap(SessionMiddleware::new(engine))` to the App or the scope, after other middleware that uses the \
                 session, and extract the session before a task is started, or put it into the request's extensions",
            ),
            Kind::Session(error) => error.fmt(f),
            Kind::Cookie(_) => f.write_str("the session's cookie cannot be a header"),
        }
    }
}

/// The message as people read it, so that `unwrap` shows it too.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoMiddleware => write!(f, "NoMiddleware: {self}"),
            Kind::Session(error) => error.fmt(f),
            Kind::Cookie(error) => write!(f, "Cookie: {self}\n  caused by: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::NoMiddleware => None,
            Kind::Session(error) => error.source(),
            Kind::Cookie(error) => Some(error),
        }
    }
}

impl ResponseError for Error {
    fn error_response(&self) -> HttpResponse {
        let error: &dyn std::error::Error = self;
        let what = self.what();
        tracing::error!(target: "dewar::session", error, "{what}; answering 500");
        HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    use dewar::ErrorKind;

    use super::*;

    #[test]
    fn a_value_of_another_type_is_not_told_as_a_failure_of_sessions() {
        let what = |kind| Error::from(dewar::Error::new(kind, "as told")).what();
        assert!(what(ErrorKind::Value).contains("not what the application expects"));
        assert!(what(ErrorKind::Store).contains("could not be opened or saved"));
        assert!(
            Error::no_middleware()
                .what()
                .contains("could not be opened")
        );
    }
}
