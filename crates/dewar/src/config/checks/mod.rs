//! What is checked once all values could be read: a list of functions, each of which knows one finding.

mod cookie;
mod keys;
mod lifetime;
mod store;

use super::draft::Draft;
use super::{Code, Config, Problem, Severity};

/// All checks. Each looks for one finding and says nothing about values that could not be read.
const CHECKS: &[fn(&mut Findings<'_>)] = &[
    store::unknown_keys,
    store::unused_settings,
    store::memory_capacity,
    store::id_length,
    store::empty_key_prefix,
    store::open_key_prefix,
    store::unusable_key_prefix,
    store::open_file_mode,
    keys::sessions_unavailable,
    keys::secret_key_missing,
    keys::secret_key_empty,
    keys::well_known,
    keys::short,
    keys::weak,
    keys::wrapped,
    keys::open_files,
    keys::fallback_empty,
    keys::fallback_is_secret_key,
    cookie::name,
    cookie::domain,
    cookie::public_domain,
    cookie::path,
    cookie::same_site_none_insecure,
    cookie::name_prefix,
    cookie::partitioned_means_secure,
    cookie::over_http,
    cookie::same_site_unset,
    cookie::open_to_scripts,
    lifetime::out_of_range,
    lifetime::negative_refresh,
    lifetime::long_cache,
    lifetime::absolute_shorter,
    lifetime::refresh_too_late,
    lifetime::of_browser_sessions,
];

/// Runs all checks.
pub(super) fn run(config: &Config, draft: &Draft, problems: &mut Vec<Problem>) {
    let mut findings = Findings {
        config,
        draft,
        problems,
    };
    for check in CHECKS {
        check(&mut findings);
    }
}

/// What a check looks at, and where it puts what it finds.
struct Findings<'a> {
    config: &'a Config,
    draft: &'a Draft,
    problems: &'a mut Vec<Problem>,
}

impl Findings<'_> {
    /// Whether a source could not be read that may have said where sessions live.
    fn source_failed(&self) -> bool {
        self.problems.iter().any(|problem| match problem.code {
            Code::SourceNotATable
            | Code::FileUnreadable
            | Code::FileSyntax
            | Code::SectionMissing => true,
            Code::SecretFileUnreadable | Code::VariableNotUnicode => {
                matches!(&*problem.key, "SECRET_KEY" | "SESSION_TYPE")
            }
            _ => false,
        })
    }

    /// Whether one of these was found by a check that came before.
    fn have(&self, codes: &[Code]) -> bool {
        let is_one = |problem: &Problem| codes.contains(&problem.code);
        self.problems.iter().any(is_one)
    }

    fn error(&mut self, code: Code, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Error, code, key, what.into(), fix.into());
    }

    fn warning(&mut self, code: Code, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Warning, code, key, what.into(), fix.into());
    }

    fn push(&mut self, severity: Severity, code: Code, key: &str, what: String, fix: String) {
        self.problems.push(Problem {
            code,
            severity,
            key: key.into(),
            origin: self.config.origin(key).clone(),
            what,
            fix,
        });
    }
}
