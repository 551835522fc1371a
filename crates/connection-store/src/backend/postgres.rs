//! What only a store in PostgreSQL has: how it is reached, made and opened.

mod copies;
mod counting;
mod failure;
mod link;
mod opening;

use std::{
    cell::{Cell, RefCell},
    fmt,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::watch,
};

pub(super) use self::failure::explain;
use self::failure::{has_ended, is_cut, is_read_only};
pub(crate) use self::{counting::Counted, link::Link};
use super::sqlite::FORMAT;
use crate::{
    Error,
    database::{Db, Fault},
    postgres::{PostgresAddress, ServerClock},
    store::Sign,
};

/// Where the tables are.
const SCHEMA: &str = "xeroctl";
/// One transaction that alone may write: it has the store's row, which all who write want.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT 1 FROM store FOR UPDATE";
/// What takes longer was waited for; for as long after that nobody waits again.
const WAITED: Duration = Duration::from_secs(1);
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A database server. The link to it is made when it is needed, and anew when it was cut.
pub(crate) struct Server {
    address: PostgresAddress,
    clock: std::sync::Arc<ServerClock>,
    /// The thread that speaks for the links.
    runtime: Option<Runtime>,
    link: RefCell<Option<Link>>,
    /// The owners of the leases that are held here: a new link shows them to the others before it does anything else.
    held: RefCell<Vec<String>>,
    /// How many links have ended.
    ended: watch::Sender<u64>,
    /// When a link was last waited for in vain.
    waited: Cell<Option<Instant>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What lets a role use the tables that another one has made, and those that it will make.
pub(crate) fn grants(role: &str) -> String {
    let (role, rights) = (role.replace('"', "\"\""), "SELECT, INSERT, UPDATE, DELETE");
    format!(
        "GRANT USAGE ON SCHEMA {SCHEMA} TO \"{role}\";\n\
         GRANT {rights} ON ALL TABLES IN SCHEMA {SCHEMA} TO \"{role}\";\n\
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO \"{role}\";\n\
         ALTER DEFAULT PRIVILEGES IN SCHEMA {SCHEMA} GRANT {rights} ON TABLES TO \"{role}\";\n\
         ALTER DEFAULT PRIVILEGES IN SCHEMA {SCHEMA} GRANT SELECT ON SEQUENCES TO \"{role}\";\n"
    )
}

impl Server {
    fn new(address: PostgresAddress) -> Result<Self, Error> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("postgres").enable_all().build();
        let path = "a thread for the database".into();
        Ok(Self {
            address,
            clock: std::sync::Arc::default(),
            runtime: Some(runtime.map_err(|source| Error::Io { path, source })?),
            link: RefCell::default(),
            held: RefCell::default(),
            ended: watch::Sender::new(0),
            waited: Cell::default(),
        })
    }

    /// One transaction that alone may write. Commits what `work` did, if it did not fail.
    pub(super) fn write<T>(&self, work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.transaction(WRITE, work)
    }

    /// Reads at one moment.
    pub(super) fn read<T>(&self, work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.transaction(READ, work)
    }

    /// Shows to all who use the server that the owner of a lease is alive, until [`let_go`](Self::let_go) or for as long as
    /// this process is there.
    pub(super) fn hold(&self, owner: &str) -> Result<(), Fault> {
        self.plainly(|link| link.hold(owner))?;
        self.held.borrow_mut().push(owner.to_owned());
        Ok(())
    }

    pub(super) fn let_go(&self, owner: &str) -> Result<(), Fault> {
        self.held.borrow_mut().retain(|held| held != owner);
        self.plainly(|link| link.let_go(owner))
    }

    /// What the server says of the owner of a lease.
    pub(super) fn sign_of(&self, owner: &str) -> Result<Sign, Fault> {
        self.plainly(|link| link.sign_of(owner))
    }

    /// Makes the link anew where it was cut.
    pub(super) fn keep_link(&self) -> Result<(), Fault> {
        if self.link.borrow().as_ref().is_none_or(Link::is_cut) {
            let link = self.link()?;
            self.link.replace(Some(link));
        }
        Ok(())
    }

