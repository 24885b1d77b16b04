//! How an extractor finds its layer: through the thread, for the time of a poll.
//!
//! The layer's future holds a [`Scope`]. While it polls the inner service, the scope is swapped into a slot of the
//! thread, and back afterwards. Nothing is allocated, and nothing stays behind between polls.

use std::cell::RefCell;

use dewar::{Engine, Session};

/// What a layer gives to the handlers inside: the engine, and the session once it is open.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) engine: Engine,
    pub(crate) session: Option<Session>,
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

impl Scope {
    pub(crate) fn new(engine: Engine) -> Scope {
        Scope {
            engine,
            session: None,
        }
    }

    /// Runs `work` with `scope` as the current one.
    pub(crate) fn enter<R>(scope: &mut Option<Scope>, work: impl FnOnce() -> R) -> R {
        let guard = Swapped::new(scope);
        let result = work();
        drop(guard);
        result
    }

    /// Looks at the scope of the innermost layer around; `None` outside of any.
    pub(crate) fn current<R>(look: impl FnOnce(&mut Scope) -> R) -> Option<R> {
        CURRENT.with_borrow_mut(|current| current.as_mut().map(look))
    }
}

/// Swaps back when dropped, also when the work panics.
struct Swapped<'a>(&'a mut Option<Scope>);

impl<'a> Swapped<'a> {
    fn new(scope: &'a mut Option<Scope>) -> Swapped<'a> {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, scope));
        Swapped(scope)
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}
