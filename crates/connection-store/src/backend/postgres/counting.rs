//! The way to the server on which calls are counted: another link than the store's, so that no call waits for a commit.

use super::{Link, Server, link::lock_number};
use crate::{
    Error,
    backend::settle,
    database::{Db, Fault},
    postgres::PostgresAddress,
    store::Sign,
};

/// A way to the server that nobody waits on for long.
#[derive(Debug)]
pub(crate) struct Counted(Server);

impl Counted {
    /// Reaches the server, and shows there that this owner lives for as long as the process does.
    pub(crate) fn open(address: &PostgresAddress, owner: &str) -> Result<Self, Error> {
        let server = Server::new(address.hasty())?;
        server.hold(owner).map_err(|fault| settle(fault, &address.place()))?;
        Ok(Self(server))
    }

    /// One transaction beside which there is no other for the same app.
    pub(crate) fn write<T>(
        &self,
        app: &str,
        work: impl FnMut(Db<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let lock = lock_number(&format!("xeroctl|calls|{app}"));
        let begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({lock})");
        self.0.transaction(&begin, work)
    }

    /// Single statements, which may be done twice where the link is cut.
    pub(crate) fn plainly<T>(&self, work: impl Fn(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.0.plainly(|link: &Link| work(Db::Postgres(link)))
    }

    /// What is known of somebody who counts here.
    pub(crate) fn sign_of(&self, owner: &str) -> Result<Sign, Fault> {
        self.0.sign_of(owner)
    }
}
