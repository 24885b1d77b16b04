//! What every application does with its session, and how it is served; also a part of `../peers-sql`.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::net::TcpListener;

/// What a session holds, beside the counter: 150 bytes of JSON in all.
pub const CART: &str =
    "a copper kettle, two cups of stoneware, a strainer, forty grams of Darjeeling, a tray";

/// A new value each time, so that every write changes something.
pub fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The routes of an axum application, whose session is of the type `$session` and is used like this.
macro_rules! axum_routes {
    ($session:ty, |$fill:ident| $filling:expr, |$read:ident| $reading:expr, |$write:ident, $value:ident| $writing:expr) => {
        axum::Router::new()
            .route("/untouched", axum::routing::get(|| async { "hello" }))
            .route(
                "/fill",
                axum::routing::get(|$fill: $session| async move {
                    $filling;
                    "hello"
                }),
            )
            .route(
                "/read",
                axum::routing::get(|$read: $session| async move {
                    assert!($reading >= 17);
                    "hello"
                }),
            )
            .route(
                "/check",
                axum::routing::get(|$read: $session| async move {
                    assert!($reading >= 1_000);
                    "hello"
                }),
            )
            .route(
                "/write",
                axum::routing::get(|$write: $session| async move {
                    let $value = next();
                    $writing;
                    "hello"
                }),
            )
    };
}

macro_rules! tower_sessions_routes {
    ($session:ty) => {
        axum_routes!(
            $session,
            |session| {
                session.insert("user", "ada").await.unwrap();
                session.insert("cart", CART).await.unwrap();
                session.insert("visits", 17_u64).await.unwrap()
            },
            |session| session.get::<u64>("visits").await.unwrap().unwrap(),
            |session, value| session.insert("visits", value).await.unwrap()
        )
    };
}

pub(crate) use axum_routes;
pub(crate) use tower_sessions_routes;

/// Serves an application until it is killed, on the first core.
pub async fn serve(router: Router, port: u16) -> std::io::Result<()> {
    pin(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await
}

/// Keeps this thread on a core. On a machine with one everything shares it.
pub fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).ok();
}
