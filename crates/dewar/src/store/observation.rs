/// What a store found out about its server, for `dewar doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// What it is about, in a word that does not change: `eviction`, `clock`.
    pub about: &'static str,
    /// Whether sessions are safe with it.
    pub verdict: Verdict,
    /// What was found; holds no secret.
    pub what: String,
    /// What to do next, where something is to be done.
    pub fix: Option<String>,
}

/// Whether sessions are safe with what was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are.
    Good,
    /// They may be lost, or end at another time than they should.
    Doubtful,
    /// They are being lost.
    Bad,
}

impl Observation {
    /// Something that is as it should be.
    pub fn good(about: &'static str, what: impl Into<String>) -> Observation {
        Observation {
            about,
            verdict: Verdict::Good,
            what: what.into(),
            fix: None,
        }
    }

    /// Something that may lose sessions, with what to do.
    pub fn doubtful(
        about: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Observation {
        Observation {
            verdict: Verdict::Doubtful,
            fix: Some(fix.into()),
            ..Observation::good(about, what)
        }
    }

    /// Something that loses sessions, with what to do.
    pub fn bad(
        about: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Observation {
        Observation {
            verdict: Verdict::Bad,
            ..Observation::doubtful(about, what, fix)
        }
    }
}
