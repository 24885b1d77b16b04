//! What the tests can ask for.

use std::sync::Arc;
use std::time::Duration;

use dewar::SessionId;
use dewar::clock::ManualClock;
use dewar::config::{Config, ConfigFile, Setting};
use dewar::config::{CookieSettings, SameSite};
use dewar::cookie::{self, CookieTemplate, SignedId};
use dewar::data::{Document, Format};
use dewar::signing::{Keyring, Scheme, Separator, Signer, TimedSigner, UrlSafeTimedSerializer};
use dewar::store::filesystem::{CachelibStore, FilesystemStore};
use dewar::store::{Created, Key, Store, Touched};
use serde_json::{Value as Json, json};

use crate::command::{Command, Fault};
use crate::neutral::{describe_dict, read_dict, to_hex};
use crate::requests;

/// Does what the command says.
pub(crate) fn answer(command: &Command) -> Result<Json, Fault> {
    match command.text("op")? {
        "cookie_open" => cookie_open(command),
        "cookie_seal" => cookie_seal(command),
        "record_encode" => record_encode(command),
        "record_decode" => record_decode(command),
        "record_change" => record_change(command),
        "sign" => {
            let signed = signer(command)?.sign(&command.bytes("value")?);
            Ok(json!(to_hex(&signed)))
        }
        "unsign" => Ok(json!(to_hex(
            signer(command)?.unsign(&command.bytes("value")?)?
        ))),
        "sign_timed" => {
            let signed =
                timed_signer(command)?.sign(&command.bytes("value")?, command.time("now")?);
            Ok(json!(to_hex(&signed)))
        }
        "unsign_timed" => {
            let max_age = Duration::from_secs(command.seconds("max_age")?);
            let value = command.bytes("value")?;
            let (value, _) =
                timed_signer(command)?.unsign(&value, command.time("now")?, Some(max_age))?;
            Ok(json!(to_hex(value)))
        }
        "id_sign" => {
            let id = SessionId::parse(command.text("id")?).ok_or_else(|| command.wrong("id"))?;
            Ok(json!(signed_id(command)?.sign(&id)))
        }
        "id_open" => {
            let id = signed_id(command)?.open(command.text("value")?.as_bytes())?;
            Ok(json!(id.expose()))
        }
        "set_cookie" => {
            let template = CookieTemplate::new(&cookie_settings(command)?);
            let header = template.set(command.text("value")?, command.optional_time("expires")?);
            Ok(json!(header.map_err(dewar::Error::from)?))
        }
        "delete_cookie" => Ok(json!(
            CookieTemplate::new(&cookie_settings(command)?).delete()
        )),
        "cookie_find" => {
            let header = command.bytes("header")?;
            let found = cookie::find(&header, command.text("name")?);
            Ok(json!(found.map(|value| to_hex(&value))))
        }
        "request" => requests::serve(command),
        "folder_load" => folder_load(command),
        "folder_touch" => {
            let touched = wait(folder(command)?.touch(&key(command)?, command.time("expires")?))?;
            Ok(json!(touched == Touched::Done))
        }
        "folder_create" => {
            let format = match command.optional_text("store")? {
                Some("cachelib") => Format::Pickle,
                _ => Format::Msgpack,
            };
            let record = document(command)?.encode(format)?;
            let created = wait(folder(command)?.create(
                &key(command)?,
                record.into(),
                command.time("expires")?,
            ))?;
            Ok(json!(created != Created::Taken))
        }
        "folder_delete" => {
            wait(folder(command)?.delete(&key(command)?))?;
            Ok(Json::Null)
        }
        "config_file" => config_file(command),
        _ => Err(command.wrong("op")),
    }
}

/// The keys that a configuration file sets.
fn config_file(command: &Command) -> Result<Json, Fault> {
    let mut file = ConfigFile::at(command.text("path")?);
    if let Some(section) = command.optional_text("section")? {
        file = file.section(section);
    }
    let config = Config::new().file(file);
    let values = config
        .keys()
        .filter_map(|key| Some((key.to_owned(), setting(config.get(key)?))));
    Ok(Json::Object(values.collect()))
}

fn setting(setting: &Setting) -> Json {
    match setting {
        Setting::Bool(value) => json!(value),
        Setting::Integer(value) => json!(value),
        Setting::Float(value) => json!(value),
        Setting::Text(value) => json!(value),
        Setting::List(items) => items.iter().map(self::setting).collect(),
        Setting::Table(items) => {
            let items = items
                .iter()
                .map(|(key, value)| (key.clone(), self::setting(value)));
            Json::Object(items.collect())
        }
        _ => Json::Null,
    }
}

fn cookie_open(command: &Command) -> Result<Json, Fault> {
    let max_age = Duration::from_secs(command.seconds("max_age")?);
    let cookie = command.bytes("cookie")?;
    let (payload, _) = serializer(command)?.loads(&cookie, command.time("now")?, Some(max_age))?;
    let document = Document::parse(Format::TaggedJson, payload.into())?;
    Ok(describe_dict(&document.to_dict()))
}

