use std::fmt;
use std::sync::Arc;

/// Why a request has no session: a [`dewar::Error`], or no layer around. As a response it is an empty 500 with the error among its
/// extensions, for [a response of the application's own](crate#when-a-session-cannot-be-had), and the error is logged.
#[derive(Clone)]
pub struct Error(Kind);

#[derive(Clone)]
enum Kind {
    NoLayer,
    Session(Arc<dewar::Error>),
}

impl Error {
    pub(crate) fn no_layer() -> Error {
        Error(Kind::NoLayer)
    }

    /// The engine's error, if it is one.
    pub fn session_error(&self) -> Option<&dewar::Error> {
        match &self.0 {
            Kind::NoLayer => None,
            Kind::Session(error) => Some(error),
        }
    }

    /// What failed, for the log.
    #[cfg(feature = "axum")]
    fn what(&self) -> &'static str {
        dewar::adapter::what_failed(self.session_error())
    }
}

impl From<dewar::Error> for Error {
    fn from(error: dewar::Error) -> Error {
        Error(Kind::Session(Arc::new(error)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoLayer => f.write_str(
                "no SessionLayer is around this handler, or it runs in a task of its own: add \
                 `.layer(SessionLayer::new(engine))` to the router, after the routes and the middleware that uses the session, \
                 and extract the session before a task is started, or put it into the request's extensions",
            ),
            Kind::Session(error) => error.fmt(f),
        }
    }
}

/// The message as people read it, so that `unwrap` shows it too.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoLayer => write!(f, "NoLayer: {self}"),
            Kind::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::NoLayer => None,
            Kind::Session(error) => error.source(),
        }
    }
}

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Error {
    fn into_response(self) -> axum_core::response::Response {
        let error: &dyn std::error::Error = &self;
        let what = self.what();
        tracing::error!(target: "dewar::session", error, "{what}; answering 500");
        let mut response = http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use dewar::ErrorKind;

    use super::*;

    #[test]
    fn a_value_of_another_type_is_not_told_as_a_failure_of_sessions() {
        let what = |kind| Error::from(dewar::Error::new(kind, "as told")).what();
        assert!(what(ErrorKind::Value).contains("not what the application expects"));
        assert!(what(ErrorKind::Store).contains("could not be opened or saved"));
        assert!(Error::no_layer().what().contains("could not be opened"));
    }
}
