//! The binary protocol, for SASL.
//!
//! ```text
//! magic(1) opcode(1) key size(2) extras size(1) type(1) status(2) body size(4) opaque(4) token(8), big-endian;
//! then extras, key, value
//! ```

use bytes::{Buf, Bytes};

use super::connection::{Connection, Failure, Found, MOST_BYTES, Outcome, Request};

const GET: u8 = 0x00;
const ADD: u8 = 0x02;
/// With a token it writes like SET, but leaves the old record alone when it cannot store the new one.
const REPLACE: u8 = 0x03;
const DELETE: u8 = 0x04;
const NO_OPERATION: u8 = 0x0a;
const TOUCH: u8 = 0x1c;
const SASL_AUTHENTICATE: u8 = 0x21;

const HEADER: usize = 24;

/// A packet to send.
#[derive(Default)]
struct Packet<'a> {
    opcode: u8,
    extras: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
    token: u64,
}

struct Answer {
    status: u16,
    token: u64,
    value: Bytes,
}

pub(super) async fn ask(
    connection: &mut Connection,
    request: &Request<'_>,
) -> Result<Outcome, Failure> {
    let answer = match *request {
        // Its answer would be many packets.
        Request::Statistics => return Ok(Outcome::Statistics(Vec::new())),
        Request::Greet => {
            call(
                connection,
                Packet {
                    opcode: NO_OPERATION,
                    ..Packet::default()
                },
            )
            .await?
        }
        Request::Get { key } => {
            let key = key.as_bytes();
            call(
                connection,
                Packet {
                    opcode: GET,
                    key,
                    ..Packet::default()
                },
            )
            .await?
        }
        Request::Add { key, value, expiry } => {
            let (key, extras) = (key.as_bytes(), &flags_and(expiry));
            call(
                connection,
                Packet {
                    opcode: ADD,
                    extras,
                    key,
                    value,
                    token: 0,
                },
            )
            .await?
        }
        Request::Replace {
            key,
            value,
            expiry,
            token,
        } => {
            let (key, extras) = (key.as_bytes(), &flags_and(expiry));
            call(
                connection,
                Packet {
                    opcode: REPLACE,
                    extras,
                    key,
                    value,
                    token,
                },
            )
            .await?
        }
        Request::Touch { key, expiry } => {
            let (key, extras) = (key.as_bytes(), &expiry.to_be_bytes());
            call(
                connection,
                Packet {
                    opcode: TOUCH,
                    extras,
                    key,
                    ..Packet::default()
                },
            )
            .await?
        }
        Request::Delete { key } => {
            let key = key.as_bytes();
            call(
                connection,
                Packet {
                    opcode: DELETE,
                    key,
                    ..Packet::default()
                },
            )
            .await?
        }
        Request::DeleteUnchanged { key, token } => {
            let key = key.as_bytes();
            call(
                connection,
                Packet {
                    opcode: DELETE,
                    key,
                    token,
                    ..Packet::default()
                },
            )
            .await?
        }
    };
    match answer.status {
        0x00 if matches!(request, Request::Get { .. }) => Ok(Outcome::Found(Found {
            value: answer.value,
            token: answer.token,
            left: None,
        })),
        0x00 => Ok(Outcome::Done(answer.token)),
        0x01 => Ok(Outcome::Absent),
        0x02 | 0x05 => Ok(Outcome::Changed),
        _ => Err(failure(&answer)),
    }
}

pub(super) async fn log_in(
    connection: &mut Connection,
    user: &str,
    password: &str,
) -> Result<(), Failure> {
    let value = format!("\0{user}\0{password}");
    let packet = Packet {
        opcode: SASL_AUTHENTICATE,
        key: b"PLAIN",
        value: value.as_bytes(),
        ..Packet::default()
    };
    let answer = call(connection, packet).await?;
    match answer.status {
        0x00 => Ok(()),
        _ => Err(failure(&answer)),
    }
}

fn failure(answer: &Answer) -> Failure {
    match answer.status {
        0x03 => Failure::TooLarge,
        0x82 => Failure::Full,
        0x08 | 0x20 | 0x21 => Failure::Denied,
        0x81 => Failure::Unknown,
        status => Failure::Refused(format!("status {status:#x}")),
    }
}

fn flags_and(expiry: u32) -> [u8; 8] {
    u64::from(expiry).to_be_bytes()
}

async fn call(connection: &mut Connection, packet: Packet<'_>) -> Result<Answer, Failure> {
    let Packet {
        opcode,
        extras,
        key,
        value,
        token,
    } = packet;
    let (Ok(key_size), Ok(extras_size), Ok(body_size)) = (
        u16::try_from(key.len()),
        u8::try_from(extras.len()),
        u32::try_from(extras.len() + key.len() + value.len()),
    ) else {
        return Err(Failure::TooLarge);
    };
    let mut question = Vec::with_capacity(HEADER + extras.len() + key.len() + value.len());
    question.extend_from_slice(&[0x80, opcode]);
    question.extend_from_slice(&key_size.to_be_bytes());
    question.extend_from_slice(&[extras_size, 0, 0, 0]);
    question.extend_from_slice(&body_size.to_be_bytes());
    question.extend_from_slice(&[0; 4]);
    question.extend_from_slice(&token.to_be_bytes());
    for part in [extras, key, value] {
        question.extend_from_slice(part);
    }
    connection.write(&question).await?;
    read(connection, opcode).await
}

async fn read(connection: &mut Connection, opcode: u8) -> Result<Answer, Failure> {
    let mut header = connection.exactly(HEADER).await?;
    if header.get_u8() != 0x81 || header.get_u8() != opcode {
        return Err(Failure::Garbled);
    }
    let key_size = usize::from(header.get_u16());
    let extras_size = usize::from(header.get_u8());
    header.advance(1);
    let status = header.get_u16();
    let body_size = usize::try_from(header.get_u32()).unwrap_or(usize::MAX);
    header.advance(4);
    let token = header.get_u64();
    let before_value = extras_size + key_size;
    if body_size > MOST_BYTES || body_size < before_value {
        return Err(Failure::Garbled);
    }
    let value = connection.exactly(body_size).await?.slice(before_value..);
    Ok(Answer {
        status,
        token,
        value,
    })
}
