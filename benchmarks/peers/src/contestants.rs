//! Each way to keep sessions, set up as its own documentation does, with the same three routes.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::get;
use dewar::Engine;
use dewar::config::Config;
use tower::ServiceExt;

use crate::by_hand;
use crate::routes::{CART, axum_routes, next, tower_sessions_routes};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Option<String>>> + 'a>>;

pub const ROUTES: [&str; 3] = ["/untouched", "/read", "/write"];

/// One way to keep sessions.
pub struct Contestant {
    /// Where the session is: "signed cookie", "memory", "Redis".
    pub place: &'static str,
    pub name: &'static str,
    /// What it leaves out.
    pub less: &'static str,
    /// The name of the contestant without sessions in the same framework.
    pub floor: &'static str,
    /// The application, if it is axum's.
    pub router: Option<Router>,
    send: Box<dyn Fn(&'static str, String) -> Answer<'static>>,
    cookie: String,
}

/// Servers to keep sessions in.
#[derive(Default)]
pub struct Servers {
    /// One of each sort.
    pub redis: Vec<Redis>,
    /// The URL.
    pub postgresql: Option<String>,
}

/// A server that speaks Redis's protocol.
#[derive(Clone)]
pub struct Redis {
    /// "Redis" or "Valkey".
    pub place: &'static str,
    pub version: String,
    pub url: String,
}

impl Redis {
    /// Asks a server what it is.
    pub async fn at(url: String) -> Result<Redis> {
        let mut connection = redis::Client::open(url.as_str())?
            .get_multiplexed_async_connection()
            .await?;
        let info = redis::cmd("INFO").arg("server").to_owned();
        let text: String = info.query_async(&mut connection).await?;
        let of = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::to_owned)
        };
        // A Valkey has both, for clients that look for Redis's.
        let (place, version) = match of("valkey_version") {
            Some(version) => ("Valkey", version),
            None => ("Redis", of("redis_version").ok_or("no Redis")?),
        };
        Ok(Redis {
            place,
            version,
            url,
        })
    }
}

impl Contestant {
    /// Answers a request, and gives the cookies that it sets, as the next request sends them.
    pub async fn request(&self, path: &'static str) -> Result<Option<String>> {
        (self.send)(path, self.cookie.clone()).await
    }

    /// Fills the session, and checks that it is read and written.
    pub async fn prepare(&mut self) -> Result<()> {
        let set = self.request("/fill").await?;
        if self.place == "none" {
            return Ok(());
        }
        self.cookie = set.ok_or_else(|| format!("{} sets no cookie", self.name))?;
        if self.place == "signed cookie" {
            return Ok(());
        }
        self.request("/write").await?;
        self.request("/check").await.map(drop)
    }
}

fn dewar_routes(engine: Engine) -> Router {
    axum_routes!(
        dewar_tower::Session,
        |session| {
            session.insert("user", "ada").unwrap();
            session.insert("cart", CART).unwrap();
            session.insert("visits", 17_u64).unwrap()
        },
        |session| session.get::<u64>("visits").unwrap().unwrap(),
        |session, value| session.insert("visits", value).unwrap()
    )
    .layer(dewar_tower::SessionLayer::new(engine))
}

type AxumSession = axum_session::Session<axum_session::SessionNullPool>;

async fn axum_session_routes() -> Result<Router> {
    let config = axum_session::SessionConfig::default();
    let store =
        axum_session::SessionStore::<axum_session::SessionNullPool>::new(None, config).await?;
    Ok(axum_routes!(
        AxumSession,
        |session| {
            session.set("user", "ada");
            session.set("cart", CART);
            session.set("visits", 17_u64)
        },
        |session| session.get::<u64>("visits").unwrap(),
        |session, value| session.set("visits", value)
    )
    .layer(axum_session::SessionLayer::new(store)))
}

/// What a browser sends back for these `Set-Cookie`s.
pub fn cookies<'a>(set: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let pairs = set.map(|value| {
        String::from_utf8_lossy(value)
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    let pairs: Vec<String> = pairs.collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

pub fn in_axum(
    place: &'static str,
    name: &'static str,
    less: &'static str,
    router: Router,
) -> Contestant {
    let served = Some(router.clone());
    let send = move |path, cookie: String| -> Answer<'static> {
        let router = router.clone();
        Box::pin(async move {
            let request = Request::builder()
                .uri(path)
                .header(header::COOKIE, cookie)
                .body(Body::empty())?;
            let response = router.oneshot(request).await?;
            if !response.status().is_success() {
                return Err(format!("{name} {path}: {}", response.status()).into());
            }
            Ok(cookies(
                response
                    .headers()
                    .get_all(header::SET_COOKIE)
                    .iter()
                    .map(|value| value.as_bytes()),
            ))
        })
    };
    Contestant {
        place,
        name,
        less,
        floor: "axum, no session",
        router: served,
        send: Box::new(send),
        cookie: "a=b".into(),
    }
}

