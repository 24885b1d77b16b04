//! What is in the cart: the session holds a plain list of product ids, one for each piece.

use serde::{Deserialize, Serialize};

use crate::catalog::{self, Product};

/// The session's key for the cart.
pub const CART: &str = "cart";
/// The session's key for what was bought.
pub const ORDERS: &str = "orders";
/// The most pieces that a cart takes, so that it fits into a cookie.
pub const CAPACITY: usize = 99;

/// A product in the cart, and how many of it.
pub struct Line {
    pub product: &'static Product,
    pub quantity: u64,
}

/// What was bought, as the session keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub number: u64,
    pub pieces: u64,
    pub cents: u64,
}

/// The cart by product, in the order in which they were first added. Ids that the shop does not know are left out.
pub fn lines(cart: &[u64]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for product in cart.iter().filter_map(|id| catalog::product(*id)) {
        match lines.iter_mut().find(|line| line.product.id == product.id) {
            Some(line) => line.quantity += 1,
            None => lines.push(Line {
                product,
                quantity: 1,
            }),
        }
    }
    lines
}

/// What the cart costs.
pub fn total(lines: &[Line]) -> u64 {
    lines
        .iter()
        .map(|line| line.product.cents * line.quantity)
        .sum()
}
