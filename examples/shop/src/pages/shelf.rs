use maud::{Markup, html};

use crate::catalog::{PRODUCTS, price};
use crate::store::Store;

/// Everything that can be bought.
pub fn shelf(store: Store) -> Markup {
    html! {
        section aria-labelledby="shelf-title" {
            h1 #shelf-title { "On the shelf" }
            ul.shelf {
                @for product in &PRODUCTS {
                    li.card {
                        svg.drawing viewBox="0 0 96 96" aria-hidden="true" focusable="false" { ((product.drawing)()) }
                        div.words { h2 { (product.name) } p { (product.about) } }
                        form.buy method="post" action={ (store.path()) "/cart/add" } {
                            span.price { (price(product.cents)) }
                            input type="hidden" name="product" value=(product.id);
                            button.primary type="submit" aria-label={ "Add to cart: " (product.name) } { "Add" }
                        }
                    }
                }
            }
        }
    }
}
