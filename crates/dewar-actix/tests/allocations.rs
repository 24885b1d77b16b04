//! What an untouched session costs: not one allocation more than the bare application.

#![allow(clippy::unwrap_used)]

use std::task::{Context, Poll, Waker};

use actix_web::dev::Service;
use actix_web::http::header::COOKIE;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use dewar::Engine;
use dewar::config::Config;
use dewar_actix::{Session, SessionMiddleware};

fn allocations<R>(app: &impl Service<R, Future: Future>, request: R) -> u64 {
    allocation_counter::measure(|| {
        let mut future = std::pin::pin!(app.call(request));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(_)));
    })
    .count_total
}

#[actix_web::test]
async fn an_untouched_session_allocates_nothing() {
    let routes = || {
        App::new()
            .route("/bare", web::get().to(async || "hello"))
            .route("/open", web::get().to(async |_: Session| "hello"))
    };
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    let bare = init_service(routes()).await;
    let wrapped = init_service(routes().wrap(SessionMiddleware::new(engine))).await;
    let request = |path| {
        let cookie = "session=kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo";
        let request = TestRequest::with_uri(path).insert_header((COOKIE, cookie));
        request.to_request()
    };
    allocations(&bare, request("/bare"));
    allocations(&wrapped, request("/bare"));
    let without = allocations(&bare, request("/bare"));
    assert_eq!(allocations(&wrapped, request("/bare")), without);

    // The measure measures: a session that is opened does allocate.
    assert!(allocations(&wrapped, request("/open")) > without);
}
