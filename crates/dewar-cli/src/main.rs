//! The `dewar` command: a file per command below `commands/`, nothing printed outside `ui`.

#[cfg(not(unix))]
compile_error!(
    "the command `dewar` is for Unix systems: it looks after the owners, modes and locks of files"
);

mod args;
mod commands;
mod cookies;
mod exit;
mod files;
mod keys;
mod stores;
mod text;
mod ui;

use std::process::ExitCode;

use args::Arguments;
use ui::Ui;

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let mut ui = Ui::new(arguments.output(), arguments.color());
    let exit = match arguments.command.run(&mut ui) {
        Ok(exit) => exit,
        Err(failure) => ui.failure(&failure),
    };
    exit.into()
}
