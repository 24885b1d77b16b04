//! The axum half: the same basket and the same login as the Flask app beside it.

use std::path::Path;

use axum::Router;
use axum::extract::Form;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::Redirect;
use axum::routing::{get, post};
use dewar::config::{Config, Environment};
use dewar_tower::{Error, Session, SessionLayer};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What is wrong with a session or its store is told as `tracing` events.
    tracing_subscriber::fmt::init();
    // The file first, then FLASK_SESSION_REDIS and the like: as in flask_app.py.
    let config = Config::new()
        .file(Path::new(env!("CARGO_MANIFEST_DIR")).join("sessions.toml"))
        .environment(Environment::of_process());
    let engine = dewar_stores::engine(config)?;
    let app = Router::new()
        .route("/", get(home))
        .route("/login", post(log_in))
        .route("/basket", post(add))
        .route("/logout", post(log_out))
        .layer(SessionLayer::new(engine));
    let address = std::env::var("ONE_LOGIN_ADDRESS");
    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, app).await?)
}

async fn home(session: Session, headers: HeaderMap) -> Result<Markup, Error> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("localhost").split(':').next();
    let user: Option<String> = session.get("user")?;
    let basket: Vec<String> = session.get("basket")?.unwrap_or_default();
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            title { "axum" }
            h1 { "axum" }
            @for flash in session.flashes() { p { em { (flash.message().as_str().unwrap_or_default()) } } }
            @if let Some(user) = user {
                p { "Logged in as " strong { (user) } "." }
                ul { @for item in basket { li { (item) } } }
                form method="post" action="/basket" { input name="item" aria-label="Item" required; " " button { "Add" } }
                form method="post" action="/logout" { button { "Log out" } }
            } @else {
                form method="post" action="/login" { input name="name" aria-label="Name" required; " " button { "Log in" } }
            }
            p { a href={ "http://" (host.unwrap_or_default()) ":5000/" } { "The same session in Flask" } }
        }
    })
}

#[derive(Deserialize)]
struct Login {
    name: String,
}

async fn log_in(session: Session, Form(login): Form<Login>) -> Result<Redirect, Error> {
    // A new id: one that somebody planted in this browser before is worth nothing now.
    session.regenerate()?;
    session.insert("user", login.name)?;
    session.flash("message", "Logged in by axum.")?;
    Ok(Redirect::to("/"))
}

#[derive(Deserialize)]
struct Addition {
    item: String,
}

async fn add(session: Session, Form(addition): Form<Addition>) -> Result<Redirect, Error> {
    session.update("basket", |basket: &mut Vec<String>| {
        basket.push(addition.item);
    })?;
    Ok(Redirect::to("/"))
}

async fn log_out(session: Session) -> Result<Redirect, Error> {
    session.clear()?;
    Ok(Redirect::to("/"))
}
