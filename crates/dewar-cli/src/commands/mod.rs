//! A file per command.

use clap::Subcommand;

use crate::exit::{Failure, Outcome};
use crate::ui::Ui;

mod completions;
mod config;
mod cookie;
mod doctor;
mod key;
mod man;
mod sessions;
mod store;

/// What the command can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, check and rotate secret keys
    #[command(subcommand)]
    Key(key::Command),

    /// Read cookies, and say why one is refused
    #[command(subcommand)]
    Cookie(cookie::Command),

    /// Show, check and explain the configuration
    #[command(subcommand)]
    Config(config::Command),

    /// List, show, delete, count and move stored sessions
    #[command(subcommand)]
    Sessions(sessions::Command),

    /// Make what a store needs: its table, its indexes
    #[command(subcommand)]
    Store(store::Command),

    /// Find out why sessions do not work
    Doctor(doctor::Doctor),

    /// Print completions for a shell
    Completions(completions::Completions),

    /// Print the manual page
    Man(man::Man),
}

impl Command {
    /// Does what was asked for.
    pub(crate) fn run(self, ui: &mut Ui) -> Outcome {
        match self {
            Command::Key(command) => command.run(ui),
            Command::Cookie(command) => command.run(ui),
            Command::Config(command) => command.run(ui),
            Command::Sessions(command) => command.run(ui),
            Command::Store(command) => command.run(ui),
            Command::Doctor(command) => command.run(ui),
            Command::Completions(command) => command.run(ui),
            Command::Man(command) => command.run(ui),
        }
    }
}

/// Runs what talks to stores.
fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::unusable("the system gives no means to wait for servers").because(error)
    })?;
    runtime.block_on(work)
}
