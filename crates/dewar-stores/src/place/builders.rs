//! From a place to its store's builder: what each kind takes from the configuration.

use std::sync::Arc;
use std::time::Duration;

use dewar::Result;
use dewar::store::Store;

use super::{Place, wrong};
use crate::Migrated;
#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
use crate::sql::{Table, Tables};

impl Place {
    pub(super) async fn make_what_is_absent(&self) -> Result<Option<Migrated>> {
        Ok(match self.kind.name {
            #[cfg(feature = "dynamodb")]
            "dynamodb" => Some(self.dynamodb()?.migrate().await?),
            #[cfg(feature = "mongodb")]
            "mongodb" => Some(self.mongodb()?.migrate().await?),
            #[cfg(feature = "mysql")]
            "mysql" => Some(self.mysql()?.migrate().await?),
            #[cfg(feature = "postgresql")]
            "postgresql" => Some(self.postgresql()?.migrate().await?),
            #[cfg(feature = "sqlite")]
            "sqlite" => Some(self.sqlite()?.migrate()?),
            // One that this program was built without is an error.
            _ => self.build().map(|_| None)?,
        })
    }

    /// Whether the store could be opened, without a server and without a file.
    pub(super) fn try_build(&self) -> Result<()> {
        match self.kind.name {
            #[cfg(feature = "sqlite")]
            "sqlite" => self.sqlite()?.tables(self.tables()).check(),
            _ => self.build().map(drop),
        }
    }

