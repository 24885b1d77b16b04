//! Flask's and Flask-Session's configuration keys: collected with their origins, checked once.

mod settings;

pub use settings::*;
