//! `dewar doctor`: find out why sessions do not work.

use clap::Args;
use dewar::config::{Code, Config, Problem, Setting, Severity};
use serde_json::json;

use super::config::{ConfigOptions, problems_as_json, set_values};
use crate::exit::{Exit, Outcome};
use crate::stores::{self, Access, Location};
use crate::text::count;
use crate::ui::{BAD, DOUBTFUL, GOOD, Output, STRONG, Ui};

mod cookie;
mod finding;
mod owner;
mod store;

use finding::{Finding, Verdict};

/// `dewar doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Examine this store instead of the configured one
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Leave out what takes seconds: whether sessions expire when they should
    #[arg(long)]
    quick: bool,

    #[command(flatten)]
    config: ConfigOptions,
}

impl Doctor {
    pub(super) fn run(self, ui: &mut Ui) -> Outcome {
        super::block_on(self.examine(ui))
    }

    async fn examine(&self, ui: &mut Ui) -> Outcome {
        let config = self.config.read();
        let mut findings = Vec::new();
        self.sessions(&config, ui, &mut findings).await?;

        let config = self.config.for_users(config);
        let report = config.check();
        let named = self.store.is_some();
        // A store that is named here stands for the SESSION_TYPE that is missing.
        let beside = |problem: &&Problem| !(named && problem.code == Code::SessionsUnavailable);
        // A key must not be guessed anywhere; that browsers reach this machine over HTTPS is not taken for granted.
        let presumed = !self.config.says_stage();
        let of_https = |problem: &&Problem| {
            let of_cookie = [Code::CookieOverHttp, Code::CookieSameSiteUnset];
            presumed && of_cookie.contains(&problem.code)
        };
        let problems = report.problems.iter().filter(beside);
        let problems: Vec<_> = problems.filter(|problem| !of_https(problem)).collect();
        let values = set_values(&config);
        match ui.output() {
            Output::Json => ui.json(&json!({
                "configuration": values,
                "problems": problems_as_json(&problems),
                "findings": findings,
            }))?,
            Output::Text => {
                ui.line(format_args!("{STRONG}Configuration{STRONG:#}"))?;
                super::config::print_values(&values, ui)?;
                if values.is_empty() {
                    ui.line("nothing is set: every key has its default")?;
                }
                ui.line("")?;
                super::config::print_problems(&problems, ui)?;
                ui.line(format_args!("{STRONG}Examination{STRONG:#}"))?;
                for finding in &findings {
                    finding.print(ui)?;
                }
                ui.line("")?;
            }
        }
        let errors = |severity| {
            problems
                .iter()
                .filter(|problem| problem.severity == severity)
                .count()
        };
        let found = |verdict| {
            findings
                .iter()
                .filter(|finding| finding.verdict == verdict)
                .count()
        };
        let bad = errors(Severity::Error) + found(Verdict::Bad);
        let doubtful = errors(Severity::Warning) + found(Verdict::Doubtful);
        if ui.output() == Output::Text {
            conclude(bad, doubtful, ui)?;
        }
        Ok(if bad > 0 { Exit::No } else { Exit::Done })
    }

    /// Where sessions live, and whether that works; useful with a configuration that is wrong elsewhere.
    async fn sessions(
        &self,
        config: &Config,
        ui: &mut Ui,
        findings: &mut Vec<Finding>,
    ) -> Outcome<()> {
        let kind = match config.get("SESSION_TYPE") {
            Some(Setting::Text(kind)) => Some(kind.to_ascii_lowercase()),
            _ => None,
        };
        let location = match (&self.store, kind.as_deref()) {
            (Some(url), _) => Location::of_url(&stores::resolve(url, ui)?, config),
            (None, Some("memory")) => {
                findings.push(
                    Finding::doubtful("memory", "sessions live in each process by itself: several workers do not share them, and a restart ends them")
                        .fix("set SESSION_TYPE to filesystem, or to a store on a server"),
                );
                return Ok(());
            }
            (None, None | Some("cookie" | "null")) => {
                cookie::examine(config, findings);
                return Ok(());
            }
            (None, Some(_)) => Location::of_config(config),
        };
        if let Some(folder) = location.as_ref().ok().and_then(Location::folder) {
            store::permissions(folder, findings);
        }
        if let Ok(Location::Place(place)) = &location
            && let Some(key) = place.assumed()
        {
            findings.push(
                Finding::doubtful(
                    "address",
                    format!("{key} is not set: {place} is assumed, as with Flask-Session"),
                )
                .fix(format!("set {key} to say where the sessions are")),
            );
        }
        if location
            .as_ref()
            .is_ok_and(|location| !owner::may_write(location, findings))
        {
            return Ok(());
        }
        match location.and_then(|location| location.open(Access::Make)) {
            Ok(place) => {
                let prefix = super::sessions::key_prefix(config);
                let bar = ui.progress("examining the store");
                store::examine(&place, &prefix, self.quick, findings).await;
                bar.finish_and_clear();
            }
            Err(failure) => findings.push(
                Finding::of_failure("open", failure)
                    .or_fix("put right what the message names, then run this again"),
            ),
        }
        Ok(())
    }
}

fn conclude(bad: usize, doubtful: usize, ui: &mut Ui) -> Outcome<()> {
    match (bad, doubtful) {
        (0, 0) => ui.line(format_args!("{GOOD}good{GOOD:#}: sessions work")),
        (0, _) => ui.line(format_args!(
            "{DOUBTFUL}doubtful{DOUBTFUL:#}: sessions work; {} to look at",
            count(doubtful, "thing")
        )),
        _ => ui.line(format_args!(
            "{BAD}bad{BAD:#}: {} to put right first, {} to look at; each says how",
            count(bad, "thing"),
            count(doubtful, "thing")
        )),
    }
}
