//! SQLite's errors in words that say what to do.

use rusqlite::{Error, ErrorCode};

/// What a failure means for the connection and the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Somebody else has the lock: try again.
    Busy,
    /// The connection is as good as before.
    Refused,
    /// The connection must not be used again.
    Broken,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Failure {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Busy,
            Some(ErrorCode::DiskFull | ErrorCode::ConstraintViolation | ErrorCode::TooBig) => {
                Failure::Refused
            }
            _ => Failure::Broken,
        }
    }
}

/// What went wrong and what to do, and whether the same call may succeed later.
pub(super) fn explain(error: &Error) -> (String, Repeatable) {
    use Repeatable::{Later, Never};
    let (what, repeatable) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            "the disk is full, or the file has reached its largest size (max_page_count). Free space, or remove \
             expired sessions",
            Later,
        ),
        Some(ErrorCode::ReadOnly) => (
            "the file, or its folder, is read-only for this process. It needs to write the file and \
             make two others next to it (-wal and -shm)",
            Later,
        ),
        Some(ErrorCode::CannotOpen) => (
            "the file cannot be opened. Does its folder exist, may this process write there, and may it open more files (ulimit -n)?",
            Later,
        ),
        Some(ErrorCode::NotADatabase) => ("this is no SQLite file, or an encrypted one", Never),
        Some(ErrorCode::DatabaseCorrupt) => (
            "the file is damaged. Put it aside, with the -wal and -shm beside it, and restore a copy (the command \
             .recover of sqlite3 saves what can be read), or begin with a new one",
            Never,
        ),
        Some(ErrorCode::SystemIoFailure) => ("the disk does not read or write", Later),
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            ("this process may not use the file", Never)
        }
        Some(ErrorCode::TooBig) => ("the session is larger than SQLite's limit", Never),
        Some(ErrorCode::OutOfMemory) => ("no memory is left", Later),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("another process holds the file's lock", Later)
        }
        _ if error.to_string().contains("no such table") => (
            "the table is gone; make it with `dewar store migrate`",
            Never,
        ),
        _ => (
            "SQLite refuses the statement; was the table changed meanwhile?",
            Never,
        ),
    };
    (format!("{what} ({error})"), repeatable)
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeatable {
    Later,
    Never,
}
