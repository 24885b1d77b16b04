//! The page: shop on one side, session on the other. Maud escapes everything that is put into it.

mod account;
mod attributes;
mod cart;
mod cookie;
mod decisions;
mod panel;
mod shelf;

use std::time::Duration;

use dewar::Flash;
use maud::{DOCTYPE, Markup, html};

use crate::cart::{Line, Order};
use crate::inspect::Inspection;
use crate::journal;
use crate::store::Store;

/// All that the page shows.
pub struct View {
    pub store: Store,
    pub user: Option<String>,
    pub flashes: Vec<Flash>,
    pub cart: Vec<Line>,
    pub orders: Vec<Order>,
    pub checkout: Duration,
    pub inspection: Inspection,
    pub journal: journal::Page,
}

/// The shop's page.
pub fn shop(view: &View) -> Markup {
    let title = format!("Dewar flasks · {}", view.store.title());
    document(
        &title,
        html! {
            a.skip href="#shop" { "Skip to the shop" }
            header.top {
                a.brand href=(view.store.path()) {
                    img src="/icon.svg" width="34" height="34" alt="";
                    span { strong { "Dewar flasks" } small { "what you put in stays as you left it" } }
                }
                (account::account(view))
            }
            (switch(view.store))
            div.columns {
                main #shop {
                    (flashes(&view.flashes))
                    (shelf::shelf(view.store))
                    (cart::cart(view))
                    (cart::orders(&view.orders))
                }
                (panel::panel(view))
            }
        },
    )
}

/// The page for an address that leads nowhere.
pub fn not_found(first: Store) -> Markup {
    document(
        "Not found · Dewar flasks",
        html! {
            main.lost {
                h1 { "There is nothing here" }
                p { "The shop is " a href=(first.path()) { "over there" } "." }
            }
        },
    )
}

fn document(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
            }
            body { (body) }
        }
    }
}

/// The switch between the three shops: links, so that it works everywhere.
fn switch(current: Store) -> Markup {
    html! {
        nav.switch aria-label="Where the session is kept" {
            span.label { "The session is kept in" }
            ul {
                @for store in Store::ALL {
                    li {
                        a href=(store.path()) aria-current=[(store == current).then_some("page")] {
                            (store.title())
                        }
                    }
                }
            }
            p { (about(current)) }
        }
    }
}

fn about(store: Store) -> &'static str {
    match store {
        Store::Cookie => {
            "Flask’s own way: all data in the browser, readable, signed against changes."
        }
        Store::Memory => "The data in this process, an id in the cookie. Gone when the demo stops.",
        Store::Filesystem => {
            "Flask-Session’s way: a file for each session, an id in the cookie. Survives a restart."
        }
    }
}

fn flashes(flashes: &[Flash]) -> Markup {
    html! {
        div.flashes role="status" {
            @for flash in flashes {
                p.flash.(tone(flash.category())) { (flash.to_string()) }
            }
        }
    }
}

/// The style of a category; a category that the shop does not use looks like a plain message.
fn tone(category: &str) -> &'static str {
    match category {
        "success" => "success",
        "warning" => "warning",
        "error" => "error",
        _ => "info",
    }
}

/// A button that sends a form of its own.
fn button(action: &str, product: u64, label: Markup, description: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="product" value=(product);
            button.small type="submit" aria-label=(description) { (label) }
        }
    }
}
