//! Dewar sessions for tower services and axum handlers: one layer, one extractor.
//!
//! ```
//! use axum::{Router, routing::get};
//! use dewar::{Engine, config::Config};
//! use dewar_tower::{Session, SessionLayer};
//!
//! async fn count(session: Session) -> Result<String, dewar_tower::Error> {
//!     let visits = session.update("visits", |visits: &mut u64| {
//!         *visits += 1;
//!         *visits
//!     })?;
//!     Ok(format!("You were here {visits} times."))
//! }
//!
//! # fn app() -> dewar::Result<Router> {
//! let engine = Engine::new(Config::new().secret_key("an example: make yours with 32 random bytes"))?;
//! let app = Router::new().route("/", get(count)).layer(SessionLayer::new(engine));
//! # Ok(app) }
//! # app().unwrap();
//! ```
//!
//! Beside `axum` 0.8, the examples on this page take `serde` with its feature `derive`, `tower` with `util` (for tests), and `tracing` and `tokio` with `signal` (for new
//! keys).
//!
//! A handler that does not ask for its [`Session`] costs no store call, no parsing and no allocation: the layer looks at
//! nothing until the extractor runs. The extractor finds the layer through the task that both run in: a handler that starts a task
//! of its own takes its session first, and gives it to the task.
//!
//! # Beside other layers
//!
//! The layer makes a response of its own if a session cannot be saved, so the type of the body must have a `Default`, as axum's has. In a
//! `ServiceBuilder` it stands after layers that change the type, such as tower-http's `TraceLayer` and `RequestBodyLimitLayer`, or in a
//! `.layer` of its own, where axum's router has made one type of all bodies:
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use dewar_tower::{Session, SessionLayer};
//! // A handler that also answers where there is no session: `Result`, and not `Option`.
//! async fn home(session: Result<Session, dewar_tower::Error>) -> &'static str {
//!     match session {
//!         Ok(session) if session.contains("user") => "for members",
//!         Ok(_) => "for guests",
//!         Err(_) => "sessions are out of order",
//!     }
//! }
//!
//! # fn app(engine: dewar::Engine) -> Router {
//! Router::new()
//!     .route("/", get(home))
//!     .layer(SessionLayer::new(engine))
//!     // .layer(TraceLayer::new_for_http()) and others
//! # }
//! ```
//!
//! Middleware that uses the session stands inside: on a router, what is added last runs first.
//!
//! ```
//! use axum::extract::Request;
//! use axum::middleware::{Next, from_fn};
//! use axum::response::{IntoResponse, Redirect, Response};
//! use axum::{Router, routing::get};
//! use dewar_tower::{Session, SessionLayer};
//!
//! async fn members_only(session: Session, request: Request, next: Next) -> Response {
//!     if !session.contains("user") {
//!         return Redirect::to("/login").into_response();
//!     }
//!     next.run(request).await
//! }
//!
//! # fn app(engine: dewar::Engine) -> Router {
//! Router::new()
//!     .route("/", get(async || "for members"))
//!     .route_layer(from_fn(members_only))
//!     .route("/login", get(async || "for everybody"))
//!     .layer(SessionLayer::new(engine))
//! # }
//! ```
//!
//! A layer that makes a response of a panic (`CatchPanicLayer`) or of a time that is over (`TimeoutLayer`) stands outside where such a request is to change nothing, and
//! inside where its changes are to be saved.
//!
//! # When a session cannot be had
//!
//! A handler's error is [`Error`], which is a response, and which `?` makes of a [`dewar::Error`]; a helper that returns a [`dewar::Result`] is called with `?`, too.
//! `axum::response::Result` takes whatever is a response, so there it has to be said: `session.get("user").map_err(Error::from)?`.
//!
//! As a response it is an empty 500; so is what takes the place of the handler's if the session cannot be saved. Both have the [`Error`] among their extensions, so that
//! middleware outside of the layer can answer in the application's own way:
//!
//! ```
//! use axum::extract::Request;
//! use axum::http::{StatusCode, header::RETRY_AFTER};
//! use axum::middleware::{Next, from_fn};
//! use axum::response::{IntoResponse, Response};
//! use axum::{Router, routing::get};
//! use dewar_tower::{Error, Session, SessionLayer};
//!
//! async fn sorry(request: Request, next: Next) -> Response {
//!     let response = next.run(request).await;
//!     let error = response.extensions().get::<Error>();
//!     match error.and_then(Error::session_error) {
//!         Some(error) if error.is_temporary() => {
//!             let later = [(RETRY_AFTER, "5")];
//!             (StatusCode::SERVICE_UNAVAILABLE, later, "Please come back in a moment.").into_response()
//!         }
//!         _ => response,
//!     }
//! }
//!
//! async fn home(session: Session) -> axum::response::Result<String> {
//!     let user: Option<String> = session.get("user").map_err(Error::from)?;
//!     Ok(user.unwrap_or_else(|| "somebody".to_owned()))
//! }
//!
//! # fn app(engine: dewar::Engine) -> Router {
//! Router::new()
//!     .route("/", get(home))
//!     .layer(SessionLayer::new(engine))
//!     .layer(from_fn(sorry))
//! # }
//! ```
//!
//! # In a task of its own, or where nothing can be awaited
//!
//! A framework may run what it calls in a task of its own, as Leptos does with server functions while it renders a page. Other code has only
//! the request and cannot wait for a store: the span of a `TraceLayer`, the key of a rate limit (`tower_governor`). For both, a middleware
//! opens the session and puts it into the request's extensions. The extractors look there too, where no layer is around.
//!
//! ```
//! use axum::Router;
//! use axum::extract::Request;
//! use axum::middleware::{Next, from_fn};
//! use axum::response::Response;
//! use dewar_tower::{Session, SessionLayer};
//!
//! async fn open_session(session: Session, mut request: Request, next: Next) -> Response {
//!     request.extensions_mut().insert(session);
//!     next.run(request).await
//! }
//!
//! // What has only the request.
//! fn user_of<B>(request: &axum::http::Request<B>) -> Option<String> {
//!     let session = request.extensions().get::<Session>()?;
//!     session.get("user").ok()?
//! }
//!
//! # fn app(engine: dewar::Engine) -> Router {
//! Router::new()
//!     // routes, and layers that call `user_of`
//!     .layer(from_fn(open_session))
//!     .layer(SessionLayer::new(engine))
//! # }
//! ```
//!
//! It opens the session of every request that passes, so it belongs around those that need it.
//!
//! A middleware that spawns the whole rest of the request, so that it comes to its end though the browser goes away, stands outside of the layer: then the
//! session is saved, too.
//!
//! # Streams, server-sent events, WebSockets
//!
//! Headers are sent before such a handler is done. Keep a clone of the session and call
//! [`save`](dewar::Session::save) whenever something should be kept; what was written before the response started is
//! saved with it, cookie included. What is changed later and not saved is lost, and warned of in the log.
//!
//! What stays open for long asks [`reload`](dewar::Session::reload) whether the session still lives, and what is in it now: after a logout it is an
//! error of the kind [`Gone`](dewar::ErrorKind::Gone). A `save` also moves the record's expiry; to move that of a permanent session's cookie takes a response.
//!
//! A body that is only made bit by bit, from a template say, is streamed as well: take what it needs from the session before the response
//! starts, flash messages too. A message that is taken while the body streams is not taken out of the saved session, and is shown again.
//!
//! # The application's own user
//!
//! An extractor is built on the session like this; handlers then take a `User`, and whoever has not logged in is sent to the form.
//!
//! ```
//! use axum::extract::FromRequestParts;
//! use axum::http::request::Parts;
//! use axum::response::{IntoResponse, Redirect, Response};
//! use dewar_tower::{Error, Session};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct User {
//!     name: String,
//! }
//!
//! impl<S: Send + Sync> FromRequestParts<S> for User {
//!     type Rejection = Response;
//!
//!     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<User, Response> {
//!         let session = Session::from_request_parts(parts, state).await;
//!         let user = session.and_then(|session| Ok(session.get::<User>("user")?));
//!         user.map_err(Error::into_response)?
//!             .ok_or_else(|| Redirect::to("/login").into_response())
//!     }
//! }
//!
//! async fn log_in(session: Session) -> Result<Redirect, Error> {
//!     // After a look at the password: a new id, so that one that was planted before is worth nothing.
//!     session.regenerate()?;
//!     session.insert("user", User { name: "ada".to_owned() })?;
//!     Ok(Redirect::to("/"))
//! }
//!
//! async fn log_out(session: Session) -> Result<Redirect, Error> {
//!     session.destroy()?;
//!     Ok(Redirect::to("/"))
//! }
//! ```
//!
//! # In tests
//!
//! The application's engine makes a visitor's session and its cookie, and reads it again:
//!
//! ```
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use dewar::{Engine, config::Config};
//! use dewar_tower::{Error, Session, SessionLayer};
//! use tower::ServiceExt;
//!
//! fn app(engine: Engine) -> Router {
//!     let visit = |session: Session| async move { session.insert("visited", true).map_err(Error::from) };
//!     Router::new().route("/", get(visit)).layer(SessionLayer::new(engine))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(Config::new().session_type("memory"))?;
//! let session = engine.open([]).await?;
//! session.insert("user", "ada")?;
//! let reply = engine.close(&session).await?;
//! let cookie = reply.set_cookie().expect("the session is new");
//!
//! let request = Request::get("/").header("cookie", cookie).body(Body::empty())?;
//! app(engine.clone()).oneshot(request).await?;
//!
//! let session = engine.open([cookie.as_bytes()]).await?;
//! assert_eq!(session.get("visited")?, Some(true));
//! # Ok(()) }
//! ```
//!
//! # New keys without a restart
//!
//! The layer's engine is a clone of the application's, so new keys reach both. Here they are read again on SIGHUP, by a
//! task that the application starts:
//!
//! ```no_run
//! use dewar::config::{Config, Environment};
//! use dewar::{Engine, engine::Reload};
//! use tokio::signal::unix::{SignalKind, signal};
//!
//! fn configuration() -> Config {
//!     // FLASK_SECRET_KEY_FILE names a file that changes; `Config::file` reads a whole file of settings.
//!     Config::new().environment(Environment::of_process())
//! }
//!
//! async fn take_new_keys(engine: Engine) -> std::io::Result<()> {
//!     let mut hangups = signal(SignalKind::hangup())?;
//!     while hangups.recv().await.is_some() {
//!         match engine.reload_keys(&configuration()) {
//!             Ok(Reload::Changed) => tracing::info!("new keys"),
//!             Ok(_) => {}
//!             Err(error) => tracing::error!("the keys stay as they are: {error}"),
//!         }
//!     }
//!     Ok(())
//! }
//!
//! # async fn run() -> dewar::Result<()> {
//! let engine = Engine::new(configuration())?;
//! tokio::spawn(take_new_keys(engine.clone()));
//! let layer = dewar_tower::SessionLayer::new(engine);
//! # Ok(()) }
//! ```
//!
//! # For those who know tower-sessions
//!
//! | there | here |
//! | --- | --- |
//! | `SessionManagerLayer::new(store)` | `SessionLayer::new(engine)`; store, keys and the cookie's attributes are the engine's configuration |
//! | `Secure` and `SameSite=Strict` unless said otherwise, a cookie `id` | Flask's defaults: set `SESSION_COOKIE_SECURE` to true and `SESSION_COOKIE_SAMESITE` to `Lax`; the cookie is `session` |
//! | `Expiry::OnInactivity`, `with_always_save` | `PERMANENT_SESSION_LIFETIME`, which use extends without a write of the data |
//! | `Expiry::OnSessionEnd` | `SESSION_PERMANENT = false`, or [`set_permanent`](dewar::Session::set_permanent) for one session |
//! | `Expiry::AtDateTime` | `SESSION_ABSOLUTE_LIFETIME`, which counts from when a session was made |
//! | `set_expiry` | [`set_permanent`](dewar::Session::set_permanent): until the browser closes, or for the one lifetime of all; a deadline of its own is a value in the session that the application compares |
//! | `expiry_date`, `expiry_age` | nothing: use moves the expiry, which the store alone knows |
//! | `is_empty` | [`is_new`](dewar::Session::is_new) or [`contains`](dewar::Session::contains); here [`is_empty`](dewar::Session::is_empty) is false for a new session that is permanent, as `_permanent` is a key |
//! | a `SessionStore` of the application's | a [`Store`](dewar::store::Store), for [`EngineBuilder::store`](dewar::engine::EngineBuilder::store); the crate `dewar-store-tests` has its tests |
//! | `CachingSessionStore` | `SESSION_CACHE_FOR` |
//! | `with_signed`; the cookie store | `SESSION_USE_SIGNER`; `SESSION_TYPE = "cookie"`: signed, and readable by whoever has the cookie |
//! | `continuously_delete_expired` | [`Engine::delete_expired`](dewar::Engine::delete_expired) in a task of the application, or `SESSION_CLEANUP_N_REQUESTS` |
//! | `get(key).await?`, `insert(key, value).await?` | the same without `.await`: the extractor has loaded the session |
//! | `remove::<T>(key)`, `remove_value(key)` | [`take::<T>(key)`](dewar::Session::take), [`remove(key)`](dewar::Session::remove) |
//! | `cycle_id`, at login | [`regenerate`](dewar::Session::regenerate) |
//! | `flush`, at logout | [`destroy`](dewar::Session::destroy) |
//! | `load`, `save` | [`reload`](dewar::Session::reload), [`save`](dewar::Session::save) |
//! | `request.extensions().get::<Session>()` | the same, behind [a middleware that opens it](#in-a-task-of-its-own-or-where-nothing-can-be-awaited) |
//! | a 5xx response saves nothing | every response saves what was changed |
//! | axum-login's `AuthSession` | [an extractor of the application's](#the-applications-own-user) |
//!
//! A handler's error is [`Error`]: [see above](#when-a-session-cannot-be-had). Records of tower-sessions are not read: everybody logs in once more.
//!
//! # Without axum
//!
//! Any tower service can have the layer; inside, [`Session::open`] takes the place of the extractor, which `default-features = false` leaves out.
//!
//! ```
//! use dewar_tower::{Error, Session, SessionLayer};
//! use http::{Request, Response};
//! use tower::{Layer, service_fn};
//!
//! async fn count(request: Request<String>) -> Result<Response<String>, Error> {
//!     let session = Session::open(request.headers()).await?;
//!     let visits = session.update("visits", |visits: &mut u64| {
//!         *visits += 1;
//!         *visits
//!     })?;
//!     Ok(Response::new(format!("You were here {visits} times.")))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use tower::ServiceExt;
//! # let engine = dewar::Engine::new(dewar::config::Config::new().session_type("memory"))?;
//! let service = SessionLayer::new(engine).layer(service_fn(count));
//! # let response = service.oneshot(Request::new(String::new())).await?;
//! # assert!(response.headers().contains_key("set-cookie"));
//! # Ok(()) }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod layer;
mod session;

pub use error::Error;
#[cfg(feature = "axum")]
pub use extract::Typed;
pub use future::ResponseFuture;
pub use layer::{SessionLayer, SessionService};
pub use session::Session;
