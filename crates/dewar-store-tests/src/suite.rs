use std::any::Any;
use std::ffi::OsString;
use std::fmt::{self, Debug};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dewar::store::{Capabilities, Listing, Sharing};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::cases::{self, Case, Needs};
use crate::place::{Place, SetUp, StoreFactory};
use crate::processes;

/// No case takes as long as this; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// The whole suite, for one or more stores.
#[derive(Default)]
#[must_use = "nothing is tested before `run`"]
pub struct Suite {
    stores: Vec<(String, Arc<dyn StoreFactory>)>,
}

impl Suite {
    /// A suite that tests nothing yet.
    pub fn new() -> Suite {
        Suite::default()
    }

    /// Tests a store under this name.
    pub fn store(mut self, name: &str, factory: impl StoreFactory) -> Suite {
        self.stores.push((name.to_owned(), Arc::new(factory)));
        self
    }

    /// Runs what the command line asks for, like a test program of `cargo test`.
    ///
    /// Call it in `main`, first: cases with several processes start this program anew.
    pub fn run(self) -> ExitCode {
        if let Some(role) = processes::Role::of_this_process() {
            let factory = self.stores.iter().find(|(name, _)| *name == role.store);
            let (_, factory) = factory.expect("the parent process tests the same stores");
            runtime().block_on(role.play(factory.as_ref()));
            return ExitCode::SUCCESS;
        }
        let mut trials = Vec::new();
        for (name, factory) in &self.stores {
            for case in cases::all() {
                trials.push(trial(name.clone(), factory.clone(), case));
            }
        }
        libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
    }
}

impl Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.stores.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

fn trial(store: String, factory: Arc<dyn StoreFactory>, case: Case) -> Trial {
    Trial::ignorable_test(format!("{store}::{}", case.name), move || {
        let runtime = runtime();
        let outcome = runtime.block_on(run_case(store, factory, case));
        // What hangs is left behind: waiting for it would hide which case it was.
        runtime.shutdown_background();
        outcome
    })
}

async fn run_case(
    store: String,
    factory: Arc<dyn StoreFactory>,
    case: Case,
) -> Result<Completion, Failed> {
    let place = match factory.set_up().await {
        SetUp::Ready(place) => place,
        SetUp::Absent(why) => return absent(&why, std::env::var_os("CI")),
    };
    if let Err(why) = applies(case.needs, &place, place.store.capabilities()) {
        return Ok(Completion::ignored_with(why));
    }
    // As a task, so that a panic comes back as a failure.
    let task = tokio::spawn((case.run)(Arc::new(place), store));
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(Ok(())) => Ok(Completion::Completed),
        Ok(Err(error)) => Err(match error.try_into_panic() {
            Ok(panic) => message(panic.as_ref()).into(),
            Err(error) => error.to_string().into(),
        }),
        Err(_) => Err(format!("hangs: not done after {PATIENCE:?}").into()),
    }
}

/// Locally a server may be missing; where everything is tested it may not.
fn absent(why: &str, ci: Option<OsString>) -> Result<Completion, Failed> {
    match ci {
        Some(_) => Err(format!("in CI every store must be there: {why}").into()),
        None => Ok(Completion::ignored_with(why)),
    }
}

fn applies(needs: Needs, place: &Place, can: Capabilities) -> Result<(), &'static str> {
    match needs {
        Needs::Listing if can.listing == Listing::Unsupported => Err("this store cannot list"),
        Needs::NoListing if can.listing == Listing::Supported => Err("this store can list"),
        Needs::Processes if can.sharing == Sharing::Process => {
            Err("processes do not share this store")
        }
        Needs::Processes if place.address.is_none() => {
            panic!("processes share this store: its Place needs an address (Place::at)")
        }
        _ => Ok(()),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a tokio runtime")
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_store_is_ignored_locally_and_a_failure_in_ci() {
        assert!(matches!(
            absent("no server", None),
            Ok(Completion::Ignored { .. })
        ));
        assert!(absent("no server", Some("true".into())).is_err());
    }
}
