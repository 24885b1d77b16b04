//! Web sessions, wire-compatible with Flask's signed cookies and Flask-Session's stores.
//!
//! An application takes an adapter, which gives its handlers their sessions: `dewar-tower` for axum and tower, `dewar-actix` for
//! actix-web. This crate is what they have in common: the [`Engine`], made once from a [`Config`](config::Config), and what a handler
//! does with its [`Session`].
//!
//! ```
//! use dewar::Engine;
//! use dewar::config::{Config, Environment};
//!
//! # fn start() -> dewar::Result<()> {
//! // What is set later wins: FLASK_SECRET_KEY, FLASK_SESSION_TYPE and the like over the code.
//! let config = Config::new()
//!     .set("SESSION_COOKIE_SAMESITE", "Lax")
//!     .environment(Environment::of_process());
//! // An error lists all problems, each with where its value came from and how to put it right.
//! let engine = Engine::new(config)?;
//! # Ok(()) }
//!
//! fn handler(session: &dewar::Session) -> dewar::Result<u64> {
//!     let user: Option<String> = session.get("user")?;
//!     if user.is_none() {
//!         session.flash("info", "Log in to keep what is in your cart.")?;
//!     }
//!     session.update("visits", |visits: &mut u64| {
//!         *visits += 1;
//!         *visits
//!     })
//! }
//! ```
//!
//! | for | there is |
//! | --- | --- |
//! | settings by Flask's names, from code, environment and files | [`config`] |
//! | sessions in memory and in files | [`store`]; on servers and in databases, the crate `dewar-stores` |
//! | flash messages | [`Session::flash`], [`Flash`] |
//! | tests | an engine on `SESSION_TYPE = "memory"`, and a [`clock`] that is set by hand |
//! | an adapter to another framework | [`adapter`] |
//! | Flask's cookies and records without sessions | [`cookie`], [`signing`], [`data`] |
//!
//! Stores move bytes, codecs make bytes, the engine decides, adapters only copy headers.
//!
//! The feature `files` reads TOML, JSON and `.env` files (`Config::file`), `metrics` counts what happens to sessions, and `public-suffixes` checks
//! `SESSION_COOKIE_DOMAIN` against the public suffix list.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapter;
pub mod clock;
pub mod config;
pub mod cookie;
pub mod data;
pub mod engine;
mod error;
mod events;
pub mod flash;
mod id;
pub mod plan;
mod random;
mod session;
pub mod signing;
pub mod store;
mod time;

pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use flash::Flash;
pub use id::SessionId;
pub use random::{OsRandom, Random};
pub use session::{Session, Snapshot};
pub use time::UnixTime;
