use dewar::config::Config;
use dewar::data::{Dict, Text, Value};
use dewar::{Engine, ErrorKind, Flash, Session};

use crate::support::{Browser, cookie_bench, server_bench};

#[tokio::test]
async fn a_nested_change_is_noticed_and_an_update_without_change_is_none() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser
        .request(&bench.engine, |session| {
            session
                .update("cart", |cart: &mut Vec<u64>| cart.push(1))
                .unwrap();
        })
        .await;
    browser
        .request(&bench.engine, |session| {
            session
                .update("cart", |cart: &mut Vec<u64>| cart.push(2))
                .unwrap();
        })
        .await;
    assert_eq!(
        browser.see::<Vec<u64>>(&bench.engine, "cart").await,
        Some(vec![1, 2])
    );
    let session = browser.open(&bench.engine).await;
    session
        .update("cart", |cart: &mut Vec<u64>| cart.sort_unstable())
        .unwrap();
    assert!(!session.is_modified());
    assert!(session.is_accessed());
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error_without_the_value_in_it() {
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("name", "s3cret-value").unwrap();
    let error = session.get::<u32>("name").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    let error = session
        .update("name", |count: &mut u32| *count += 1)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    assert_eq!(
        session.get::<String>("name").unwrap().as_deref(),
        Some("s3cret-value")
    );
}

#[tokio::test]
async fn a_value_is_taken_as_the_type_that_is_asked_for_and_stays_if_it_is_another() {
    for bench in [server_bench(Config::new()), cookie_bench(Config::new())] {
        let mut browser = Browser::default();
        browser
            .request(&bench.engine, |session| {
                session.insert("verifier", "s3cret-value").unwrap();
                session.insert("nothing", ()).unwrap();
            })
            .await;
        browser
            .request(&bench.engine, |session| {
                let error = session.take::<u32>("verifier").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Value);
                assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
                assert_eq!(session.take::<u32>("absent").unwrap(), None);
                assert!(!session.is_modified());
                let verifier: Option<String> = session.take("verifier").unwrap();
                assert_eq!(verifier.as_deref(), Some("s3cret-value"));
                assert_eq!(session.take::<String>("verifier").unwrap(), None);
                assert_eq!(session.take::<u32>("nothing").unwrap(), None);
                assert!(session.is_modified() && !session.contains("nothing"));
            })
            .await;
        let session = browser.open(&bench.engine).await;
        assert!(!session.contains("verifier") && !session.contains("nothing"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_named_by_its_key() {
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)]
    struct Shop {
        #[serde(default)]
        visits: u32,
        owner: Option<Owner>,
        currency: String,
    }
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)]
    struct Owner {
        age: u8,
    }
    type Counts = std::collections::HashMap<String, u32>;

    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("visits", "s3cret").unwrap();
    let expected = r#"session["visits"] cannot be read as u32: found text, expected u32"#;
    let read = session.get::<u32>("visits").unwrap_err();
    assert_eq!(read.to_string(), expected);
    let updated = session.update("visits", |n: &mut u32| *n += 1).unwrap_err();
    assert_eq!(updated.to_string(), expected);

    let shop = |problem: &str| {
        let message = session.read::<Shop>().unwrap_err().to_string();
        let (what, why) = message.split_once(" cannot be read as ").unwrap();
        assert!(why.contains("::Shop: "), "{message}");
        assert_eq!(
            format!("{what}: {}", why.split_once(": ").unwrap().1),
            problem
        );
    };
    shop(r#"session["visits"]: found text, expected u32"#);
    session.insert("visits", 1).unwrap();
    shop(r#"the session: the field "currency" is missing"#);
    session
        .insert("owner", Dict::from([("age", "s3cret")]))
        .unwrap();
    shop(r#"session["owner"]: found text, expected u8"#);

    // A key that only the session knows is data, too.
    let message = session.read::<Counts>().unwrap_err().to_string();
    assert!(!message.contains("owner"), "{message}");
    assert!(
        message.starts_with("the session cannot be read as "),
        "{message}"
    );
}

#[tokio::test]
async fn a_none_that_flask_stored_reads_as_what_is_absent() {
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("user", Value::Null).unwrap();
    assert_eq!(session.get::<String>("user").unwrap(), None);
    assert_eq!(session.get::<Vec<u64>>("user").unwrap(), None);
    assert!(session.contains("user"));
    // What can be null, is.
    assert_eq!(session.get::<Option<String>>("user").unwrap(), Some(None));
    assert_eq!(session.get::<Value>("user").unwrap(), Some(Value::Null));

    let length = session.update("user", |list: &mut Vec<u64>| list.len());
    assert_eq!(length.unwrap(), 0);
    assert_eq!(session.value("user"), Some(Value::Null));
    session
        .update("user", |list: &mut Vec<u64>| list.push(7))
        .unwrap();
    assert_eq!(session.get::<Vec<u64>>("user").unwrap(), Some(vec![7]));
}

#[tokio::test]
async fn a_default_that_an_update_leaves_as_it_is_makes_no_session() {
    for bench in [server_bench(Config::new()), cookie_bench(Config::new())] {
        let session = Browser::default().open(&bench.engine).await;
        session
            .update("cart", |cart: &mut Vec<u64>| cart.retain(|id| *id != 7))
            .unwrap();
        session
            .update("user", |user: &mut Option<String>| user.take())
            .unwrap();
        assert!(!session.is_modified());
        assert!(!session.contains("cart") && !session.contains("user"));
        let reply = Browser::default().close(&session).await;
        assert_eq!(reply.set_cookie(), None);
        assert_eq!(bench.sessions().await, 0);
    }
}

#[tokio::test]
async fn an_update_to_none_takes_the_key_out() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    browser.write(&bench.engine, "user", "ada").await;
    browser
        .request(&bench.engine, |session| {
            let user = session.update("user", |user: &mut Option<String>| user.take());
            assert_eq!(user.unwrap().as_deref(), Some("ada"));
            assert!(!session.contains("user"));
            session.insert("cart", [7]).unwrap();
        })
        .await;
    let session = browser.open(&bench.engine).await;
    assert!(!session.contains("user") && session.contains("cart"));
    // What holds null already stays as it is.
    session.insert("user", Value::Null).unwrap();
    session
        .update("user", |user: &mut Option<String>| user.take())
        .unwrap();
    assert!(session.contains("user"));
}

#[tokio::test]
async fn a_page_that_asks_whether_the_session_is_new_differs_by_its_cookie() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let reply = browser
        .request(&bench.engine, |session| assert!(session.is_new()))
        .await;
    assert!(reply.varies());
}

