use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderValue, SET_COOKIE, VARY};
use dewar::adapter::{Closing, Scope};
use dewar::engine::Reply;
use pin_project_lite::pin_project;

use crate::Error;
use crate::middleware::Replies;

type BoxedClosing = Pin<Box<dyn Future<Output = dewar::Result<Reply>>>>;
type Answer<B> = Result<ServiceResponse<B>, actix_web::Error>;

pin_project! {
    /// Runs the inner service, then closes the session if there was one.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        future: F,
        scope: Scope,
        // The answer, while its session is being closed.
        closing: Option<(BoxedClosing, Answer<B>)>,
        replies: Replies,
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(future: F, scope: Scope, replies: Replies) -> Self {
        ResponseFuture {
            future,
            scope,
            closing: None,
            replies,
        }
    }
}

impl<F, B> Future for ResponseFuture<F, B>
where
    F: Future<Output = Answer<B>>,
{
    type Output = Answer<EitherBody<B>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut closing, answer) = match this.closing.take() {
            Some(begun) => begun,
            None => {
                let future = this.future;
                let answer = ready!(this.scope.enter(|| future.poll(context)));
                match this.scope.close() {
                    None => return Poll::Ready(answer.map(ServiceResponse::map_into_left_body)),
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
        (Ok(response), Err(error)) => Ok(response.error_response(error).map_into_right_body()),
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
            headers.append(VARY, HeaderValue::from_static(vary));
        }
        if self.replies == Replies::Attached {
            response.extensions_mut().insert(self.reply);
        }
    }
}
