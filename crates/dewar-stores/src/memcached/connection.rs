use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::{binary, text};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// How to log in.
#[derive(Clone)]
pub(super) enum LogIn {
    None,
    /// A line in the text protocol.
    Text {
        user: String,
        password: String,
    },
    /// SASL, which only the binary protocol has.
    Sasl {
        user: String,
        password: String,
    },
}

/// What a server can be asked.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    /// Nothing, to see whether memcached is there.
    Greet,
    /// What it says of itself, where the protocol is text.
    Statistics,
    Get {
        key: &'a str,
    },
    Add {
        key: &'a str,
        value: &'a [u8],
        expiry: u32,
    },
    Replace {
        key: &'a str,
        value: &'a [u8],
        expiry: u32,
        token: u64,
    },
    Touch {
        key: &'a str,
        expiry: u32,
    },
    Delete {
        key: &'a str,
    },
    DeleteUnchanged {
        key: &'a str,
        token: u64,
    },
}

impl Request<'_> {
    /// How many bytes of data are to be stored.
    pub(super) fn size(&self) -> usize {
        match self {
            Request::Add { value, .. } | Request::Replace { value, .. } => value.len(),
            _ => 0,
        }
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Found(Found),
    /// Done; after a write with the record's new token.
    Done(u64),
    /// Names and values.
    Statistics(Vec<(String, String)>),
    /// There is no such record.
    Absent,
    /// The record is not the one that was seen, or there is one where there should be none.
    Changed,
}

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) value: Bytes,
    pub(super) token: u64,
    /// How long it lives, if it does not live for ever and the protocol tells.
    pub(super) left: Option<Duration>,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection was lost or disturbed.
    Io(io::Error),
    /// The server answers in a way that memcached does not.
    Garbled,
    /// The server does not know the command: it is older than 1.6, or a proxy.
    Unknown,
    /// The record is larger than the server takes.
    TooLarge,
    /// The server has no memory left.
    Full,
    /// The server wants a log-in, or another one.
    Denied,
    /// The server refused for another reason: its own words.
    Refused(String),
}

impl Failure {
    /// Whether the connection is still good for the next request.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        matches!(self, Failure::TooLarge | Failure::Full)
    }
}

/// One connection, for one request at a time.
pub(super) struct Connection {
    stream: Stream,
    unread: BytesMut,
    protocol: Protocol,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

#[derive(Clone, Copy)]
enum Protocol {
    Text,
    Binary,
}

/// The largest record that memcached can be told to take.
pub(super) const MOST_BYTES: usize = 1 << 30;

/// No line of an answer is as long.
const LONGEST_LINE: usize = 2_048;

impl Connection {
    pub(super) async fn open(address: &Address, log_in: &LogIn) -> Result<Connection, Failure> {
        let stream = match address {
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            #[cfg(unix)]
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(Failure::Io(io::ErrorKind::Unsupported.into())),
        };
        let mut connection = Connection {
            stream,
            unread: BytesMut::new(),
            protocol: match log_in {
                LogIn::Sasl { .. } => Protocol::Binary,
                LogIn::None | LogIn::Text { .. } => Protocol::Text,
            },
        };
        match log_in {
            LogIn::None => {}
            LogIn::Text { user, password } => text::log_in(&mut connection, user, password).await?,
            LogIn::Sasl { user, password } => {
                binary::log_in(&mut connection, user, password).await?;
            }
        }
        Ok(connection)
    }

    pub(super) async fn ask(&mut self, request: &Request<'_>) -> Result<Outcome, Failure> {
        match self.protocol {
            Protocol::Text => text::ask(self, request).await,
            Protocol::Binary => binary::ask(self, request).await,
        }
    }

    /// Whether nothing has arrived since the last answer: not the end of the connection either.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let read = match &self.stream {
            Stream::Tcp(stream) => stream.try_read(&mut byte),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_read(&mut byte),
        };
        self.unread.is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes).await?,
            #[cfg(unix)]
            Stream::Unix(stream) => stream.write_all(bytes).await?,
        }
        Ok(())
    }

    /// A line of an answer, without its end.
    pub(super) async fn line(&mut self) -> Result<String, Failure> {
        let mut looked_at = 0;
        loop {
            let found = self.unread[looked_at..]
                .iter()
                .position(|byte| *byte == b'\n');
            if let Some(end) = found.map(|found| looked_at + found) {
                let line = self.unread.split_to(end);
                self.unread.advance(1);
                let line = line.strip_suffix(b"\r").ok_or(Failure::Garbled)?;
                let line = std::str::from_utf8(line).map_err(|_| Failure::Garbled)?;
                return Ok(line.to_owned());
            }
            looked_at = self.unread.len();
            if looked_at > LONGEST_LINE {
                return Err(Failure::Garbled);
            }
            self.read_more().await?;
        }
    }

    /// So many bytes of an answer.
    pub(super) async fn exactly(&mut self, size: usize) -> Result<Bytes, Failure> {
        // No memory is set aside for what an answer only promises.
        while self.unread.len() < size {
            self.read_more().await?;
        }
        Ok(self.unread.split_to(size).freeze())
    }

    async fn read_more(&mut self) -> Result<(), Failure> {
        self.unread.reserve(4_096);
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read_buf(&mut self.unread).await?,
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read_buf(&mut self.unread).await?,
        };
        match read {
            0 => Err(Failure::Io(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
