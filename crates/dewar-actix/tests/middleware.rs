//! The middleware and the extractors, in an application of actix-web.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::error::ErrorImATeapot;
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, ORIGIN, SET_COOKIE, VARY};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use dewar::config::Config;
use dewar::engine::{Reload, Reply};
use dewar::plan::Reason;
use dewar::{Engine, ErrorKind};
use dewar_actix::{Error, Session, SessionMiddleware, Typed};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn cookie_engine() -> Engine {
    Engine::new(Config::new().secret_key(KEY)).unwrap()
}

fn memory_engine() -> Engine {
    Engine::new(Config::new().session_type("memory")).unwrap()
}

/// An application with these routes, inside of the middleware.
macro_rules! app {
    ($engine:expr, $($path:literal => $handler:expr),+ $(,)?) => {
        init_service(
            App::new()
                $(.route($path, web::to($handler)))+
                .wrap(SessionMiddleware::new($engine).attach_replies()),
        )
        .await
    };
}

macro_rules! shop {
    ($engine:expr) => {
        app!($engine,
            "/bare" => async || "bare",
            "/extracted" => async |_: Session| "extracted, not used",
            "/read" => read,
            "/add" => add,
            "/broken" => broken,
            "/failing" => failing,
            "/varied" => varied,
            "/encoded" => encoded,
        )
    };
}

async fn read(session: Session) -> actix_web::Result<web::Json<Option<Vec<u64>>>> {
    Ok(web::Json(session.get("cart")?))
}

async fn add(session: Session) -> actix_web::Result<&'static str> {
    session.update("cart", |cart: &mut Vec<u64>| cart.push(42))?;
    Ok("added")
}

async fn broken(session: Session) -> HttpResponse {
    session.insert("cart", [1]).unwrap();
    HttpResponse::InternalServerError().finish()
}

async fn failing(session: Session) -> actix_web::Result<&'static str> {
    session.insert("cart", [2])?;
    Err(ErrorImATeapot("short and stout"))
}

async fn varied(session: Session) -> HttpResponse {
    session.contains("cart");
    HttpResponse::Ok()
        .insert_header((VARY, "Accept, cookie"))
        .finish()
}

async fn encoded(session: Session) -> HttpResponse {
    session.contains("cart");
    let mut response = HttpResponse::Ok();
    response.append_header((VARY, "accept-encoding"));
    response.append_header((VARY, "Accept")).finish()
}

fn request(path: &str, cookie: Option<&str>) -> TestRequest {
    let request = TestRequest::with_uri(path);
    match cookie {
        Some(cookie) => request.insert_header((COOKIE, cookie)),
        None => request,
    }
}

macro_rules! send {
    ($app:expr, $path:expr, $cookie:expr) => {
        call_service(&$app, request($path, $cookie).to_request()).await
    };
}

fn cookie<B>(response: &ServiceResponse<B>) -> Option<String> {
    let set_cookie = response.headers().get(SET_COOKIE)?.to_str().unwrap();
    Some(set_cookie.split(';').next().unwrap().to_owned())
}

async fn text(response: ServiceResponse<impl MessageBody>) -> String {
    String::from_utf8(read_body(response).await.to_vec()).unwrap()
}

#[actix_web::test]
async fn a_session_lasts_from_one_request_to_the_next() {
    for engine in [cookie_engine(), memory_engine()] {
        let app = shop!(engine);
        let response = send!(app, "/add", None);
        let first = cookie(&response).unwrap();
        assert_eq!(response.headers().get(VARY).unwrap(), "Cookie");
        assert!(response.headers().get(SET_COOKIE).unwrap().is_sensitive());
        let response = send!(app, "/add", Some(&first));
        let second = cookie(&response).unwrap();
        assert_eq!(text(send!(app, "/read", Some(&second))).await, "[42,42]");
    }
}

