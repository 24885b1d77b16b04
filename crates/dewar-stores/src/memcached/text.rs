//! The text protocol of memcached 1.6: its meta commands, where they can do more, and the old ones, where they are
//! safer. A meta command that writes throws the old record away when it cannot store the new one; `add` and `cas`
//! leave it alone.
//!
//! ```text
//! mn                              MN; memcached before 1.6 does not know it
//! stats                           STAT <name> <value>, …, END
//! mg <key> v c t                  VA <size> c<token> t<seconds>, the value    or EN
//! add <key> 0 <expiry> <size>     STORED or NOT_STORED
//! cas <key> … <size> <token>      STORED, EXISTS or NOT_FOUND
//! touch <key> <expiry>            TOUCHED or NOT_FOUND
//! delete <key>                    DELETED or NOT_FOUND
//! md <key> C<token>               HD, EX or NF
//! ```

use bytes::Bytes;

use super::connection::{Connection, Failure, Found, MOST_BYTES, Outcome, Request};
use super::expiry;

/// The token of a record that was written, and that somebody wrote again before its token could be read. No record
/// has it: who uses it meets a conflict.
const OVERTAKEN: u64 = u64::MAX;

pub(super) async fn ask(
    connection: &mut Connection,
    request: &Request<'_>,
) -> Result<Outcome, Failure> {
    match *request {
        Request::Greet => simple(connection, "mn\r\n".to_owned()).await,
        Request::Statistics => statistics(connection).await,
        Request::Get { key } => {
            connection
                .write(format!("mg {key} v c t\r\n").as_bytes())
                .await?;
            let found = read_found(connection).await?;
            Ok(found.map_or(Outcome::Absent, Outcome::Found))
        }
        Request::Add { key, value, expiry } => {
            let command = format!("add {key} 0 {expiry} {}\r\n", value.len());
            store(connection, command, key, value).await
        }
        Request::Replace {
            key,
            value,
            expiry,
            token,
        } => {
            let command = format!("cas {key} 0 {expiry} {} {token}\r\n", value.len());
            store(connection, command, key, value).await
        }
        Request::Touch { key, expiry } => {
            simple(connection, format!("touch {key} {expiry}\r\n")).await
        }
        Request::Delete { key } => simple(connection, format!("delete {key}\r\n")).await,
        Request::DeleteUnchanged { key, token } => {
            simple(connection, format!("md {key} C{token}\r\n")).await
        }
    }
}

/// The lines `STAT <name> <value>` up to `END`.
async fn statistics(connection: &mut Connection) -> Result<Outcome, Failure> {
    /// Servers send about a hundred.
    const MOST: usize = 1000;
    connection.write(b"stats\r\n").await?;
    let mut found = Vec::new();
    for _ in 0..MOST {
        let line = connection.line().await?;
        if line == "END" {
            return Ok(Outcome::Statistics(found));
        }
        let Some(statistic) = line.strip_prefix("STAT ") else {
            return Err(failure(&line));
        };
        if let Some((name, value)) = statistic.split_once(' ') {
            found.push((name.to_owned(), value.to_owned()));
        }
    }
    Err(Failure::Garbled)
}

/// A `set` of any key that is not one: its value is user and password.
pub(super) async fn log_in(
    connection: &mut Connection,
    user: &str,
    password: &str,
) -> Result<(), Failure> {
    let size = user.len() + 1 + password.len();
    let command = format!("set auth 0 0 {size}\r\n{user} {password}\r\n");
    connection.write(command.as_bytes()).await?;
    match connection.line().await?.as_str() {
        "STORED" => Ok(()),
        line => Err(failure(line)),
    }
}

/// A write, and in the same round trip the token that it gave the record.
async fn store(
    connection: &mut Connection,
    command: String,
    key: &str,
    value: &[u8],
) -> Result<Outcome, Failure> {
    let mut question = command.into_bytes();
    question.reserve(value.len() + key.len() + 16);
    question.extend_from_slice(value);
    question.extend_from_slice(format!("\r\nmg {key} v c t\r\n").as_bytes());
    connection.write(&question).await?;
    let answer = connection.line().await.map(|line| outcome(&line))?;
    match answer {
        Err(failure) if !failure.leaves_connection_usable() => Err(failure),
        answer => {
            let found = read_found(connection).await?;
            match answer? {
                // The value is compared, not only the token read: another may have written in between.
                Outcome::Done(_) => Ok(Outcome::Done(match found {
                    Some(found) if found.value == value => found.token,
                    _ => OVERTAKEN,
                })),
                outcome => Ok(outcome),
            }
        }
    }
}

async fn simple(connection: &mut Connection, command: String) -> Result<Outcome, Failure> {
    connection.write(command.as_bytes()).await?;
    outcome(&connection.line().await?)
}

fn outcome(line: &str) -> Result<Outcome, Failure> {
    match line {
        "MN" | "STORED" | "TOUCHED" | "DELETED" | "HD" => Ok(Outcome::Done(0)),
        "NOT_STORED" | "EXISTS" | "EX" => Ok(Outcome::Changed),
        "NOT_FOUND" | "NF" => Ok(Outcome::Absent),
        line => Err(failure(line)),
    }
}

async fn read_found(connection: &mut Connection) -> Result<Option<Found>, Failure> {
    let line = connection.line().await?;
    let mut words = line.split(' ');
    match words.next() {
        Some("EN") => return Ok(None),
        Some("VA") => {}
        _ => return Err(failure(&line)),
    }
    let size = words.next().and_then(|size| size.parse().ok());
    let size: usize = size
        .filter(|size| *size <= MOST_BYTES)
        .ok_or(Failure::Garbled)?;
    let (mut token, mut left) = (None, None);
    for word in words {
        match word.split_at_checked(1) {
            Some(("c", number)) => token = number.parse().ok(),
            Some(("t", number)) => left = number.parse().ok().and_then(expiry::left),
            _ => {}
        }
    }
    let value = connection.exactly(size + 2).await?;
    let value: Bytes = match value.strip_suffix(b"\r\n") {
        Some(_) => value.slice(..size),
        None => return Err(Failure::Garbled),
    };
    Ok(Some(Found {
        value,
        token: token.ok_or(Failure::Garbled)?,
        left,
    }))
}

fn failure(line: &str) -> Failure {
    match line {
        "ERROR" => Failure::Unknown,
        "SERVER_ERROR object too large for cache" => Failure::TooLarge,
        "SERVER_ERROR out of memory storing object" => Failure::Full,
        "CLIENT_ERROR unauthenticated" | "CLIENT_ERROR authentication failure" => Failure::Denied,
        line if line.starts_with("SERVER_ERROR ") || line.starts_with("CLIENT_ERROR ") => {
            Failure::Refused(line.to_owned())
        }
        _ => Failure::Garbled,
    }
}
