//! The shop: shelf, cart and checkout. All that it remembers of a visitor is in the session.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use dewar_tower::{Error, Session};
use maud::Markup;
use serde::Deserialize;

use crate::account::USER;
use crate::app::Shop;
use crate::cart::{self, CAPACITY, CART, ORDERS, Order};
use crate::catalog;
use crate::inspect::Inspection;
use crate::journal;
use crate::pages::{self, View};

/// The form behind every button that is about a product.
#[derive(Deserialize)]
pub struct Choice {
    product: u64,
}

/// The one page: the shelf, the cart, and the panel that shows the session.
pub async fn page(
    session: Session,
    State(shop): State<Arc<Shop>>,
    Extension(journal): Extension<journal::Page>,
    headers: HeaderMap,
) -> Result<Markup, Error> {
    let flashes = session.flashes();
    let cart: Vec<u64> = session.get(CART)?.unwrap_or_default();
    let view = View {
        store: shop.store,
        user: session.get(USER)?,
        flashes,
        cart: cart::lines(&cart),
        orders: session.get(ORDERS)?.unwrap_or_default(),
        checkout: shop.checkout,
        inspection: Inspection::new(&session, &shop, &headers),
        journal,
    };
    Ok(pages::shop(&view))
}

/// Puts one more of a product into the cart.
pub async fn add(
    session: Session,
    State(shop): State<Arc<Shop>>,
    Form(choice): Form<Choice>,
) -> Result<Redirect, Error> {
    let Some(product) = catalog::product(choice.product) else {
        session.flash("error", "The shop does not have that.")?;
        return Ok(shop.front());
    };
    let added = session.update(CART, |cart: &mut Vec<u64>| {
        let fits = cart.len() < CAPACITY;
        if fits {
            cart.push(product.id);
        }
        fits
    })?;
    if added {
        session.flash("success", format!("{} is in your cart.", product.name))?;
    } else {
        session.flash("warning", "Your cart is full.")?;
    }
    Ok(shop.front())
}

/// Takes one of a product out of the cart.
pub async fn take_one(
    session: Session,
    State(shop): State<Arc<Shop>>,
    Form(choice): Form<Choice>,
) -> Result<Redirect, Error> {
    session.update(CART, |cart: &mut Vec<u64>| {
        if let Some(last) = cart.iter().rposition(|id| *id == choice.product) {
            cart.remove(last);
        }
    })?;
    Ok(shop.front())
}

/// Takes all of a product out of the cart.
pub async fn take_all(
    session: Session,
    State(shop): State<Arc<Shop>>,
    Form(choice): Form<Choice>,
) -> Result<Redirect, Error> {
    session.update(CART, |cart: &mut Vec<u64>| {
        cart.retain(|id| *id != choice.product)
    })?;
    Ok(shop.front())
}

/// Orders what is in the cart. It takes some seconds on purpose: time enough to log out in a second tab.
pub async fn check_out(session: Session, State(shop): State<Arc<Shop>>) -> Result<Redirect, Error> {
    if !session.contains(USER) {
        session.flash("warning", "Please log in before you check out.")?;
        return Ok(shop.front());
    }
    let cart: Vec<u64> = session.get(CART)?.unwrap_or_default();
    let lines = cart::lines(&cart);
    if lines.is_empty() {
        session.flash("warning", "There is nothing in your cart.")?;
        return Ok(shop.front());
    }

    // These pieces are taken at once, so that what is added in another window meanwhile stays in the cart.
    session.remove(CART)?;
    session.save().await?;
    // Here a real shop would wait for the bank.
    tokio::time::sleep(shop.checkout).await;

    let number = session.update(ORDERS, |orders: &mut Vec<Order>| {
        let number = orders.last().map_or(1, |order| order.number + 1);
        let pieces = lines.iter().map(|line| line.quantity).sum();
        orders.push(Order {
            number,
            pieces,
            cents: cart::total(&lines),
        });
        // The session remembers the latest; a real shop has a database.
        let surplus = orders.len().saturating_sub(3);
        orders.drain(..surplus);
        number
    })?;
    session.flash(
        "success",
        format!("Thank you! Order {number} is on its way."),
    )?;
    Ok(shop.front())
}