#[actix_web::test]
async fn a_handler_that_does_not_use_its_session_leaves_no_trace() {
    let app = shop!(memory_engine());
    let known = cookie(&send!(app, "/add", None)).unwrap();
    for cookie in [None, Some(known.as_str()), Some("session=garbage")] {
        for path in ["/bare", "/extracted"] {
            let response = send!(app, path, cookie);
            assert!(!response.headers().contains_key(SET_COOKIE));
            assert!(!response.headers().contains_key(VARY));
        }
    }
}

#[actix_web::test]
async fn new_keys_reach_an_application_that_serves() {
    const NEW: &str = "9f3c1e77a05bd2846cf01b9de35a7482";
    let engine = cookie_engine();
    let app = shop!(engine.clone());
    let first = cookie(&send!(app, "/add", None)).unwrap();
    let keys = Config::new().secret_key(NEW).secret_key_fallbacks([KEY]);
    assert_eq!(engine.reload_keys(&keys).unwrap(), Reload::Changed);
    let second = cookie(&send!(app, "/add", Some(&first))).unwrap();
    // Only the new key signs now.
    let after = shop!(Engine::new(Config::new().secret_key(NEW)).unwrap());
    assert_eq!(text(send!(after, "/read", Some(&second))).await, "[42,42]");
}

#[actix_web::test]
async fn a_failed_request_keeps_what_the_handler_wrote() {
    for (path, status, cart) in [
        ("/broken", StatusCode::INTERNAL_SERVER_ERROR, "[1]"),
        ("/failing", StatusCode::IM_A_TEAPOT, "[2]"),
    ] {
        let app = shop!(memory_engine());
        let response = send!(app, path, None);
        assert_eq!(response.status(), status);
        let cookie = cookie(&response).unwrap();
        assert_eq!(text(send!(app, "/read", Some(&cookie))).await, cart);
    }
}

#[actix_web::test]
async fn a_failed_middleware_keeps_what_it_wrote_and_its_error() {
    async fn refuse(
        session: Session,
        request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
        if request.path() == "/refused" {
            session.insert("cart", [3])?;
            return Err(Refused.into());
        }
        next.call(request).await
    }
    #[derive(Debug)]
    struct Refused;
    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("refused")
        }
    }
    impl actix_web::ResponseError for Refused {
        fn status_code(&self) -> StatusCode {
            StatusCode::FORBIDDEN
        }
    }
    let app = init_service(
        App::new()
            .route("/refused", web::get().to(async || "not reached"))
            .route("/read", web::get().to(read))
            .wrap(from_fn(refuse))
            .wrap(SessionMiddleware::new(memory_engine()).attach_replies()),
    )
    .await;
    let error = app
        .call(request("/refused", None).to_request())
        .await
        .unwrap_err();
    assert!(error.as_error::<Refused>().is_some());
    for _ in 0..2 {
        let response = error.error_response();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers().get(VARY).unwrap(), "Cookie");
        assert_eq!(response.headers().get_all(SET_COOKIE).count(), 1);
        assert!(response.extensions().contains::<Reply>());
        let set_cookie = response.headers().get(SET_COOKIE).unwrap();
        let cookie = set_cookie.to_str().unwrap().split(';').next();
        assert_eq!(text(send!(app, "/read", cookie)).await, "[3]");
    }
}

#[actix_web::test]
async fn vary_is_added_once_and_is_one_line() {
    let app = shop!(memory_engine());
    let response = send!(app, "/varied", None);
    let vary: Vec<_> = response.headers().get_all(VARY).collect();
    assert_eq!(vary, ["Accept, cookie"]);
    let response = send!(app, "/encoded", None);
    let vary: Vec<_> = response.headers().get_all(VARY).collect();
    assert_eq!(vary, ["accept-encoding, Accept, Cookie"]);
}

#[actix_web::test]
async fn a_response_varies_by_the_cookie_behind_cors_that_looks_at_one_vary_alone() {
    let app = App::new()
        .route("/encoded", web::to(encoded))
        .wrap(SessionMiddleware::new(memory_engine()))
        .wrap(actix_cors::Cors::permissive());
    let app = init_service(app).await;
    let request = request("/encoded", None).insert_header((ORIGIN, "https://shop.example"));
    let response = call_service(&app, request.to_request()).await;
    let vary: Vec<_> = response.headers().get_all(VARY).collect();
    assert_eq!(vary.len(), 1);
    let vary = vary[0].to_str().unwrap();
    assert!(
        vary.starts_with("accept-encoding, Accept, Cookie, Origin,"),
        "{vary}"
    );
}

