//! The cases, by the method they are about. A function that is not in its table is an error of the compiler.

mod create;
mod delete;
mod expiry;
mod keys;
mod list;
mod load;
mod processes;
mod purge;
mod races;
mod replace;
mod touch;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::place::Place;

/// One case of the suite.
#[derive(Clone)]
pub(crate) struct Case {
    /// `method::promise`.
    pub(crate) name: String,
    pub(crate) needs: Needs,
    pub(crate) run: Run,
}

/// A case's code; it gets a place of its own and the name of the store.
pub(crate) type Run = fn(Arc<Place>, String) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a store must be able to do for a case to apply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needs {
    Nothing,
    Listing,
    NoListing,
    Processes,
}

/// Every case there is.
pub(crate) fn all() -> Vec<Case> {
    let tables = [
        create::CASES,
        load::CASES,
        replace::CASES,
        touch::CASES,
        delete::CASES,
        expiry::CASES,
        keys::CASES,
        purge::CASES,
        list::CASES,
        races::CASES,
        processes::CASES,
    ];
    let rows = tables.into_iter().flatten();
    rows.map(|(module, name, needs, run)| Case {
        name: format!("{}::{name}", module.rsplit("::").next().unwrap_or(module)),
        needs: *needs,
        run: *run,
    })
    .collect()
}

/// A row of a table, as `cases!` writes it.
type Row = (&'static str, &'static str, Needs, Run);

/// Makes the table `CASES` of a module; a case is an `async fn(&Place)`.
macro_rules! cases {
    ($($needs:ident: $($case:ident),+ $(,)?;)+) => {
        pub(super) const CASES: &[super::Row] = &[$($(
            (
                module_path!(),
                stringify!($case),
                super::Needs::$needs,
                |place, _store| Box::pin(async move { $case(&place).await }),
            ),
        )+)+];
    };
}
use cases;
