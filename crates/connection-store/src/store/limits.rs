//! Xero's limits, noted where an answer tells them.

use super::Store;
use crate::{Connection, Error, Limits};

impl Store {
    /// Notes what an answer to a request with the connection said of the limits.
    pub fn note_limits(&self, connection: &Connection, limits: &Limits) -> Result<(), Error> {
        self.db().note_limits(&connection.app.id, organisation(connection), limits)
    }

    /// What Xero last said of the limits of the connection's app and organisation; `None`: nothing yet.
    pub fn limits(&self, connection: &Connection) -> Result<Option<Limits>, Error> {
        self.db().limits(&connection.app.id, organisation(connection))
    }
}

fn organisation(connection: &Connection) -> &str {
    connection.organisation.as_ref().map_or("", |organisation| &organisation.id)
}
