//! What the doctor says of a store that is not there, that does not answer, or that is something else.

#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

/// Runs the doctor against a server that treats each connection like this.
fn doctor(serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://ada:hunter2@{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    examine(&url)
}

fn examine(url: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dewar"))
        .args(["doctor", "--quick", "--store", "env:URL"])
        .env_clear()
        .env("URL", url)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("bad       store"), "{said}");
    assert!(said.contains("next: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}

#[test]
fn nothing_listens_there() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let said = examine(&format!("redis://{free}"));
    assert!(said.contains("nothing listens there"), "{said}");
}

#[test]
fn nothing_is_answered() {
    let said = doctor(std::mem::forget);
    assert!(
        said.contains("in time") || said.contains("no answer"),
        "{said}"
    );
}

#[test]
fn another_service_answers() {
    let said = doctor(|mut stream| {
        let mut request = [0; 512];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31m<html>\r\n");
    });
    assert!(said.contains("does not speak Redis"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}
