use bytes::Bytes;
use clap::Args;
use dewar::SessionId;
use dewar::cookie::SignedId;
use dewar::data::{Document, Format};
use dewar::signing::UrlSafeTimedSerializer;
use serde_json::json;

use super::SigningOptions;
use crate::exit::{Exit, Failure, Outcome};
use crate::files;
use crate::keys::KeyOptions;
use crate::ui::{Output, Ui};

/// `dewar cookie sign`.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The session as JSON with Flask's tags, {"user": "ada"}; without it or with -, standard input
    session: Option<String>,

    /// The text is a session id to sign as Flask-Session does with SESSION_USE_SIGNER
    #[arg(long, conflicts_with_all = ["salt", "digest", "key_derivation", "at"])]
    id: bool,

    #[command(flatten)]
    signing: SigningOptions,

    #[command(flatten)]
    keys: KeyOptions,
}

/// What browsers keep of a cookie's value, less a name and the usual attributes.
const COMFORTABLE: usize = 4093 - 100;

impl Sign {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        let keys = self.keys.required(ui)?;
        let ring = keys
            .ring()
            .ok_or_else(|| Failure::unusable("there is no secret key to sign with"))?;
        let input = match self.session.as_deref() {
            None | Some("-") => files::read_stdin()?.to_vec(),
            Some(text) => text.as_bytes().to_vec(),
        };
        let cookie = if self.id {
            let text = String::from_utf8(input).unwrap_or_default();
            let id = SessionId::parse(text.trim()).ok_or_else(|| {
                Failure::unusable(
                    "the text could not be a session id: 20 to 256 characters of A-Z a-z 0-9 - _",
                )
            })?;
            SignedId::new(&ring).sign(&id)
        } else {
            let document = Document::parse(Format::TaggedJson, Bytes::from(input)).map_err(|error| {
                Failure::from(error).hint("write a JSON object, with Flask's tags for Python's types: {\"when\": {\" d\": \"Sun, 22 Nov 2026 19:30:00 GMT\"}}")
            })?;
            let payload = document.encode(Format::TaggedJson)?;
            UrlSafeTimedSerializer::new(&ring, &self.signing.scheme()?)
                .dumps(&payload, self.signing.now())
        };
        match ui.output() {
            Output::Json => ui.json(&json!({ "cookie": cookie, "bytes": cookie.len() }))?,
            Output::Text => ui.line(&cookie)?,
        }
        if cookie.len() > COMFORTABLE {
            ui.warning(format_args!("the value has {} bytes: with name and attributes that is more than browsers keep (4096)", cookie.len()));
        }
        Ok(Exit::Done)
    }
}
