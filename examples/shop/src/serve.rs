//! From options to a running server.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use dewar::Engine;
use dewar::config::Interface;
use dewar::cookie::SessionCookie;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::app::{Shop, app};
use crate::failure::Failure;
use crate::folder::{Folder, KeyFile, Origin};
use crate::options::{Options, Port};
use crate::store::Store;

/// How many ports after the first one are tried.
const PORTS: u16 = 20;

/// Opens the shops and serves them until Ctrl-C.
pub async fn serve(options: Options) -> Result<(), Failure> {
    // What happens to sessions is in the log; it never holds a cookie, an id or a value.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_writer(std::io::stderr)
        .init();

    let folder = Folder::open(options.folder.clone())?;
    let key = folder.secret_key()?;
    let mut shops = Vec::new();
    for store in Store::ALL {
        shops.push(open(store, &key, &folder, &options)?);
    }
    let listener = listen(options.port).await?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::new(error.to_string()))?;
    // Before anybody is told that Ctrl-C stops it.
    let interruption = interruption().map_err(|error| Failure::new(error.to_string()))?;
    println!(
        "{}",
        greeting(&format!("http://{address}"), options.store, &folder, &key)
    );

    axum::serve(listener, app(shops, options.store))
        .with_graceful_shutdown(interruption)
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    println!("Stopped.");
    Ok(())
}

fn open(store: Store, key: &KeyFile, folder: &Folder, options: &Options) -> Result<Shop, Failure> {
    let config = store.config(&key.key, &folder.sessions());
    let cookie = match config.settings()?.settings.interface {
        Interface::SignedCookie(signed) => Some(SessionCookie::new(&signed)),
        _ => None,
    };
    Ok(Shop {
        store,
        engine: Engine::new(config)?,
        cookie,
        checkout: options.checkout,
    })
}

async fn listen(port: Port) -> Result<TcpListener, Failure> {
    let (first, last) = match port {
        Port::Exactly(port) => (port, port),
        Port::From(port) => (port, port.saturating_add(PORTS)),
    };
    let mut failure = Failure::new("there is no port to listen on");
    for port in first..=last {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                failure = Failure::new(format!("127.0.0.1:{port} cannot be used: {error}"))
                    .hint("choose another port with --port <port>, or any free one with --port 0");
                if error.kind() != ErrorKind::AddrInUse {
                    break;
                }
            }
        }
    }
    Err(failure)
}

fn greeting(url: &str, store: Store, folder: &Folder, key: &KeyFile) -> String {
    let made = match key.origin {
        Origin::Made => "made just now, mode 0600",
        Origin::Found => "kept from an earlier start",
    };
    format!(
        "
  Dewar's shop is open:  {url}

  store       {store} (the page can switch to cookie, memory or filesystem)
  sessions    {sessions}
  secret key  {key} ({made})

  Try this:
    1. Put something into the cart and look at the panel beside it.
    2. Log in (any name): the session's id changes, the cart stays.
    3. Check out, which is slow, and log out in a second tab meanwhile:
       {logout}.
    4. Stop the demo with Ctrl-C and start it again: {restart}.
",
        logout = after_logout(store),
        restart = after_restart(store),
        sessions = folder.sessions().display(),
        key = key.path.display(),
    )
}

/// What a slow request that ends after a logout does.
fn after_logout(store: Store) -> &'static str {
    match store {
        Store::Cookie => "its response brings the old cookie back, and you are logged in again",
        Store::Memory | Store::Filesystem => "the logout stays final",
    }
}

fn after_restart(store: Store) -> &'static str {
    match store {
        Store::Memory => "the session is gone",
        Store::Cookie | Store::Filesystem => "the session is still there",
    }
}

/// Waits for Ctrl-C, or for whoever ends the process politely; a signal that comes before it is waited for is not lost.
#[cfg(unix)]
fn interruption() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn interruption() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