    pub(super) fn build(&self) -> Result<Arc<dyn Store>> {
        match self.kind.name {
            #[cfg(feature = "dynamodb")]
            "dynamodb" => {
                use crate::dynamodb::Tables;
                let exists =
                    self.expect_table || self.config.flag("SESSION_DYNAMODB_TABLE_EXISTS")?;
                let tables = match exists {
                    true => Tables::Expect,
                    false => Tables::Create,
                };
                Ok(Arc::new(self.dynamodb()?.tables(tables).build()?))
            }
            #[cfg(feature = "memcached")]
            "memcached" => Ok(Arc::new(self.memcached()?.build()?)),
            #[cfg(feature = "mongodb")]
            "mongodb" => {
                use crate::mongodb::Indexes;
                let indexes = match self.expect_table {
                    true => Indexes::Expect,
                    false => Indexes::Create,
                };
                Ok(Arc::new(self.mongodb()?.indexes(indexes).build()?))
            }
            #[cfg(feature = "mysql")]
            "mysql" => Ok(Arc::new(self.mysql()?.tables(self.tables()).build()?)),
            #[cfg(feature = "postgresql")]
            "postgresql" => Ok(Arc::new(self.postgresql()?.tables(self.tables()).build()?)),
            #[cfg(feature = "redis")]
            "redis" => Ok(Arc::new(self.redis()?.build()?)),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Arc::new(self.sqlite()?.tables(self.tables()).open()?)),
            name => Err(wrong(format!(
                "this program was built without the store '{name}': build it with the feature `{}` of dewar-stores",
                self.kind.feature
            ))),
        }
    }

    #[cfg(feature = "dynamodb")]
    fn dynamodb(&self) -> Result<crate::dynamodb::DynamodbBuilder> {
        use crate::dynamodb::{DynamodbBuilder, DynamodbStore};
        let limits = self.limits()?;
        let builder = DynamodbStore::builder(&*self.url);
        let table = self.config.text("SESSION_DYNAMODB_TABLE")?;
        let builder = set(builder, table, DynamodbBuilder::table);
        let builder = set(builder, limits.connect, DynamodbBuilder::connect_timeout);
        Ok(set(
            builder,
            limits.operation,
            DynamodbBuilder::operation_timeout,
        ))
    }

    #[cfg(feature = "memcached")]
    fn memcached(&self) -> Result<crate::memcached::MemcachedBuilder> {
        use crate::memcached::{MemcachedBuilder, MemcachedStore};
        let limits = self.limits()?;
        let builder = MemcachedStore::builder(&*self.url);
        let builder = set(builder, limits.connect, MemcachedBuilder::connect_timeout);
        let builder = set(
            builder,
            limits.operation,
            MemcachedBuilder::operation_timeout,
        );
        Ok(set(
            builder,
            limits.connections,
            MemcachedBuilder::connections,
        ))
    }

    #[cfg(feature = "mongodb")]
    fn mongodb(&self) -> Result<crate::mongodb::MongodbBuilder> {
        use crate::mongodb::{MongodbBuilder, MongodbStore};
        let limits = self.limits()?;
        let builder = MongodbStore::builder(&*self.url);
        let database = self.config.text("SESSION_MONGODB_DB")?;
        let builder = set(builder, database, MongodbBuilder::database);
        let collection = self.config.text("SESSION_MONGODB_COLLECT")?;
        let builder = set(builder, collection, MongodbBuilder::collection);
        let builder = set(builder, limits.connect, MongodbBuilder::connect_timeout);
        let builder = set(builder, limits.operation, MongodbBuilder::operation_timeout);
        Ok(set(
            builder,
            limits.connections,
            MongodbBuilder::connections,
        ))
    }

    #[cfg(feature = "mysql")]
    fn mysql(&self) -> Result<crate::mysql::MysqlBuilder> {
        use crate::mysql::{MysqlBuilder, MysqlStore};
        let limits = self.limits()?;
        let builder = MysqlStore::builder(&*self.url).table(self.sqlalchemy_table()?);
        let builder = set(builder, limits.connect, MysqlBuilder::connect_timeout);
        let builder = set(builder, limits.operation, MysqlBuilder::operation_timeout);
        Ok(set(builder, limits.connections, MysqlBuilder::connections))
    }

    #[cfg(feature = "postgresql")]
    fn postgresql(&self) -> Result<crate::postgresql::PostgresqlBuilder> {
        use crate::postgresql::{PostgresqlBuilder, PostgresqlStore};
        let limits = self.limits()?;
        let table = match self.key {
            Some("SESSION_SQLALCHEMY") => self.sqlalchemy_table()?,
            _ => self.postgresql_table()?,
        };
        let builder = PostgresqlStore::builder(&*self.url).table(table);
        let builder = set(builder, limits.connect, PostgresqlBuilder::connect_timeout);
        let builder = set(
            builder,
            limits.operation,
            PostgresqlBuilder::operation_timeout,
        );
        Ok(set(
            builder,
            limits.connections,
            PostgresqlBuilder::connections,
        ))
    }

    #[cfg(feature = "redis")]
    fn redis(&self) -> Result<crate::redis::RedisBuilder> {
        use crate::redis::{RedisBuilder, RedisStore};
        let limits = self.limits()?;
        let builder = RedisStore::builder(&*self.url);
        let builder = set(builder, limits.connect, RedisBuilder::connect_timeout);
        let builder = set(builder, limits.operation, RedisBuilder::operation_timeout);
        Ok(match self.blocking {
            true => builder.blocking(),
            false => builder,
        })
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(&self) -> Result<crate::sqlite::SqliteBuilder> {
        use crate::sqlite::{SqliteBuilder, SqliteStore};
        let limits = self.limits()?;
        let builder = SqliteStore::builder(&*self.url).table(self.sqlalchemy_table()?);
        Ok(set(
            builder,
            limits.operation,
            SqliteBuilder::operation_timeout,
        ))
    }

    #[allow(dead_code, reason = "whether it is used depends on the features")]
    fn limits(&self) -> Result<Limits> {
        Ok(Limits {
            connect: self.config.duration("SESSION_CONNECT_TIMEOUT")?,
            operation: self.config.duration("SESSION_OPERATION_TIMEOUT")?,
            connections: self.config.number("SESSION_CONNECTIONS")?,
        })
    }

    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
    fn tables(&self) -> Tables {
        match (self.expect_table, self.as_modelled) {
            (true, _) => Tables::Expect,
            (false, true) => Tables::CreateAsModelled,
            (false, false) => Tables::Create,
        }
    }

    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
    fn sqlalchemy_table(&self) -> Result<Table> {
        let mut table = self.shaped(
            Table::sqlalchemy(),
            "SESSION_SQLALCHEMY_TABLE",
            "SESSION_SQLALCHEMY_SCHEMA",
        )?;
        if let Some(column) = self.config.text("SESSION_SQLALCHEMY_KEY_COLUMN")? {
            table = named("SESSION_SQLALCHEMY_KEY_COLUMN", table.key_column(&column))?;
        }
        if let Some(sequence) = self.config.text("SESSION_SQLALCHEMY_SEQUENCE")? {
            table = named(
                "SESSION_SQLALCHEMY_SEQUENCE",
                table.with_sequence(&sequence),
            )?;
        }
        Ok(table)
    }

    #[cfg(feature = "postgresql")]
    fn postgresql_table(&self) -> Result<Table> {
        self.shaped(
            Table::postgresql(),
            "SESSION_POSTGRESQL_TABLE",
            "SESSION_POSTGRESQL_SCHEMA",
        )
    }

    #[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
    fn shaped(&self, mut table: Table, name: &str, schema: &str) -> Result<Table> {
        if let Some(text) = self.config.text(name)? {
            table = named(name, table.named(&text))?;
        }
        if let Some(text) = self.config.text(schema)? {
            table = named(schema, table.in_schema(&text))?;
        }
        Ok(table)
    }
}

/// What a configuration says about time and connections.
#[allow(dead_code, reason = "which are used depends on the features")]
struct Limits {
    connect: Option<Duration>,
    operation: Option<Duration>,
    connections: Option<usize>,
}

/// The builder with a value, where there is one.
#[allow(dead_code, reason = "whether it is used depends on the features")]
fn set<B, T>(builder: B, value: Option<T>, setter: fn(B, T) -> B) -> B {
    match value {
        Some(value) => setter(builder, value),
        None => builder,
    }
}

#[cfg(any(feature = "mysql", feature = "postgresql", feature = "sqlite"))]
fn named(key: &str, table: Result<Table>) -> Result<Table> {
    table.map_err(|error| wrong(format!("{key}: {error}")))
}
