//! Runs one piece of work many times, to be counted by callgrind instead of timed:
//!
//! ```sh
//! cargo build --release --example count
//! valgrind --tool=callgrind target/release/examples/count dewar/open+save 150 1000
//! ```

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::get;
use dewar::Engine;
use dewar::config::Config;
use dewar_benchmarks::{Floor, KEY, session};
use dewar_tower::{Session, SessionLayer};
use pollster::block_on;
use tower::ServiceExt;
use tower::util::MapResponseLayer;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, size, times] = &arguments[..] else {
        panic!("count WHAT SIZE TIMES");
    };
    let data = session(size.parse().expect("a size in bytes"));
    let times: u32 = times.parse().expect("a number of times");
    let config = match what.starts_with("memory/") {
        true => Config::new().session_type("memory"),
        false => Config::new().secret_key(KEY).set("MAX_COOKIE_SIZE", 0),
    };
    let engine = Engine::new(config).expect("an engine");
    let floor = Floor::new(KEY);
    let cookie = block_on(async {
        let session = engine.open([]).await.expect("a session");
        session.write(&data).expect("data");
        let reply = engine.close(&session).await.expect("a reply");
        reply.set_cookie().expect("a cookie").split(';').next().expect("a pair").to_owned()
    });
    let value = cookie.strip_prefix("session=").expect("the name");
    let routes = Router::new()
        .route("/", get(async || "hello"))
        .route("/read", get(async |session: Session| {
            black_box(session.get::<u64>("visits").expect("a number"));
            "hello"
        }))
        .route("/write", get(async |session: Session| {
            session.insert("visits", 18).expect("data");
            "hello"
        }));
    let app = match what.as_str() {
        "axum/a layer that does nothing" => routes.layer(MapResponseLayer::new(|response: Response<Body>| response)),
        "axum/untouched" | "cookie/read" | "cookie/write" | "memory/read" | "memory/write" => {
            routes.layer(SessionLayer::new(engine.clone()))
        }
        _ => routes,
    };
    let path = match what.rsplit('/').next() {
        Some("read") => "/read",
        Some("write") => "/write",
        _ => "/",
    };
    for _ in 0..times {
        match what.as_str() {
            "floor/open+save" => {
                let mut session = floor.open(black_box(value));
                session["visits"] = 18.into();
                black_box(floor.save(&session));
            }
            "floor/read" => {
                black_box(floor.open(black_box(value))["visits"].as_u64());
            }
            "dewar/open+save" => block_on(async {
                let session = engine.open([black_box(cookie.as_bytes())]).await.expect("a session");
                session.insert("visits", 18).expect("data");
                black_box(engine.close(&session).await.expect("a reply"));
            }),
            "dewar/read" => block_on(async {
                let session = engine.open([black_box(cookie.as_bytes())]).await.expect("a session");
                black_box(session.get::<u64>("visits").expect("a number"));
                black_box(engine.close(&session).await.expect("a reply"));
            }),
            "axum/no layer" | "axum/a layer that does nothing" | "axum/untouched" | "cookie/read" | "cookie/write"
            | "memory/read" | "memory/write" => {
                let request = Request::builder().uri(path).header("cookie", &cookie).body(Body::empty());
                black_box(block_on(app.clone().oneshot(request.expect("a request")))).expect("a response");
            }
            other => panic!("there is no {other}"),
        }
    }
}
