/// Whether real users depend on the application, which turns warnings about weak keys into errors, and looks
/// at what protects the cookie.
///
/// It is production if the code says so with [`Config::stage`](super::Config::stage). Where the code does not say,
/// it is production if the chosen section of a file, or the variable `DEWAR_ENV`, is `production` or `prod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody's sessions are at stake; so it is where nothing says otherwise.
    Development,
    /// Real users' are.
    Production,
}

impl Stage {
    /// The environment variable that names the stage, and with it a file's section.
    pub(super) const VARIABLE: &'static str = "DEWAR_ENV";

    /// The stage of a section's name.
    pub(super) fn of_name(name: &str) -> Stage {
        match name.trim().to_ascii_lowercase().as_str() {
            "production" | "prod" => Stage::Production,
            _ => Stage::Development,
        }
    }
}
