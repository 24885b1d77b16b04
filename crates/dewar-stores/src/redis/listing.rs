//! Listing with SCAN, which blocks nobody; in a cluster one master after the other.

use ::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Value, cmd};
use dewar::Result;
use dewar::store::{Cursor, Entry, Key, Page};
use futures_util::future::{join_all, try_join};

use super::RedisStore;
use super::commands::{self, Connection, keyed};
use super::link::Turn;
use crate::server::Operation;

pub(super) async fn page(
    store: &RedisStore,
    prefix: &str,
    cursor: Cursor,
    limit: usize,
) -> Result<Page> {
    let Some(place) = Scan::read(&cursor) else {
        let what = "this cursor was not made by a listing of this store";
        return Err(store.link.server().error(Operation::List, what));
    };
    let (pattern, place) = (&starting_with(prefix), &place);
    let turn = |turn: Turn| async move { step(turn.connection(), place, pattern, limit).await };
    let (found, next) = store.link.run(Operation::List, turn).await?;
    let entry = |found: Found| Entry {
        key: Key::new(found.key),
        size: Some(found.size),
        expires: store.expiry(found.remaining),
    };
    Ok(Page {
        entries: found.into_iter().map(entry).collect(),
        next: next.map(|next| next.write()),
    })
}

/// How far a listing has come.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scan {
    /// The server's own cursor, any number.
    position: u64,
    /// The cluster's master that it is good for; empty at the beginning, and where there is but one server.
    node: String,
}

impl Scan {
    /// `position` or `position@host:port`.
    fn read(cursor: &Cursor) -> Option<Scan> {
        let text = std::str::from_utf8(cursor.place()).ok()?;
        let (position, node) = text.split_once('@').unwrap_or((text, ""));
        Some(Scan {
            position: if position.is_empty() {
                0
            } else {
                position.parse().ok()?
            },
            node: node.to_owned(),
        })
    }

    fn write(&self) -> Cursor {
        Cursor::at(format!("{}@{}", self.position, self.node))
    }
}

struct Found {
    key: String,
    size: u64,
    remaining: i64,
}

async fn step(
    connection: &Connection,
    place: &Scan,
    pattern: &str,
    limit: usize,
) -> RedisResult<(Vec<Found>, Option<Scan>)> {
    let nodes = nodes(connection).await?;
    let known = nodes.iter().position(|node| node.name() == place.node);
    // A master that is no longer one: its records are with others now, in an order of their own. From the start.
    let (at, position) = known.map_or((0, 0), |at| (at, place.position));
    let Some(node) = nodes.get(at) else {
        return Err(RedisError::from((
            ErrorKind::ClusterConnectionNotFound,
            "the cluster has no master",
        )));
    };
    let mut scan = cmd("SCAN");
    scan.arg(position).arg("MATCH").arg(pattern);
    // The server looks at about so many keys, whether they match or not. A huge number would block it.
    scan.arg("COUNT").arg(limit.clamp(10, 1_000));
    scan.arg("TYPE").arg("string");
    let (position, keys): (u64, Vec<Vec<u8>>) = node.query(connection, scan).await?;

    let next = if position == 0 {
        nodes.get(at + 1)
    } else {
        Some(node)
    };
    let next = next.map(|node| Scan {
        position,
        node: node.name(),
    });
    // What is no text is not a session's key.
    let keys = keys
        .into_iter()
        .filter_map(|key| String::from_utf8(key).ok());
    let found = join_all(keys.map(|key| measure(connection, key))).await;
    let found: Vec<_> = found.into_iter().collect::<RedisResult<_>>()?;
    Ok((found.into_iter().flatten().collect(), next))
}

/// Size and expiry of a key, unless it is gone since.
async fn measure(connection: &Connection, key: String) -> RedisResult<Option<Found>> {
    let (size, remaining) = (keyed("STRLEN", &key), keyed("PTTL", &key));
    let (size, remaining) = try_join(connection.query(&size), connection.query(&remaining)).await?;
    let gone = remaining == commands::GONE;
    Ok((!gone).then_some(Found {
        key,
        size,
        remaining,
    }))
}

/// A server that holds some of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Only,
    Master { host: String, port: u16 },
}

impl Node {
    fn name(&self) -> String {
        match self {
            Node::Only => String::new(),
            Node::Master { host, port } => format!("{host}:{port}"),
        }
    }

    async fn query<T: FromRedisValue>(
        &self,
        connection: &Connection,
        command: Cmd,
    ) -> RedisResult<T> {
        match (connection, self.clone()) {
            (Connection::Cluster(nodes), Node::Master { host, port }) => {
                let route = SingleNodeRoutingInfo::ByAddress { host, port };
                let route = RoutingInfo::SingleNode(route);
                let mut connection = nodes.persistent.clone();
                let answer = connection.route_command(command, route).await?;
                Ok(::redis::from_redis_value(answer.extract_error()?)?)
            }
            _ => connection.query(&command).await,
        }
    }
}

/// The servers to ask, in an order that stays.
async fn nodes(connection: &Connection) -> RedisResult<Vec<Node>> {
    if !matches!(connection, Connection::Cluster(_)) {
        return Ok(vec![Node::Only]);
    }
    let mut question = cmd("CLUSTER");
    question.arg("SLOTS");
    let ranges: Vec<Vec<Value>> = connection.query(&question).await?;
    // First and last slot, the master, its replicas.
    let masters = ranges
        .into_iter()
        .filter_map(|range| range.into_iter().nth(2));
    let mut nodes: Vec<_> = masters.filter_map(master).collect();
    nodes.sort_by_key(Node::name);
    nodes.dedup();
    Ok(nodes)
}

/// Host, port, and what newer servers add.
fn master(description: Value) -> Option<Node> {
    let Value::Array(description) = description else {
        return None;
    };
    let mut description = description.into_iter();
    let host = ::redis::from_redis_value(description.next()?).ok()?;
    let port = ::redis::from_redis_value(description.next()?).ok()?;
    Some(Node::Master { host, port })
}

/// A pattern for what begins with this text, whatever characters it has.
fn starting_with(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_more_than_itself_is_escaped() {
        assert_eq!(starting_with("session:"), "session:*");
        assert_eq!(starting_with(r"a*b?c[d]e\f"), r"a\*b\?c\[d\]e\\f*");
    }

    #[test]
    fn a_cursor_reads_as_it_was_written() {
        for node in ["", "10.0.0.1:7000", "::1:7000"] {
            let scan = Scan {
                position: u64::MAX,
                node: node.to_owned(),
            };
            assert_eq!(Scan::read(&scan.write()), Some(scan));
        }
    }

    #[test]
    fn a_cursor_of_another_store_is_refused() {
        for place in ["x", "-1@", "\u{fffd}"] {
            assert_eq!(Scan::read(&Cursor::at(place)), None);
        }
    }
}
