//! One connection to the server, used by one caller at a time.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::BytesMut;
use futures_executor::block_on;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{Instant, timeout},
};
use tokio_postgres::{
    Client, Config, NoTls, Row, SimpleQueryMessage, SimpleQueryRow, Statement,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use tokio_postgres_rustls::MakeRustlsConnect;

use super::SCHEMA;
use crate::{
    Error,
    database::{Fault, Value},
    error::DatabaseError,
    postgres::PostgresAddress,
    store::{Sign, is_name},
};

/// For how long a lock is waited for; a transaction may stand idle, and so keep others waiting; a statement may take. The link
/// itself may be idle, and what was committed survives a crash, whatever the server does for others. A machine that has gone
/// without a word is noticed in ten seconds, so that it holds no lock for longer.
const LIMITS: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET statement_timeout = '30s'; SET synchronous_commit = on; \
     SET default_transaction_read_only = off; SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; \
     SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000";
/// The oldest version of PostgreSQL that will do.
const OLDEST: u32 = 13;
/// Milliseconds since 1970, by the server's clock.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
/// After how long an address of a server is given up, where the store's has no `connect_timeout`; a name may have several.
const ADDRESS: Duration = Duration::from_secs(4);
/// After how long a server that does not answer any more is given up.
const GIVEN_UP: Duration = Duration::from_secs(10);
/// After how long without a word the server is asked whether it is there: it gives a silent link up after ten seconds itself.
const PROBED: Duration = Duration::from_secs(4);
/// Longer than any statement may take.
const SILENCE: Duration = Duration::from_secs(35);
/// The same where nobody waits long for an answer; nor is what was done worth a wait for a disk.
const LIMITS_IN_HASTE: &str =
    "SET lock_timeout = '2s'; SET statement_timeout = '2s'; SET synchronous_commit = off";
const ADDRESS_IN_HASTE: Duration = Duration::from_secs(2);
const SILENCE_IN_HASTE: Duration = Duration::from_secs(5);
/// For how long an owner whose lock is not there may be one whose link was cut, and who makes it anew.
const RETURNING: Duration = Duration::from_secs(5);

/// A connection, by which a thread speaks.
pub(crate) struct Link {
    client: Client,
    statements: RefCell<HashMap<String, Statement>>,
    runtime: Handle,
    speaking: AbortHandle,
    place: PathBuf,
    hasty: bool,
    /// Set where the server has not answered in time: whatever was asked of it may still be done.
    silent: Cell<bool>,
    /// Since when the locks of owners were not seen with this link.
    missed: RefCell<HashMap<String, Instant>>,
}

/// What a transaction begins with.
pub(super) struct Begun {
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) format: i64,
    /// The oldest format whose programs can use the tables.
    pub(super) oldest: i64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("cut", &self.is_cut()).finish_non_exhaustive()
    }
}

impl Link {
    /// A link on which the owners that are held have their locks before anything else is done, and what the server's clock
    /// says. `ended` is told when the link has ended.
    ///
    /// # Errors
    /// [`Error::Unreachable`], also for a standby.
    pub(super) fn open(
        address: &PostgresAddress,
        runtime: &Handle,
        held: &[String],
        ended: watch::Sender<u64>,
    ) -> Result<(Self, i64), Fault> {
        let (mut config, tls) = (address.config().clone(), address.tls());
        let hasty = address.is_hasty();
        let patience = config.get_connect_timeout().copied().unwrap_or(ADDRESS);
        let patience = if hasty { patience.min(ADDRESS_IN_HASTE) } else { patience };
        config.connect_timeout(patience).tcp_user_timeout(GIVEN_UP).keepalives_idle(PROBED);
        config.keepalives_interval(PROBED / 2).keepalives_retries(3);
        config.application_name("xeroctl");
        // For two addresses of each host, and the words that follow.
        let in_all = patience * 5 / 2 * u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let connecting = runtime.spawn(async move { timeout(in_all, connect(config, tls, ended)).await });
        let place = address.place();
        let connected = block_on(connecting).expect("connecting does not panic");
        let (client, speaking, version) = connected.map_err(|_| silent(&place))?.map_err(Fault::Postgres)?;
        if version < OLDEST {
            return Err(Error::OldServer { place, found: version, oldest: OLDEST }.into());
        }
        let link = Self {
            client,
            statements: RefCell::default(),
            runtime: runtime.clone(),
            speaking,
            place,
            hasty,
            silent: Cell::new(false),
            missed: RefCell::default(),
        };
        let now = link.prepare(held, version)?;
        Ok((link, now))
    }

    /// Locks and settings in one go. Gives the server's time.
    fn prepare(&self, held: &[String], version: u32) -> Result<i64, Fault> {
        let locks: String = held.iter().map(|owner| format!("{};", locking(owner))).collect();
        let idle = if version >= 14 { "SET idle_session_timeout = 0;" } else { "" };
        let haste = if self.hasty { LIMITS_IN_HASTE } else { "" };
        let sql = format!(
            "{locks} {idle} {LIMITS}; {haste}; SET search_path = {SCHEMA}; SELECT pg_is_in_recovery(), {NOW}"
        );
        let row = self.last_row(&sql)?;
        if row.as_ref().and_then(|row| row.get(0)) == Some("t") {
            let source = DatabaseError::standby();
            return Err(Error::Unreachable { place: self.place.clone(), source }.into());
        }
        Ok(number(row.as_ref(), 1))
    }

    /// Begins a transaction with these statements.
    pub(super) fn begin(&self, sql: &str) -> Result<Begun, Fault> {
        let row = self.last_row(&format!("{sql}; SELECT {NOW}, format, oldest FROM store_format"))?;
        let number = |at| number(row.as_ref(), at);
        Ok(Begun { now: number(0), format: number(1), oldest: number(2) })
    }