#[actix_web::test]
async fn the_reply_is_attached_where_it_is_asked_for() {
    let app = shop!(memory_engine());
    let response = send!(app, "/add", None);
    let reply = response.response().extensions().get::<Reply>().cloned();
    let reply = reply.unwrap();
    assert_eq!(reply.decision().reason, Reason::NewWithData);
    assert_eq!(reply.merges(), 0);
    let response = send!(app, "/bare", None);
    assert!(!response.response().extensions().contains::<Reply>());
    let quiet = App::new()
        .route("/add", web::to(add))
        .wrap(SessionMiddleware::new(memory_engine()));
    let response = send!(init_service(quiet).await, "/add", None);
    assert!(!response.response().extensions().contains::<Reply>());
}

#[actix_web::test]
async fn all_extractors_and_middleware_of_a_request_share_one_session() {
    async fn outer(
        session: Session,
        request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
        session.insert("from", "middleware")?;
        let response = next.call(request).await?;
        assert_eq!(session.get::<u32>("n")?, Some(1));
        // Also by the request of the response, when the handler is done.
        let again = Session::extract(response.request()).await?;
        assert_eq!(again.get::<u32>("n")?, Some(1));
        Ok(response)
    }
    let app = App::new()
        .route(
            "/",
            web::get().to(async |one: Session, two: Session, request: HttpRequest| {
                one.insert("n", 1)?;
                let three = Session::extract(&request).await?;
                assert_eq!(three.get::<u32>("n")?, Some(1));
                Ok::<_, Error>(two.get::<String>("from")?.unwrap())
            }),
        )
        .wrap(from_fn(outer))
        .wrap(SessionMiddleware::new(memory_engine()));
    let response = send!(init_service(app).await, "/", None);
    assert!(cookie(&response).is_some());
    assert_eq!(text(response).await, "middleware");
}

#[actix_web::test]
async fn a_task_of_its_own_and_a_guard_find_the_session_in_the_extensions_of_their_request() {
    async fn in_extensions(
        session: Session,
        request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
        request.extensions_mut().insert(session);
        next.call(request).await
    }
    async fn own_task(request: HttpRequest) -> Result<String, Error> {
        let task = actix_web::rt::spawn(async move {
            let session = Session::extract(&request).await?;
            session.insert("visits", 1)?;
            Typed::<Shopper>::extract(&request).await
        });
        let visitor = task.await.unwrap()?;
        Ok(visitor.value.visits.to_string())
    }
    let known = |context: &GuardContext<'_>| {
        let extensions = context.req_data();
        let session = extensions.get::<Session>();
        session.is_some_and(|session| session.contains("visits"))
    };
    let app = App::new()
        .service(
            web::resource("/")
                .guard(fn_guard(known))
                .to(async || "known"),
        )
        .route("/", web::get().to(own_task))
        .wrap(from_fn(in_extensions))
        .wrap(SessionMiddleware::new(memory_engine()));
    let app = init_service(app).await;
    let response = send!(app, "/", None);
    let cookie = cookie(&response);
    assert_eq!(text(response).await, "1");
    assert_eq!(text(send!(app, "/", cookie.as_deref())).await, "known");
}

#[actix_web::test]
async fn an_error_that_is_unwrapped_shows_its_message() {
    let request = TestRequest::default().to_http_request();
    let error = Session::extract(&request).await.unwrap_err();
    assert_eq!(format!("{error:?}"), format!("NoMiddleware: {error}"));
    let inner = || dewar::Error::new(ErrorKind::Store, "it failed").with_source("no route");
    let error = Error::from(inner());
    assert_eq!(format!("{error:?}"), format!("{:?}", inner()));
    assert_eq!(error.to_string(), "it failed");
    let control = actix_web::http::header::HeaderValue::from_str("\n").unwrap_err();
    assert_eq!(
        format!("{:?}", Error::from(control)),
        "Cookie: the session's cookie cannot be a header\n  caused by: failed to parse header value"
    );
}

