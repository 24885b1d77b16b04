//! What the shop sells.

use maud::{Markup, html};

/// A thing that can be bought.
pub struct Product {
    /// What the cart holds.
    pub id: u64,
    pub name: &'static str,
    pub about: &'static str,
    pub cents: u64,
    /// Draws it, 96 wide and 96 high.
    pub drawing: fn() -> Markup,
}

/// Everything on the shelf.
pub static PRODUCTS: [Product; 6] = [
    Product {
        id: 1,
        name: "Trail flask",
        about: "0.75 l, hot for a whole day",
        cents: 34_00,
        drawing: trail_flask,
    },
    Product {
        id: 2,
        name: "Desk mug",
        about: "0.35 l, outlasts any meeting",
        cents: 24_00,
        drawing: desk_mug,
    },
    Product {
        id: 3,
        name: "Tea flask",
        about: "0.5 l, strainer in the neck",
        cents: 39_00,
        drawing: tea_flask,
    },
    Product {
        id: 4,
        name: "Soup jar",
        about: "0.6 l, spoon in the lid",
        cents: 29_00,
        drawing: soup_jar,
    },
    Product {
        id: 5,
        name: "Laboratory dewar",
        about: "1 l, silvered glass, as in 1892",
        cents: 89_00,
        drawing: laboratory_dewar,
    },
    Product {
        id: 6,
        name: "Cork stopper",
        about: "fits the laboratory dewar",
        cents: 6_50,
        drawing: cork_stopper,
    },
];

/// The product with this id.
pub fn product(id: u64) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// An amount as text.
pub fn price(cents: u64) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}

fn trail_flask() -> Markup {
    html! {
        rect.cap x="37" y="8" width="22" height="14" rx="4" {}
        path.steel d="M38 24h20v5c8 4 10 9 10 16v36a8 8 0 0 1-8 8H36a8 8 0 0 1-8-8V45c0-7 2-12 10-16z" {}
        rect.band x="28" y="54" width="40" height="10" {}
        path.shine d="M34 46v36" {}
    }
}

fn desk_mug() -> Markup {
    html! {
        path.steam d="M38 22c-5-6 5-8 0-14M52 22c-5-6 5-8 0-14" {}
        path.handle d="M62 46h9a9 9 0 0 1 9 9v8a9 9 0 0 1-9 9h-9" {}
        path.steel d="M22 34h44v46a9 9 0 0 1-9 9H31a9 9 0 0 1-9-9z" {}
        rect.cap x="19" y="28" width="50" height="9" rx="4.5" {}
        path.shine d="M30 46v34" {}
    }
}

fn tea_flask() -> Markup {
    html! {
        path.cap d="M34 8h28l3 18H31z" {}
        rect.steel x="29" y="28" width="38" height="61" rx="8" {}
        path.leaf d="M58 50c0 14-8 18-18 18 0-12 6-18 18-18zM40 68l9-9" {}
        path.shine d="M35 36v46" {}
    }
}

fn soup_jar() -> Markup {
    html! {
        rect.cap x="24" y="20" width="48" height="16" rx="5" {}
        rect.steel x="18" y="38" width="60" height="51" rx="13" {}
        rect.band x="18" y="60" width="60" height="9" {}
        path.shine d="M26 50v28" {}
    }
}

fn laboratory_dewar() -> Markup {
    html! {
        path.glass d="M30 10h36v6h-5v40a20 20 0 0 1-26 0V16h-5z" {}
        path.glass d="M24 10h48M28 10v52a20 20 0 0 0 40 0V10" {}
        path.silver d="M37 34h22v22a11 11 0 0 1-22 0z" {}
        path.steam d="M42 30c-4-5 4-7 0-12M54 30c-4-5 4-7 0-12" {}
        path.foot d="M48 82v7M32 90h32" {}
    }
}

fn cork_stopper() -> Markup {
    html! {
        path.cork d="M28 34h40l-6 44H34z" {}
        ellipse.cork-top cx="48" cy="34" rx="20" ry="7" {}
        path.speck d="M40 50h3M52 47h4M46 60h3M55 63h2M40 68h2" {}
    }
}
