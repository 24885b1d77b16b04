//! 64 requests at once on one session, each with a key of its own: how many of the keys are there afterwards.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, header};
use axum::routing::get;
use dewar::Engine;
use dewar::config::Config;
use futures_util::future::join_all;
use tower::ServiceExt;

const WRITERS: usize = 64;

/// Where, who, and how many of the 64 keys were kept.
pub type Kept = (&'static str, &'static str, usize);

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
pub async fn run(redis: Option<&str>) -> Result<Vec<Kept>, Box<dyn Error>> {
    let mut kept = Vec::new();
    let engine = Engine::new(Config::new().session_type("memory"))?;
    kept.push(("memory", "Dewar", count(dewar_routes(engine)).await?));
    let layer = tower_sessions::SessionManagerLayer::new(tower_sessions::MemoryStore::default())
        .with_secure(false);
    let routes = tower_sessions_routes!(tower_sessions::Session).layer(layer);
    kept.push(("memory", "tower-sessions", count(routes).await?));
    let config = axum_session::SessionConfig::default();
    let store =
        axum_session::SessionStore::<axum_session::SessionNullPool>::new(None, config).await?;
    let routes = routes!(
        AxumSession,
        |session, key| session.set(&key, 1_u64),
        |session, key| session.get::<u64>(&key).is_some()
    );
    kept.push((
        "memory",
        "axum_session",
        count(routes.layer(axum_session::SessionLayer::new(store))).await?,
    ));
    if let Some(url) = redis {
        let config = Config::new()
            .session_type("redis")
            .set("SESSION_REDIS", url);
        kept.push((
            "Redis",
            "Dewar",
            count(dewar_routes(dewar_stores::engine(config)?)).await?,
        ));
        let store = crate::contestants::tower_redis(url).await?;
        let layer = tower_sessions_14::SessionManagerLayer::new(store).with_secure(false);
        let routes = tower_sessions_routes!(tower_sessions_14::Session).layer(layer);
        kept.push(("Redis", "tower-sessions", count(routes).await?));
    }
    Ok(kept)
}

async fn count(router: Router) -> Result<usize, Box<dyn Error>> {
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
    for response in join_all((0..WRITERS).map(|writer| ask(format!("/write/w{writer}")))).await {
        response?;
    }
    let mut kept = 0;
    for writer in 0..WRITERS {
        let response = ask(format!("/read/w{writer}")).await?;
        let body = axum::body::to_bytes(response.into_body(), 16).await?;
        kept += usize::from(&body[..] == b"true");
    }
    Ok(kept)
}
