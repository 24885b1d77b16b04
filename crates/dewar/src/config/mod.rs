//! Flask's and Flask-Session's configuration keys: collected with their origins, checked once.
//!
//! [`Config`] collects values from code, files, the environment and any serde source; [`Config::settings`] checks
//! them and makes [`Settings`]. [`KEYS`] is the one table of all keys.

mod checks;
#[cfg(feature = "files")]
pub mod dotenv;
mod draft;
mod environment;
mod exposure;
#[cfg(feature = "files")]
mod file;
mod keys;
mod layers;
mod origin;
mod problem;
mod setting;
mod settings;
mod stage;
mod values;

pub use environment::Environment;
#[cfg(feature = "files")]
pub use file::ConfigFile;
pub use keys::{DefinedBy, KEYS, Key, Kind, Preset, SESSION_TYPES, Scope, SessionType};
pub use layers::{Checked, Config};
pub use origin::Origin;
pub use problem::{Code, Problem, Report, Severity};
pub use setting::Setting;
pub use settings::*;
pub use stage::Stage;
