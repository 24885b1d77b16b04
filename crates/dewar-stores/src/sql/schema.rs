use super::Table;

/// A table as the database describes it.
#[derive(Debug)]
pub(crate) struct Found {
    /// All its columns.
    pub(crate) columns: Vec<Column>,
    /// The columns that are unique, each by itself.
    pub(crate) unique: Vec<String>,
}

/// A column as the database describes it.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type, lower case.
    pub(crate) kind: String,
    pub(crate) need: Need,
}

/// Whether a new row must say what is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It has a default, numbers itself, or may be NULL.
    Optional,
    /// A row without it is refused.
    Required,
}

impl Found {
    /// Why this is no table of sessions, or nothing if it is one.
    pub(crate) fn problems(&self, table: &Table) -> Vec<String> {
        let key = table.key.as_str();
        let mut problems = Vec::new();
        let needed = [
            (key, "text", &["char", "text", "clob", "string"][..]),
            ("data", "binary", &["blob", "bytea", "binary"]),
            ("expiry", "a date and time", &["datetime", "timestamp"]),
        ];
        for (name, meaning, kinds) in needed {
            match self.column(name) {
                None => problems.push(format!("it has no column {name:?}")),
                Some(column) if !kinds.iter().any(|kind| column.kind.contains(kind)) => {
                    problems.push(format!(
                        "its column {name:?} is {:?} and should be {meaning}",
                        column.kind
                    ));
                }
                Some(_) => {}
            }
        }
        if self.column(key).is_some() && !self.unique.iter().any(|unique| unique == key) {
            problems.push(format!("its column {key:?} is not unique"));
        }
        for column in &self.columns {
            let name = column.name.as_str();
            let ours = [key, "data", "expiry"].contains(&name)
                || (name == "id" && table.sequence.is_some());
            if column.need == Need::Required && !ours {
                let hint = if name == "id" {
                    "; is it filled from a sequence? then name that (SESSION_SQLALCHEMY_SEQUENCE)"
                } else {
                    ""
                };
                problems.push(format!(
                    "its column {name:?} wants a value of which sessions know nothing{hint}"
                ));
            }
        }
        problems
    }

    /// The message for a table that has these problems.
    pub(crate) fn complaint(&self, table: &Table) -> Option<String> {
        let problems = self.problems(table);
        if problems.is_empty() {
            return None;
        }
        let columns: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
        Some(format!(
            "the table {:?} exists, but is not one of sessions: {}. Its columns are {}. \
             Use another table name, or the table that Flask-Session made",
            table.name.as_str(),
            problems.join("; "),
            columns.join(", "),
        ))
    }

    /// The type of a column, if there is one of that name.
    #[cfg(feature = "postgresql")]
    pub(crate) fn kind(&self, name: &str) -> Option<&str> {
        self.column(name).map(|column| column.kind.as_str())
    }

    /// Whether a new row must say what is in a column, if there is one of that name.
    #[cfg(feature = "mysql")]
    pub(crate) fn need(&self, name: &str) -> Option<Need> {
        self.column(name).map(|column| column.need)
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(columns: &[(&str, &str, Need)], unique: &[&str]) -> Found {
        let columns = columns.iter().map(|(name, kind, need)| Column {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            need: *need,
        });
        Found {
            columns: columns.collect(),
            unique: unique.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_table_of_flask_session_is_accepted() {
        let table = found(
            &[
                ("id", "integer", Need::Optional),
                ("session_id", "varchar(255)", Need::Optional),
                ("data", "blob", Need::Optional),
                ("expiry", "datetime", Need::Optional),
            ],
            &["id", "session_id"],
        );
        assert_eq!(table.complaint(&Table::sqlalchemy()), None);
    }

    #[test]
    fn every_problem_is_named() {
        let table = found(
            &[
                ("id", "integer", Need::Required),
                ("session_id", "integer", Need::Optional),
                ("expiry", "bigint", Need::Optional),
                ("owner", "integer", Need::Required),
            ],
            &["id"],
        );
        let complaint = table.complaint(&Table::sqlalchemy()).unwrap_or_default();
        for part in [
            "no column \"data\"",
            "\"session_id\" is \"integer\"",
            "\"session_id\" is not unique",
            "\"expiry\" is \"bigint\"",
            "\"id\" wants a value",
            "SESSION_SQLALCHEMY_SEQUENCE",
            "\"owner\" wants a value",
            "id, session_id, expiry, owner",
        ] {
            assert!(complaint.contains(part), "{part} is not in: {complaint}");
        }
    }
}