#[tokio::test]
async fn the_flags_are_flasks() {
    let bench = server_bench(Config::new().set("SESSION_PERMANENT", false));
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    assert!(session.is_mirror_new() && !session.is_accessed() && !session.is_modified());
    assert_eq!(session.get::<u32>("absent").unwrap(), None);
    assert!(session.is_accessed() && !session.is_modified());
    session.insert("n", 1).unwrap();
    assert!(session.is_modified());
    assert!(!session.is_permanent());
    session.set_permanent(true).unwrap();
    assert_eq!(session.value("_permanent"), Some(Value::Bool(true)));
    assert_eq!(session.keys(), ["n", "_permanent"]);
    assert_eq!(session.len(), 2);
    assert_eq!(session.remove("n").unwrap(), Some(Value::Int(1)));
    assert_eq!(session.remove("n").unwrap(), None);
    browser.close(&session).await;
    browser.write(&bench.engine, "n", 1).await;
    for end in [Session::regenerate, Session::destroy] as [fn(&Session) -> dewar::Result<()>; 2] {
        let session = browser.open(&bench.engine).await;
        assert!(!session.is_modified());
        end(&session).unwrap();
        assert!(session.is_modified());
    }
}

#[tokio::test]
async fn flash_messages_that_are_removed_from_a_mirror_are_gone_every_time() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let flash = |session: &Session| session.flash("message", "first").unwrap();
    browser.request(&bench.engine, flash).await;
    let session = browser.open(&bench.engine).await;
    let key = Text::from("_flashes");
    session.remove_mirrored(&key).unwrap();
    for text in ["second", "third"] {
        let message = |text| Value::List(vec!["message".into(), Value::from(text)]);
        session
            .set_mirrored(&key, Value::List(vec![message(text)]))
            .unwrap();
        session.save().await.unwrap();
        // Others than what was there: that was read.
        session
            .set_mirrored(&key, Value::List(vec![message("other")]))
            .unwrap();
        assert_eq!(
            session.value("_flashes"),
            Some(Value::List(vec![message("other")]))
        );
        session.save().await.unwrap();
        session.remove_mirrored(&key).unwrap();
        session.save().await.unwrap();
    }
    browser.close(&session).await;
    assert_eq!(browser.open(&bench.engine).await.flashes(), []);
}

#[tokio::test]
async fn flashes_are_taken_once_and_stay_for_the_request() {
    for bench in [server_bench(Config::new()), cookie_bench(Config::new())] {
        let mut browser = Browser::default();
        browser
            .request(&bench.engine, |session| {
                session.flash("error", "first").unwrap();
                session.flash("info", "second").unwrap();
            })
            .await;
        let session = browser.open(&bench.engine).await;
        let categories: Vec<_> = session
            .flashes()
            .iter()
            .map(|flash| flash.category().to_owned())
            .collect();
        assert_eq!(categories, ["error", "info"]);
        assert_eq!(session.flashes().len(), 2);
        assert_eq!(session.flashes_of(&["info"])[0].to_string(), "second");
        session.destroy().unwrap();
        assert_eq!(session.flashes().len(), 2);
        browser.close(&session).await;
        assert!(browser.open(&bench.engine).await.flashes().is_empty());
    }
}

