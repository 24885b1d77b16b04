//! Answers questions about Dewar: a command as a line of JSON on standard input, its answer on standard output.
//!
//! ```text
//! {"op": "cookie_open", "key": "6b", ...}    →  {"ok": ["dict", ...]}
//!                                            →  {"refused": "bad_signature"}
//! ```
//!
//! Bytes are hex; values are described as in `neutral.py`. A command that is not understood ends the program.

mod command;
mod neutral;
mod operations;
mod requests;

use std::io::{BufRead, Write, stdin, stdout};

use command::{Command, Fault};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut output = stdout().lock();
    for line in stdin().lock().lines() {
        let command = Command::parse(&line?)?;
        let answer = match operations::answer(&command) {
            Ok(value) => json!({ "ok": value }),
            Err(Fault::Refused(reason)) => json!({ "refused": reason }),
            Err(Fault::Protocol(problem)) => return Err(problem.into()),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