/// An actix-web application with this middleware, or none, whose session is of the type `$session`.
macro_rules! in_actix {
    ($session:ty, $place:expr, $name:expr, $less:expr, $wrap:expr) => {{
        use actix_web::web;
        let app = actix_web::App::new()
            .wrap($wrap)
            .route("/untouched", web::get().to(|| async { "hello" }))
            .route(
                "/fill",
                web::get().to(|session: $session| async move {
                    session.insert("user", "ada").unwrap();
                    session.insert("cart", CART).unwrap();
                    session.insert("visits", 17_u64).unwrap();
                    "hello"
                }),
            )
            .route(
                "/read",
                web::get().to(|session: $session| async move {
                    assert!(session.get::<u64>("visits").unwrap().unwrap() >= 17);
                    "hello"
                }),
            )
            .route(
                "/check",
                web::get().to(|session: $session| async move {
                    assert!(session.get::<u64>("visits").unwrap().unwrap() >= 1_000);
                    "hello"
                }),
            )
            .route(
                "/write",
                web::get().to(|session: $session| async move {
                    session.insert("visits", next()).unwrap();
                    "hello"
                }),
            );
        let app = std::rc::Rc::new(actix_web::test::init_service(app).await);
        let send = move |path: &'static str, cookie: String| -> Answer<'static> {
            let app = app.clone();
            Box::pin(async move {
                let request =
                    actix_web::test::TestRequest::with_uri(path).insert_header(("cookie", cookie));
                let response = actix_web::test::call_service(&*app, request.to_request()).await;
                if !response.status().is_success() {
                    return Err(format!("{} {path}: {}", $name, response.status()).into());
                }
                Ok(cookies(
                    response
                        .headers()
                        .get_all("set-cookie")
                        .map(|value| value.as_bytes()),
                ))
            })
        };
        Contestant {
            place: $place,
            name: $name,
            less: $less,
            floor: "actix-web, no session",
            router: None,
            send: Box::new(send),
            cookie: "a=b".into(),
        }
    }};
}

async fn dewar_in_actix(place: &'static str, engine: Engine) -> Contestant {
    let middleware = dewar_actix::SessionMiddleware::new(engine);
    in_actix!(
        dewar_actix::Session,
        place,
        "Dewar in actix-web",
        "",
        middleware
    )
}

/// What any layer costs: it passes requests on.
#[derive(Clone)]
struct Nothing<S>(S);

impl<S: tower::Service<R>, R> tower::Service<R> for Nothing<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::result::Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