#[tokio::test]
async fn markup_keeps_its_type_in_a_cookie_and_can_be_flashed() {
    let bench = cookie_bench(Config::new());
    let mut browser = Browser::default();
    browser
        .request(&bench.engine, |session| {
            session
                .flash("info", Value::Markup("<b>bold</b>".into()))
                .unwrap();
        })
        .await;
    let flashes = browser.open(&bench.engine).await.flashes();
    assert_eq!(flashes[0].message(), &Value::Markup("<b>bold</b>".into()));
}

#[test]
fn a_message_is_a_struct_of_two_to_templates_and_json() {
    let flash = Flash::new("info", Value::Markup("<b>bold</b>".into()));
    assert_eq!(
        serde_json::to_string(&[flash]).unwrap(),
        r#"[{"category":"info","message":"<b>bold</b>"}]"#
    );
}

#[tokio::test]
async fn a_null_session_can_be_read_and_says_what_is_missing_when_written() {
    let engine = Engine::new(Config::new()).unwrap();
    let session = Browser::default().open(&engine).await;
    assert_eq!(session.get::<String>("user").unwrap(), None);
    assert!(session.flashes().is_empty());
    for error in [
        session.insert("user", "ada").unwrap_err(),
        session.take::<String>("user").unwrap_err(),
        session.flash("info", "hello").unwrap_err(),
        session.clear().unwrap_err(),
        session.set_permanent(true).unwrap_err(),
        session.update("n", |n: &mut u32| *n += 1).unwrap_err(),
        session.set_modified().unwrap_err(),
        session.regenerate().unwrap_err(),
        session.destroy().unwrap_err(),
        session.save().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NoSecretKey);
        let message = error.to_string();
        assert!(
            message.starts_with(
                "The session is unavailable because no secret key was set.  Set the secret_key on \
                 the application to something unique and secret."
            ),
            "{message}"
        );
        assert!(message.contains("SECRET_KEY"), "{message}");
    }
    let reply = engine.close(&session).await.unwrap();
    assert_eq!(reply.set_cookie(), None);
}

#[tokio::test]
#[should_panic(expected = "the closure given to Session::update uses the same session")]
async fn an_update_that_uses_its_own_session_panics_instead_of_hanging() {
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    let same = session.clone();
    let _ = session.update("n", |n: &mut u32| *n += same.len() as u32);
}

#[tokio::test]
async fn a_panic_in_an_update_leaves_the_session_usable_and_unchanged() {
    let bench = server_bench(Config::new());
    let session = Browser::default().open(&bench.engine).await;
    session.insert("n", 1).unwrap();
    let clone = session.clone();
    let panicked = tokio::spawn(async move {
        clone.update("n", |n: &mut u32| {
            *n = 2;
            panic!("in the closure");
        })
    });
    assert!(panicked.await.is_err());
    assert_eq!(session.get::<u32>("n").unwrap(), Some(1));
}

#[tokio::test]
async fn nothing_that_is_debugged_shows_ids_values_or_cookies() {
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    let session = browser.open(&bench.engine).await;
    session.insert("name", "s3cret-value").unwrap();
    let id = session.id().unwrap().unwrap();
    let reply = browser.close(&session).await;
    let (_, snapshot) = session.read_with_snapshot::<Dict>().unwrap();
    let debugged = format!(
        "{session:?} {snapshot:?} {reply:?} {id:?} {:?} {:?}",
        bench.engine, bench.store
    );
    for secret in [
        "s3cret-value",
        id.expose(),
        browser.cookie.as_deref().unwrap(),
    ] {
        assert!(!debugged.contains(secret), "{debugged}");
    }
}

#[tokio::test]
async fn many_keys_are_set_set_again_and_removed_in_one_request() {
    const KEYS: u32 = 1_000;
    let name = |number: u32| format!("key {number}");
    let bench = server_bench(Config::new());
    let mut browser = Browser::default();
    for step in 1..=2 {
        browser
            .request(&bench.engine, |session| {
                for number in 0..KEYS {
                    session.insert(&name(number), number * step).unwrap();
                }
            })
            .await;
    }
    let session = browser.open(&bench.engine).await;
    for number in 0..KEYS {
        let seen = session.get::<u32>(&name(number)).unwrap();
        assert_eq!(seen, Some(number * 2));
    }
    for number in 1..KEYS {
        assert!(session.remove(&name(number)).unwrap().is_some());
    }
    browser.close(&session).await;
    let keys = browser.open(&bench.engine).await.keys();
    assert_eq!(keys, ["_permanent", "key 0"]);
}
