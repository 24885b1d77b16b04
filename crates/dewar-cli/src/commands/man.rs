use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use serde_json::json;

use crate::args::Arguments;
use crate::exit::{Exit, Failure, Outcome};
use crate::text::count;
use crate::ui::{Output, Ui};

/// `dewar man [COMMAND]...`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of a command, such as `cookie verify`; without one, the page of `dewar`
    command: Vec<String>,

    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        // What `help` does is no page of its own.
        let mut root = Arguments::command().disable_help_subcommand(true);
        root.build();
        if let Some(folder) = &self.out {
            return write_all(&root, folder, ui);
        }
        let mut command = &root;
        for name in &self.command {
            command = command
                .find_subcommand(name)
                .ok_or_else(|| Failure::usage(format!("there is no command '{name}'")))?;
        }
        let mut bytes = Vec::new();
        page(command)
            .render(&mut bytes)
            .map_err(|error| Failure::unusable("the page cannot be made").because(error))?;
        ui.bytes(&bytes)?;
        Ok(Exit::Done)
    }
}

/// The page of a command, with this program's version at its foot.
fn page(command: &Command) -> Page {
    Page::new(command.clone()).source(concat!("dewar ", env!("CARGO_PKG_VERSION")))
}

fn write_all(root: &Command, folder: &Path, ui: &mut Ui) -> Outcome {
    let pages = fs::create_dir_all(folder)
        .and_then(|()| write_with_subcommands(root, folder))
        .map_err(|error| {
            Failure::unusable(format!(
                "the pages cannot be written to {}",
                folder.display()
            ))
            .because(error)
        })?;
    match ui.output() {
        Output::Json => {
            ui.json(&json!({ "folder": folder.display().to_string(), "pages": pages }))?
        }
        Output::Text => ui.line(format_args!(
            "{}: {}",
            folder.display(),
            count(pages, "page")
        ))?,
    }
    Ok(Exit::Done)
}

/// Writes the pages of a command and of all below it: how many.
fn write_with_subcommands(command: &Command, folder: &Path) -> std::io::Result<usize> {
    page(command).generate_to(folder)?;
    let mut written = 1;
    for subcommand in command.get_subcommands() {
        written += write_with_subcommands(subcommand, folder)?;
    }
    Ok(written)
}
