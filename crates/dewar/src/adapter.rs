//! What the adapters to web frameworks share: how an extractor finds its middleware, and how that ends a request's session.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use crate::engine::Reply;
use crate::{Engine, Error, ErrorKind, Result, Session, events};

/// What failed, for the log line of an adapter's error; `None` if it is not the engine's. The application's own mistakes look for no fault
/// of a store.
///
/// ```
/// use dewar::{Error, ErrorKind, adapter};
///
/// let error = Error::new(ErrorKind::Value, "found a text");
/// assert!(adapter::what_failed(Some(&error)).starts_with("a value of the session is not"));
/// ```
pub fn what_failed(error: Option<&Error>) -> &'static str {
    match error.map(Error::kind) {
        Some(ErrorKind::Value) => {
            "a value of the session is not what the application expects, or cannot be kept"
        }
        _ => "the session could not be opened or saved",
    }
}

/// What a middleware gives to the handlers inside: its engine, and the session once it is open.
///
/// The future of the middleware holds it, and enters it whenever it polls what is inside; meanwhile it lies in a slot
/// of the thread, where [`Scope::open`] finds it. Nothing is allocated, and nothing stays behind between polls.
///
/// ```
/// use dewar::adapter::{Closing, Scope};
/// use dewar::{Engine, Session};
/// # use std::future::{Future, poll_fn};
/// # use std::pin::pin;
///
/// async fn extractor(cookie: &[u8]) -> dewar::Result<Session> {
///     Ok(Scope::open([cookie]).await?.expect("the middleware is around the handler"))
/// }
///
/// async fn middleware(engine: Engine, handler: impl Future<Output = ()>) -> dewar::Result<()> {
///     let mut scope = Scope::new(engine);
///     let mut handler = pin!(handler);
///     poll_fn(|context| scope.enter(|| handler.as_mut().poll(context))).await;
///     let reply = match scope.close() {
///         None => return Ok(()),
///         Some(Closing::Done(reply)) => reply?,
///         Some(Closing::Waits(closing)) => closing.await?,
///     };
///     // … copy what it says into the response.
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Scope(Option<Around>);

pin_project! {
    /// What is inside of a middleware, in a scope of its own, and then the end of its session: the future that a middleware
    /// waits for. It gives what the inside gave, and the reply if a session was opened.
    ///
    /// ```
    /// use dewar::Engine;
    /// use dewar::adapter::Scoped;
    /// # use std::future::Future;
    ///
    /// async fn middleware<R>(engine: Engine, handler: impl Future<Output = R>) -> dewar::Result<R> {
    ///     let (response, reply) = Scoped::new(engine, || handler).await;
    ///     if let Some(reply) = reply {
    ///         let reply = reply?;
    ///         // … copy what it says into the response.
    ///     }
    ///     Ok(response)
    /// }
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<F: Future> {
        #[pin]
        inside: F,
        scope: Scope,
        fails: fn(&F::Output) -> bool,
        // What the inside gave, while its session is being closed.
        closing: Option<(BoxedClosing, F::Output)>,
    }
}

type BoxedClosing = Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

impl<F: Future> Scoped<F> {
    /// Calls what is inside, in a new scope.
    pub fn new(engine: Engine, call: impl FnOnce() -> F) -> Scoped<F> {
        Scoped::around(engine, call, |_| false)
    }

    fn around(
        engine: Engine,
        call: impl FnOnce() -> F,
        fails: fn(&F::Output) -> bool,
    ) -> Scoped<F> {
        let mut scope = Scope::new(engine);
        Scoped {
            inside: scope.enter(call),
            scope,
            fails,
            closing: None,
        }
    }
}

impl<F, R, E> Scoped<F>
where
    F: Future<Output = std::result::Result<R, E>>,
{
    /// As [`new`](Scoped::new), where an error from the inside takes the place of the response, so that no cookie can be sent:
    /// the session is closed by [`Engine::close_unanswered`].
    pub fn fallible(engine: Engine, call: impl FnOnce() -> F) -> Scoped<F> {
        Scoped::around(engine, call, std::result::Result::is_err)
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = (F::Output, Option<Result<Reply>>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut closing, output) = match this.closing.take() {
            Some(begun) => begun,
            None => {
                let inside = this.inside;
                let output = ready!(this.scope.enter(|| inside.poll(context)));
                if (this.fails)(&output) {
                    match this.scope.close_unanswered() {
                        None => return Poll::Ready((output, None)),
                        Some(closing) => (Box::pin(closing) as BoxedClosing, output),
                    }
                } else {
                    match this.scope.close() {
                        None => return Poll::Ready((output, None)),
                        Some(Closing::Done(reply)) => return Poll::Ready((output, Some(reply))),
                        Some(Closing::Waits(closing)) => {
                            (Box::pin(closing) as BoxedClosing, output)
                        }
                    }
                }
            }
        };
        match closing.as_mut().poll(context) {
            Poll::Ready(reply) => Poll::Ready((output, Some(reply))),
            Poll::Pending => {
                *this.closing = Some((closing, output));
                Poll::Pending
            }
        }
    }
}

/// The end of a request's session.
#[derive(Debug)]
pub enum Closing<F> {
    /// Nothing had to be waited for: this is the reply.
    Done(Result<Reply>),
    /// The store is waited for.
    Waits(F),
}

