use dewar::ErrorKind;
use dewar::config::Config;
use dewar::data::{Dict, Text, Value};

use crate::support::{Browser, cookie_bench, server_bench};

#[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Visitor {
    name: Option<String>,
    cart: Vec<u64>,
    visits: u64,
}

#[tokio::test]
async fn a_struct_reads_and_writes_only_its_own_keys_and_only_what_differs() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    assert_eq!(session.read::<Visitor>().unwrap(), Visitor::default());
    session.insert("other", 1).unwrap();
    session
        .edit(|visitor: &mut Visitor| visitor.cart.push(7))
        .unwrap();
    browser.close(&session).await;

    // Two requests that edit different fields do not undo each other.
    let (one, two) = (
        browser.open(&bench.engine).await,
        browser.open(&bench.engine).await,
    );
    one.edit(|visitor: &mut Visitor| {
        visitor.name = Some("ada".into());
        visitor.visits = 3;
    })
    .unwrap();
    two.edit(|visitor: &mut Visitor| visitor.cart.push(8))
        .unwrap();
    browser.close(&one).await;
    browser.close(&two).await;
    let session = browser.open(&bench.engine).await;
    let visitor = Visitor {
        name: Some("ada".into()),
        cart: vec![7, 8],
        visits: 3,
    };
    assert_eq!(session.read::<Visitor>().unwrap(), visitor);
    assert_eq!(session.get::<u32>("other").unwrap(), Some(1));

    session.write(&visitor).unwrap();
    assert!(!session.is_modified(), "an equal struct counts as a change");
}

/// A visitor whose empty fields are left out.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Terse {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    visits: u64,
}

#[tokio::test]
async fn a_field_that_is_none_makes_no_key() {
    let bench = cookie_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    let (mut visitor, mut snapshot) = session.read_with_snapshot::<Visitor>().unwrap();
    visitor.visits += 1;
    session.write_changes(&visitor, &mut snapshot).unwrap();
    assert_eq!(session.keys(), ["visits"]);
    session
        .edit(|visitor: &mut Visitor| visitor.visits += 1)
        .unwrap();
    assert_eq!(session.keys(), ["visits"]);
    session.write(&Visitor::default()).unwrap();
    assert_eq!(session.keys(), ["visits", "cart"]);
}

#[tokio::test]
async fn a_field_that_becomes_none_takes_its_key_along() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    for round in 0..5 {
        browser.write(&bench.engine, "name", "ada").await;
        let session = browser.open(&bench.engine).await;
        match round {
            0 => {
                let (mut visitor, mut snapshot) = session.read_with_snapshot::<Visitor>().unwrap();
                visitor.name = None;
                session.write_changes(&visitor, &mut snapshot).unwrap();
            }
            1 => {
                let (mut visitor, mut snapshot) = session.read_with_snapshot::<Terse>().unwrap();
                visitor.name = None;
                session.write_changes(&visitor, &mut snapshot).unwrap();
            }
            2 => session
                .edit(|visitor: &mut Visitor| visitor.name = None)
                .unwrap(),
            3 => session
                .edit(|visitor: &mut Terse| visitor.name = None)
                .unwrap(),
            _ => session.write(&Visitor::default()).unwrap(),
        }
        assert!(!session.contains("name"), "round {round}");
        browser.close(&session).await;
        assert!(
            !browser.open(&bench.engine).await.contains("name"),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn a_key_that_holds_null_stays_as_it_is() {
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("name", Value::Null).unwrap();
    session
        .edit(|visitor: &mut Visitor| visitor.visits += 1)
        .unwrap();
    session
        .edit(|visitor: &mut Terse| visitor.visits += 1)
        .unwrap();
    session.write(&Visitor::default()).unwrap();
    assert_eq!(session.value("name"), Some(Value::Null));
    session
        .edit(|visitor: &mut Visitor| visitor.name = Some("ada".into()))
        .unwrap();
    assert_eq!(session.value("name"), Some("ada".into()));
}

#[tokio::test]
async fn what_was_read_and_not_changed_makes_no_session() {
    for bench in [server_bench(Config::new()), cookie_bench(Config::new())] {
        let mut browser = Browser::default();
        let session = browser.open(&bench.engine).await;
        let (visitor, mut snapshot) = session.read_with_snapshot::<Visitor>().unwrap();
        session.write_changes(&visitor, &mut snapshot).unwrap();
        session.edit(|_: &mut Visitor| ()).unwrap();
        assert!(!session.is_modified());
        assert_eq!(browser.close(&session).await.set_cookie(), None);
        assert_eq!(bench.sessions().await, 0);
    }
}

#[tokio::test]
async fn what_others_changed_since_a_struct_was_read_is_left_alone() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "cart", [1]).await;
    for saves in [false, true] {
        let slow = browser.open(&bench.engine).await;
        let (mut visitor, mut snapshot) = slow.read_with_snapshot::<Visitor>().unwrap();
        browser.write(&bench.engine, "cart", [2, 3]).await;
        browser.write(&bench.engine, "name", "ada").await;
        if saves {
            slow.insert("other", 1).unwrap();
            slow.save().await.unwrap();
        } else {
            slow.reload().await.unwrap();
        }
        visitor.visits += 1;
        slow.write_changes(&visitor, &mut snapshot).unwrap();
        browser.close(&slow).await;
        let now: Visitor = browser.open(&bench.engine).await.read().unwrap();
        assert_eq!((now.name.as_deref(), now.cart), (Some("ada"), vec![2, 3]));
        assert_eq!(now.visits, 1 + u64::from(saves));
        browser.write(&bench.engine, "cart", [1]).await;
    }

    // Nor does it come back into a session that the handler has ended.
    let session = browser.open(&bench.engine).await;
    let (mut visitor, mut snapshot) = session.read_with_snapshot::<Visitor>().unwrap();
    session.destroy().unwrap();
    visitor.visits += 1;
    session.write_changes(&visitor, &mut snapshot).unwrap();
    assert!(!session.contains("name") && !session.contains("cart"));
}

