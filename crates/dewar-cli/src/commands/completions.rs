use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::exit::{Exit, Outcome};
use crate::ui::Ui;

/// `dewar completions SHELL`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell that reads them
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "dewar", &mut script);
        ui.bytes(&script)?;
        Ok(Exit::Done)
    }
}
