//! A PostgreSQL server that the tests start, on a port of 127.0.0.1, and that ends with them.

use std::{
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use tokio_postgres::{Client, NoTls};

/// Makes and runs a server in a folder until its standard input ends, then takes it away. As root it is run by
/// `nobody`, since it refuses to run as root.
const SCRIPT: &str = r#"
set -eu
as=
folder=$(mktemp -d)
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid nobody --regid nogroup --clear-groups"
    chown nobody:nogroup "$folder"
fi
cd "$folder"
$as "$1/initdb" --pgdata "$folder/data" --username tester --auth trust --no-sync --encoding UTF8 --locale C \
    >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
$as "$1/postgres" -D "$folder/data" -c listen_addresses=127.0.0.1 -c port="$2" -c unix_socket_directories= \
    -c fsync=off -c max_connections=200 >>"$folder/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server" 2>/dev/null || true
wait "$server" || true
cd /
rm -rf "$folder"
"#;

/// The port of the server, which is started where nobody has started it yet.
pub(crate) fn port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(start)
}

fn start() -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child = Command::new("sh")
        .args(["-c", SCRIPT, "postgres"])
        .args([programs().as_os_str(), port.to_string().as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Open until this process ends, however it does.
    std::mem::forget(child.stdin.take().inspect(|mut input| input.flush().unwrap()));
    while connect(port, "postgres").is_err() {
        assert!(child.try_wait().unwrap().is_none(), "the server has not started");
        std::thread::yield_now();
    }
    // It is waited for by nobody: it ends after this process.
    std::mem::forget(child);
    port
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

/// Where the server's programs are: on the path, or where Debian keeps those of each version.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let mut folders = std::env::split_paths(&path).chain(debian.into_iter().rev());
    let found = folders.find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).exists()));
    found.expect("PostgreSQL is not installed: apt-get install postgresql")
}
