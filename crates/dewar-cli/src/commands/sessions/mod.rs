//! `dewar sessions`: what is in a store.

use clap::{Args, Subcommand};
use dewar::config::{Config, Setting};
use dewar::store::{Cursor, Key};
use dewar::{OsRandom, SessionId};

use super::config::ConfigOptions;
use crate::cookies::{Pasted, id_of};
use crate::exit::{Failure, Outcome};
use crate::stores::{self, Access, HANDLE, Location, Opened};
use crate::ui::Ui;

mod copy;
mod count;
mod delete;
mod list;
mod migrate;
mod purge;
mod show;
mod state;

/// What can be done with stored sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the sessions of a store, by handles that are of no use to log in
    List(list::List),

    /// Show one session
    Show(show::Show),

    /// Delete sessions: whoever has them is logged out
    Delete(delete::Delete),

    /// Remove what has expired
    Purge(purge::Purge),

    /// Count the sessions of a store
    Count(count::Count),

    /// Copy all sessions from one store to another, while both are in use
    Migrate(migrate::Migrate),
}

impl Command {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        super::block_on(async {
            match self {
                Command::List(command) => command.run(ui).await,
                Command::Show(command) => command.run(ui).await,
                Command::Delete(command) => command.run(ui).await,
                Command::Purge(command) => command.run(ui).await,
                Command::Count(command) => command.run(ui).await,
                Command::Migrate(command) => command.run(ui).await,
            }
        })
    }
}

/// Where the sessions are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreOptions {
    /// The store's URL: filesystem:FOLDER, cachelib:FOLDER, redis://HOST, sqlite:///FILE, or env:NAME for the URL in a variable; without it, as the configuration says
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// What stands before the session id in the store; without it, SESSION_KEY_PREFIX or 'session:'
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,

    #[command(flatten)]
    config: ConfigOptions,
}

/// Which cookie holds a session's id.
#[derive(Debug, Args)]
struct CookieOptions {
    /// The cookie's name, where a whole header is pasted; without it, SESSION_COOKIE_NAME or 'session'
    #[arg(long)]
    name: Option<String>,
}

/// An open store with the prefix of its keys.
struct Sessions {
    place: Opened,
    prefix: String,
}

/// A session that a person means.
enum Sought {
    Handle(String),
    Key(Key),
}

impl StoreOptions {
    fn open(&self, access: Access, ui: &mut Ui) -> Outcome<Sessions> {
        self.open_as(&self.config.read_usable()?, access, ui)
    }

    fn open_as(&self, config: &Config, access: Access, ui: &mut Ui) -> Outcome<Sessions> {
        let location = match &self.store {
            Some(url) => Location::of_url(&stores::resolve(url, ui)?, config)?,
            None => Location::of_config(config)?,
        };
        location.say_assumed(ui);
        let place = location.open(access)?;
        let prefix = self.prefix.clone().unwrap_or_else(|| key_prefix(config));
        Ok(Sessions { place, prefix })
    }
}

impl CookieOptions {
    fn name(&self, config: &Config) -> Outcome<String> {
        let name = match &self.name {
            Some(name) => Some(name.clone()),
            None => config.text("SESSION_COOKIE_NAME")?,
        };
        Ok(name.unwrap_or_else(|| stores::default_text("SESSION_COOKIE_NAME")))
    }
}

/// `SESSION_KEY_PREFIX`.
pub(super) fn key_prefix(config: &Config) -> String {
    match config.get("SESSION_KEY_PREFIX") {
        Some(Setting::Text(prefix)) => prefix.clone(),
        _ => stores::default_text("SESSION_KEY_PREFIX"),
    }
}

impl Sessions {
    fn key(&self, id: &SessionId) -> Key {
        Key::new(format!("{}{}", self.prefix, id.expose()))
    }

    /// Asks the store for a session that nobody has, to hear whether it answers.
    async fn ask(&self) -> Outcome<()> {
        let nobody = SessionId::generate(&OsRandom, 32)?;
        self.place.store.load(&self.key(&nobody)).await?;
        Ok(())
    }

    /// The session id of a key; `None` if what follows the prefix is none.
    fn session_id(&self, key: &Key) -> Option<SessionId> {
        SessionId::parse(key.expose().strip_prefix(&self.prefix)?)
    }

    /// What follows the prefix in a key.
    fn id<'a>(&self, key: &'a Key) -> &'a str {
        key.expose()
            .strip_prefix(&self.prefix)
            .unwrap_or(key.expose())
    }

    /// What a person means: by handle, by id, or by a cookie that holds the id.
    fn sought(&self, text: &str, cookie: &str) -> Outcome<Sought> {
        let text = text.trim();
        let handle = text.to_ascii_lowercase();
        if handle.len() == HANDLE && handle.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Sought::Handle(handle));
        }
        let pasted = Pasted::read(text, cookie)?;
        let value = String::from_utf8(pasted.value).unwrap_or_default();
        match id_of(&value) {
            Some(id) => Ok(Sought::Key(self.key(&id))),
            None => Err(Failure::usage("that is no session id, no handle, and no cookie with an id")
                .hint("dewar sessions list shows the handles; a cookie that holds the session itself is read with dewar cookie decode")),
        }
    }

    /// The key of what is sought; `None` if no session has the handle.
    async fn find(&self, sought: Sought) -> Outcome<Option<Key>> {
        match sought {
            Sought::Handle(handle) => self.find_by_handle(&handle).await,
            Sought::Key(key) => Ok(Some(key)),
        }
    }

    async fn find_by_handle(&self, handle: &str) -> Outcome<Option<Key>> {
        let mut cursor = Some(Cursor::start());
        while let Some(place) = cursor {
            let page = self.place.page(&self.prefix, place).await?;
            let mut keys = page.entries.into_iter().map(|entry| entry.key);
            if let Some(key) = keys.find(|key| stores::handle(key) == handle) {
                return Ok(Some(key));
            }
            cursor = page.next;
        }
        Ok(None)
    }
}
