use dewar::Result;

use super::Name;

/// Which table sessions are in, and which of Flask-Session's layouts it has.
///
/// ```
/// use dewar_stores::sql::Table;
///
/// // SESSION_SQLALCHEMY_TABLE and SESSION_SQLALCHEMY_SCHEMA
/// let table = Table::sqlalchemy().named("web_sessions")?.in_schema("accounts")?;
/// # let _ = table; Ok::<(), dewar::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) layout: Layout,
    pub(crate) schema: Option<Name>,
    pub(crate) name: Name,
    pub(crate) key: Name,
    pub(crate) sequence: Option<Name>,
}

/// The layouts that Flask-Session's tables have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `id`, `session_id`, `data`, `expiry`: Flask-Session 0.8 through SQLAlchemy.
    Sqlalchemy,
    /// `session_id`, `created`, `data`, `expiry`: the `postgresql` type of Flask-Session's development branch.
    Postgresql,
}

/// Whether a store makes its table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tables {
    /// A table that is absent is made when the store is opened, as Flask-Session does, with an index on `expiry`, by
    /// which expired rows are found.
    #[default]
    Create,
    /// The same as far as Flask-Session's model of it goes, with which Alembic compares it: without the index, and in MySQL
    /// with room for 64 KB.
    CreateAsModelled,
    /// A table that is absent is an error; `migrate` on the builder makes it.
    Expect,
}

/// The databases, as far as their SQL differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgresql")]
    Postgresql,
    #[cfg(feature = "mysql")]
    Mysql,
}

impl Table {
    /// The table `sessions` as Flask-Session 0.8 makes it through SQLAlchemy.
    pub fn sqlalchemy() -> Table {
        Table {
            layout: Layout::Sqlalchemy,
            schema: None,
            name: Name::fixed("sessions"),
            key: Name::fixed("session_id"),
            sequence: None,
        }
    }

    /// The table `public.flask_sessions` of Flask-Session's development branch; in PostgreSQL only.
    pub fn postgresql() -> Table {
        Table {
            layout: Layout::Postgresql,
            schema: Some(Name::fixed("public")),
            name: Name::fixed("flask_sessions"),
            ..Table::sqlalchemy()
        }
    }

    /// The same under another name: `SESSION_SQLALCHEMY_TABLE`, `SESSION_POSTGRESQL_TABLE`.
    pub fn named(mut self, name: &str) -> Result<Table> {
        self.name = Name::new(name)?;
        Ok(self)
    }

    /// The same in this schema: `SESSION_SQLALCHEMY_SCHEMA`, `SESSION_POSTGRESQL_SCHEMA`. In MySQL it is a database.
    pub fn in_schema(mut self, schema: &str) -> Result<Table> {
        self.schema = Some(Name::new(schema)?);
        Ok(self)
    }

    /// The same with another column for the key than `session_id`.
    pub fn key_column(mut self, column: &str) -> Result<Table> {
        self.key = Name::new(column)?;
        Ok(self)
    }

    /// The same with `id` taken from this sequence: `SESSION_SQLALCHEMY_SEQUENCE`.
    pub fn with_sequence(mut self, sequence: &str) -> Result<Table> {
        self.sequence = Some(Name::new(sequence)?);
        Ok(self)
    }

    /// The table as SQL names it.
    pub(crate) fn qualified(&self, dialect: Dialect) -> String {
        let mark = dialect.mark();
        let name = self.name.quoted(mark);
        match &self.schema {
            Some(schema) => format!("{}.{name}", schema.quoted(mark)),
            None => name.to_string(),
        }
    }

    /// The key's column as SQL names it.
    pub(crate) fn key(&self, dialect: Dialect) -> String {
        self.key.quoted(dialect.mark()).to_string()
    }

    /// The name that SQLAlchemy would give to an index on `expiry`, as SQL names it.
    pub(crate) fn expiry_index(&self, dialect: Dialect) -> String {
        let mark = dialect.mark();
        let mut name = self.name.as_str();
        while name.len() > 63 - "ix__expiry".len() {
            name = &name[..name.floor_char_boundary(name.len() - 1)];
        }
        format!("{mark}ix_{name}_expiry{mark}")
    }
}

impl Dialect {
    /// What stands on both sides of a name.
    pub(crate) fn mark(self) -> char {
        match self {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => '"',
            #[cfg(feature = "postgresql")]
            Dialect::Postgresql => '"',
            #[cfg(feature = "mysql")]
            Dialect::Mysql => '`',
        }
    }
}