    /// Tells each time when a link has ended.
    pub(super) fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// A new link, which has told what the server's clock says. Of many who come for one to a server that does not answer, one
    /// waits.
    fn link(&self) -> Result<Link, Fault> {
        let begun = Instant::now();
        if self.waited.get().is_some_and(|last| begun - last < WAITED) {
            return Err(link::silent(&self.address.place()));
        }
        match Link::open(&self.address, self.runtime(), &self.held.borrow(), self.ended.clone()) {
            Ok((link, now)) => {
                self.clock.set(now);
                Ok(link)
            }
            Err(fault) => {
                self.waited.set((begun.elapsed() >= WAITED).then(Instant::now));
                Err(fault)
            }
        }
    }

    /// Where the links are spoken for, and nobody waits for a database.
    pub(super) fn runtime(&self) -> &Handle {
        self.runtime.as_ref().expect("there until the server is dropped").handle()
    }

    /// What may be done again on a new link where the old one was cut, and in no transaction.
    fn plainly<T>(&self, work: impl Fn(&Link) -> Result<T, Fault>) -> Result<T, Fault> {
        if let Some(link) = self.link.take() {
            match work(&link) {
                Err(fault) if link.is_cut() || has_ended(&fault) => {}
                done => {
                    self.link.replace(Some(link));
                    return done;
                }
            }
        }
        let link = self.link()?;
        let done = work(&link)?;
        self.link.replace(Some(link));
        Ok(done)
    }

    /// Where the link is cut before the end was asked for nothing was done, and all of it is done again, on a new one.
    fn transaction<T>(
        &self,
        begin: &str,
        mut work: impl FnMut(Db<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut link = self.begin(begin)?;
        let mut done = work(Db::Postgres(&link));
        if done.as_ref().is_err_and(is_cut) {
            link = self.begin(begin)?;
            done = work(Db::Postgres(&link));
        }
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        match link.batch(end) {
            Ok(()) => drop(self.link.replace(Some(link))),
            // What was read is read.
            Err(fault) if done.is_ok() && begin != READ => return Err(fault),
            // A link whose transaction cannot be ended is given up, and the server ends it.
            Err(_) => {}
        }
        done
    }

    /// A link on which the transaction is open. Nothing has been done on a link that was cut before, or whose server became a
    /// standby: then it is made anew.
    fn begin(&self, begin: &str) -> Result<Link, Fault> {
        if let Some(link) = self.link.take() {
            match self.begin_on(&link, begin) {
                Ok(()) => return Ok(link),
                Err(fault) if link.is_cut() || has_ended(&fault) || is_read_only(&fault) => {}
                Err(fault) => {
                    if link.batch("ROLLBACK").is_ok() {
                        self.link.replace(Some(link));
                    }
                    return Err(fault);
                }
            }
        }
        let link = self.link()?;
        self.begin_on(&link, begin)?;
        Ok(link)
    }

    /// # Errors
    /// [`Error::NewerFormat`] where somebody has changed the tables so that this version must not use them.
    fn begin_on(&self, link: &Link, begin: &str) -> Result<(), Fault> {
        let begun = link.begin(begin)?;
        self.clock.set(begun.now);
        if begun.oldest > FORMAT {
            let path = self.address.place();
            return Err(Error::NewerFormat { path, found: begun.format, known: FORMAT }.into());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is waited for: a runtime may be dropped where nothing may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{iter, net::TcpListener};

    use super::*;

    #[test]
    fn of_many_who_come_to_a_server_that_does_not_answer_one_waits() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let address = format!("postgres://ann@127.0.0.1:{port}/books?sslmode=disable&connect_timeout=1");
        let server = Server::new(PostgresAddress::parse(&address).unwrap()).unwrap();
        assert!((0..8).all(|_| server.keep_link().is_err()));
        silent.set_nonblocking(true).unwrap();
        assert_eq!(iter::from_fn(|| silent.accept().ok()).count(), 1);
    }
}
