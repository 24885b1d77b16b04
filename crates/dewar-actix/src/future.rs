use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderValue, SET_COOKIE, VARY};
use dewar::adapter::Scoped;
use dewar::engine::Reply;
use pin_project_lite::pin_project;

use crate::Error;
use crate::middleware::Replies;

type Answer<B> = Result<ServiceResponse<B>, actix_web::Error>;

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

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Answer<B>>,
{
    type Output = Answer<EitherBody<B>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (answer, reply) = ready!(this.inside.poll(context));
        Poll::Ready(match reply {
            None => answer.map(ServiceResponse::map_into_left_body),
            Some(reply) => finish(answer, reply, *this.replies),
        })
    }
}

/// The answer with what the reply says. An error of a middleware inside has no response yet: the headers wait for it.
fn finish<B>(
    answer: Answer<B>,
    reply: dewar::Result<Reply>,
    replies: Replies,
) -> Answer<EitherBody<B>> {
    let additions = reply
        .map_err(Error::from)
        .and_then(|reply| Additions::new(reply, replies));
    match (answer, additions) {
        (Ok(mut response), Ok(additions)) => {
            additions.add_to(response.response_mut());
            Ok(response.map_into_left_body())
        }
        (Ok(response), Err(error)) => {
            let mut failed = response.error_response(error);
            let vary = HeaderValue::from_static("Cookie");
            failed.headers_mut().insert(VARY, vary);
            Ok(failed.map_into_right_body())
        }
        (Err(mut failure), Ok(additions)) => {
            failure.add_response_mapper(move |mut response| {
                additions.clone().add_to(&mut response);
                response
            });
            Err(failure)
        }
        (Err(_), Err(error)) => Err(error.into()),
    }
}

/// What a reply adds to a response.
#[derive(Clone)]
struct Additions {
    set_cookie: Option<HeaderValue>,
    reply: Reply,
    replies: Replies,
}

impl Additions {
    fn new(reply: Reply, replies: Replies) -> Result<Additions, Error> {
        let mut set_cookie = reply.set_cookie().map(HeaderValue::from_str).transpose()?;
        if let Some(value) = &mut set_cookie {
            value.set_sensitive(true);
        }
        Ok(Additions {
            set_cookie,
            reply,
            replies,
        })
    }

    fn add_to<B>(self, response: &mut HttpResponse<B>) {
        let headers = response.headers_mut();
        if let Some(set_cookie) = self.set_cookie {
            headers.append(SET_COOKIE, set_cookie);
        }
        if let Some(vary) = self
            .reply
            .vary(headers.get_all(VARY).map(HeaderValue::as_bytes))
        {
            // What other headers said makes a header again; were it otherwise, no cache might keep the response.
            let vary = HeaderValue::from_maybe_shared(vary);
            headers.insert(VARY, vary.unwrap_or(HeaderValue::from_static("*")));
        }
        if self.replies == Replies::Attached {
            response.extensions_mut().insert(self.reply);
        }
    }
}
