//! 64 requests at once on one session, each with a key of its own: how many of the keys are there afterwards.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, header};
use axum::routing::get;
use dewar::Engine;
use dewar::config::Config;
use futures_util::future::join_all;
use tower::ServiceExt;

use crate::contestants::Redis;
use crate::round_trips;

const WRITERS: usize = 64;
/// How often it is done anew, with a new session.
const TIMES: usize = 9;

/// What was left of 64 requests at once.
pub struct Kept {
    pub place: &'static str,
    pub name: &'static str,
    /// How many of the 64 keys, at the least.
    pub keys: usize,
    /// From the first request to the last response: the median.
    pub took: Duration,
    /// How often a server was sent something, for each request: the mean.
    pub round_trips: Option<f64>,
}

/// What one time gave: keys, time, and how often a server was sent something.
type Once = (usize, Duration, u64);

fn together(place: &'static str, name: &'static str, mut times: Vec<Once>) -> Kept {
    times.sort_by_key(|(_, took, _)| *took);
    let sent: u64 = times.iter().map(|(_, _, sent)| sent).sum();
    Kept {
        place,
        name,
        keys: times.iter().map(|(keys, _, _)| *keys).min().unwrap_or(0),
        took: times[times.len() / 2].1,
        round_trips: (place == "Redis").then_some(sent as f64 / (times.len() * WRITERS) as f64),
    }
}

macro_rules! routes {
    ($session:ty, |$write:ident, $key:ident| $writing:expr, |$read:ident, $asked:ident| $reading:expr) => {
        Router::new()
            .route(
                "/write/{key}",
                get(|$write: $session, Path($key): Path<String>| async move {
                    $writing;
                    // What a handler does beside: others run meanwhile.
                    tokio::task::yield_now().await;
                    "written"
                }),
            )
            .route(
                "/read/{key}",
                get(|$read: $session, Path($asked): Path<String>| async move { $reading.to_string() }),
            )
    };
}

macro_rules! tower_sessions_routes {
    ($session:ty) => {
        routes!(
            $session,
            |session, key| session.insert(&key, 1_u64).await.unwrap(),
            |session, key| session.get::<u64>(&key).await.unwrap().is_some()
        )
    };
}

fn dewar_routes(engine: Engine) -> Router {
    routes!(
        dewar_tower::Session,
        |session, key| session.insert(&key, 1_u64).unwrap(),
        |session, key| session.contains(&key)
    )
    .layer(dewar_tower::SessionLayer::new(engine))
}

type AxumSession = axum_session::Session<axum_session::SessionNullPool>;

/// What each keeps.
pub async fn run(redis: Option<&Redis>) -> Result<Vec<Kept>, Box<dyn Error>> {
    let none = Arc::default();
    let engine = Engine::new(Config::new().session_type("memory"))?;
    let mut kept = vec![count("memory", "Dewar", dewar_routes(engine), &none).await?];
    let layer = tower_sessions::SessionManagerLayer::new(tower_sessions::MemoryStore::default())
        .with_secure(false);
    let routes = tower_sessions_routes!(tower_sessions::Session).layer(layer);
    kept.push(count("memory", "tower-sessions", routes, &none).await?);
    let config = axum_session::SessionConfig::default();
    let store =
        axum_session::SessionStore::<axum_session::SessionNullPool>::new(None, config).await?;
    let routes = routes!(
        AxumSession,
        |session, key| session.set(&key, 1_u64),
        |session, key| session.get::<u64>(&key).is_some()
    )
    .layer(axum_session::SessionLayer::new(store));
    kept.push(count("memory", "axum_session", routes, &none).await?);
    let Some(redis) = redis else {
        return Ok(kept);
    };
    let sent = Arc::default();
    let url = round_trips::proxy(&redis.url, &sent)?;
    let config = Config::new()
        .session_type("redis")
        .set("SESSION_REDIS", url.as_str());
    let routes = dewar_routes(dewar_stores::engine(config)?);
    kept.push(count("Redis", "Dewar", routes, &sent).await?);
    let store = crate::contestants::tower_redis(&url).await?;
    let layer = tower_sessions_14::SessionManagerLayer::new(store).with_secure(false);
    let routes = tower_sessions_routes!(tower_sessions_14::Session).layer(layer);
    kept.push(count("Redis", "tower-sessions", routes, &sent).await?);
    kept.push(actix(&url, &sent).await?);
    Ok(kept)
}

