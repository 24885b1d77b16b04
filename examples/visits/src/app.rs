//! The routes: a page that counts, a login, a logout.

use actix_web::web::{self, Redirect, ServiceConfig};
use dewar_actix::Session;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(home))
        .route("/login", web::post().to(log_in))
        .route("/logout", web::post().to(log_out));
}

async fn home(session: Session) -> actix_web::Result<Markup> {
    let visits = session.update("visits", |visits: &mut u64| {
        *visits += 1;
        *visits
    })?;
    let user: Option<String> = session.get("user")?;
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            title { "Visits" }
            h1 { "Visit " (visits) }
            @for flash in session.flashes() { p { em { (flash.message().as_str().unwrap_or_default()) } } }
            @if let Some(user) = user {
                p { "Logged in as " strong { (user) } "." }
                form method="post" action="/logout" { button { "Log out" } }
            } @else {
                form method="post" action="/login" { input name="name" aria-label="Name" required; " " button { "Log in" } }
            }
        }
    })
}

#[derive(Deserialize)]
struct Login {
    name: String,
}

async fn log_in(session: Session, form: web::Form<Login>) -> actix_web::Result<Redirect> {
    // A new id: one that somebody planted in this browser before is worth nothing now.
    session.regenerate()?;
    session.insert("user", &form.name)?;
    session.flash("message", format!("Welcome, {}.", form.name))?;
    Ok(Redirect::to("/").see_other())
}

async fn log_out(session: Session) -> actix_web::Result<Redirect> {
    // Everything is gone, in the browser and in the store; what follows starts a new session.
    session.destroy()?;
    session.flash("message", "Logged out.")?;
    Ok(Redirect::to("/").see_other())
}
