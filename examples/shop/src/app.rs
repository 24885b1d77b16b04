//! The router: three shops side by side, each with a session layer of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use dewar::Engine;
use dewar::cookie::SessionCookie;
use dewar_tower::SessionLayer;

use crate::journal::{Journal, Recorder};
use crate::store::Store;
use crate::{account, guard, journal, pages, shop};

/// One of the shops.
pub struct Shop {
    pub store: Store,
    pub engine: Engine,
    /// Opens signed cookies for the panel; the shop itself has no need of it.
    pub cookie: Option<SessionCookie>,
    pub checkout: Duration,
}

impl Shop {
    /// To the shop's page, after a form: reloading the page does not send the form again.
    pub fn front(&self) -> Redirect {
        Redirect::to(self.store.path())
    }
}

/// All shops; `first` is the one that `/` leads to.
pub fn app(shops: impl IntoIterator<Item = Shop>, first: Store) -> Router {
    let journal = Journal::default();
    let mut app = Router::new()
        .route("/", get(move || async move { Redirect::to(first.path()) }))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .fallback(move || async move { (StatusCode::NOT_FOUND, pages::not_found(first)) });
    for shop in shops {
        app = app.nest(shop.store.path(), routes(shop, journal.clone()));
    }
    app.layer(from_fn(guard::own_forms_only))
        .layer(from_fn(guard::secure_headers))
}

fn routes(shop: Shop, journal: Journal) -> Router {
    let recorder = Recorder {
        journal,
        store: shop.store,
        cookie_name: shop.engine.cookie_name().to_owned(),
    };
    let sessions = SessionLayer::new(shop.engine.clone()).attach_replies();
    Router::new()
        .route("/", get(shop::page))
        .route("/cart/add", post(shop::add))
        .route("/cart/take-one", post(shop::take_one))
        .route("/cart/take-all", post(shop::take_all))
        .route("/checkout", post(shop::check_out))
        .route("/login", post(account::log_in))
        .route("/logout", post(account::log_out))
        .with_state(Arc::new(shop))
        .layer(sessions)
        .layer(from_fn_with_state(recorder, journal::record))
}

async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, include_str!("style.css"))
}

async fn icon() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CACHE_CONTROL, "max-age=86400"),
    ];
    (headers, include_str!("icon.svg"))
}
