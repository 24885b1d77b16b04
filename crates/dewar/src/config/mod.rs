//! Flask's and Flask-Session's configuration keys: collected with their origins, checked once.
//!
//! [`Config`] collects values from code, the environment and any serde source; [`Config::settings`] checks them
//! and makes [`Settings`]. [`KEYS`] is the one table of all keys.

mod checks;
mod draft;
mod environment;
mod keys;
mod layers;
mod origin;
mod problem;
mod setting;
mod settings;
mod values;

pub use environment::Environment;
pub use keys::{DefinedBy, KEYS, Key, Kind, Preset, SESSION_TYPES, Scope, SessionType};
pub use layers::{Checked, Config};
pub use origin::Origin;
pub use problem::{Code, Problem, Report, Severity};
pub use setting::Setting;
pub use settings::*;
