//! The demo that `cargo run` starts: a shop whose sessions can be looked at.
//!
//! `app.rs` puts the parts together; `shop.rs` and `account.rs` are what an application writes.

// This is the program's output, not a library's.
#![allow(clippy::print_stdout, clippy::print_stderr)]
// Nothing of a program can be reached from outside; `pub` means "for the other files".
#![allow(unreachable_pub)]

mod account;
mod app;
mod cart;
mod catalog;
mod failure;
mod folder;
mod guard;
mod inspect;
mod journal;
mod options;
mod pages;
mod serve;
mod shop;
mod store;

use std::process::ExitCode;

use crate::options::Command;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match options::parse(lexopt::Parser::from_env()) {
        Ok(Command::Serve(options)) => serve::serve(options).await,
        Ok(Command::Help) => {
            print!("{}", options::HELP);
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("The shop cannot start: {failure}");
            ExitCode::FAILURE
        }
    }
}
