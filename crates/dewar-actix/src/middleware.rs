use std::future::{Ready, ready};

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use dewar::Engine;
use dewar::adapter::Scoped;

use crate::future::ResponseFuture;

/// Gives the handlers inside their sessions, and the responses their `Set-Cookie` and `Vary: Cookie`.
///
/// If a session cannot be saved, the response is replaced by an empty one with status 500 and the error is logged:
/// nobody is told that something worked that did not. A session that another request ended meanwhile is no such failure: its
/// changes are dropped, and the response goes out. A handler that must know calls [`save`](dewar::Session::save) itself.
///
/// ```
/// use actix_web::App;
/// use dewar::{Engine, config::Config};
/// use dewar_actix::SessionMiddleware;
///
/// let engine = Engine::new(Config::new().session_type("memory"))?;
/// let app = App::new().wrap(SessionMiddleware::new(engine));
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SessionMiddleware {
    engine: Engine,
    replies: Replies,
}

/// Whether responses carry the engine's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    Kept,
    Attached,
}

impl SessionMiddleware {
    /// A middleware on this engine.
    pub fn new(engine: Engine) -> SessionMiddleware {
        SessionMiddleware {
            engine,
            replies: Replies::Kept,
        }
    }

    /// Attaches the engine's [`Reply`](dewar::engine::Reply) to the response as an extension, for middleware outside
    /// that logs or shows what was decided at the end of the request, and why.
    #[must_use]
    pub fn attach_replies(mut self) -> SessionMiddleware {
        self.replies = Replies::Attached;
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<SessionService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(SessionService {
            inner,
            engine: self.engine.clone(),
            replies: self.replies,
        }))
    }
}

/// A service whose inner service has sessions; made by [`SessionMiddleware`].
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    engine: Engine,
    replies: Replies,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = ResponseFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let inside = Scoped::new(self.engine.clone(), || self.inner.call(request));
        ResponseFuture::new(inside, self.replies)
    }
}
