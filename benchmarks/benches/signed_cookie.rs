//! Open and save of one session in a signed cookie, in process, beside the straightforward way to do it.
//!
//! Both verify, decode, change one key, encode and sign. `read` opens and reads one key, as most requests do.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dewar::Engine;
use dewar::config::Config;
use dewar_benchmarks::{Floor, KEY, session};
use pollster::block_on;

fn signed_cookie(criterion: &mut Criterion) {
    let engine =
        Engine::new(Config::new().secret_key(KEY).set("MAX_COOKIE_SIZE", 0)).expect("a valid configuration");
    let floor = Floor::new(KEY);
    let mut group = criterion.benchmark_group("signed_cookie");
    for (label, size) in [("150 B", 150), ("1 KB", 1024), ("16 KB compressed", 16 * 1024)] {
        let data = session(size);
        let cookie = block_on(async {
            let session = engine.open([]).await.unwrap();
            session.write(&data).unwrap();
            let reply = engine.close(&session).await.unwrap();
            reply.set_cookie().unwrap().split(';').next().unwrap().to_owned()
        });
        let value = cookie.strip_prefix("session=").unwrap();
        // Both read what the other wrote.
        assert_eq!(floor.open(value), data);

        group.bench_function(BenchmarkId::new("floor/open+save", label), |bencher| {
            bencher.iter(|| {
                let mut session = floor.open(black_box(value));
                session["visits"] = 18.into();
                floor.save(&session)
            });
        });
        group.bench_function(BenchmarkId::new("dewar/open+save", label), |bencher| {
            bencher.iter(|| {
                block_on(async {
                    let session = engine.open([black_box(cookie.as_bytes())]).await.unwrap();
                    session.insert("visits", 18).unwrap();
                    engine.close(&session).await.unwrap()
                })
            });
        });
        group.bench_function(BenchmarkId::new("floor/read", label), |bencher| {
            bencher.iter(|| floor.open(black_box(value))["visits"].as_u64());
        });
        group.bench_function(BenchmarkId::new("dewar/read", label), |bencher| {
            bencher.iter(|| {
                block_on(async {
                    let session = engine.open([black_box(cookie.as_bytes())]).await.unwrap();
                    let visits = session.get::<u64>("visits").unwrap();
                    engine.close(&session).await.unwrap();
                    visits
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, signed_cookie);
criterion_main!(benches);