/// The same in actix-web.
async fn actix(url: &str, sent: &Arc<AtomicU64>) -> Result<Kept, Box<dyn Error>> {
    use actix_session::Session;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::web;
    let store = actix_session::storage::RedisSessionStore::new(url).await?;
    let layer =
        actix_session::SessionMiddleware::builder(store, actix_web::cookie::Key::generate())
            .cookie_secure(false)
            .build();
    let write = |session: Session, key: web::Path<String>| async move {
        session.insert(key.as_str(), 1_u64).unwrap();
        tokio::task::yield_now().await;
        "written"
    };
    let read = |session: Session, key: web::Path<String>| async move {
        session.get::<u64>(&key).unwrap().is_some().to_string()
    };
    let app = actix_web::App::new()
        .wrap(layer)
        .route("/write/{key}", web::get().to(write))
        .route("/read/{key}", web::get().to(read));
    let app = init_service(app).await;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let begun = call_service(&app, TestRequest::with_uri("/write/first").to_request()).await;
        let set = begun.headers().get_all("set-cookie");
        let cookie =
            crate::contestants::cookies(set.map(|value| value.as_bytes())).ok_or("no cookie")?;
        let ask = |path: String| {
            let request = TestRequest::with_uri(&path).insert_header(("cookie", cookie.clone()));
            call_service(&app, request.to_request())
        };
        let (began, before) = (Instant::now(), sent.load(Ordering::SeqCst));
        join_all((0..WRITERS).map(|writer| ask(format!("/write/w{writer}")))).await;
        let took = began.elapsed();
        let sent = sent.load(Ordering::SeqCst) - before;
        let mut keys = 0;
        for writer in 0..WRITERS {
            let response = ask(format!("/read/w{writer}")).await;
            keys += usize::from(&read_body(response).await[..] == b"true");
        }
        times.push((keys, took, sent));
    }
    Ok(together("Redis", "actix-session", times))
}

async fn count(
    place: &'static str,
    name: &'static str,
    router: Router,
    sent: &Arc<AtomicU64>,
) -> Result<Kept, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        times.push(once(&router, sent).await?);
    }
    Ok(together(place, name, times))
}

async fn once(router: &Router, sent: &Arc<AtomicU64>) -> Result<Once, Box<dyn Error>> {
    let begun = router
        .clone()
        .oneshot(Request::builder().uri("/write/first").body(Body::empty())?)
        .await?;
    let set = begun
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|value| value.as_bytes());
    let cookie = crate::contestants::cookies(set).ok_or("no cookie")?;
    let ask = |path: String| {
        let request = Request::builder()
            .uri(path)
            .header(header::COOKIE, cookie.clone())
            .body(Body::empty());
        let router = router.clone();
        async move {
            router
                .oneshot(request?)
                .await
                .map_err(Box::<dyn Error>::from)
        }
    };
    let (began, before) = (Instant::now(), sent.load(Ordering::SeqCst));
    for response in join_all((0..WRITERS).map(|writer| ask(format!("/write/w{writer}")))).await {
        response?;
    }
    let took = began.elapsed();
    let sent = sent.load(Ordering::SeqCst) - before;
    let mut keys = 0;
    for writer in 0..WRITERS {
        let response = ask(format!("/read/w{writer}")).await?;
        let body = axum::body::to_bytes(response.into_body(), 16).await?;
        keys += usize::from(&body[..] == b"true");
    }
    Ok((keys, took, sent))
}
