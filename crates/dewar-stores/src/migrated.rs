/// What was done to give a store what it needs: a table, its index, its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// Something was absent and is there now.
    Created,
    /// All was there already, and is as it must be.
    Unchanged,
}

/// What to do where something is absent that the store was not to make.
#[cfg(any(
    feature = "mongodb",
    feature = "mysql",
    feature = "postgresql",
    feature = "sqlite"
))]
pub(crate) const MAKE_IT: &str = "make it with `dewar store migrate`, or let Dewar make it at the first use (SESSION_TABLE_EXISTS=false)";
