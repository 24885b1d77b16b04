use maud::{Markup, html};

use super::View;
use crate::account::LONGEST_NAME;

/// The corner with the visitor's name, or the form to log in.
pub fn account(view: &View) -> Markup {
    let path = view.store.path();
    match &view.user {
        Some(name) => html! {
            form.account method="post" action={ (path) "/logout" } {
                span.who { "Logged in as " strong { (name) } }
                button type="submit" { "Log out" }
            }
        },
        None => html! {
            form.account method="post" action={ (path) "/login" } {
                label.field { span { "Your name" }
                    input #name name="name" type="text" required maxlength=(LONGEST_NAME) autocomplete="off"
                        placeholder="any name, no password";
                }
                label.tick { input type="checkbox" name="remember" value="yes"; " Remember me" }
                button.primary type="submit" { "Log in" }
            }
        },
    }
}
