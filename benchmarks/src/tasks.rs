//! One session in this process: signed cookies, codecs, an axum request, the decision.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::get;
use bytes::Bytes;
use dewar::config::{Config, Refresh};
use dewar::data::{Dict, Document, Format};
use dewar::plan::{Access, Content, Fate, Kept, Permanent, Policy, Presence, SessionState, plan};
use dewar::{Engine, UnixTime};
use dewar_tower::{Session, SessionLayer};
use serde_json::{Map, Value};
use tower::ServiceExt;
use tower::util::MapResponseLayer;

use crate::{Floor, KEY, session};

/// The sizes of sessions, in bytes of JSON.
pub const SIZES: [(&str, usize); 3] = [
    ("150 bytes", 150),
    ("1 KB", 1024),
    ("16 KB, compressed", 16 * 1024),
];

/// A piece of work that somebody does, to be repeated.
pub struct Task {
    pub what: String,
    pub size: &'static str,
    pub who: &'static str,
    pub work: Box<dyn FnMut()>,
}

/// All of them.
pub fn tasks() -> Result<Vec<Task>, Box<dyn Error>> {
    let mut tasks = Vec::new();
    for (label, size) in SIZES {
        cookies(&mut tasks, label, &session(size))?;
    }
    for (label, size) in &SIZES[..2] {
        codecs(&mut tasks, label, &session(*size))?;
    }
    requests(&mut tasks)?;
    decision(&mut tasks);
    Ok(tasks)
}

fn add(
    tasks: &mut Vec<Task>,
    what: &str,
    size: &'static str,
    who: &'static str,
    work: impl FnMut() + 'static,
) {
    let work = Box::new(work);
    tasks.push(Task {
        what: what.to_owned(),
        size,
        who,
        work,
    });
}

fn cookies(
    tasks: &mut Vec<Task>,
    size: &'static str,
    data: &Map<String, Value>,
) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(Config::new().secret_key(KEY).set("MAX_COOKIE_SIZE", 0))?;
    let cookie = cookie(&engine, data)?;
    let value = cookie
        .strip_prefix("session=")
        .ok_or("another name")?
        .to_owned();
    // Both read what the other wrote.
    assert_eq!(&Floor::new(KEY).open(&value), data);
    let (opened, sent) = (engine.clone(), cookie.clone());
    add(tasks, "cookie: open and save", size, "Dewar", move || {
        at_once(async {
            let session = opened.open([black_box(sent.as_bytes())]).await.unwrap();
            session.insert("visits", 18).unwrap();
            black_box(opened.close(&session).await.unwrap());
        });
    });
    let (floor, sent) = (Floor::new(KEY), value.clone());
    add(
        tasks,
        "cookie: open and save",
        size,
        "HMAC, base64, serde_json",
        move || {
            let mut session = floor.open(black_box(&sent));
            session["visits"] = 18.into();
            black_box(floor.save(&session));
        },
    );
    add(tasks, "cookie: read one value", size, "Dewar", move || {
        at_once(async {
            let session = engine.open([black_box(cookie.as_bytes())]).await.unwrap();
            black_box(session.get::<u64>("visits").unwrap());
            black_box(engine.close(&session).await.unwrap());
        });
    });
    let floor = Floor::new(KEY);
    add(
        tasks,
        "cookie: read one value",
        size,
        "HMAC, base64, serde_json",
        move || {
            black_box(floor.open(black_box(&value))["visits"].as_u64());
        },
    );
    Ok(())
}

/// All values are decoded, and all are encoded anew: the peers know no other way.
fn codecs(
    tasks: &mut Vec<Task>,
    size: &'static str,
    data: &Map<String, Value>,
) -> Result<(), Box<dyn Error>> {
    let text = serde_json::to_vec(data)?;
    let whole = Document::parse(Format::Json, text.clone().into())?.to_dict();
    for (format, name) in [
        (Format::TaggedJson, "tagged JSON"),
        (Format::Json, "JSON"),
        (Format::Msgpack, "msgpack"),
    ] {
        let encoded = Bytes::from(filled(&whole).encode(format)?);
        let (decoding, encoding) = (format!("{name}: decode"), format!("{name}: encode"));
        let bytes = encoded.clone();
        add(tasks, &decoding, size, "Dewar", move || {
            black_box(
                Document::parse(format, black_box(bytes.clone()))
                    .unwrap()
                    .to_dict(),
            );
        });
        let bytes = encoded.clone();
        add(
            tasks,
            &format!("{name}: read one value"),
            size,
            "Dewar",
            move || {
                let document = Document::parse(format, black_box(bytes.clone())).unwrap();
                black_box(document.get("visits"));
            },
        );
        let document = filled(&whole);
        add(tasks, &encoding, size, "Dewar", move || {
            black_box(black_box(&document).encode(format).unwrap());
        });
        let map = data.clone();
        if format == Format::Msgpack {
            add(tasks, &decoding, size, "rmp-serde", move || {
                let map: Map<String, Value> = rmp_serde::from_slice(black_box(&encoded)).unwrap();
                black_box(map);
            });
            add(tasks, &encoding, size, "rmp-serde", move || {
                black_box(rmp_serde::to_vec(black_box(&map)).unwrap());
            });
        } else {
            add(tasks, &decoding, size, "serde_json", move || {
                let map: Map<String, Value> = serde_json::from_slice(black_box(&encoded)).unwrap();
                black_box(map);
            });
            add(tasks, &encoding, size, "serde_json", move || {
                black_box(serde_json::to_vec(black_box(&map)).unwrap());
            });
        }
    }
    Ok(())
}

