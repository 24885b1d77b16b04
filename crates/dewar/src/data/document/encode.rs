//! Writes a document, copying what was not changed.

use super::{Document, Family, Format, Slot, Text, json, msgpack, pickle, tagged_json};
use crate::data::json_scan::Dialect;
use crate::data::json_text;
use crate::{Error, Result};

/// Room for what was changed, beside what was read.
const SPARE: usize = 64;

pub(super) fn encode(document: &Document, format: Format) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(document.source.len() + SPARE);
    match format {
        Format::TaggedJson => tagged(document, &mut out)?,
        Format::Json => {
            out.push(b'{');
            for (number, (key, slot)) in document.entries.entries().iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                if !copied(document, &mut out, slot, Family::Json) {
                    json::string(&mut out, key)?;
                    out.push(b':');
                    json::encode(&mut out, &document.value(slot), 1)
                        .map_err(|error| about(key, &error))?;
                }
            }
            out.push(b'}');
        }
        Format::Msgpack => pack(document, &mut out, msgpack::Mode::Plain)?,
        Format::MsgpackTyped => pack(document, &mut out, msgpack::Mode::Typed)?,
        Format::Pickle => pickled(document, &mut out)?,
    }
    Ok(out)
}

fn pickled(document: &Document, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&pickle::write::START);
    out.push(b'}');
    if !document.is_empty() {
        out.push(b'(');
        for (key, slot) in document.entries.entries() {
            pickle::write::text(out, key);
            pickle::write::encode(out, &document.value(slot), 1)
                .map_err(|error| about(key, &error))?;
        }
        out.push(b'u');
    }
    out.push(pickle::write::END);
    Ok(())
}

fn tagged(document: &Document, out: &mut Vec<u8>) -> Result<()> {
    if let [(key, slot)] = document.entries.entries()
        && tagged_json::is_tag(key)
    {
        return tagged_json::encode_like_a_tag(out, key, |out| {
            tagged_json::encode(out, &document.value(slot), 2)
        });
    }
    out.push(b'{');
    if document.entries.is_ascending() {
        tagged_entries(document, out, document.entries.entries().iter())?;
    } else {
        tagged_entries(document, out, document.entries.sorted().into_iter())?;
    }
    out.push(b'}');
    Ok(())
}

fn tagged_entries<'a>(
    document: &Document,
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = &'a (Text, Slot)>,
) -> Result<()> {
    for (number, (key, slot)) in entries.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        if !copied(document, out, slot, Family::TaggedJson) {
            json_text::write_string(out, key, Dialect::Python);
            out.push(b':');
            tagged_json::encode(out, &document.value(slot), 1)
                .map_err(|error| about(key, &error))?;
        }
    }
    Ok(())
}

fn pack(document: &Document, out: &mut Vec<u8>, mode: msgpack::Mode) -> Result<()> {
    msgpack::write_map_header(out, document.len())?;
    for (key, slot) in document.entries.entries() {
        if !copied(document, out, slot, Family::Msgpack) {
            msgpack::write_text(out, key, mode)?;
            msgpack::encode(out, &document.value(slot), mode, 1)
                .map_err(|error| about(key, &error))?;
        }
    }
    Ok(())
}

/// The error for a value that cannot be written, with the key under which it is.
#[cold]
fn about(key: &Text, error: &Error) -> Error {
    let message = format!("session[{:?}]: {error}", key.to_string_lossy());
    Error::new(error.kind(), message)
}

/// Copies an entry that is written as it should be already.
fn copied(document: &Document, out: &mut Vec<u8>, slot: &Slot, family: Family) -> bool {
    match slot {
        Slot::Raw(raw) if raw.exact && document.family == family => {
            out.extend_from_slice(document.raw_entry(*raw));
            true
        }
        _ => false,
    }
}
