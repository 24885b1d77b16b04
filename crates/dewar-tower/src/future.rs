use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use dewar::adapter::{Closing, Scope};
use dewar::engine::Reply;
use http::header::{HeaderValue, SET_COOKIE, VARY};
use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use crate::layer::Replies;

type BoxedClosing = Pin<Box<dyn Future<Output = dewar::Result<Reply>> + Send>>;

pin_project! {
    /// Runs the inner service, then closes the session if there was one.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R> {
        #[pin]
        future: F,
        scope: Scope,
        // The response, while its session is being closed.
        closing: Option<(BoxedClosing, Option<Response<R>>)>,
        replies: Replies,
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(crate) fn new(future: F, scope: Scope, replies: Replies) -> Self {
        ResponseFuture {
            future,
            scope,
            closing: None,
            replies,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.closing.is_none() {
            let future = this.future;
            let response = ready!(this.scope.enter(|| future.poll(context)))?;
            match this.scope.close() {
                None => return Poll::Ready(Ok(response)),
                Some(Closing::Done(reply)) => {
                    return Poll::Ready(Ok(finish(response, reply, *this.replies)));
                }
                Some(Closing::Waits(closing)) => {
                    *this.closing = Some((Box::pin(closing), Some(response)));
                }
            }
        }
        let Some((closing, response)) = this.closing.as_mut() else {
            return Poll::Pending;
        };
        let reply = ready!(closing.as_mut().poll(context));
        let response = response.take().unwrap_or_default();
        *this.closing = None;
        Poll::Ready(Ok(finish(response, reply, *this.replies)))
    }
}

fn finish<R: Default>(
    mut response: Response<R>,
    reply: dewar::Result<Reply>,
    replies: Replies,
) -> Response<R> {
    let mut reply = match reply {
        Ok(reply) => reply,
        Err(error) => return failed(&error),
    };
    let set_cookie = match replies {
        Replies::Kept => reply.take_set_cookie(),
        Replies::Attached => reply.set_cookie().map(str::to_owned),
    };
    if let Some(set_cookie) = set_cookie {
        match HeaderValue::try_from(set_cookie) {
            Ok(mut value) => {
                value.set_sensitive(true);
                response.headers_mut().append(SET_COOKIE, value);
            }
            Err(error) => return failed(&error),
        }
    }
    let said = response.headers().get_all(VARY);
    if let Some(vary) = reply.vary(said.iter().map(HeaderValue::as_bytes)) {
        let vary = HeaderValue::from_static(vary);
        response.headers_mut().append(VARY, vary);
    }
    if replies == Replies::Attached {
        response.extensions_mut().insert(reply);
    }
    response
}

fn failed<R: Default>(error: &(dyn std::error::Error + 'static)) -> Response<R> {
    tracing::error!(target: "dewar::session", error, "the session could not be saved; answering 500");
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
