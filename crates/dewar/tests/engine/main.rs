//! The engine, from `Cookie` to `Set-Cookie`.
//!
//! | file | what it promises |
//! | --- | --- |
//! | `adapters` | what adapters to web frameworks are built on |
//! | `cookie_sessions` | sessions that are kept in the signed cookie, by Flask's rules |
//! | `server_sessions` | sessions that are kept in a store |
//! | `concurrency` | nothing is lost, nothing ended comes back |
//! | `saving` | saves of one session come one after the other, and one that is given up loses nothing |
//! | `meanwhile` | what a task does to the session while another one saves it |
//! | `simulation` | whatever comes together at random, nothing is lost, mixed up or brought back |
//! | `failures` | what a failing store does to a request |
//! | `events` | what is told and counted of all that, as docs/sessions.md lists it |
//! | `reload` | new keys in a running engine end no session |
//! | `values` | typed reads and writes, flash messages, the null session |

#![allow(clippy::unwrap_used)]

mod adapters;
mod concurrency;
mod cookie_sessions;
mod events;
mod failures;
mod meanwhile;
mod reload;
mod saving;
mod server_sessions;
mod simulation;
mod support;
mod typed;
mod unruly;
mod values;