#[actix_web::test]
async fn without_a_middleware_the_error_says_what_to_add() {
    let app = App::new()
        .route(
            "/told",
            web::get().to(async |session: Result<Session, Error>| session.unwrap_err().to_string()),
        )
        .route("/", web::get().to(async |_: Session| "not reached"));
    let app = init_service(app).await;
    let told = text(send!(app, "/told", None)).await;
    assert!(
        told.contains(".wrap(SessionMiddleware::new(engine))"),
        "{told}"
    );
    let response = send!(app, "/", None);
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text(response).await, "");
}

#[actix_web::test]
async fn nested_middleware_gives_each_handler_the_innermost_session() {
    let middleware = |name: &str| {
        let config = Config::new().session_type("memory");
        let config = config.set("SESSION_COOKIE_NAME", name.to_owned());
        SessionMiddleware::new(Engine::new(config).unwrap())
    };
    let admin = web::scope("/admin")
        .route("/", web::get().to(add))
        .wrap(middleware("admin"));
    let app = App::new()
        .service(admin)
        .route("/shop/", web::get().to(add))
        .wrap(middleware("shop"));
    let app = init_service(app).await;
    for name in ["admin", "shop"] {
        let response = send!(app, &format!("/{name}/"), None);
        assert!(cookie(&response).unwrap().starts_with(&format!("{name}=")));
        assert_eq!(response.headers().get_all(SET_COOKIE).count(), 1);
    }
}

#[actix_web::test]
async fn a_struct_can_be_the_session() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Visitor {
        visits: u64,
    }
    async fn visit(mut visitor: Typed<Visitor>) -> actix_web::Result<String> {
        visitor.value.visits += 1;
        visitor.save()?;
        Ok(visitor.value.visits.to_string())
    }
    let app = app!(cookie_engine(), "/" => visit);
    let cookie = cookie(&send!(app, "/", None)).unwrap();
    assert_eq!(text(send!(app, "/", Some(&cookie))).await, "2");
}

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Shopper {
    user: Option<String>,
    cart: Vec<u64>,
    visits: u64,
}

#[actix_web::test]
async fn a_struct_that_is_saved_makes_no_key_of_what_is_none() {
    async fn look(mut shopper: Typed<Shopper>) -> Result<&'static str, Error> {
        shopper.save()?;
        Ok("nothing is changed")
    }
    async fn visit(mut shopper: Typed<Shopper>) -> Result<&'static str, Error> {
        shopper.value.visits += 1;
        shopper.save()?;
        Ok("welcome")
    }
    async fn login(mut shopper: Typed<Shopper>) -> Result<&'static str, Error> {
        shopper.value.user = Some("ada".into());
        shopper.save()?;
        Ok("hello")
    }
    async fn logout(mut shopper: Typed<Shopper>) -> Result<&'static str, Error> {
        shopper.value.user = None;
        shopper.save()?;
        Ok("bye")
    }
    let app = app!(cookie_engine(),
        "/look" => look,
        "/visit" => visit,
        "/login" => login,
        "/logout" => logout,
        "/members" => async |session: Session| session.contains("user").to_string(),
    );
    assert_eq!(cookie(&send!(app, "/look", None)), None);
    let mut known = None;
    for (path, member) in [
        ("/visit", "false"),
        ("/login", "true"),
        ("/logout", "false"),
    ] {
        known = cookie(&send!(app, path, known.as_deref()));
        let response = send!(app, "/members", known.as_deref());
        assert_eq!(text(response).await, member, "after {path}");
    }
}

