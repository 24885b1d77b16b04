//! `dewar store`: what a store needs before it can hold sessions.

use clap::{Args, Subcommand};
use dewar_stores::Migrated;
use serde_json::json;

use super::config::ConfigOptions;
use crate::exit::{Exit, Outcome};
use crate::stores::{self, Location};
use crate::ui::{Output, Ui};

/// What can be done with a store itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the table or the indexes that a store needs, where they are absent
    Migrate(Migrate),
}

impl Command {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        match self {
            Command::Migrate(command) => super::block_on(command.run(ui)),
        }
    }
}

/// `dewar store migrate`.
#[derive(Debug, Args)]
#[command(after_help = "\
For an application that may not make tables: run this with a user who may, before the application starts, and set \
SESSION_TABLE_EXISTS=true (DynamoDB: SESSION_DYNAMODB_TABLE_EXISTS) for the application. What is there already is never changed; a \
table with other columns is an error.")]
pub(crate) struct Migrate {
    /// The store's URL: postgresql://HOST/DATABASE, mysql://HOST/DATABASE, sqlite:///FILE, mongodb://HOST, dynamodb://REGION, or env:NAME for the URL in a variable; without it, as the configuration says
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    #[command(flatten)]
    config: ConfigOptions,
}

impl Migrate {
    async fn run(self, ui: &mut Ui) -> Outcome {
        let config = self.config.read_usable()?;
        let url = self.store.map(|given| stores::resolve(&given, ui));
        let kind = config.text("SESSION_TYPE")?.unwrap_or_default();
        let location = match url.transpose()? {
            Some(url) => Some(Location::of_url(&url, &config)?),
            None if kind.eq_ignore_ascii_case("memory") => None,
            None => Some(Location::of_config(&config)?),
        };
        if let Some(location) = &location {
            location.say_assumed(ui);
        }
        let (name, made) = match location {
            Some(Location::Place(place)) => (place.to_string(), place.migrate().await?),
            _ => ("a store without a server".to_owned(), None),
        };
        let (what, text) = match made {
            Some(Migrated::Created) => ("created", "made what was absent"),
            Some(Migrated::Unchanged) => ("unchanged", "everything is there already"),
            None => ("nothing", "needs no table"),
        };
        match ui.output() {
            Output::Json => ui.json(&json!({ "store": name, "migrated": what }))?,
            Output::Text => ui.line(format_args!("{name}: {text}"))?,
        }
        Ok(Exit::Done)
    }
}
