//! The conformance suite for Dewar's session stores: every sentence of the contract in
//! [`dewar::store::Store`] has its cases here, written once and run against every store by name.
//!
//! A test file with a `main` of its own (`harness = false` in the manifest) says how to set up an empty store:
//!
//! ```no_run
//! use std::sync::Arc;
//! use dewar::UnixTime;
//! use dewar::clock::ManualClock;
//! use dewar::store::memory::MemoryStore;
//! use dewar_store_tests::{Place, SetUp, StoreFactory, Suite, Time};
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl StoreFactory for Memory {
//!     async fn set_up(&self) -> SetUp {
//!         let clock = Arc::new(ManualClock::new(UnixTime::now()));
//!         let store = Arc::new(MemoryStore::new(100_000, clock.clone()));
//!         SetUp::Ready(Place::new(store.clone(), store, Time::Manual(clock)))
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     Suite::new().store("memory", Memory).run()
//! }
//! ```
//!
//! It runs like any other test: `cargo test --test store_memory -- replace` runs
//! `memory::replace::never_revives_a_deleted_session` and its kind.
//!
//! * A case that a store's [`Capabilities`](dewar::store::Capabilities) rule out is reported as ignored, with the
//!   reason; what the store must refuse instead is a case too.
//! * A store whose server is absent ([`SetUp::Absent`]) has its cases reported as ignored; where the environment
//!   variable `CI` is set they fail.
//! * The races run with two handles; where several processes share the records, also with several processes
//!   ([`Place::at`]), one of which is killed. They run the same `main`: one that starts servers of its own asks
//!   [`started_by_a_case`] first.
//!
//! For tests of what uses stores there is [`HookedStore`].

mod cases;
mod check;
mod hooked;
mod place;
mod processes;
mod suite;

pub use hooked::{Call, Hook, HookedStore};
pub use place::{Place, SetUp, StoreFactory, Time};
pub use suite::Suite;

/// Whether a case has started this process: it is told where the records are, and needs no server of its own, which would be left
/// running when the case kills it.
#[must_use]
pub fn started_by_a_case() -> bool {
    processes::Role::of_this_process().is_some()
}
