//! Dewar sessions for actix-web: one middleware, one extractor.
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use dewar::{Engine, config::Config};
//! use dewar_actix::{Session, SessionMiddleware};
//!
//! async fn count(session: Session) -> actix_web::Result<String> {
//!     let visits = session.update("visits", |visits: &mut u64| {
//!         *visits += 1;
//!         *visits
//!     })?;
//!     Ok(format!("You were here {visits} times."))
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Outside of the closure, which runs once for each worker: all of them share one engine.
//!     let engine = Engine::new(Config::from_env())?;
//!     let app = move || {
//!         App::new()
//!             .route("/", web::get().to(count))
//!             .wrap(SessionMiddleware::new(engine.clone()))
//!     };
//!     Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
//! }
//! ```
//!
//! Beside `actix-web` 4.15 or newer, the example of [a user](#the-applications-own-user) takes `serde` with its feature `derive`.
//!
//! A handler that does not ask for its [`Session`] costs no store call, no parsing and no allocation: the middleware
//! looks at nothing until the extractor runs. The extractor finds the middleware through the task that both run in: a
//! handler that starts a task of its own takes its session first, and gives it to the task.
//!
//! The session is saved whatever the handler answers, errors included. If it cannot be saved, the response is an empty
//! one with status 500, and the error is logged; middleware outside finds it by `response.response().error()`, as an [`Error`].
//!
//! # In other middleware
//!
//! Middleware that uses the session stands inside: what is wrapped last runs first.
//!
//! ```
//! use actix_web::body::MessageBody;
//! use actix_web::dev::{ServiceRequest, ServiceResponse};
//! use actix_web::error::ErrorForbidden;
//! use actix_web::middleware::{Next, from_fn};
//! use actix_web::{App, web};
//! use dewar_actix::{Session, SessionMiddleware};
//!
//! async fn members_only(
//!     session: Session,
//!     request: ServiceRequest,
//!     next: Next<impl MessageBody>,
//! ) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
//!     if !session.contains("user") {
//!         return Err(ErrorForbidden("log in first"));
//!     }
//!     next.call(request).await
//! }
//!
//! # fn app(engine: dewar::Engine) {
//! App::new()
//!     .route("/", web::get().to(async || "for members"))
//!     .wrap(from_fn(members_only))
//!     .wrap(SessionMiddleware::new(engine));
//! # }
//! ```
//!
//! Where there is no argument to extract into, `request.extract::<Session>().await` gives the same session of a
//! `ServiceRequest`, and `Session::extract(&request).await` that of an `HttpRequest`.
//!
//! A guard, or the key of a rate limit, has the request and cannot wait for a store, and a framework may run what it calls in a task of its own. For both, a
//! middleware opens the session and puts it into the request's extensions. The extractors look there too, where no middleware is around.
//! It opens the session of every request that passes, so it belongs around those that need it. All their responses vary by the cookie, since in actix-web
//! the request, and the session in its extensions, lives as long as the response does.
//!
//! ```
//! use actix_web::body::MessageBody;
//! use actix_web::dev::{ServiceRequest, ServiceResponse};
//! use actix_web::guard::{GuardContext, fn_guard};
//! use actix_web::middleware::{Next, from_fn};
//! use actix_web::{App, HttpMessage, web};
//! use dewar_actix::{Session, SessionMiddleware};
//!
//! async fn open_session(
//!     session: Session,
//!     request: ServiceRequest,
//!     next: Next<impl MessageBody>,
//! ) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
//!     request.extensions_mut().insert(session);
//!     next.call(request).await
//! }
//!
//! fn is_member(context: &GuardContext<'_>) -> bool {
//!     let extensions = context.req_data();
//!     let session = extensions.get::<Session>();
//!     session.is_some_and(|session| session.contains("user"))
//! }
//!
//! # fn app(engine: dewar::Engine) {
//! App::new()
//!     .route("/", web::get().guard(fn_guard(is_member)).to(async || "for members"))
//!     .route("/", web::get().to(async || "for guests"))
//!     .wrap(from_fn(open_session))
//!     .wrap(SessionMiddleware::new(engine));
//! # }
//! ```
//!
//! Middleware that answers an error with a response of its own stands inside too. What ends with an error has no response yet, and
//! the cookie waits in the error for the one that actix-web makes of it; outside, another response is one without the cookie.
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
//! An extractor is built on the session like this; a handler that takes a `User` is for members, and one that takes an `Option<User>` for everybody.
//!
//! ```
//! use std::future::Future;
//! use std::pin::Pin;
//!
//! use actix_web::dev::Payload;
//! use actix_web::error::ErrorUnauthorized;
//! use actix_web::{FromRequest, HttpRequest};
//! use dewar_actix::Session;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct User {
//!     name: String,
//! }
//!
//! impl FromRequest for User {
//!     type Error = actix_web::Error;
//!     type Future = Pin<Box<dyn Future<Output = actix_web::Result<User>>>>;
//!
//!     fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
//!         let session = Session::from_request(request, payload);
//!         Box::pin(async move {
//!             let user = session.await?.get("user")?;
//!             user.ok_or_else(|| ErrorUnauthorized("log in first"))
//!         })
//!     }
//! }
//!
//! async fn log_in(session: Session) -> actix_web::Result<&'static str> {
//!     // After a look at the password: a new id, so that one that was planted before is worth nothing.
//!     session.regenerate()?;
//!     session.insert("user", User { name: "ada".to_owned() })?;
//!     Ok("welcome")
//! }
//!
//! async fn log_out(session: Session) -> actix_web::Result<&'static str> {
//!     session.destroy()?;
//!     Ok("goodbye")
//! }
//! ```
//!
//! # In tests
//!
//! The application's engine makes a visitor's session and its cookie, and reads it again:
//!
//! ```
//! use actix_web::test::{TestRequest, call_service, init_service};
//! use actix_web::{App, web};
//! use dewar::{Engine, config::Config};
//! use dewar_actix::{Session, SessionMiddleware};
//!
//! async fn visit(session: Session) -> actix_web::Result<&'static str> {
//!     session.insert("visited", true)?;
//!     Ok("welcome")
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(Config::new().session_type("memory"))?;
//! let session = engine.open([]).await?;
//! session.insert("user", "ada")?;
//! let reply = engine.close(&session).await?;
//! let cookie = reply.set_cookie().expect("the session is new");
//!
//! let middleware = SessionMiddleware::new(engine.clone());
//! let app = init_service(App::new().route("/", web::get().to(visit)).wrap(middleware)).await;
//! let request = TestRequest::get().insert_header(("cookie", cookie));
//! call_service(&app, request.to_request()).await;
//!
//! let session = engine.open([cookie.as_bytes()]).await?;
//! assert_eq!(session.get("visited")?, Some(true));
//! # Ok(()) }
//! ```
//!
//! # Handlers that compute
//!
//! A worker of actix-web is one thread: a handler that computes or sleeps on it holds up all requests of that worker, and belongs
//! in [`web::block`](actix_web::web::block). With Redis and Memcached each worker has connections of its own; connections to the other servers are shared,
//! so that a worker that is held up may hold up sessions of the others as well.
//!
//! # For those who know actix-session
//!
//! | there | here |
//! | --- | --- |
//! | `SessionMiddleware::new(store, key)` | `SessionMiddleware::new(engine)`; store, keys and the cookie's attributes are the engine's configuration |
//! | `Secure` and `SameSite=Lax` unless said otherwise, a cookie `id` | Flask's defaults: set `SESSION_COOKIE_SECURE` to true and `SESSION_COOKIE_SAMESITE` to `Lax`; the cookie is `session` |
//! | `PersistentSession::default().session_ttl(…)`; `BrowserSession` | `PERMANENT_SESSION_LIFETIME`; `SESSION_PERMANENT = false` |
//! | a `SessionStore` of the application's | a [`Store`](dewar::store::Store), for [`EngineBuilder::store`](dewar::engine::EngineBuilder::store); the crate `dewar-store-tests` has its tests |
//! | `CookieSessionStore` | `SESSION_TYPE = "cookie"`: signed, and readable by whoever has the cookie |
//! | `update_or(key, 1, \|n\| n + 1)` | [`update`](dewar::Session::update), which starts from the type's default |
//! | `remove_as` | [`take`](dewar::Session::take) |
//! | `entries` | [`to_dict`](dewar::Session::to_dict) |
//! | `renew`, at login | [`regenerate`](dewar::Session::regenerate) |
//! | `purge`, at logout | [`destroy`](dewar::Session::destroy) |
//! | `status` | [`is_modified`](dewar::Session::is_modified), [`is_new`](dewar::Session::is_new) |
//! | `request.get_session()` | `Session::extract(&request).await`; in a guard, [from the request's extensions](#in-other-middleware) |
//! | actix-identity's `Identity` | [an extractor of the application's](#the-applications-own-user); its deadlines are `PERMANENT_SESSION_LIFETIME` and `SESSION_ABSOLUTE_LIFETIME` |
//!
//! Sessions of actix-session are not read: everybody logs in once more.
//!
//! The middleware changes the type of the response's body. Where other middleware outside wants a [`BoxBody`](actix_web::body::BoxBody), put it into a `Compat`. A
//! helper that returns a [`dewar::Result`] has an error that actix-web does not know, and [`Error`] takes it:
//!
//! ```
//! use actix_web::body::BoxBody;
//! use actix_web::dev::{ServiceRequest, ServiceResponse};
//! use actix_web::middleware::{Compat, Next, from_fn};
//! use actix_web::{App, web};
//! use dewar_actix::{Session, SessionMiddleware};
//!
//! fn greeting(session: &dewar::Session) -> dewar::Result<String> {
//!     let name: Option<String> = session.get("name")?;
//!     Ok(format!("Hello, {}", name.as_deref().unwrap_or("you")))
//! }
//!
//! async fn hello(session: Session) -> actix_web::Result<String> {
//!     Ok(greeting(&session).map_err(dewar_actix::Error::from)?)
//! }
//!
//! async fn outside(
//!     request: ServiceRequest,
//!     next: Next<BoxBody>,
//! ) -> actix_web::Result<ServiceResponse<BoxBody>> {
//!     next.call(request).await
//! }
//!
//! # fn app(engine: dewar::Engine) {
//! App::new()
//!     .route("/", web::get().to(hello))
//!     .wrap(Compat::new(SessionMiddleware::new(engine)))
//!     .wrap(from_fn(outside));
//! # }
//! ```

mod error;
mod future;
mod middleware;
mod session;
mod typed;

pub use error::Error;
pub use future::ResponseFuture;
pub use middleware::{SessionMiddleware, SessionService};
pub use session::Session;
pub use typed::Typed;
