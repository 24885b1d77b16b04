//! A connection that the calling thread waits on by itself: no driver runs between the call and the socket.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::redis::{
    Client, Cmd, Connection, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, Value,
    from_redis_value,
};

/// A connection to one server, for one call at a time. Calls on it are done when they return: what they give is ready.
#[derive(Clone)]
pub(super) struct Blocking(Arc<Mutex<Connection>>);

impl Blocking {
    /// Connects on a thread of the runtime's, so that whoever waits for it can stop waiting: resolving a name has no limit of
    /// its own.
    pub(super) async fn dial(
        client: &Client,
        connect: Duration,
        operation: Duration,
    ) -> RedisResult<Blocking> {
        let client = client.clone();
        let dial = move || {
            let connection = client.get_connection_with_timeout(connect)?;
            connection.set_read_timeout(Some(operation))?;
            connection.set_write_timeout(Some(operation))?;
            Ok(Blocking(Arc::new(Mutex::new(connection))))
        };
        match tokio::task::spawn_blocking(dial).await {
            Ok(dialled) => dialled,
            Err(stopped) => Err(io::Error::other(stopped).into()),
        }
    }

    /// How long the server is waited for from here on.
    pub(super) fn limit(&self, operation: Duration) -> RedisResult<()> {
        self.with(|connection| connection.set_read_timeout(Some(operation)))
    }

    pub(super) fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        self.with(|connection| command.query(connection).map_err(lost))
    }

    /// The answers of several commands, up to the first that does not come: the driver's own way waits for the others as
    /// well, each as long as the server may take for all of them.
    pub(super) fn query_all<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        self.with(|connection| {
            connection.send_packed_command(&commands.get_packed_pipeline())?;
            let answers = commands.cmd_iter().map(|_| connection.recv_response());
            let answers = answers.collect::<RedisResult<Vec<_>>>().map_err(lost)?;
            let answers = Value::Array(answers).extract_error()?;
            Ok(from_redis_value(answers)?)
        })
    }

    fn with<T>(&self, call: impl FnOnce(&mut Connection) -> RedisResult<T>) -> RedisResult<T> {
        match self.0.lock() {
            Ok(mut connection) => call(&mut connection),
            // Nobody knows what is still on its way on it.
            Err(_) => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        }
    }
}

/// An answer that cannot be read leaves a connection that is good for nothing: it counts as lost, as it does for tasks.
fn lost(error: RedisError) -> RedisError {
    match error.kind() {
        ErrorKind::Parse => io::Error::new(io::ErrorKind::ConnectionAborted, error).into(),
        _ => error,
    }
}
