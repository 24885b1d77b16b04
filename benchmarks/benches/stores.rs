//! The memory and filesystem stores by size of the population.
//!
//! `DEWAR_BENCH_SESSIONS=1000,100000,1000000` chooses the sizes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dewar::clock::SystemClock;
use dewar::store::filesystem::FilesystemStore;
use dewar::store::memory::MemoryStore;
use dewar::store::{Created, Key, Replaced, Store};
use dewar::{OsRandom, SessionId, UnixTime};
use pollster::block_on;

const BLOB: [u8; 300] = [b'x'; 300];

fn populations() -> Vec<usize> {
    let sizes = std::env::var("DEWAR_BENCH_SESSIONS");
    let sizes = sizes.as_deref().unwrap_or("1000,100000,1000000");
    sizes.split(',').map(|size| size.trim().parse().expect("a number of sessions")).collect()
}

fn new_key() -> Key {
    let id = SessionId::generate(&OsRandom, 32).expect("random bytes");
    Key::new(format!("session:{}", id.expose()))
}

fn fill(store: &dyn Store, sessions: usize) -> Vec<Key> {
    let expires = UnixTime::now() + Duration::from_secs(86_400);
    let keys: Vec<Key> = (0..sessions).map(|_| new_key()).collect();
    for key in &keys {
        let created = block_on(store.create(key, Bytes::from_static(&BLOB), expires));
        assert!(matches!(created, Ok(Created::Done(_))));
    }
    keys
}

fn measure(criterion: &mut Criterion, name: &str, store: &dyn Store, sessions: usize) {
    let keys = fill(store, sessions);
    let expires = UnixTime::now() + Duration::from_secs(86_400);
    // Steps over the keys so that neither caches nor neighbours help.
    let mut next = 0;
    let mut key = || {
        next = (next + 7919) % keys.len();
        &keys[next]
    };
    let mut group = criterion.benchmark_group(name);
    group.bench_function(BenchmarkId::new("load", sessions), |bencher| {
        bencher.iter(|| block_on(store.load(black_box(key()))).unwrap().unwrap());
    });
    group.bench_function(BenchmarkId::new("load+replace", sessions), |bencher| {
        bencher.iter(|| {
            let key = key();
            let record = block_on(store.load(key)).unwrap().unwrap();
            let replaced =
                block_on(store.replace(key, Bytes::from_static(&BLOB), expires, &record.version));
            assert!(matches!(replaced, Ok(Replaced::Done(_))));
        });
    });
    group.bench_function(BenchmarkId::new("create+delete", sessions), |bencher| {
        bencher.iter(|| {
            let key = new_key();
            block_on(store.create(&key, Bytes::from_static(&BLOB), expires)).unwrap();
            block_on(store.delete(&key)).unwrap();
        });
    });
    group.finish();
}

fn stores(criterion: &mut Criterion) {
    for sessions in populations() {
        let memory = MemoryStore::new(sessions + 100_000, Arc::new(SystemClock));
        measure(criterion, "memory", &memory, sessions);
    }
    for sessions in populations() {
        let folder = tempfile::tempdir().expect("a folder");
        let filesystem = FilesystemStore::at(folder.path()).open().expect("a store");
        measure(criterion, "filesystem", &filesystem, sessions);
        bare_files(criterion, sessions);
    }
}

/// The floor: a write to a new file and a rename over the old one, in folders of the same size.
fn bare_files(criterion: &mut Criterion, sessions: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |n: usize| folder.path().join(format!("{:02x}", n % 256)).join(n.to_string());
    for shard in 0..256 {
        std::fs::create_dir(folder.path().join(format!("{shard:02x}"))).expect("a folder");
    }
    for n in 0..sessions {
        std::fs::write(path(n), BLOB).expect("a file");
    }
    let mut next = 0;
    let mut group = criterion.benchmark_group("bare files");
    group.bench_function(BenchmarkId::new("read", sessions), |bencher| {
        bencher.iter(|| {
            next = (next + 7919) % sessions;
            std::fs::read(path(next)).unwrap()
        });
    });
    group.bench_function(BenchmarkId::new("read+write+rename", sessions), |bencher| {
        bencher.iter(|| {
            next = (next + 7919) % sessions;
            let path = path(next);
            black_box(std::fs::read(&path).unwrap());
            let new = path.with_extension("new");
            std::fs::write(&new, BLOB).unwrap();
            std::fs::rename(&new, &path).unwrap();
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stores
}
criterion_main!(benches);