fn cookie_seal(command: &Command) -> Result<Json, Fault> {
    let payload = document(command)?.encode(Format::TaggedJson)?;
    Ok(json!(
        serializer(command)?.dumps(&payload, command.time("now")?)
    ))
}

fn record_encode(command: &Command) -> Result<Json, Fault> {
    Ok(json!(to_hex(
        &document(command)?.encode(format(command, "format")?)?
    )))
}

fn record_decode(command: &Command) -> Result<Json, Fault> {
    let document = Document::detect(
        format(command, "preferred")?,
        command.bytes("record")?.into(),
    )?;
    Ok(describe_dict(&document.to_dict()))
}

/// Reads a record, sets the entries of `value`, and writes it again.
fn record_change(command: &Command) -> Result<Json, Fault> {
    let format = format(command, "format")?;
    let mut record = Document::parse(format, command.bytes("record")?.into())?;
    for (key, value) in document(command)?.to_dict() {
        record.insert(key, value);
    }
    Ok(json!(to_hex(&record.encode(format)?)))
}

/// What a folder of the filesystem store holds under a key: its value and when it expires.
fn folder_load(command: &Command) -> Result<Json, Fault> {
    let Some(record) = wait(folder(command)?.load(&key(command)?))? else {
        return Ok(Json::Null);
    };
    let document = Document::detect(Format::Msgpack, record.blob)?;
    let expires = record.expires.map(|time| time.seconds());
    Ok(json!({ "value": describe_dict(&document.to_dict()), "expires": expires }))
}

fn folder(command: &Command) -> Result<Arc<dyn Store>, Fault> {
    let clock = Arc::new(ManualClock::new(command.time("now")?));
    let folder = command.text("folder")?;
    Ok(match command.optional_text("store")? {
        Some("cachelib") => Arc::new(CachelibStore::at(folder).clock(clock).open()?),
        _ => Arc::new(FilesystemStore::at(folder).clock(clock).open()?),
    })
}

fn key(command: &Command) -> Result<Key, Fault> {
    Ok(Key::new(command.text("key")?))
}

/// Waits for a store.
pub(crate) fn wait<T>(outcome: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
        .block_on(outcome)
}

fn document(command: &Command) -> Result<Document, Fault> {
    let dict = read_dict(command.value("value")?).ok_or_else(|| command.wrong("value"))?;
    Ok(Document::from(dict))
}

fn format(command: &Command, name: &str) -> Result<Format, Fault> {
    match command.text(name)? {
        "tagged-json" => Ok(Format::TaggedJson),
        "msgpack" => Ok(Format::Msgpack),
        "msgpack-typed" => Ok(Format::MsgpackTyped),
        "json" => Ok(Format::Json),
        "pickle" => Ok(Format::Pickle),
        _ => Err(command.wrong(name)),
    }
}

fn serializer(command: &Command) -> Result<UrlSafeTimedSerializer, Fault> {
    let keys =
        Keyring::new(command.bytes("key")?).with_fallbacks(command.list_of_bytes("fallbacks")?);
    let scheme = Scheme::new(command.text("salt")?)
        .with_digest(command.named("digest")?)
        .with_key_derivation(command.named("derivation")?);
    Ok(UrlSafeTimedSerializer::new(&keys, &scheme))
}

fn signer(command: &Command) -> Result<Signer, Fault> {
    let (keys, scheme) = keys_and_scheme(command)?;
    Ok(Signer::new(&keys, &scheme))
}

fn timed_signer(command: &Command) -> Result<TimedSigner, Fault> {
    let (keys, scheme) = keys_and_scheme(command)?;
    Ok(TimedSigner::new(&keys, &scheme))
}

fn keys_and_scheme(command: &Command) -> Result<(Keyring, Scheme), Fault> {
    let mut keys = command.list_of_bytes("keys")?.into_iter();
    let key = keys.next().ok_or_else(|| command.wrong("keys"))?;
    let scheme = Scheme::new(command.bytes("salt")?)
        .with_digest(command.named("digest")?)
        .with_key_derivation(command.named("derivation")?)
        .with_separator(Separator::new(command.text("separator")?)?);
    Ok((Keyring::new(key).with_fallbacks(keys), scheme))
}

fn signed_id(command: &Command) -> Result<SignedId, Fault> {
    Ok(SignedId::new(&Keyring::new(command.bytes("key")?)))
}

fn cookie_settings(command: &Command) -> Result<CookieSettings, Fault> {
    let mut settings = CookieSettings::default();
    settings.name = command.text("name")?.into();
    settings.domain = command.optional_text("domain")?.map(Into::into);
    settings.path = command.text("path")?.into();
    settings.secure = command.flag("secure")?;
    settings.http_only = command.flag("httponly")?;
    settings.partitioned = command.flag("partitioned")?;
    settings.same_site = match command.optional_text("samesite")? {
        None => None,
        Some("Strict") => Some(SameSite::Strict),
        Some("Lax") => Some(SameSite::Lax),
        Some("None") => Some(SameSite::None),
        Some(_) => return Err(command.wrong("samesite")),
    };
    Ok(settings)
}