/// A document in which every entry is new, so that none is copied when it is encoded.
fn filled(data: &Dict) -> Document {
    let mut document = Document::new();
    for (key, value) in data.iter() {
        document.insert(key.clone(), value.clone());
    }
    document
}

fn decision(tasks: &mut Vec<Task>) {
    let now = UnixTime::from_seconds(1_700_000_000);
    let policy = Policy {
        lifetime: Duration::from_secs(3600),
        absolute_lifetime: None,
        refresh: Refresh::After(Duration::from_secs(360)),
    };
    let state = SessionState {
        kept: Kept::InStore,
        presence: Presence::Known,
        fate: Fate::Kept,
        access: Access::ReadWrite,
        content: Content::Filled,
        accessed: true,
        modified: true,
        permanent: Permanent::Yes,
        cookie_received: true,
        extended: Some(now),
    };
    add(tasks, "the decision alone (plan)", "", "Dewar", move || {
        black_box(plan(black_box(&state), black_box(&policy), black_box(now)));
    });
}

/// Whole requests of 150 bytes of session, without a server.
fn requests(tasks: &mut Vec<Task>) -> Result<(), Box<dyn Error>> {
    let routes = || {
        let read = |session: Session| async move {
            black_box(session.get::<u64>("visits").unwrap());
            "hello"
        };
        let write = |session: Session| async move {
            session.insert("visits", 18).unwrap();
            "hello"
        };
        let untouched = get(async || "hello");
        Router::new()
            .route("/untouched", untouched)
            .route("/read", get(read))
            .route("/write", get(write))
    };
    let mut add_request =
        |what: &str, who: &'static str, app: &Router, path: &'static str, cookie: &str| {
            let (app, cookie) = (app.clone(), cookie.to_owned());
            let answer = move || {
                let request = Request::builder()
                    .uri(path)
                    .header("cookie", &cookie)
                    .body(Body::empty());
                let response: Result<_, Infallible> =
                    at_once(app.clone().oneshot(request.unwrap()));
                assert!(black_box(response.unwrap()).status().is_success());
            };
            add(
                tasks,
                &format!("axum request: {what}"),
                "150 bytes",
                who,
                answer,
            );
        };
    let signed = Engine::new(Config::new().secret_key(KEY))?;
    let memory = Engine::new(Config::new().session_type("memory"))?;
    let sent = cookie(&signed, &session(150))?;
    add_request("untouched", "no layer", &routes(), "/untouched", &sent);
    let nothing = routes().layer(MapResponseLayer::new(|response: Response<Body>| response));
    add_request(
        "untouched",
        "a layer that does nothing",
        &nothing,
        "/untouched",
        &sent,
    );
    for (who, engine) in [("Dewar, signed cookie", signed), ("Dewar, memory", memory)] {
        let sent = cookie(&engine, &session(150))?;
        let app = routes().layer(SessionLayer::new(engine));
        for (what, path) in [
            ("untouched", "/untouched"),
            ("read", "/read"),
            ("written", "/write"),
        ] {
            add_request(what, who, &app, path, &sent);
        }
    }
    Ok(())
}

/// What a future gives that waits for nothing: the floor has no executor either.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("nothing is waited for here"),
    }
}

/// A cookie of a session with this data, as a browser sends it.
fn cookie(engine: &Engine, data: &Map<String, Value>) -> Result<String, Box<dyn Error>> {
    at_once(async {
        let session = engine.open([]).await?;
        session.write(data)?;
        let reply = engine.close(&session).await?;
        let set = reply
            .set_cookie()
            .ok_or("no cookie")?
            .split(';')
            .next()
            .ok_or("no pair")?;
        Ok(set.to_owned())
    })
}
