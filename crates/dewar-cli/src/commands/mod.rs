//! A file per command.

use clap::Subcommand;

use crate::exit::Outcome;
use crate::ui::Ui;

mod completions;
mod config;
mod cookie;
mod key;
mod man;

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
            Command::Completions(command) => command.run(ui),
            Command::Man(command) => command.run(ui),
        }
    }
}
