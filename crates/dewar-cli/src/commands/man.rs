use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use crate::args::Arguments;
use crate::exit::{Exit, Failure, Outcome};
use crate::ui::Ui;

/// `dewar man [COMMAND]...`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of a command, such as `cookie verify`; without one, the page of `dewar`
    command: Vec<String>,
}

impl Man {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let mut root = Arguments::command();
        root.build();
        let mut command = &root;
        for name in &self.command {
            command = command
                .find_subcommand(name)
                .ok_or_else(|| Failure::usage(format!("there is no command '{name}'")))?;
        }
        let mut page = Vec::new();
        Page::new(command.clone())
            .render(&mut page)
            .map_err(|error| Failure::unusable("the page cannot be made").because(error))?;
        ui.bytes(&page)?;
        Ok(Exit::Done)
    }
}