pub async fn all(servers: &Servers) -> Result<Vec<Contestant>> {
    const KEY: &str = "9f3c1e77a05bd2846cf01b9de35a7482";
    let mut all = Vec::new();

    let bare = Router::new()
        .route("/untouched", get(|| async { "hello" }))
        .route("/fill", get(|| async { "hello" }))
        .route("/read", get(|| async { "hello" }))
        .route("/write", get(|| async { "hello" }));
    all.push(in_axum("none", "axum, no session", "", bare.clone()));
    let nothing = tower::layer::layer_fn(Nothing);
    all.push(in_axum(
        "none",
        "axum, a layer that does nothing",
        "",
        bare.layer(nothing),
    ));
    all.push(in_actix!(
        actix_session::Session,
        "none",
        "actix-web, no session",
        "",
        actix_web::middleware::Condition::new(false, actix_web::middleware::NormalizePath::trim(),)
    ));
    // Its routes take a session, of which an application without one has none.
    all.last_mut().ok_or("no contestant")?.send = {
        use actix_web::web;
        let hello = || web::get().to(|| async { "hello" });
        let app = actix_web::App::new()
            .route("/untouched", hello())
            .route("/fill", hello())
            .route("/read", hello())
            .route("/write", hello());
        let app = std::rc::Rc::new(actix_web::test::init_service(app).await);
        Box::new(move |path, cookie| {
            let app = app.clone();
            Box::pin(async move {
                let request =
                    actix_web::test::TestRequest::with_uri(path).insert_header(("cookie", cookie));
                actix_web::test::call_service(&*app, request.to_request()).await;
                Ok(None)
            })
        })
    };

    let engine = Engine::new(Config::new().secret_key(KEY))?;
    all.push(in_axum(
        "signed cookie",
        "Dewar",
        "",
        dewar_routes(engine.clone()),
    ));
    all.push(dewar_in_actix("signed cookie", engine).await);
    let layer = {
        use tower_sessions_cookie_store::{CookieSessionConfig, CookieSessionManagerLayer, Key};
        let config = CookieSessionConfig::default().with_secure(false);
        CookieSessionManagerLayer::signed(Key::generate()).with_config(config)
    };
    let routes = tower_sessions_routes!(tower_sessions_cookie_store::Session).layer(layer);
    all.push(in_axum(
        "signed cookie",
        "tower-sessions-cookie-store",
        "",
        routes,
    ));
    let cookie = {
        use actix_session::SessionMiddleware;
        use actix_session::config::CookieContentSecurity;
        use actix_session::storage::CookieSessionStore;
        let key = actix_web::cookie::Key::generate();
        let builder =
            SessionMiddleware::builder(CookieSessionStore::default(), key).cookie_secure(false);
        builder
            .cookie_content_security(CookieContentSecurity::Signed)
            .build()
    };
    all.push(in_actix!(
        actix_session::Session,
        "signed cookie",
        "actix-session",
        "no expiry inside of the signature",
        cookie
    ));

    let engine = Engine::new(Config::new().session_type("memory"))?;
    all.push(in_axum("memory", "Dewar", "", dewar_routes(engine.clone())));
    all.push(dewar_in_actix("memory", engine).await);
    let layer = tower_sessions::SessionManagerLayer::new(tower_sessions::MemoryStore::default())
        .with_secure(false);
    let routes = tower_sessions_routes!(tower_sessions::Session).layer(layer);
    all.push(in_axum(
        "memory",
        "tower-sessions",
        "expired sessions are never removed; writes are not compared",
        routes,
    ));
    all.push(in_axum(
        "memory",
        "axum_session",
        "writes are not compared",
        axum_session_routes().await?,
    ));

    let folder = tempfile::tempdir()?.keep();
    all.push(by_hand::sqlite(&folder.join("by-hand.db"))?);
    let url = format!("sqlite:///{}", folder.join("sessions.db").display());
    let config = Config::new()
        .session_type("sqlite")
        .set("SESSION_SQLITE", url);
    all.push(in_axum(
        "SQLite",
        "Dewar",
        "",
        dewar_routes(dewar_stores::engine(config)?),
    ));
    all.push(by_hand::files(&folder)?);
    let config = Config::new().session_type("filesystem").set(
        "SESSION_FILE_DIR",
        folder.join("files").display().to_string(),
    );
    all.push(in_axum(
        "filesystem",
        "Dewar",
        "",
        dewar_routes(Engine::new(config)?),
    ));

    if let Some(url) = &servers.postgresql {
        all.push(by_hand::postgresql(url).await?);
        let separator = if url.contains('?') { '&' } else { '?' };
        let prepared = format!("{url}{separator}prepared_statement_cache_size=100");
        for (name, url) in [("Dewar", url), ("Dewar, prepared statements", &prepared)] {
            let config = Config::new()
                .session_type("postgresql")
                .set("SESSION_POSTGRESQL", url.as_str());
            let routes = dewar_routes(dewar_stores::engine(config)?);
            all.push(in_axum("PostgreSQL", name, "", routes));
        }
    }

    for Redis { place, url, .. } in &servers.redis {
        all.push(by_hand::redis(place, url).await?);
        let config = Config::new()
            .session_type("redis")
            .set("SESSION_REDIS", url.as_str());
        let engine = dewar_stores::engine(config)?;
        all.push(in_axum(place, "Dewar", "", dewar_routes(engine.clone())));
        all.push(dewar_in_actix(place, engine).await);
        let store = tower_redis(url).await?;
        let layer = tower_sessions_14::SessionManagerLayer::new(store).with_secure(false);
        let routes = tower_sessions_routes!(tower_sessions_14::Session).layer(layer);
        all.push(in_axum(
            place,
            "tower-sessions",
            "writes are not compared",
            routes,
        ));
        let store = actix_session::storage::RedisSessionStore::new(url.as_str()).await?;
        let key = actix_web::cookie::Key::generate();
        let layer = actix_session::SessionMiddleware::builder(store, key)
            .cookie_secure(false)
            .build();
        all.push(in_actix!(
            actix_session::Session,
            place,
            "actix-session",
            "writes are not compared",
            layer
        ));
    }
    Ok(all)
}

/// The Redis store of tower-sessions, with a pool as its documentation makes it.
pub async fn tower_redis(
    url: &str,
) -> Result<tower_sessions_redis_store::RedisStore<tower_sessions_redis_store::fred::prelude::Pool>>
{
    use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
    let pool = Pool::new(Config::from_url(url)?, None, None, None, 6)?;
    drop(pool.connect());
    pool.wait_for_connect().await?;
    Ok(tower_sessions_redis_store::RedisStore::new(pool))
}
