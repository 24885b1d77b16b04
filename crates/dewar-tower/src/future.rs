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
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        future: F,
        scope: Scope,
        // The answer, while its session is being closed.
        closing: Option<(BoxedClosing, Result<Response<R>, E>)>,
        replies: Replies,
    }
}

impl<F, R, E> ResponseFuture<F, R, E> {
    pub(crate) fn new(future: F, scope: Scope, replies: Replies) -> Self {
        ResponseFuture {
            future,
            scope,
            closing: None,
            replies,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut closing, answer) = match this.closing.take() {
            Some(begun) => begun,
            None => {
                let future = this.future;
                let answer = ready!(this.scope.enter(|| future.poll(context)));
                match this.scope.close() {
                    None => return Poll::Ready(answer),
                    Some(Closing::Done(reply)) => {
                        return Poll::Ready(finish(answer, reply, *this.replies));
                    }
                    Some(Closing::Waits(closing)) => (Box::pin(closing) as BoxedClosing, answer),
                }
            }
        };
        match closing.as_mut().poll(context) {
            Poll::Ready(reply) => Poll::Ready(finish(answer, reply, *this.replies)),
            Poll::Pending => {
                *this.closing = Some((closing, answer));
                Poll::Pending
            }
        }
    }
}

/// The answer with what the reply says. An error of the service inside is passed on: it has no headers.
fn finish<R: Default, E>(
    answer: Result<Response<R>, E>,
    reply: dewar::Result<Reply>,
    replies: Replies,
) -> Result<Response<R>, E> {
    match answer {
        Ok(response) => Ok(respond(response, reply, replies)),
        Err(failure) => {
            if let Err(error) = reply {
                let error: &dyn std::error::Error = &error;
                tracing::error!(target: "dewar::session", error, "the session of a request that failed could not be saved");
            }
            Err(failure)
        }
    }
}

fn respond<R: Default>(
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
