//! The session as one struct, for those who prefer it to keys.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::data::{Value, from_session, to_value};
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

    /// Stores each field of a struct under its key. Only fields that differ count as changes; keys that the struct
    /// does not know are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if `value` is no struct or map, and as [`insert`](Session::insert).
    pub fn write<T: Serialize>(&self, value: &T) -> Result<()> {
        let Value::Dict(fields) = to_value(value)? else {
            return Err(Error::new(
                ErrorKind::Value,
                "only a struct or a map can be written as a whole session",
            ));
        };
        let mut state = self.accessed();
        state.check_writable()?;
        for (key, value) in fields.iter() {
            if state.document.get_text(key).as_deref() != Some(value) {
                state.insert(key, value.clone())?;
            }
        }
        Ok(())
    }

    /// Reads the session as a struct, changes it, and writes back the fields that differ.
    ///
    /// # Errors
    /// As [`read`](Session::read) and [`write`](Session::write); nothing is changed then.
    pub fn edit<T: Serialize + DeserializeOwned, R>(
        &self,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let mut value: T = self.read()?;
        let before = to_value(&value)?;
        let result = change(&mut value);
        let after = to_value(&value)?;
        let (Value::Dict(before), Value::Dict(after)) = (before, after) else {
            return Err(Error::new(
                ErrorKind::Value,
                "only a struct or a map can be edited as a whole session",
            ));
        };
        let mut state = self.accessed();
        state.check_writable()?;
        for (key, value) in after.iter() {
            if before.get_text(key) != Some(value) {
                state.insert(key, value.clone())?;
            }
        }
        for key in before.keys() {
            if after.get_text(key).is_none() {
                state.remove(key)?;
            }
        }
        Ok(result)
    }
}
