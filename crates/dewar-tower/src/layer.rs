use std::task::{Context, Poll};

use dewar::Engine;
use dewar::adapter::Scoped;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::ResponseFuture;

/// Gives the services inside their sessions, and the responses their `Set-Cookie` and `Vary: Cookie`.
///
/// If a session cannot be saved, the response is replaced by an empty one with status 500, which has the [`Error`](crate::Error) among its
/// extensions, and the error is logged: nobody is told that something worked that did not. A session that another request ended meanwhile is no such failure: its
/// changes are dropped, and the response goes out. A handler that must know calls [`save`](dewar::Session::save) itself.
///
/// Where the service inside gives an error in place of a response, as tower's `Timeout` does and axum's services never do, there is nothing
/// that a cookie could go with. Changes are saved in the store all the same, and a session that was destroyed ends; but a session that is
/// new, or was regenerated, is left as it was before the request, under the id that the browser has. To have such a session saved, turn the
/// error into a response inside of this layer.
///
/// ```
/// use dewar::{Engine, config::Config};
/// use dewar_tower::SessionLayer;
///
/// let engine = Engine::new(Config::new().session_type("memory"))?;
/// let layer = SessionLayer::new(engine);
/// # Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SessionLayer {
    engine: Engine,
    replies: Replies,
}

/// Whether responses carry the engine's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    Kept,
    Attached,
}

impl SessionLayer {
    /// A layer on this engine.
    pub fn new(engine: Engine) -> SessionLayer {
        SessionLayer {
            engine,
            replies: Replies::Kept,
        }
    }

    /// Attaches the engine's [`Reply`](dewar::engine::Reply) to the response as an extension, for middleware outside
    /// that logs or shows what was decided at the end of the request, and why.
    #[must_use]
    pub fn attach_replies(mut self) -> SessionLayer {
        self.replies = Replies::Attached;
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService {
            inner,
            engine: self.engine.clone(),
            replies: self.replies,
        }
    }
}

/// A service whose inner service has sessions; made by [`SessionLayer`].
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    engine: Engine,
    replies: Replies,
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inside = Scoped::fallible(self.engine.clone(), || self.inner.call(request));
        ResponseFuture::new(inside, self.replies)
    }
}
