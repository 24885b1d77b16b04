use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::commands::Command;
use crate::ui::Output;

/// Session keys, cookies, configuration and stores from the shell.
///
/// Dewar's sessions are Flask's: whatever this command reads, checks or signs, Flask and Flask-Session read and sign alike.
#[derive(Debug, Parser)]
#[command(
    name = "dewar",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Write the result as one JSON document
    #[arg(long, global = true, display_order = 100)]
    json: bool,

    /// When to use colour; NO_COLOR is respected
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        display_order = 101
    )]
    color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, or the answer is yes; 1 the answer is no; 2 wrong usage; 3 something needed is missing or cannot be \
read or written; 4 the configuration has errors; 5 the store failed; 6 the store failed and may work later; 130 interrupted.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Arguments {
    /// The process's arguments; wrong ones, `--help` and `--version` are answered here.
    pub(crate) fn read() -> Result<Arguments, ExitCode> {
        Arguments::command()
            .color(ColorChoice::Auto)
            .try_get_matches()
            .and_then(|matches| Arguments::from_arg_matches(&matches))
            .map_err(|error| {
                let error = name_option(error);
                // Where not even that can be written there is nobody to tell.
                let _ = error.print();
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            })
    }

    pub(crate) fn output(&self) -> Output {
        if self.json {
            Output::Json
        } else {
            Output::Text
        }
    }

    pub(crate) fn color(&self) -> anstream::ColorChoice {
        match self.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
    }
}

/// Says how a configuration file is given, where one stands among the arguments by itself and the command takes one.
fn name_option(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(file)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    if error.kind() != ErrorKind::UnknownArgument || !Path::new(file).is_file() {
        return error;
    }
    let named = std::env::args().flat_map(|argument| {
        let option = (argument == *file).then(|| String::from("--config"));
        option.into_iter().chain([argument])
    });
    if Arguments::command().try_get_matches_from(named).is_ok() {
        let tip = format!("a file of settings is named by an option: --config {file}");
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}
