//! Who the visitor is: log in by any name, log out for good.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::response::Redirect;
use dewar_tower::{Error, Session};
use serde::Deserialize;

use crate::app::Shop;

/// The session's key for the visitor's name.
pub const USER: &str = "user";
/// The most characters that a name has.
pub const LONGEST_NAME: usize = 40;

/// The login form. There is no password: this is a demo of sessions.
#[derive(Deserialize)]
pub struct Login {
    name: String,
    /// There if the box is ticked.
    remember: Option<String>,
}

/// Logs in.
pub async fn log_in(
    session: Session,
    State(shop): State<Arc<Shop>>,
    Form(login): Form<Login>,
) -> Result<Redirect, Error> {
    let name: String = login.name.trim().chars().take(LONGEST_NAME).collect();
    if name.is_empty() {
        session.flash("error", "Please type a name; any will do.")?;
        return Ok(shop.front());
    }
    // A new id: one that somebody planted in this browser before is worth nothing now.
    session.regenerate()?;
    session.insert(USER, &name)?;
    // Permanent: the cookie gets an expiry and outlives the browser.
    session.set_permanent(login.remember.is_some())?;
    session.flash("success", format!("Welcome, {name}."))?;
    Ok(shop.front())
}

/// Logs out.
pub async fn log_out(session: Session, State(shop): State<Arc<Shop>>) -> Result<Redirect, Error> {
    let name: Option<String> = session.get(USER)?;
    // Everything is gone, and no request that is still running can bring it back.
    session.destroy()?;
    // What is written afterwards starts a new session, under a new id.
    let farewell = match name {
        Some(name) => format!("Goodbye, {name}."),
        None => "You were not logged in.".to_owned(),
    };
    session.flash("info", farewell)?;
    Ok(shop.front())
}