#[actix_web::test]
async fn a_struct_that_is_saved_late_undoes_nothing() {
    async fn slow(
        mut shopper: Typed<Shopper>,
        request: HttpRequest,
    ) -> Result<&'static str, Error> {
        let cookie = request.headers().get(COOKIE).unwrap().as_bytes();
        let quick = shopper.session().engine().open([cookie]).await?;
        quick.update("cart", |cart: &mut Vec<u64>| cart.push(1))?;
        quick.save().await?;
        shopper.session().reload().await?;
        shopper.value.visits += 1;
        shopper.save()?;
        Ok("done")
    }
    let engine = memory_engine();
    let app = app!(engine.clone(), "/add" => add, "/slow" => slow);
    let cookie = cookie(&send!(app, "/add", None)).unwrap();
    send!(app, "/slow", Some(&cookie));
    let session = engine.open([cookie.as_bytes()]).await.unwrap();
    assert_eq!(session.get("cart").unwrap(), Some(vec![42, 1]));
    assert_eq!(session.get("visits").unwrap(), Some(1));
}

#[actix_web::test]
async fn a_stream_saves_while_it_is_open() {
    let engine = memory_engine();
    let handle: Arc<Mutex<Option<dewar::Session>>> = Arc::default();
    let kept = handle.clone();
    let app = app!(engine.clone(), "/stream" => move |session: Session| {
        session.insert("progress", 0).unwrap();
        *kept.lock().unwrap() = Some(session.0.clone());
        async { "started" }
    });
    let response = send!(app, "/stream", None);
    let cookie = cookie(&response).unwrap();
    // The response is out; what a stream or a WebSocket does from here on:
    let session = handle.lock().unwrap().take().unwrap();
    session.insert("progress", 50).unwrap();
    session.save().await.unwrap();
    let seen = engine.open([cookie.as_bytes()]).await.unwrap();
    assert_eq!(seen.get::<u32>("progress").unwrap(), Some(50));
}

#[actix_web::test]
async fn a_session_that_cannot_be_saved_fails_the_request() {
    async fn too_much(session: Session) -> actix_web::Result<&'static str> {
        let noise: Vec<f64> = (1..2000).map(|n| 1.0 / f64::from(n)).collect();
        session.insert("noise", noise)?;
        Ok("looks fine")
    }
    let app = app!(cookie_engine(), "/" => too_much);
    let response = send!(app, "/", None);
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.headers().get(VARY).unwrap(), "Cookie");
    let error = response.response().error().unwrap();
    let error = error.as_error::<Error>().unwrap().session_error().unwrap();
    assert_eq!(error.kind(), dewar::ErrorKind::CookieTooLarge);
    assert_eq!(text(response).await, "");
}

#[actix_web::test]
async fn a_panic_in_a_handler_leaves_no_session_behind_for_the_next_request_of_the_thread() {
    async fn panicking(_: Session) -> &'static str {
        panic!("in the handler")
    }
    let app = app!(memory_engine(), "/panic" => panicking);
    let request = request("/panic", None).to_request();
    let call = actix_web::rt::spawn(async move {
        app.call(request).await.ok();
    });
    assert!(call.await.is_err());
    let outside = Session::extract(&TestRequest::default().to_http_request()).await;
    assert!(outside.is_err(), "a scope was left in the thread");
}

#[actix_web::test]
async fn concurrent_requests_on_one_thread_do_not_mix_their_sessions() {
    async fn patient(request: HttpRequest, session: Session) -> actix_web::Result<String> {
        let name = request.path().to_owned();
        session.insert("name", &name)?;
        for _ in 0..20 {
            tokio::task::yield_now().await;
            let session = Session::extract(&request).await?;
            assert_eq!(session.get::<String>("name")?, Some(name.clone()));
        }
        Ok(name)
    }
    let app = std::rc::Rc::new(app!(memory_engine(), "/{name}" => patient));
    let requests: Vec<_> = (0..50)
        .map(|n| {
            let app = app.clone();
            actix_web::rt::spawn(async move { text(send!(*app, &format!("/{n}"), None)).await })
        })
        .collect();
    for (n, request) in requests.into_iter().enumerate() {
        assert_eq!(request.await.unwrap(), format!("/{n}"));
    }
}
