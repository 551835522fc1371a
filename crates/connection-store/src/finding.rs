//! What a look through the whole store found wrong.

use std::fmt;

/// One thing that is not as it should be. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table, or `file` for the file as a whole.
    pub table: String,
    /// The row's id or name; empty where it is about no single row.
    pub row: String,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row.as_str() {
            "" => write!(f, "{}: {}", self.table, self.what),
            row => write!(f, "{} {row}: {}", self.table, self.what),
        }
    }
}
