//! Whole requests: open, what a handler does, close, at a time of the test's choice.

use std::sync::Arc;

use dewar::clock::ManualClock;
use dewar::config::Config;
use dewar::data::Value;
use dewar::{Engine, Session};
use serde_json::{Value as Json, json};

use crate::command::{Command, Fault};
use crate::neutral::{describe, read};
use crate::operations::wait;

/// One request, served by an engine of its own; what must last is in the cookie or in a folder.
pub(crate) fn serve(command: &Command) -> Result<Json, Fault> {
    let engine = Engine::builder(Config::new().merge("the test", command.value("config")?))
        .clock(Arc::new(ManualClock::new(command.time("now")?)))
        .build()?;
    let cookie = command.optional_text("cookie")?;
    let actions = command.value("actions")?.as_array();
    let actions = actions.ok_or_else(|| command.wrong("actions"))?;
    wait(async {
        let session = engine.open(cookie.map(str::as_bytes)).await?;
        let mut seen = Vec::new();
        for action in actions {
            match act(&session, action) {
                Ok(observation) => seen.push(observation),
                Err(Fault::Refused(reason)) => seen.push(json!(["refused", reason])),
                Err(fault) => return Err(fault),
            }
        }
        let (accessed, modified) = (session.is_accessed(), session.is_modified());
        let reply = engine.close(&session).await?;
        Ok(json!({
            "seen": seen,
            "accessed": accessed,
            "modified": modified,
            "set_cookie": reply.set_cookie(),
            "vary": reply.varies(),
        }))
    })
}

/// One thing that a handler does, and what it sees of it.
fn act(session: &Session, action: &Json) -> Result<Json, Fault> {
    let wrong = || Fault::Protocol(format!("action {action}"));
    let text = |at: usize| action.get(at).and_then(Json::as_str).ok_or_else(wrong);
    let flag = |at: usize| action.get(at).and_then(Json::as_bool).ok_or_else(wrong);
    let value = |at: usize| action.get(at).and_then(read).ok_or_else(wrong);
    match text(0)? {
        "get" => {
            return Ok(session
                .value(text(1)?)
                .as_ref()
                .map_or(Json::Null, describe));
        }
        "contains" => return Ok(json!(session.contains(text(1)?))),
        "len" => return Ok(json!(session.len())),
        "keys" => {
            let mut keys = session.keys();
            keys.retain(|key| key != "_permanent");
            keys.sort();
            return Ok(json!(keys));
        }
        "is_permanent" => return Ok(json!(session.is_permanent())),
        "flashes" => {
            let flashes = session.flashes();
            let pairs = flashes
                .iter()
                .map(|flash| json!([flash.category(), describe(flash.message())]));
            return Ok(pairs.collect());
        }
        "set" => session.insert(text(1)?, value(2)?)?,
        "pop" => {
            let removed = session.remove(text(1)?)?;
            return Ok(removed.as_ref().map_or(Json::Null, describe));
        }
        "append" => match session.value(text(1)?) {
            Some(Value::List(_)) => {
                let item = value(2)?;
                session.update(text(1)?, |list: &mut Vec<Value>| list.push(item))?;
            }
            _ => session.insert(text(1)?, Value::List(vec![value(2)?]))?,
        },
        "clear" => session.clear()?,
        "permanent" => session.set_permanent(flag(1)?)?,
        "mark" => session.set_modified()?,
        "flash" => session.flash(text(1)?, value(2)?)?,
        "regenerate" => session.regenerate()?,
        _ => return Err(wrong()),
    }
    Ok(Json::Null)
}
