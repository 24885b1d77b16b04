//! Closing a session without waiting, where nothing is waited for.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::execute::Outcome;
use super::{Engine, Interface, Reply, Server};
use crate::Result;
use crate::plan::{Plan, plan};
use crate::session::Session;

impl Engine {
    /// As [`close`](Engine::close), but at once; `None` if that has to wait for the store, and then nothing was done.
    ///
    /// A session that is kept in its cookie, or in a store that never waits
    /// ([`ImmediateStore`](crate::store::ImmediateStore)), is always closed at once; one in another store if nothing
    /// is to be written. An adapter that asks here first needs no place for a future that waits, which is an allocation.
    ///
    /// ```
    /// # async fn end_of_request(session: dewar::Session) -> dewar::Result<()> {
    /// let reply = match session.engine().close_at_once(&session) {
    ///     Some(reply) => reply?,
    ///     None => session.engine().close(&session).await?,
    /// };
    /// # let _ = reply; Ok(()) }
    /// ```
    pub fn close_at_once(&self, session: &Session) -> Option<Result<Reply>> {
        if let Interface::Server(server) = &self.0.interface
            && server.store.immediate().is_none()
        {
            return self.close_unwritten(server, session);
        }
        let close = pin!(self.close(session));
        match close.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reply) => Some(reply),
            Poll::Pending => unreachable!("only calls to a store that may wait are awaited"),
        }
    }

    /// Closes a session with which the store, which may wait, has nothing to do.
    fn close_unwritten(&self, server: &Server, session: &Session) -> Option<Result<Reply>> {
        if server.cleanup_every.is_some() {
            return None;
        }
        let now = self.now();
        let mut state = session.lock();
        if state.saving || state.leftover.is_some() {
            return None;
        }
        let decision = plan(&state.snapshot(), &self.0.policy, now);
        let done = Outcome::Done { merges: 0 };
        (decision.plan == Plan::Nothing).then(|| self.reply(&mut state, decision, done, now))
    }
}
