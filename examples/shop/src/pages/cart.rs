use maud::{Markup, html};

use super::{View, button};
use crate::cart::{self, Line, Order};
use crate::catalog::price;
use crate::store::Store;

/// The cart, with the slow checkout.
pub fn cart(view: &View) -> Markup {
    let pieces: u64 = view.cart.iter().map(|line| line.quantity).sum();
    html! {
        section.cart aria-labelledby="cart-title" {
            h1 #cart-title { "Your cart" @if pieces > 0 { " " span.count { (pieces) } } }
            @if view.cart.is_empty() {
                p.empty { "Nothing in it yet." }
            } @else {
                ul.lines {
                    @for line in &view.cart { (row(line, view.store)) }
                    li.total { span { "Total" } strong { (price(cart::total(&view.cart))) } }
                }
                (checkout(view))
            }
        }
    }
}

fn row(line: &Line, store: Store) -> Markup {
    let (product, path) = (line.product, store.path());
    html! {
        li.line {
            span.name { (product.name) }
            div.quantity {
                (button(&format!("{path}/cart/take-one"), product.id, html! { "−" }, &format!("One less: {}", product.name)))
                span.number { (line.quantity) }
                (button(&format!("{path}/cart/add"), product.id, html! { "+" }, &format!("One more: {}", product.name)))
            }
            span.price { (price(product.cents * line.quantity)) }
            (button(&format!("{path}/cart/take-all"), product.id, html! { "Remove" }, &format!("Remove: {}", product.name)))
        }
    }
}

fn checkout(view: &View) -> Markup {
    if view.user.is_none() {
        return html! { p.note { a href="#name" { "Log in" } " to check out; any name will do." } };
    }
    let path = view.store.path();
    html! {
        form.checkout method="post" action={ (path) "/checkout" } {
            button.primary type="submit" { "Check out" }
            p.note {
                "Takes " (view.checkout.as_secs_f64()) " seconds on purpose. Meanwhile, "
                a href=(path) target="_blank" rel="noopener" { "open a second tab" }
                " and log out there. " (outcome(view.store))
            }
        }
    }
}

/// What becomes of a logout while a request is still running.
fn outcome(store: Store) -> &'static str {
    match store {
        Store::Memory | Store::Filesystem => {
            "When the checkout ends here, you stay logged out: it finds its session gone and writes nothing."
        }
        Store::Cookie => {
            "When the checkout ends here, you are logged in again: a session in a cookie has no place on the server where \
            the logout could be noted, so the slow answer sends its copy back. The other two shops do not let that happen."
        }
    }
}

/// What was bought in this session.
pub fn orders(orders: &[Order]) -> Markup {
    html! {
        @if !orders.is_empty() {
            section aria-labelledby="orders-title" {
                h1 #orders-title { "Your orders" }
                ul.orders {
                    @for order in orders.iter().rev() {
                        li {
                            span { "Order " (order.number) }
                            span { (order.pieces) @if order.pieces == 1 { " piece" } @else { " pieces" } }
                            strong { (price(order.cents)) }
                        }
                    }
                }
            }
        }
    }
}