#[tokio::test]
async fn what_is_appended_to_a_field_is_appended_to_the_list_of_the_moment() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "name", "ada").await;
    // The list is there for neither at first, and then for both.
    for cart in [vec![1, 2], vec![1, 2, 1, 2]] {
        let slow = browser.open(&bench.engine).await;
        let quick = browser.open(&bench.engine).await;
        slow.edit(|visitor: &mut Visitor| visitor.cart.push(2))
            .unwrap();
        quick
            .edit(|visitor: &mut Visitor| visitor.cart.push(1))
            .unwrap();
        slow.edit(|visitor: &mut Visitor| visitor.visits += 1)
            .unwrap();
        browser.close(&quick).await;
        browser.close(&slow).await;
        assert_eq!(browser.see(&bench.engine, "cart").await, Some(cart));
    }
}

#[tokio::test]
async fn a_struct_that_is_written_twice_is_compared_with_what_was_written() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "cart", [1]).await;
    let slow = browser.open(&bench.engine).await;
    let (mut visitor, mut snapshot) = slow.read_with_snapshot::<Visitor>().unwrap();
    visitor.cart.push(2);
    visitor.name = Some("ada".into());
    slow.write_changes(&visitor, &mut snapshot).unwrap();
    browser
        .request(&bench.engine, |quick| {
            quick
                .update("cart", |cart: &mut Vec<u64>| cart.push(3))
                .unwrap();
        })
        .await;
    slow.save().await.unwrap();
    slow.insert("name", "grace").unwrap();
    visitor.cart.push(4);
    slow.write_changes(&visitor, &mut snapshot).unwrap();
    browser.close(&slow).await;
    assert_eq!(
        browser.see(&bench.engine, "cart").await,
        Some(vec![1, 3, 2, 4])
    );
    assert_eq!(
        browser.see(&bench.engine, "name").await,
        Some("grace".to_owned())
    );
}

#[tokio::test]
async fn a_list_that_was_taken_out_and_put_back_is_whole() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Wishes {
        cart: Option<Vec<u64>>,
    }
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("cart", [1]).unwrap();
    let (mut wishes, mut snapshot) = session.read_with_snapshot::<Wishes>().unwrap();
    for cart in [None, Some(vec![1, 2])] {
        wishes.cart.clone_from(&cart);
        session.write_changes(&wishes, &mut snapshot).unwrap();
        assert_eq!(session.get("cart").unwrap(), cart);
    }
}

#[tokio::test]
async fn a_list_that_another_request_took_away_gets_only_what_is_appended() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "name", "ada").await;
    browser.write(&bench.engine, "cart", [1]).await;
    let slow = browser.open(&bench.engine).await;
    let (mut visitor, mut snapshot) = slow.read_with_snapshot::<Visitor>().unwrap();
    browser
        .request(&bench.engine, |quick| drop(quick.remove("cart").unwrap()))
        .await;
    slow.insert("other", 1).unwrap();
    slow.save().await.unwrap();
    visitor.cart.push(2);
    slow.write_changes(&visitor, &mut snapshot).unwrap();
    browser.close(&slow).await;
    assert_eq!(browser.see(&bench.engine, "cart").await, Some(vec![2]));
}

#[tokio::test]
async fn a_list_that_the_struct_reads_otherwise_than_it_is_stored_is_taken_as_a_whole() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Stocked {
        #[serde(default = "starter")]
        cart: Vec<u64>,
    }
    fn starter() -> Vec<u64> {
        vec![1]
    }
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session
        .edit(|stocked: &mut Stocked| stocked.cart.push(2))
        .unwrap();
    assert_eq!(session.value("cart"), Some([1, 2].into()));

    session
        .insert("cart", Value::Tuple(vec![1.into()]))
        .unwrap();
    session.edit(|_: &mut Stocked| ()).unwrap();
    assert_eq!(session.value("cart"), Some(Value::Tuple(vec![1.into()])));
    session
        .edit(|stocked: &mut Stocked| stocked.cart.push(2))
        .unwrap();
    assert_eq!(session.value("cart"), Some([1, 2].into()));
}

#[tokio::test]
async fn the_keys_of_a_whole_session_are_text() {
    let bench = cookie_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    let one = Text::of_key(&Value::Int(1)).unwrap();
    session.write(&Dict::from([(one, "ada")])).unwrap();
    session.insert("1", "grace").unwrap();
    assert_eq!(session.keys(), ["1"]);
    let name: Option<String> = session.get("1").unwrap();
    assert_eq!(name.as_deref(), Some("grace"));
}

#[tokio::test]
async fn only_a_struct_or_a_map_is_a_whole_session() {
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    let (_, mut snapshot) = session.read_with_snapshot::<Visitor>().unwrap();
    for error in [
        session.write(&7).unwrap_err(),
        session.write_changes(&7, &mut snapshot).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Value);
    }
    assert!(!session.is_modified());
}