#[derive(Debug)]
struct Around {
    engine: Engine,
    session: Found,
}

/// What an extractor finds of its session.
#[derive(Clone, Debug, Default)]
enum Found {
    /// Nobody has asked for it yet.
    #[default]
    Nothing,
    /// Another extractor waits for the store.
    Opening(Arc<Opening>),
    Open(Session),
}

/// Those who wait for the extractor that opens the session; none once that has ended, with a session or without.
///
/// Not a cell of a library: that allocates to tell nobody that it is filled.
#[derive(Debug)]
struct Opening(Mutex<Option<Vec<Waker>>>);

impl Opening {
    fn has_ended(&self) -> bool {
        self.waiting(|waiting| waiting.is_none())
    }

    /// Waits until it has ended.
    async fn end(&self) {
        poll_fn(|context| {
            self.waiting(|waiting| match waiting {
                None => Poll::Ready(()),
                Some(waiting) => {
                    waiting.push(context.waker().clone());
                    Poll::Pending
                }
            })
        })
        .await;
    }

    fn waiting<R>(&self, look: impl FnOnce(&mut Option<Vec<Waker>>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The extractor that opens the session; when it is dropped, it has ended.
struct Opener(Arc<Opening>);

impl Opener {
    fn new() -> Opener {
        Opener(Arc::new(Opening(Mutex::new(Some(Vec::new())))))
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let waiting = self.0.waiting(Option::take);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

thread_local! {
    static CURRENT: RefCell<Scope> = const { RefCell::new(Scope(None)) };
}

impl Scope {
    /// A request's scope, in which no session is open yet.
    pub fn new(engine: Engine) -> Scope {
        Scope::current(|around| {
            if around.engine.is(&engine) {
                events::nested();
            } else if around.engine.has_cookie_of(&engine) {
                events::one_cookie();
            }
        });
        Scope(Some(Around {
            engine,
            session: Found::Nothing,
        }))
    }

    /// Runs `work` inside of this scope: the first call of what is inside, or a poll.
    pub fn enter<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let guard = Swapped::new(self);
        let result = work();
        drop(guard);
        result
    }

    /// Opens the session of the request with these `Cookie` headers, or gives the one that is open already; `None`
    /// outside of any scope. Of scopes inside of each other, the innermost counts.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open<'c, H>(cookie_headers: H) -> Result<Option<Session>>
    where
        H: IntoIterator<Item = &'c [u8]>,
    {
        let Some((engine, mut found)) =
            Scope::current(|around| (around.engine.clone(), around.session.clone()))
        else {
            return Ok(None);
        };
        loop {
            match found {
                Found::Open(session) => return Ok(Some(session)),
                Found::Opening(opening) if !opening.has_ended() => opening.end().await,
                Found::Nothing | Found::Opening(_) => break,
            }
            found = Scope::current(|around| around.session.clone()).unwrap_or_default();
        }
        let mut open = pin!(engine.open(cookie_headers));
        let mut opener = None;
        let session = poll_fn(|context| {
            let polled = open.as_mut().poll(context);
            if polled.is_pending() && opener.is_none() {
                // Other extractors of the request, which are polled meanwhile, need not load it again.
                let new = opener.insert(Opener::new());
                Scope::current(|around| around.session = Found::Opening(new.0.clone()));
            }
            polled
        });
        let session = session.await?;
        Ok(Scope::current(|around| around.keep(session)))
    }

    /// Ends the scope, and closes its session if one was opened.
    pub fn close(&mut self) -> Option<Closing<impl Future<Output = Result<Reply>> + Send + use<>>> {
        let session = self.0.take()?.session()?;
        // Somebody goes on with it: what is streamed may tell one cookie from another, though nobody has looked yet.
        if session.is_shared() {
            session.set_accessed();
        }
        Some(match session.engine().close_at_once(&session) {
            Some(reply) => Closing::Done(reply),
            None => Closing::Waits(async move { session.engine().close(&session).await }),
        })
    }

    /// As [`close`](Scope::close), for a request that failed without a response: by [`Engine::close_unanswered`].
    pub fn close_unanswered(
        &mut self,
    ) -> Option<impl Future<Output = Result<Reply>> + Send + use<>> {
        let session = self.0.take()?.session()?;
        Some(async move { session.engine().close_unanswered(&session).await })
    }

    fn current<R>(look: impl FnOnce(&mut Around) -> R) -> Option<R> {
        CURRENT.with_borrow_mut(|current| current.0.as_mut().map(look))
    }
}

impl Around {
    /// The session that counts: the first that was opened.
    fn keep(&mut self, session: Session) -> Session {
        if let Found::Open(first) = &self.session {
            return first.clone();
        }
        self.session = Found::Open(session.clone());
        session
    }

    fn session(self) -> Option<Session> {
        match self.session {
            Found::Open(session) => Some(session),
            Found::Nothing | Found::Opening(_) => None,
        }
    }
}

/// Swaps back when dropped, also when the work panics.
struct Swapped<'a>(&'a mut Scope);

impl<'a> Swapped<'a> {
    fn new(scope: &'a mut Scope) -> Swapped<'a> {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, scope));
        Swapped(scope)
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}
