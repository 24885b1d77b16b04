//! What the adapters to web frameworks share: how an extractor finds its middleware.

use std::cell::RefCell;
use std::future::Future;

use crate::engine::Reply;
use crate::{Engine, Result, Session};

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
    session: Option<Session>,
}

thread_local! {
    static CURRENT: RefCell<Scope> = const { RefCell::new(Scope(None)) };
}

impl Scope {
    /// A request's scope, in which no session is open yet.
    pub fn new(engine: Engine) -> Scope {
        Scope(Some(Around {
            engine,
            session: None,
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
        let Some((engine, open)) =
            Scope::current(|around| (around.engine.clone(), around.session.clone()))
        else {
            return Ok(None);
        };
        if open.is_some() {
            return Ok(open);
        }
        let session = engine.open(cookie_headers).await?;
        // Another branch of the same request may have opened it meanwhile: the first one counts.
        Ok(Scope::current(|around| {
            around.session.get_or_insert(session).clone()
        }))
    }

    /// Ends the scope, and closes its session if one was opened.
    pub fn close(&mut self) -> Option<Closing<impl Future<Output = Result<Reply>> + Send + use<>>> {
        let session = self.0.take()?.session?;
        Some(match session.engine().close_at_once(&session) {
            Some(reply) => Closing::Done(reply),
            None => Closing::Waits(async move { session.engine().close(&session).await }),
        })
    }

    fn current<R>(look: impl FnOnce(&mut Around) -> R) -> Option<R> {
        CURRENT.with_borrow_mut(|current| current.0.as_mut().map(look))
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
