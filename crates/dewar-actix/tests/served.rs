//! A server with several workers, and what arrives at a client.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorForbidden;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, web};
use dewar::Engine;
use dewar::config::Config;
use dewar_actix::{Session, SessionMiddleware};

/// An answer's status line, its session cookie, and its body.
fn get(address: SocketAddr, path: &str, cookie: &str) -> (String, Option<String>, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .map(|value| value.split(';').next().unwrap().to_owned());
    (
        head.lines().next().unwrap().to_owned(),
        cookie,
        body.to_owned(),
    )
}

async fn add(session: Session, number: web::Path<u64>) -> actix_web::Result<&'static str> {
    session.update("numbers", |numbers: &mut Vec<u64>| {
        numbers.push(*number);
    })?;
    Ok("added")
}

async fn count(session: Session) -> actix_web::Result<String> {
    let numbers: Vec<u64> = session.get("numbers")?.unwrap_or_default();
    Ok(numbers.len().to_string())
}

async fn guard(
    session: Session,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    if request.path() == "/refused" {
        session.insert("numbers", [1, 2, 3])?;
        return Err(ErrorForbidden("refused"));
    }
    next.call(request).await
}

#[actix_web::test]
async fn the_workers_of_a_server_share_the_sessions_and_errors_keep_them() {
    let engine = Engine::new(Config::new().session_type("memory")).unwrap();
    let server = HttpServer::new(move || {
        App::new()
            .route("/add/{number}", web::get().to(add))
            .route("/count", web::get().to(count))
            .wrap(from_fn(guard))
            .wrap(SessionMiddleware::new(engine.clone()))
    });
    let server = server.workers(2).disable_signals().bind(("127.0.0.1", 0));
    let server = server.unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let client = web::block(move || {
        // The error becomes a response outside of the middleware.
        let (status, cookie, body) = get(address, "/refused", "");
        assert_eq!((&*status, &*body), ("HTTP/1.1 403 Forbidden", "refused"));
        let cookie = cookie.unwrap();
        assert_eq!(get(address, "/count", &cookie).2, "3");
        // Two workers, sixteen requests at once, one session.
        thread::scope(|scope| {
            for number in 0..16 {
                let cookie = &cookie;
                scope.spawn(move || get(address, &format!("/add/{number}"), cookie));
            }
        });
        assert_eq!(get(address, "/count", &cookie).2, "19");
    });
    client.await.unwrap();
    handle.stop(false).await;
}