    pub(super) fn is_cut(&self) -> bool {
        self.client.is_closed() || self.silent.get()
    }

    /// The last row that several statements without values give.
    fn last_row(&self, sql: &str) -> Result<Option<SimpleQueryRow>, Fault> {
        let answers = self.answer(self.client.simple_query(sql))?;
        Ok(answers.into_iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        }))
    }

    /// Waits for an answer, but not for ever.
    fn answer<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Fault> {
        if self.silent.get() {
            return Err(silent(&self.place));
        }
        // The link's own runtime has the clock.
        let _clock = self.runtime.enter();
        let silence = if self.hasty { SILENCE_IN_HASTE } else { SILENCE };
        if let Ok(answer) = block_on(async { timeout(silence, asked).await }) {
            return Ok(answer?);
        }
        self.silent.set(true);
        Err(silent(&self.place))
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.answer(self.client.batch_execute(sql))
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize, Fault> {
        let statement = self.statement(sql, values)?;
        let changed = self.answer(self.client.execute(&statement, &parameters(values)))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(crate) fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let statement = self.statement(sql, values)?;
        self.answer(self.client.query(&statement, &parameters(values)))
    }

    /// What stays when a standby takes the place of the server, and does not when the database is copied.
    pub(crate) fn cluster(&self) -> Result<String, Fault> {
        let sql = "SELECT s.system_identifier::text || ' ' || d.oid::text FROM pg_control_system() s, pg_database d \
             WHERE d.datname = current_database()";
        let rows = self.query(sql, &[])?;
        let mark: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(format!("cluster {}", mark.unwrap_or_default()))
    }

    /// What the owner's lock says. One that is not there may have been lost with a link that is made anew in this moment, so
    /// only when it was missed for a while is he dead.
    pub(crate) fn sign_of(&self, owner: &str) -> Result<Sign, Fault> {
        if !is_name(owner) {
            return Ok(Sign::Unknown);
        }
        let mut missed = self.missed.borrow_mut();
        if self.is_locked(owner)? {
            missed.remove(owner);
            return Ok(Sign::Alive);
        }
        let since = *missed.entry(owner.to_owned()).or_insert_with(Instant::now);
        Ok(if since.elapsed() >= RETURNING { Sign::Dead } else { Sign::Unknown })
    }

    /// True while a link has the owner's lock.
    fn is_locked(&self, owner: &str) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 1 \
             AND l.classid::bigint = ((?1 >> 32) & 4294967295) AND l.objid::bigint = (?1 & 4294967295)";
        Ok(!self.query(sql, &[Value::Integer(Some(lock_of(owner)))])?.is_empty())
    }

    /// Takes the owner's lock, which ends with this link at the latest.
    pub(super) fn hold(&self, owner: &str) -> Result<(), Fault> {
        self.batch(&locking(owner))
    }

    pub(super) fn let_go(&self, owner: &str) -> Result<(), Fault> {
        self.batch(&format!("SELECT pg_advisory_unlock_shared({})", lock_of(owner)))
    }

    /// Prepared once for as long as the link is there.
    fn statement(&self, sql: &str, values: &[Value<'_>]) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let statement = self.answer(self.client.prepare_typed(&sql.replace('?', "$"), &types))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.speaking.abort();
    }
}

/// Tells that a link has ended, however it did.
struct Ending(watch::Sender<u64>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count += 1);
    }
}

async fn connect(
    config: Config,
    tls: Option<ClientConfig>,
    ended: watch::Sender<u64>,
) -> Result<(Client, AbortHandle, u32), tokio_postgres::Error> {
    if let Some(tls) = tls {
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
        let version = version(connection.parameter("server_version"));
        return Ok((client, tokio::spawn(serve(connection, Ending(ended))).abort_handle(), version));
    }
    let (client, connection) = config.connect(NoTls).await?;
    let version = version(connection.parameter("server_version"));
    Ok((client, tokio::spawn(serve(connection, Ending(ended))).abort_handle(), version))
}

/// The first number of what a server says of itself; one that says nothing is taken for a new one.
fn version(said: Option<&str>) -> u32 {
    let number: String = said.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    number.parse().unwrap_or(u32::MAX)
}

pub(super) fn silent(place: &Path) -> Fault {
    Error::Unreachable { place: place.to_owned(), source: DatabaseError::silence() }.into()
}

/// Speaks with the server until one of the two ends it.
async fn serve<S, T>(connection: tokio_postgres::Connection<S, T>, _ending: Ending)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::debug!(%error, "the link to the database was cut");
    }
}

/// The number of the lock that the owner of a lease has.
fn lock_of(owner: &str) -> i64 {
    lock_number(&format!("xeroctl|lease|{owner}"))
}

/// The number of a lock of this name.
pub(super) fn lock_number(name: &str) -> i64 {
    let hash = digest(&SHA256, name.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |key: u64, byte| key << 8 | u64::from(*byte)).cast_signed()
}

/// Shared: a link that the server has not given up yet has it too.
fn locking(owner: &str) -> String {
    format!("SELECT pg_advisory_lock_shared({})", lock_of(owner))
}

/// A number of the answer; 0 where there is none.
fn number(row: Option<&SimpleQueryRow>, at: usize) -> i64 {
    row.and_then(|row| row.get(at)?.parse().ok()).unwrap_or_default()
}

fn parameters<'a>(values: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
        Value::Truth(_) => Type::BOOL,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Truth(truth) => truth.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each is given the type that it was prepared with.
        true
    }

    to_sql_checked!();
}
