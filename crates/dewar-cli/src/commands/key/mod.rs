//! `dewar key`: make, check and rotate secret keys.

use clap::Subcommand;

use crate::exit::Outcome;
use crate::ui::Ui;

mod check;
mod new;
mod rotate;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a random key
    #[command(visible_alias = "generate")]
    New(new::New),

    /// Say how good a key is
    Check(check::Check),

    /// Put a new key in front and keep the old one among the fallbacks
    Rotate(rotate::Rotate),
}

impl Command {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        match self {
            Command::New(command) => command.run(ui),
            Command::Check(command) => command.run(ui),
            Command::Rotate(command) => command.run(ui),
        }
    }
}
