//! The session as one struct, for those who prefer it to keys.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::data::{Dict, Document, Text, Value, from_session, to_value};
use crate::{Error, ErrorKind, Result};

impl Session {
    /// The whole session as a struct: one field for each key. Fields that a new session lacks need
    /// `#[serde(default)]`; keys that the struct does not know are left alone.
    ///
    /// ```
    /// # fn handler(session: dewar::Session) -> dewar::Result<()> {
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// #[serde(default)]
    /// struct Visitor {
    ///     name: Option<String>,
    ///     cart: Vec<u64>,
    /// }
    ///
    /// let visitor: Visitor = session.read()?;
    /// session.edit(|visitor: &mut Visitor| visitor.cart.push(42))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if a field is missing or is of another type; it names the field, and never the value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        from_session(&Value::Dict(self.to_dict()))
    }

    /// Reads the session as a struct that is kept, and changed later with [`write_changes`](Session::write_changes).
    ///
    /// ```
    /// # fn handler(session: dewar::Session) -> dewar::Result<()> {
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Visitor { #[serde(default)] cart: Vec<u64> }
    /// let (mut visitor, mut snapshot) = session.read_with_snapshot::<Visitor>()?;
    /// visitor.cart.push(42);
    /// session.write_changes(&visitor, &mut snapshot)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`read`](Session::read); [`ErrorKind::Value`] if `T` is no struct or map.
    pub fn read_with_snapshot<T>(&self) -> Result<(T, Snapshot)>
    where
        T: Serialize + DeserializeOwned,
    {
        let stored = self.accessed().document.clone();
        let value: T = from_session(&Value::Dict(stored.to_dict()))?;
        let fields = fields_of(&value)?;
        Ok((value, Snapshot { stored, fields }))
    }

    /// Stores the fields that differ from what was read, and takes over what is stored into the snapshot.
    ///
    /// A field that is `None` now, or left out, takes its key out of the session. What was appended to a list is appended to the
    /// list that is there now. Whatever else others changed since, in this request or in another one, is left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if `value` is no struct or map, and as [`insert`](Session::insert); nothing is changed then.
    pub fn write_changes<T: Serialize>(&self, value: &T, snapshot: &mut Snapshot) -> Result<()> {
        let fields = fields_of(value)?;
        let mut state = self.accessed();
        state.check_writable()?;
        for key in snapshot.fields.keys() {
            if filled(&snapshot.fields, key).is_some() && filled(&fields, key).is_none() {
                state.change_to_none(key)?;
                snapshot.stored.remove_text(key);
            }
        }
        for (key, after) in &fields {
            if *after != Value::Null && snapshot.fields.get_text(key) != Some(after) {
                let before = snapshot.stored.get_text(key);
                state.change_copied(key, before.as_deref(), after.clone())?;
                snapshot.stored.insert(key.clone(), after.clone());
            }
        }
        snapshot.fields = fields;
        Ok(())
    }

    /// Reads the session as a struct, changes it, and stores the fields that differ, as
    /// [`write_changes`](Session::write_changes) does.
    ///
    /// What two requests change at once is merged as by [`update`](Session::update), field by field: both keep what they
    /// append to a list; any other change replaces the field, and the later one wins.
    ///
    /// # Errors
    /// As [`read`](Session::read) and [`write_changes`](Session::write_changes); nothing is changed then.
    pub fn edit<T: Serialize + DeserializeOwned, R>(
        &self,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let (mut value, mut snapshot) = self.read_with_snapshot()?;
        let result = change(&mut value);
        self.write_changes(&value, &mut snapshot)?;
        Ok(result)
    }

    /// Stores each field of a struct under its key, defaults too, in place of what the session holds. A struct that was read
    /// from the session is better stored by [`edit`](Session::edit) or [`write_changes`](Session::write_changes), which
    /// leave alone what was not changed in it.
    ///
    /// A field that is `None` takes its key out of the session. Only fields that differ count as changes; keys that the struct
    /// does not know, or leaves out, are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if `value` is no struct or map, and as [`insert`](Session::insert).
    pub fn write<T: Serialize>(&self, value: &T) -> Result<()> {
        let fields = fields_of(value)?;
        let mut state = self.accessed();
        state.check_writable()?;
        for (key, value) in fields.iter() {
            match value {
                Value::Null => state.change_to_none(key)?,
                value if state.document.get_text(key).as_deref() == Some(value) => {}
                value => state.insert(key, value.clone())?,
            }
        }
        Ok(())
    }
}

/// What a session held when it was read as a struct: what the struct differs in later was changed in the struct.
#[derive(Clone)]
pub struct Snapshot {
    /// What each key held: as it was read, or as it was last written from the struct.
    stored: Document,
    /// What the struct made of it.
    fields: Dict,
}

impl fmt::Debug for Snapshot {
    /// Shows neither keys nor values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

fn fields_of<T: Serialize>(value: &T) -> Result<Dict> {
    match to_value(value)? {
        Value::Dict(fields) if fields.keys().all(Text::is_text) => Ok(fields),
        // The keys of a session are text, whatever those of a dict may be.
        Value::Dict(fields) => Ok(fields
            .into_iter()
            .map(|(key, value)| (Text::from_wtf8(key.as_wtf8()).unwrap_or(key), value))
            .collect()),
        _ => Err(Error::new(
            ErrorKind::Value,
            "only a struct or a map can be a whole session",
        )),
    }
}

/// The value of a field; `None` is as good as left out.
fn filled<'a>(fields: &'a Dict, key: &Text) -> Option<&'a Value> {
    fields.get_text(key).filter(|value| **value != Value::Null)
}
