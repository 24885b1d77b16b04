//! What a session costs in allocations, over the bare service: none if it is untouched, few if it is read or written.
//!
//! They are counted, not timed, so that every machine finds the same.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dewar::config::Config;
use dewar::store::{
    Capabilities, Created, Cursor, Deleted, Expiry, Key, Listing, Page, Purged, Record, Replaced,
    Sharing, Store, Touched, Version,
};
use dewar::{Engine, Result, UnixTime};
use dewar_tower::{Session, SessionLayer};
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service};

fn allocations(
    service: &mut impl Service<Request<()>, Response = Response<()>, Future: Future>,
    request: Request<()>,
) -> u64 {
    allocation_counter::measure(|| {
        let mut future = pin!(service.call(request));
        let mut context = Context::from_waker(Waker::noop());
        // A store that waits is ready the second time.
        assert!((0..2).any(|_| future.as_mut().poll(&mut context).is_ready()));
    })
    .count_total
}

fn request() -> Request<()> {
    request_with("session=kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo")
}

fn request_with(cookie: &str) -> Request<()> {
    Request::builder()
        .header("cookie", cookie)
        .body(())
        .unwrap()
}

/// A response that has a header already, as those of axum do.
fn response() -> Result<Response<()>, Infallible> {
    let text = HeaderValue::from_static("text/plain");
    let response = Response::builder().header("content-type", text).body(());
    Ok(response.unwrap())
}

/// What reading a number of a session takes, and what writing one takes, over a bare service.
fn read_and_written(config: Config) -> [u64; 2] {
    let layer = SessionLayer::new(Engine::new(config).unwrap());
    let mut filling = layer.layer(tower::service_fn(|request: Request<()>| async move {
        let session = Session::open(request.headers()).await.unwrap();
        session.insert("user", "ada").unwrap();
        session
            .insert("cart", "a copper kettle, two cups of stoneware, a tray")
            .unwrap();
        session.insert("visits", 17).unwrap();
        response()
    }));
    let mut reading = layer.layer(tower::service_fn(|request: Request<()>| async move {
        let session = Session::open(request.headers()).await.unwrap();
        assert!(session.get::<u64>("visits").unwrap().unwrap() >= 17);
        response()
    }));
    let mut writing = layer.layer(tower::service_fn(|request: Request<()>| async move {
        let session = Session::open(request.headers()).await.unwrap();
        let visits = session.get::<u64>("visits").unwrap().unwrap();
        session.insert("visits", visits + 1).unwrap();
        response()
    }));
    let Poll::Ready(Ok(filled)) =
        pin!(filling.call(request())).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("no session");
    };
    let set_cookie = filled.headers()["set-cookie"].to_str().unwrap();
    let cookie = set_cookie.split(';').next().unwrap();
    let mut bare = tower::service_fn(|_: Request<()>| async { response() });
    let without = allocations(&mut bare, request_with(cookie));
    // The first of each warms up.
    allocations(&mut reading, request_with(cookie));
    let read = allocations(&mut reading, request_with(cookie));
    allocations(&mut writing, request_with(cookie));
    let written = allocations(&mut writing, request_with(cookie));
    [read - without, written - without]
}

#[test]
fn a_session_in_a_signed_cookie_takes_few_allocations() {
    let config = Config::new().secret_key("9f3c1e77a05bd2846cf01b9de35a7482");
    // The payload, its entries, the session; what was changed, the new payload, the header.
    assert_eq!(read_and_written(config), [3, 6]);
}

#[test]
fn a_session_in_memory_takes_few_allocations() {
    let config = Config::new().session_type("memory");
    assert_eq!(read_and_written(config), [4, 10]);
}

#[test]
fn an_untouched_session_allocates_nothing() {
    let bare = |_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) };
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    let layer = SessionLayer::new(engine);
    let mut layered = layer.layer(tower::service_fn(bare));
    allocations(&mut layered, request());
    let without = allocations(&mut tower::service_fn(bare), request());
    assert_eq!(allocations(&mut layered, request()), without);

    // The measure measures: a session that is opened does allocate.
    let mut opening = layer.layer(tower::service_fn(|request: Request<()>| async move {
        Session::open(request.headers()).await.unwrap();
        Ok::<_, Infallible>(Response::new(()))
    }));
    assert!(allocations(&mut opening, request()) > without);
}

#[test]
fn a_store_that_waits_takes_two_allocations_more() {
    let opened = |waits| {
        let engine = Engine::builder(Config::new().session_type("redis"));
        let engine = engine.store(Empty { waits }).build().unwrap();
        let layer = SessionLayer::new(engine);
        let mut opening = layer.layer(tower::service_fn(|request: Request<()>| async move {
            Session::open(request.headers()).await.unwrap();
            response()
        }));
        allocations(&mut opening, request());
        allocations(&mut opening, request())
    };
    // What others of the same request wait for, and the store's own wait.
    assert_eq!(opened(true) - opened(false), 2);
}

/// A store in which nothing is, and nothing is written to.
#[derive(Debug)]
struct Empty {
    /// Whether it lets wait, once.
    waits: bool,
}

#[async_trait]
impl Store for Empty {
    async fn load(&self, _: &Key) -> Result<Option<Record>> {
        if self.waits {
            self.pause(Duration::ZERO).await;
        }
        Ok(None)
    }

    async fn create(&self, _: &Key, _: Bytes, _: UnixTime) -> Result<Created> {
        unreachable!()
    }

    async fn replace(&self, _: &Key, _: Bytes, _: UnixTime, _: &Version) -> Result<Replaced> {
        unreachable!()
    }

    async fn touch(&self, _: &Key, _: UnixTime) -> Result<Touched> {
        unreachable!()
    }

    async fn delete(&self, _: &Key) -> Result<()> {
        unreachable!()
    }

    async fn delete_unchanged(&self, _: &Key, _: &Version) -> Result<Deleted> {
        unreachable!()
    }

    async fn delete_expired(&self, _: UnixTime, _: usize) -> Result<Purged> {
        unreachable!()
    }

    async fn list(&self, _: &str, _: Cursor, _: usize) -> Result<Option<Page>> {
        unreachable!()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            expiry: Expiry::Purged,
            listing: Listing::Unsupported,
            sharing: Sharing::Process,
        }
    }
}
