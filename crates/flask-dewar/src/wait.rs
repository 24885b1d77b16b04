//! Runs a future on this thread, for stores that answer at once or block by themselves.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

thread_local! {
    /// When the future that this thread waits for wants to be looked at again, whether it was woken or not.
    static LOOK_AGAIN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The future's result. A future that is not ready is waited for, this thread sleeping meanwhile.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // Nearly all are ready at the first look.
    if let Poll::Ready(output) = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        return output;
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        LOOK_AGAIN.set(None);
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => match LOOK_AGAIN.get() {
                None => thread::park(),
                Some(at) => thread::park_timeout(at.saturating_duration_since(Instant::now())),
            },
        }
    }
}

/// Passes so much time, in a future that [`wait`] runs: what else it waits for wakes it before that.
pub(crate) async fn pause(time: Duration) {
    let end = Instant::now() + time;
    poll_fn(|_| {
        if Instant::now() >= end {
            return Poll::Ready(());
        }
        LOOK_AGAIN.set(Some(LOOK_AGAIN.get().map_or(end, |at| at.min(end))));
        Poll::Pending
    })
    .await;
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}
