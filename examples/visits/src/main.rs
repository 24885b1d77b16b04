//! An actix-web application with a login, a counter and messages. `README.md` says how to run it.

mod app;
#[cfg(test)]
mod tests;

use actix_web::{App, HttpServer};
use dewar::config::{Config, Environment};
use dewar_actix::SessionMiddleware;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What is wrong with a session or its store is told as `tracing` events.
    tracing_subscriber::fmt::init();
    let config = Config::new()
        .session_type("memory")
        .environment(Environment::of_process());
    // Made once: the workers' applications share it.
    let engine = dewar_stores::engine(config)?;
    let application = move || {
        App::new()
            .configure(app::routes)
            .wrap(SessionMiddleware::new(engine.clone()))
    };
    let address = std::env::var("VISITS_ADDRESS");
    let address = address.as_deref().unwrap_or("127.0.0.1:8080");
    Ok(HttpServer::new(application).bind(address)?.run().await?)
}
