use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use dewar::ErrorKind;
use dewar::adapter::Scoped;
use dewar::engine::Reply;
use http::header::{HeaderValue, SET_COOKIE, VARY};
use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use crate::Error;
use crate::layer::Replies;

pin_project! {
    /// Runs the inner service, then closes the session if there was one.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future> {
        #[pin]
        inside: Scoped<F>,
        replies: Replies,
    }
}

impl<F: Future> ResponseFuture<F> {
    pub(crate) fn new(inside: Scoped<F>, replies: Replies) -> Self {
        ResponseFuture { inside, replies }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (answer, reply) = ready!(this.inside.poll(context));
        Poll::Ready(match reply {
            None => answer,
            Some(reply) => finish(answer, reply, *this.replies),
        })
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
        Err(error) => return failed(error),
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
            Err(error) => {
                let what = "the session's cookie cannot be a header";
                return failed(dewar::Error::new(ErrorKind::Value, what).with_source(error));
            }
        }
    }
    let said = response.headers().get_all(VARY);
    if let Some(vary) = reply.vary(said.iter().map(HeaderValue::as_bytes)) {
        // What other headers said makes a header again; were it otherwise, no cache might keep the response.
        let vary = HeaderValue::from_maybe_shared(vary).unwrap_or(HeaderValue::from_static("*"));
        response.headers_mut().insert(VARY, vary);
    }
    if replies == Replies::Attached {
        response.extensions_mut().insert(reply);
    }
    response
}

fn failed<R: Default>(error: dewar::Error) -> Response<R> {
    let cause: &dyn std::error::Error = &error;
    tracing::error!(target: "dewar::session", error = cause, "the session could not be saved; answering 500");
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let vary = HeaderValue::from_static("Cookie");
    response.headers_mut().insert(VARY, vary);
    response.extensions_mut().insert(Error::from(error));
    response
}
