//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::failure::Failure;
use crate::folder::Folder;
use crate::store::Store;

pub const HELP: &str = "\
A shop whose sessions can be looked at.

Usage: cargo run -- [options]

  --store <store>     where sessions are kept at first: cookie, memory or
                      filesystem (default: filesystem); the page can switch
  --port <port>       the port on 127.0.0.1; 0 takes any free one
                      (default: 3000, or the next free one)
  --folder <path>     where the sessions and the secret key are kept
                      (default: target/dewar-shop)
  --checkout <secs>   how long a checkout takes (default: 6)
  --help              this text
";

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    Serve(Options),
    Help,
}

/// How to serve.
#[derive(Debug)]
pub struct Options {
    pub store: Store,
    pub port: Port,
    pub folder: PathBuf,
    pub checkout: Duration,
}

/// Which port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// This one or none.
    Exactly(u16),
    /// This one, or the next free one.
    From(u16),
}

/// Reads the command line.
pub fn parse(mut arguments: lexopt::Parser) -> Result<Command, Failure> {
    let mut options = Options {
        store: Store::Filesystem,
        port: Port::From(3000),
        folder: Folder::default_path(),
        checkout: Duration::from_secs(6),
    };
    let wrong = |error: lexopt::Error| Failure::new(error.to_string()).hint("see --help");
    while let Some(argument) = arguments.next().map_err(wrong)? {
        match argument {
            Long("store") => {
                options.store = arguments.value().map_err(wrong)?.parse().map_err(wrong)?
            }
            Long("port") => {
                options.port =
                    Port::Exactly(arguments.value().map_err(wrong)?.parse().map_err(wrong)?)
            }
            Long("folder") => options.folder = arguments.value().map_err(wrong)?.into(),
            Long("checkout") => {
                options.checkout =
                    seconds(arguments.value().map_err(wrong)?.parse().map_err(wrong)?)?
            }
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(wrong(other.unexpected())),
        }
    }
    Ok(Command::Serve(options))
}

fn seconds(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(60))
        .ok_or_else(|| Failure::new("a checkout takes 0 to 60 seconds"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, Failure> {
        parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn without_options_the_filesystem_shop_takes_the_first_free_port_from_3000() {
        let Ok(Command::Serve(options)) = parsed(&[]) else {
            panic!("it does not serve")
        };
        assert_eq!(options.store, Store::Filesystem);
        assert_eq!(options.port, Port::From(3000));
    }

    #[test]
    fn a_port_that_is_asked_for_is_the_only_one_tried() {
        let Ok(Command::Serve(options)) = parsed(&["--port", "8080", "--store=cookie"]) else {
            panic!("it does not serve")
        };
        assert_eq!(options.port, Port::Exactly(8080));
        assert_eq!(options.store, Store::Cookie);
    }

    #[test]
    fn a_wrong_option_is_an_error_that_says_what_would_be_right() {
        let message = parsed(&["--store", "redis"]).unwrap_err().to_string();
        assert!(
            message.contains("cookie, memory or filesystem"),
            "{message}"
        );
        assert!(parsed(&["--port", "many"]).is_err());
        assert!(parsed(&["--colour"]).is_err());
        assert!(parsed(&["--checkout", "-1"]).is_err());
    }
}
