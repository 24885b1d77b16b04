//! What a session costs an axum request: without any layer, with one that does nothing, untouched, read, written.

use std::convert::Infallible;
use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::get;
use criterion::{Criterion, criterion_group, criterion_main};
use dewar::Engine;
use dewar::config::Config;
use dewar_benchmarks::{KEY, session};
use dewar_tower::{Session, SessionLayer};
use pollster::block_on;
use tower::ServiceExt;
use tower::util::MapResponseLayer;

async fn bare() -> &'static str {
    "hello"
}

async fn read(session: Session) -> &'static str {
    black_box(session.get::<u64>("visits").unwrap());
    "hello"
}

async fn write(session: Session) -> &'static str {
    session.insert("visits", 18).unwrap();
    "hello"
}

fn routes() -> Router {
    Router::new().route("/bare", get(bare)).route("/read", get(read)).route("/write", get(write))
}

fn cookie(engine: &Engine) -> String {
    block_on(async {
        let opened = engine.open([]).await.unwrap();
        opened.write(&session(150)).unwrap();
        let reply = engine.close(&opened).await.unwrap();
        reply.set_cookie().unwrap().split(';').next().unwrap().to_owned()
    })
}

fn request(router: &Router, path: &str, cookie: &str) -> Response<Body> {
    let request = Request::builder().uri(path).header("cookie", cookie).body(Body::empty()).unwrap();
    let response: Result<_, Infallible> = block_on(router.clone().oneshot(request));
    response.unwrap()
}

fn untouched(criterion: &mut Criterion) {
    let signed = Engine::new(Config::new().secret_key(KEY)).unwrap();
    let memory = Engine::new(Config::new().session_type("memory")).unwrap();
    let mut group = criterion.benchmark_group("axum");
    let bare = routes();
    let value = cookie(&signed);
    group.bench_function("no layer", |bencher| bencher.iter(|| request(&bare, "/bare", &value)));
    // What axum itself takes for a layer, whichever it is.
    let nothing = routes().layer(MapResponseLayer::new(|response: Response<Body>| response));
    group.bench_function("a layer that does nothing", |bencher| {
        bencher.iter(|| request(&nothing, "/bare", &value));
    });
    for (name, engine) in [("signed cookie", signed), ("memory", memory)] {
        let value = cookie(&engine);
        let app = routes().layer(SessionLayer::new(engine));
        for (what, path) in [("untouched", "/bare"), ("read", "/read"), ("write", "/write")] {
            assert!(request(&app, path, &value).status().is_success());
            group.bench_function(format!("{name}/{what}"), |bencher| {
                bencher.iter(|| request(&app, path, &value));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, untouched);
criterion_main!(benches);
