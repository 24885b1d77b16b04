//! What an untouched session costs: not one allocation more than the bare service.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::task::{Context, Poll, Waker};

use dewar::Engine;
use dewar::config::Config;
use dewar_tower::{Session, SessionLayer};
use http::{Request, Response};
use tower::{Layer, Service};

fn allocations(
    service: &mut impl Service<Request<()>, Response = Response<()>, Future: Future>,
    request: Request<()>,
) -> u64 {
    allocation_counter::measure(|| {
        let mut future = std::pin::pin!(service.call(request));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(_)));
    })
    .count_total
}

fn request() -> Request<()> {
    Request::builder()
        .header(
            "cookie",
            "session=kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo",
        )
        .body(())
        .unwrap()
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
