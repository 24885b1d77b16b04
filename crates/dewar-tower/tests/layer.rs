//! The layer and the extractors, in axum and without it.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE, VARY};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use dewar::config::Config;
use dewar::engine::{Reload, Reply};
use dewar::plan::Reason;
use dewar::{Engine, ErrorKind};
use dewar_tower::{Error, Session, SessionLayer, Typed};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn cookie_engine() -> Engine {
    Engine::new(Config::new().secret_key(KEY)).unwrap()
}

fn memory_engine() -> Engine {
    Engine::new(Config::new().session_type("memory")).unwrap()
}

fn shop(engine: Engine) -> Router {
    Router::new()
        .route("/bare", get(|| async { "bare" }))
        .route(
            "/extracted",
            get(|_: Session| async { "extracted, not used" }),
        )
        .route(
            "/read",
            get(|session: Session| async move { Json(session.get::<Vec<u64>>("cart").unwrap()) }),
        )
        .route(
            "/add",
            post(|session: Session| async move {
                session.update("cart", |cart: &mut Vec<u64>| cart.push(42))?;
                Ok::<_, Error>("added")
            }),
        )
        .route(
            "/broken",
            post(|session: Session| async move {
                session.insert("seen", true).unwrap();
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
        .route(
            "/varied",
            get(|session: Session| async move {
                session.contains("cart");
                [(VARY, "Accept, cookie")]
            }),
        )
        .route(
            "/encoded",
            get(|session: Session| async move {
                session.contains("cart");
                AppendHeaders([(VARY, "accept-encoding"), (VARY, "Accept")])
            }),
        )
        .layer(SessionLayer::new(engine).attach_replies())
}

async fn send(app: &Router, method: &str, path: &str, cookie: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    app.clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

fn cookie(response: &Response<Body>) -> Option<String> {
    let set_cookie = response.headers().get(SET_COOKIE)?.to_str().unwrap();
    Some(set_cookie.split(';').next().unwrap().to_owned())
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_session_lasts_from_one_request_to_the_next() {
    for engine in [cookie_engine(), memory_engine()] {
        let app = shop(engine);
        let response = send(&app, "POST", "/add", None).await;
        let first = cookie(&response).unwrap();
        assert_eq!(response.headers()[VARY], "Cookie");
        assert!(response.headers()[SET_COOKIE].is_sensitive());
        let response = send(&app, "POST", "/add", Some(&first)).await;
        let second = cookie(&response).unwrap();
        let response = send(&app, "GET", "/read", Some(&second)).await;
        assert_eq!(text(response).await, "[42,42]");
    }
}

#[tokio::test]
async fn a_handler_that_does_not_use_its_session_leaves_no_trace() {
    let app = shop(memory_engine());
    let known = cookie(&send(&app, "POST", "/add", None).await).unwrap();
    for cookie in [None, Some(known.as_str()), Some("session=garbage")] {
        for path in ["/bare", "/extracted"] {
            let response = send(&app, "GET", path, cookie).await;
            assert!(!response.headers().contains_key(SET_COOKIE));
            assert!(!response.headers().contains_key(VARY));
        }
    }
}

#[tokio::test]
async fn new_keys_reach_an_application_that_serves() {
    const NEW: &str = "9f3c1e77a05bd2846cf01b9de35a7482";
    let engine = cookie_engine();
    let app = shop(engine.clone());
    let first = cookie(&send(&app, "POST", "/add", None).await).unwrap();
    let keys = Config::new().secret_key(NEW).secret_key_fallbacks([KEY]);
    assert_eq!(engine.reload_keys(&keys).unwrap(), Reload::Changed);
    let second = cookie(&send(&app, "POST", "/add", Some(&first)).await).unwrap();
    // Only the new key signs now.
    let after = shop(Engine::new(Config::new().secret_key(NEW)).unwrap());
    let response = send(&after, "GET", "/read", Some(&second)).await;
    assert_eq!(text(response).await, "[42,42]");
}

#[tokio::test]
async fn a_server_error_keeps_what_the_handler_wrote() {
    let app = shop(memory_engine());
    let response = send(&app, "POST", "/broken", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(cookie(&response).is_some());
}

#[tokio::test]
async fn vary_is_added_once_and_is_one_line() {
    let app = shop(memory_engine());
    let response = send(&app, "GET", "/varied", None).await;
    let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
    assert_eq!(vary, ["Accept, cookie"]);
    let response = send(&app, "GET", "/encoded", None).await;
    let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
    assert_eq!(vary, ["accept-encoding, Accept, Cookie"]);
}

#[tokio::test]
async fn the_reply_is_attached_where_it_is_asked_for() {
    let app = shop(memory_engine());
    let response = send(&app, "POST", "/add", None).await;
    let reply = response.extensions().get::<Reply>().unwrap();
    assert_eq!(reply.decision().reason, Reason::NewWithData);
    assert_eq!(reply.merges(), 0);
    let response = send(&app, "GET", "/bare", None).await;
    assert!(response.extensions().get::<Reply>().is_none());
}

#[tokio::test]
async fn all_extractors_and_middleware_of_a_request_share_one_session() {
    async fn middleware(
        session: Session,
        request: axum::extract::Request,
        next: axum::middleware::Next,
    ) -> axum::response::Response {
        session.insert("from", "middleware").unwrap();
        let response = next.run(request).await;
        assert_eq!(session.get::<u32>("n").unwrap(), Some(1));
        response
    }
    let app = Router::new()
        .route(
            "/",
            get(|one: Session, two: Session| async move {
                one.insert("n", 1).unwrap();
                two.get::<String>("from").unwrap().unwrap()
            }),
        )
        .layer(axum::middleware::from_fn(middleware))
        .layer(SessionLayer::new(memory_engine()));
    let response = send(&app, "GET", "/", None).await;
    assert!(cookie(&response).is_some());
    assert_eq!(text(response).await, "middleware");
}

#[tokio::test]
async fn a_task_of_its_own_finds_the_session_in_the_extensions_of_its_request() {
    async fn in_extensions(
        session: Session,
        mut request: axum::extract::Request,
        next: axum::middleware::Next,
    ) -> axum::response::Response {
        request.extensions_mut().insert(session);
        next.run(request).await
    }
    let app = Router::new()
        .route(
            "/",
            get(|mut parts: Parts| async move {
                let task = tokio::spawn(async move {
                    let session = Session::from_request_parts(&mut parts, &()).await?;
                    session.insert("visits", 1)?;
                    Typed::<Shopper>::from_request_parts(&mut parts, &()).await
                });
                let visitor = task.await.unwrap()?;
                Ok::<_, Error>(visitor.value.visits.to_string())
            }),
        )
        .layer(axum::middleware::from_fn(in_extensions));
    let layered = |engine| app.clone().layer(SessionLayer::new(engine));
    let response = send(&layered(memory_engine()), "GET", "/", None).await;
    assert!(cookie(&response).is_some());
    assert_eq!(text(response).await, "1");

    // A layer inside counts there, whatever the extensions hold.
    let inner = Config::new().session_type("memory");
    let inner = Engine::new(inner.set("SESSION_COOKIE_NAME", "inner")).unwrap();
    let app = Router::new()
        .route(
            "/",
            get(|session: Session| async move { session.insert("n", 1).unwrap() }),
        )
        .layer(SessionLayer::new(inner))
        .layer(axum::middleware::from_fn(in_extensions))
        .layer(SessionLayer::new(memory_engine()));
    let response = send(&app, "GET", "/", None).await;
    assert!(cookie(&response).unwrap().starts_with("inner="));
    assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 1);
}

#[tokio::test]
async fn a_request_that_is_spawned_around_the_layer_saves_its_session_though_nobody_waits() {
    async fn spawn(
        request: axum::extract::Request,
        next: axum::middleware::Next,
    ) -> axum::response::Response {
        tokio::spawn(next.run(request)).await.unwrap()
    }
    let engine = memory_engine();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = Arc::new(Mutex::new(Some(gone)));
    let slow = move |session: Session| async move {
        let gone = gone.lock().unwrap().take();
        gone.unwrap().await.unwrap();
        session.insert("done", true).unwrap();
    };
    let app = Router::new()
        .route("/", get(slow))
        .layer(SessionLayer::new(engine.clone()))
        .layer(axum::middleware::from_fn(spawn));
    let session = engine.open([]).await.unwrap();
    session.insert("user", "ada").unwrap();
    let reply = engine.close(&session).await.unwrap();
    let cookie = reply.set_cookie().unwrap();
    let mut browser = Box::pin(send(&app, "GET", "/", Some(cookie)));
    let waits = std::future::poll_fn(|context| Poll::Ready(browser.as_mut().poll(context)));
    assert!(waits.await.is_pending());
    drop(browser);
    go.send(()).unwrap();
    let seen = async || engine.open([cookie.as_bytes()]).await.unwrap();
    while !seen().await.contains("done") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_error_that_is_unwrapped_shows_its_message() {
    let error = Session::open(&axum::http::HeaderMap::new())
        .await
        .unwrap_err();
    assert_eq!(format!("{error:?}"), format!("NoLayer: {error}"));
    let inner = || dewar::Error::new(ErrorKind::Store, "it failed").with_source("no route");
    let error = Error::from(inner());
    assert_eq!(format!("{error:?}"), format!("{:?}", inner()));
    assert_eq!(error.to_string(), "it failed");
}

#[tokio::test]
async fn without_a_layer_the_error_says_what_to_add() {
    let app = Router::new().route(
        "/",
        get(|session: Result<Session, Error>| async move { session.unwrap_err().to_string() }),
    );
    let response = send(&app, "GET", "/", None).await;
    assert!(
        text(response)
            .await
            .contains(".layer(SessionLayer::new(engine))")
    );
    let app = Router::new().route("/", get(|_: Session| async {}));
    let response = send(&app, "GET", "/", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    // The middleware was added after the layer, so that it runs before.
    async fn middleware(
        session: Result<Session, Error>,
        _: axum::extract::Request,
        _: axum::middleware::Next,
    ) -> axum::response::Response {
        session.unwrap_err().to_string().into_response()
    }
    let app = app
        .layer(SessionLayer::new(memory_engine()))
        .layer(axum::middleware::from_fn(middleware));
    let response = send(&app, "GET", "/", None).await;
    let told = text(response).await;
    assert!(
        told.contains("after the routes and the middleware that uses the session"),
        "{told}"
    );
}

#[tokio::test]
async fn nested_layers_give_each_handler_the_innermost_session() {
    let config = |name: &str| {
        Config::new()
            .session_type("memory")
            .set("SESSION_COOKIE_NAME", name.to_owned())
    };
    let admin = Router::new()
        .route(
            "/admin",
            get(|session: Session| async move { session.insert("admin", 1).unwrap() }),
        )
        .layer(SessionLayer::new(Engine::new(config("admin")).unwrap()));
    let app = Router::new()
        .merge(admin)
        .route(
            "/shop",
            get(|session: Session| async move { session.insert("shop", 1).unwrap() }),
        )
        .layer(SessionLayer::new(Engine::new(config("shop")).unwrap()));
    for name in ["admin", "shop"] {
        let response = send(&app, "GET", &format!("/{name}"), None).await;
        assert!(cookie(&response).unwrap().starts_with(&format!("{name}=")));
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 1);
    }
}

#[tokio::test]
async fn a_struct_can_be_the_session() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Visitor {
        visits: u64,
    }
    let app = Router::new()
        .route(
            "/",
            get(|mut visitor: Typed<Visitor>| async move {
                visitor.value.visits += 1;
                visitor.save()?;
                Ok::<_, Error>(visitor.value.visits.to_string())
            }),
        )
        .layer(SessionLayer::new(cookie_engine()));
    let response = send(&app, "GET", "/", None).await;
    let cookie = cookie(&response).unwrap();
    assert_eq!(text(send(&app, "GET", "/", Some(&cookie)).await).await, "2");
}

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Shopper {
    user: Option<String>,
    cart: Vec<u64>,
    visits: u64,
}

#[tokio::test]
async fn a_struct_that_is_saved_makes_no_key_of_what_is_none() {
    let app = Router::new()
        .route(
            "/look",
            get(|mut shopper: Typed<Shopper>| async move { shopper.save() }),
        )
        .route(
            "/visit",
            get(|mut shopper: Typed<Shopper>| async move {
                shopper.value.visits += 1;
                shopper.save()
            }),
        )
        .route(
            "/members",
            get(|session: Session| async move { session.contains("user").to_string() }),
        )
        .route(
            "/login",
            get(|mut shopper: Typed<Shopper>| async move {
                shopper.value.user = Some("ada".into());
                shopper.save()
            }),
        )
        .route(
            "/logout",
            get(|mut shopper: Typed<Shopper>| async move {
                shopper.value.user = None;
                shopper.save()
            }),
        )
        .layer(SessionLayer::new(cookie_engine()));
    let untouched = send(&app, "GET", "/look", None).await;
    assert_eq!(cookie(&untouched), None);
    let mut known = None;
    for (path, member) in [
        ("/visit", "false"),
        ("/login", "true"),
        ("/logout", "false"),
    ] {
        known = cookie(&send(&app, "GET", path, known.as_deref()).await);
        let response = send(&app, "GET", "/members", known.as_deref()).await;
        assert_eq!(text(response).await, member, "after {path}");
    }
}

#[tokio::test]
async fn a_struct_that_is_saved_late_undoes_nothing() {
    let engine = memory_engine();
    let add = Router::new()
        .route(
            "/add",
            get(|mut shopper: Typed<Shopper>| async move {
                shopper.value.cart.push(1);
                shopper.save()
            }),
        )
        .layer(SessionLayer::new(engine.clone()));
    let cookie = cookie(&send(&add, "GET", "/add", None).await).unwrap();
    let known = cookie.clone();
    let slow = Router::new()
        .route(
            "/slow",
            get(|mut shopper: Typed<Shopper>| async move {
                send(&add, "GET", "/add", Some(&known)).await;
                shopper.session().reload().await?;
                shopper.value.visits += 1;
                shopper.save()
            }),
        )
        .layer(SessionLayer::new(engine.clone()));
    send(&slow, "GET", "/slow", Some(&cookie)).await;
    let session = engine.open([cookie.as_bytes()]).await.unwrap();
    assert_eq!(session.get("cart").unwrap(), Some(vec![1, 1]));
    assert_eq!(session.get("visits").unwrap(), Some(1));
}

#[tokio::test]
async fn a_stream_saves_while_it_is_open() {
    let engine = memory_engine();
    let handle: Arc<Mutex<Option<dewar::Session>>> = Arc::default();
    let kept = handle.clone();
    let app = Router::new()
        .route(
            "/stream",
            get(move |session: Session| async move {
                session.insert("progress", 0).unwrap();
                *kept.lock().unwrap() = Some(session.0.clone());
                "started"
            }),
        )
        .layer(SessionLayer::new(engine.clone()));
    let response = send(&app, "GET", "/stream", None).await;
    let cookie = cookie(&response).unwrap();
    // The response is out; what a stream or a WebSocket does from here on:
    let session = handle.lock().unwrap().take().unwrap();
    session.insert("progress", 50).unwrap();
    session.save().await.unwrap();
    let seen = engine.open([cookie.as_bytes()]).await.unwrap();
    assert_eq!(seen.get::<u32>("progress").unwrap(), Some(50));
}

#[tokio::test]
async fn a_session_that_cannot_be_saved_fails_the_request() {
    let engine = cookie_engine();
    let app = Router::new()
        .route(
            "/",
            get(|session: Session| async move {
                let noise: Vec<f64> = (1..2000).map(|n| 1.0 / f64::from(n)).collect();
                session.insert("noise", noise).unwrap();
                "looks fine"
            }),
        )
        .layer(SessionLayer::new(engine));
    let response = send(&app, "GET", "/", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[VARY], "Cookie");
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn a_response_that_stands_for_an_error_carries_it_to_middleware_outside() {
    let unsaved = |session: Session| async move {
        session.insert("noise", "x").unwrap();
        "looks fine"
    };
    let small = Config::new().secret_key(KEY).set("MAX_COOKIE_SIZE", 20);
    let app = Router::new()
        .route("/unsaved", get(unsaved))
        .layer(SessionLayer::new(Engine::new(small).unwrap()))
        .route("/outside", get(|_: Session| async {}));
    for (path, kind) in [
        ("/unsaved", Some(ErrorKind::CookieTooLarge)),
        ("/outside", None),
    ] {
        let response = send(&app, "GET", path, None).await;
        let error = response.extensions().get::<Error>().unwrap();
        assert_eq!(error.session_error().map(dewar::Error::kind), kind);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn a_plain_tower_service_has_sessions_too() {
    let service = tower::service_fn(|request: Request<()>| async move {
        let session = Session::open(request.headers()).await.unwrap();
        let visits = session.get::<u32>("visits").unwrap().unwrap_or(0) + 1;
        session.insert("visits", visits).unwrap();
        Ok::<_, Infallible>(Response::new(visits.to_string()))
    });
    let mut service = SessionLayer::new(memory_engine()).layer(service);
    let response = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(()))
        .await
        .unwrap();
    let cookie = response.headers()[SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let request = Request::builder().header(COOKIE, cookie).body(()).unwrap();
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.body(), "2");
}

#[tokio::test]
async fn a_service_that_fails_keeps_what_it_wrote_and_its_error() {
    let service = tower::service_fn(|request: Request<()>| async move {
        let session = Session::open(request.headers()).await.unwrap();
        if request.uri().path() == "/logout" {
            session.destroy().unwrap();
            return Err("out of order");
        }
        session.insert("user", "ada").unwrap();
        Ok(Response::new(String::new()))
    });
    let engine = memory_engine();
    let mut service = SessionLayer::new(engine.clone()).layer(service);
    let response = service.ready().await.unwrap().call(Request::new(()));
    let cookie = response.await.unwrap().headers()[SET_COOKIE].clone();
    let read = async || engine.open([cookie.as_bytes()]).await.unwrap();
    assert!(!read().await.is_new());

    let request = Request::builder().uri("/logout").header(COOKIE, &cookie);
    let failed = service
        .ready()
        .await
        .unwrap()
        .call(request.body(()).unwrap());
    assert_eq!(failed.await.unwrap_err(), "out of order");
    assert!(read().await.is_new());
}

#[tokio::test]
async fn a_service_that_fails_leaves_the_browser_the_id_that_it_has() {
    let service = tower::service_fn(|request: Request<()>| async move {
        let session = Session::open(request.headers()).await.unwrap();
        match request.uri().path() {
            "/visit" => session.insert("visited", true).unwrap(),
            "/login" => {
                session.regenerate().unwrap();
                session.insert("user", "ada").unwrap();
            }
            _ => {
                session.insert("cart", 1).unwrap();
                return Ok(Response::new(String::new()));
            }
        }
        Err("out of time")
    });
    let engine = memory_engine();
    let mut service = SessionLayer::new(engine.clone()).layer(service);
    let mut send = async |path: &str, cookie: &str| {
        let request = Request::builder().uri(path).header(COOKIE, cookie);
        let service = service.ready().await.unwrap();
        service.call(request.body(()).unwrap()).await
    };
    let count = async || {
        let store = engine.store().unwrap();
        let page = store.list("session:", Default::default(), 10).await;
        page.unwrap().unwrap().entries.len()
    };
    send("/visit", "").await.unwrap_err();
    assert_eq!(count().await, 0, "nobody knows this session");

    let response = send("/", "").await.unwrap();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    send("/visit", cookie).await.unwrap_err();
    send("/login", cookie).await.unwrap_err();
    let session = engine.open([cookie.as_bytes()]).await.unwrap();
    assert_eq!(session.get("cart").unwrap(), Some(1));
    assert_eq!(session.get("visited").unwrap(), Some(true));
    assert!(!session.contains("user"));
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn a_panic_in_a_handler_leaves_no_session_behind_for_the_next_request_of_the_thread() {
    let app = Router::new()
        .route(
            "/panic",
            get(|_: Session| async {
                if true {
                    panic!("in the handler")
                }
            }),
        )
        .layer(SessionLayer::new(memory_engine()));
    let panicking = tokio::spawn({
        let app = app.clone();
        async move { send(&app, "GET", "/panic", None).await }
    });
    assert!(panicking.await.is_err());
    let outside = Session::open(&axum::http::HeaderMap::new()).await;
    assert!(outside.is_err(), "a scope was left in the thread");
}

#[tokio::test]
async fn concurrent_requests_on_one_thread_do_not_mix_their_sessions() {
    let app = Router::new()
        .route(
            "/{name}",
            get(|axum::extract::Path(name): axum::extract::Path<String>, session: Session| async move {
                session.insert("name", &name).unwrap();
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                    assert_eq!(Session::open(&axum::http::HeaderMap::new()).await.unwrap().get::<String>("name").unwrap(), Some(name.clone()));
                }
                name.into_response()
            }),
        )
        .layer(SessionLayer::new(memory_engine()));
    let requests = (0..50).map(|n| {
        let app = app.clone();
        async move { text(send(&app, "GET", &format!("/{n}"), None).await).await }
    });
    let answers = futures_join(requests).await;
    assert_eq!(answers, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// Polls all in one task, interleaved.
async fn futures_join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(
            futures
                .iter_mut()
                .map(|(_, output)| output.take().unwrap())
                .collect(),
        )
    })
    .await
}
