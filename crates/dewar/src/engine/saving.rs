//! Saves of one session come one after the other: two at once would not know what the other one has written, and under which id.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::Server;
use crate::session::Session;
use crate::session::state::State;

impl Server {
    /// Waits until no other task of the request saves the session.
    pub(super) async fn begin_saving<'s>(&self, session: &'s Session) -> Saving<'s> {
        if self.store.immediate().is_some() {
            // Whoever saves it does so on another thread, and waits for nothing.
            while !begin(&mut session.lock()) {
                std::thread::yield_now();
            }
        } else {
            poll_fn(|context| {
                let mut state = session.lock();
                if begin(&mut state) {
                    return Poll::Ready(());
                }
                wait(&mut state.waiting, context.waker());
                Poll::Pending
            })
            .await;
        }
        Saving(session)
    }
}

fn begin(state: &mut State) -> bool {
    !std::mem::replace(&mut state.saving, true)
}

fn wait(waiting: &mut Vec<Waker>, waker: &Waker) {
    if !waiting.iter().any(|known| known.will_wake(waker)) {
        waiting.push(waker.clone());
    }
}

/// Whoever saves a session, until it is dropped.
pub(super) struct Saving<'s>(&'s Session);

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.lock();
            state.saving = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
