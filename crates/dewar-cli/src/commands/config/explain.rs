use clap::Args;
use dewar::config::{DefinedBy, KEYS, Key, Kind, Origin, SESSION_TYPES, Scope};
use serde_json::{Value, json};

use super::show::not_taken;
use super::{ConfigOptions, default, shown};
use crate::exit::{Exit, Failure, Outcome};
use crate::ui::{Output, STRONG, Ui};

/// `dewar config explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The key; without it, all keys with a line each
    key: Option<String>,

    #[command(flatten)]
    config: ConfigOptions,
}

impl Explain {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let Some(name) = &self.key else {
            return list(ui);
        };
        let key = find(name, &self.config)?;
        let facts = self.facts(key)?;
        match ui.output() {
            Output::Json => {
                let facts = facts
                    .into_iter()
                    .map(|(name, fact)| (name.into(), Value::from(fact)));
                ui.json(&facts.collect::<serde_json::Map<_, _>>())?;
            }
            Output::Text => {
                for (name, fact) in facts {
                    ui.line(format_args!("{STRONG}{name:<10}{STRONG:#} {fact}"))?;
                }
            }
        }
        Ok(Exit::Done)
    }

    fn facts(&self, key: &Key) -> Outcome<Vec<(&'static str, String)>> {
        let config = self.config.read_usable()?;
        let variable = self.config.variable(key.name);
        let set_with = match key.kind {
            Kind::Secret | Kind::SecretList | Kind::Connection => {
                format!("{variable}, or {variable}_FILE, which names a file")
            }
            _ => variable,
        };
        let now = match (config.get(key.name), config.origin(key.name)) {
            (None, _) | (_, Origin::Default) => {
                match not_taken(&config).find(|line| line.key == key.name) {
                    Some(line) => format!("{} ({})", line.value, line.origin),
                    None => "not set".into(),
                }
            }
            (Some(value), origin) => format!("{} ({origin})", shown(Some(key), value)),
        };
        Ok(vec![
            ("key", key.name.into()),
            ("meaning", key.meaning.into()),
            ("type", kind(key.kind)),
            ("default", default(key)),
            ("applies", scope(key.scope)),
            ("documented", documentation(key)),
            ("variable", set_with),
            ("now", now),
        ])
    }
}

fn list(ui: &mut Ui) -> Outcome {
    match ui.output() {
        Output::Json => ui.json(
            &KEYS
                .iter()
                .map(|key| json!({ "key": key.name, "meaning": key.meaning }))
                .collect::<Vec<_>>(),
        )?,
        Output::Text => {
            let width = KEYS.iter().map(|key| key.name.len()).max().unwrap_or(0);
            for key in KEYS {
                ui.line(format_args!(
                    "{STRONG}{:<width$}{STRONG:#}  {}",
                    key.name, key.meaning
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The key by its name in any case, with or without the environment's prefix.
fn find(name: &str, config: &ConfigOptions) -> Outcome<&'static Key> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix(&config.variable("")).unwrap_or(&upper);
    Key::find(bare).ok_or_else(|| {
        let failure = Failure::new(
            Exit::No,
            format!("there is no key '{}'", name.escape_debug()),
        );
        match Key::nearest(bare) {
            Some(key) => failure.hint(format!("did you mean {}?", key.name)),
            None => failure.hint("dewar config explain lists all keys"),
        }
    })
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Bool => "true or false".into(),
        Kind::Integer => "a whole number".into(),
        Kind::Duration => "a span of time: seconds, '31d', '12h 30m', 'P31D' or '12:30:00'".into(),
        Kind::Choice(words) => format!("one of '{}'", words.join("', '")),
        Kind::SessionType => {
            let names: Vec<_> = SESSION_TYPES.iter().map(|known| known.name).collect();
            format!("one of '{}'", names.join("', '"))
        }
        Kind::FileMode => "permission bits: '0600', or the number 384".into(),
        Kind::Secret => "a secret: text or bytes".into(),
        Kind::SecretList => "a list of secrets".into(),
        Kind::Connection => "a connection's URL".into(),
        _ => "see its documentation".into(),
    }
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Everywhere => "with every SESSION_TYPE".into(),
        Scope::SignedCookie => "with SESSION_TYPE 'cookie'".into(),
        Scope::ServerSide => "with every store".into(),
        Scope::Stores(names) => format!("with SESSION_TYPE '{}'", names.join("' or '")),
        _ => "see its documentation".into(),
    }
}

fn documentation(key: &Key) -> String {
    match key.defined_by {
        DefinedBy::Flask => format!(
            "by Flask: https://flask.palletsprojects.com/en/stable/config/#{}",
            key.name
        ),
        DefinedBy::FlaskSession => {
            "by Flask-Session: https://flask-session.readthedocs.io/en/latest/config.html".into()
        }
        DefinedBy::Dewar => "by Dewar".into(),
        _ => "elsewhere".into(),
    }
}
