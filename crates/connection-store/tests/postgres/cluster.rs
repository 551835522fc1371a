//! A PostgreSQL server that the tests start, on a port of 127.0.0.1, and that ends with them.

use std::{
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};

use tokio_postgres::{Client, NoTls};

/// Makes and runs a server in a folder until its standard input ends, then takes it away; with a third argument a standby of
/// the server at that port. Lines tell it to take the place of the other, or to crash and start again. As root it is run by
/// `nobody`, since it refuses to run as root. What it is not asked to make durable it loses in a crash.
const SCRIPT: &str = r#"
set -eu
as=
folder=$(mktemp -d)
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid nobody --regid nogroup --clear-groups"
    chown nobody:nogroup "$folder"
fi
cd "$folder"
if [ -n "${3-}" ]; then
    $as "$1/pg_basebackup" --pgdata "$folder/data" --host 127.0.0.1 --port "$3" --username tester --no-sync \
        --checkpoint fast --write-recovery-conf >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
else
    $as "$1/initdb" --pgdata "$folder/data" --username tester --auth trust --no-sync --encoding UTF8 --locale C \
        >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
fi
run() {
    $as "$1/postgres" -D "$folder/data" -c listen_addresses=127.0.0.1 -c port="$2" -c unix_socket_directories= \
        -c fsync=off -c synchronous_commit=off -c wal_writer_delay=10s -c max_connections=200 >>"$folder/log" 2>&1 &
    server=$!
}
run "$@"
while read -r word; do
    if [ "$word" = promote ]; then
        $as "$1/pg_ctl" -D "$folder/data" promote >>"$folder/log" 2>&1
    else
        kill -QUIT "$server"
        wait "$server" || true
        run "$@"
    fi
done
kill -INT "$server" 2>/dev/null || true
wait "$server" || true
cd /
rm -rf "$folder"
"#;

/// A server that runs until it is dropped, or until this process ends, however it does.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    child: Child,
    input: Option<ChildStdin>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::run(None)
    }

    /// A copy of another server that follows it.
    pub(crate) fn standby_of(primary: &Self) -> Self {
        Self::run(Some(primary.port))
    }

    fn run(primary: Option<u16>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "postgres"])
            .args([programs().as_os_str(), port.to_string().as_ref()])
            .args(primary.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut server = Self { port, child, input };
        while connect(port, "postgres").is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "the server has not started");
            std::thread::yield_now();
        }
        server
    }

    /// All its processes die in the middle of what they do, and it starts again.
    pub(crate) fn crash(&mut self) {
        self.input.as_mut().unwrap().write_all(b"crash\n").unwrap();
    }

    /// Makes a standby the one that is written to.
    pub(crate) fn promote(&mut self) {
        self.input.as_mut().unwrap().write_all(b"promote\n").unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.wait());
    }
}

/// The port of the server that the tests share, which is started where nobody has started it yet.
pub(crate) fn port() -> u16 {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).port
}

/// All that is in a database of the shared server, as a backup has it.
pub(crate) fn dump(database: &str) -> Vec<u8> {
    let mut command = Command::new(programs().join("pg_dump"));
    let command = command.args(["--host", "127.0.0.1", "--username", "tester", "--dbname", database]);
    let dump = command.args(["--port", &port().to_string()]).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    dump.stdout
}

/// A link of the tests' own.
pub(crate) fn connect(port: u16, database: &str) -> Result<Client, tokio_postgres::Error> {
    let address = format!("host=127.0.0.1 port={port} user=tester dbname={database}");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            match tokio_postgres::connect(&address, NoTls).await {
                Ok((client, connection)) => {
                    sender.send(Ok(client)).unwrap();
                    drop(connection.await);
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        });
    });
    receiver.recv().unwrap()
}

const PROGRAMS: [&str; 5] = ["initdb", "postgres", "pg_basebackup", "pg_ctl", "pg_dump"];

/// Where the server's programs are: on the path, or where Debian keeps those of each version.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let mut folders = std::env::split_paths(&path).chain(debian.into_iter().rev());
    let found = folders.find(|folder| PROGRAMS.iter().all(|name| folder.join(name).exists()));
    found.expect("PostgreSQL is not installed: apt-get install postgresql")
}
