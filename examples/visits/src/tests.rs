//! The application as a browser uses it.

#![allow(clippy::unwrap_used)]

use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use dewar::Engine;
use dewar::config::Config;
use dewar_actix::SessionMiddleware;

use crate::app;

#[actix_web::test]
async fn a_visitor_logs_in_and_out() {
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    let middleware = SessionMiddleware::new(engine.clone());
    let app = init_service(App::new().configure(app::routes).wrap(middleware)).await;
    let mut cookie = String::new();
    let mut visit = async |request: TestRequest| {
        let request = request.insert_header((COOKIE, cookie.as_str()));
        let response = call_service(&app, request.to_request()).await;
        if let Some(set) = response.headers().get(SET_COOKIE) {
            cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let status = response.status();
        let page = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        (status, page, cookie.clone())
    };

    let (_, page, first) = visit(TestRequest::get()).await;
    assert!(page.contains("Visit 1"), "{page}");
    let login = TestRequest::post()
        .uri("/login")
        .set_form([("name", "<Ada>")]);
    let (status, _, logged_in) = visit(login).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_ne!(logged_in, first, "the id stays at login");

    let (_, page, _) = visit(TestRequest::get()).await;
    assert!(page.contains("Visit 2"), "{page}");
    assert!(page.contains("Welcome, &lt;Ada&gt;."), "{page}");
    let (_, page, _) = visit(TestRequest::get()).await;
    assert!(!page.contains("Welcome"), "a message is shown once: {page}");

    visit(TestRequest::post().uri("/logout")).await;
    let (_, page, _) = visit(TestRequest::get()).await;
    assert!(
        page.contains("Visit 1") && page.contains("Logged out."),
        "{page}"
    );
    // What the browser held before is worth nothing.
    for ended in [first, logged_in] {
        assert!(engine.open([ended.as_bytes()]).await.unwrap().is_new());
    }
}
