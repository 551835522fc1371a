//! One connection to the server, used by one caller at a time.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::BytesMut;
use futures_executor::block_on;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_postgres::{
    Client, Config, NoTls, Row, Statement,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use tokio_postgres_rustls::MakeRustlsConnect;

use super::SCHEMA;
use crate::{
    Error,
    database::{Fault, Value},
    error::DatabaseError,
    postgres::PostgresAddress,
};

/// For how long a lock is waited for; a transaction may stand idle, and so keep others waiting; a statement may take. The link
/// itself may be idle, and what was committed survives a crash, whatever the server does for others.
const LIMITS: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET statement_timeout = '30s'; SET idle_session_timeout = 0; SET synchronous_commit = on";
/// After how long a server that does not answer any more is given up, where the address has no `connect_timeout`.
const GIVEN_UP: Duration = Duration::from_secs(10);
/// Longer than any statement may take.
const SILENCE: Duration = Duration::from_secs(35);

/// A connection, and the thread that speaks for it.
pub(crate) struct Link {
    client: Client,
    statements: RefCell<HashMap<String, Statement>>,
    runtime: Option<Runtime>,
    place: PathBuf,
    /// Set where the server has not answered in time: whatever was asked of it may still be done.
    silent: Cell<bool>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("cut", &self.is_cut()).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn open(address: &PostgresAddress) -> Result<Self, Fault> {
        let (mut config, tls) = (address.config().clone(), address.tls());
        let patience = config.get_connect_timeout().copied().unwrap_or(GIVEN_UP);
        config.connect_timeout(patience).tcp_user_timeout(GIVEN_UP).keepalives_idle(GIVEN_UP);
        config.application_name("xeroctl");
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("postgres").enable_all().build();
        let runtime =
            runtime.map_err(|source| Error::Io { path: "a thread for the database".into(), source })?;
        let connecting = runtime.spawn(async move { timeout(patience, connect(config, tls)).await });
        let place = address.place();
        let connected = block_on(connecting).expect("connecting does not panic");
        let client = match connected.map_err(|_| silent(&place)).and_then(|client| Ok(client?)) {
            Ok(client) => client,
            Err(fault) => {
                runtime.shutdown_background();
                return Err(fault);
            }
        };
        let statements = RefCell::default();
        let link = Self { client, statements, runtime: Some(runtime), place, silent: Cell::new(false) };
        link.batch(LIMITS)?;
        link.batch(&format!("SET search_path = {SCHEMA}"))?;
        Ok(link)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.client.is_closed() || self.silent.get()
    }

    /// Waits for an answer, but not for ever.
    fn answer<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Fault> {
        if self.silent.get() {
            return Err(silent(&self.place));
        }
        // The link's own runtime has the clock.
        let _clock = self.runtime.as_ref().map(Runtime::enter);
        if let Ok(answer) = block_on(async { timeout(SILENCE, asked).await }) {
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

    /// True while a link has the owner's lock.
    pub(crate) fn is_alive(&self, owner: &str) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 1 \
             AND l.classid::bigint = ((?1 >> 32) & 4294967295) AND l.objid::bigint = (?1 & 4294967295)";
        Ok(!self.query(sql, &[Value::Integer(Some(lock_of(owner)))])?.is_empty())
    }

    /// Takes the owner's lock, which ends with this link at the latest.
    pub(crate) fn hold(&self, owner: &str) -> Result<(), Fault> {
        self.query("SELECT pg_advisory_lock(?1)", &[Value::Integer(Some(lock_of(owner)))]).map(drop)
    }

    pub(crate) fn let_go(&self, owner: &str) -> Result<(), Fault> {
        self.query("SELECT pg_advisory_unlock(?1)", &[Value::Integer(Some(lock_of(owner)))]).map(drop)
    }

    /// How far the server's clock is ahead of this machine's, in milliseconds.
    pub(super) fn ahead(&self) -> Result<i64, Fault> {
        let rows = self.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", &[])?;
        let theirs: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(theirs.unwrap_or_default() - i64::try_from(ours.as_millis()).unwrap_or(i64::MAX))
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
        // Nothing is waited for: a runtime may be dropped where nothing may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn connect(config: Config, tls: Option<ClientConfig>) -> Result<Client, tokio_postgres::Error> {
    if let Some(tls) = tls {
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
        tokio::spawn(serve(connection));
        return Ok(client);
    }
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(serve(connection));
    Ok(client)
}

fn silent(place: &Path) -> Fault {
    Error::Unreachable { place: place.to_owned(), source: DatabaseError::silence() }.into()
}

/// Speaks with the server until one of the two ends it.
async fn serve<S, T>(connection: tokio_postgres::Connection<S, T>)
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
    let hash = digest(&SHA256, format!("xeroctl|lease|{owner}").as_bytes());
    hash.as_ref().iter().take(8).fold(0, |key: u64, byte| key << 8 | u64::from(*byte)).cast_signed()
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
