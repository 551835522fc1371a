//! Databases for stores at a server that the tests start: one for each home; roles with and without a password; TLS.

#[allow(dead_code, reason = "others use more of it")]
#[path = "../../../connection-store/tests/postgres/cluster.rs"]
mod cluster;

use std::sync::{
    Mutex, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use futures_executor::block_on;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_postgres::NoTls;

/// The password of the role `locked`.
pub(crate) const PASSWORD: &str = "p:w\\ orange-lantern";
/// A database that the server has.
pub(crate) struct Database {
    name: String,
}

/// The server of all tests.
struct Server {
    port: u16,
    /// Who says that its certificate is its own, in PEM.
    authority: String,
}

/// Who may come in: `tester` owns everything, `job` is let in without a password, `locked` with one, `few` has no room, and
/// `xero` with one and by TLS alone; `stranger` may not.
const ROLES: &str = "CREATE ROLE xero LOGIN PASSWORD 'orange lantern, six boats'; \
     CREATE ROLE xero_job; CREATE ROLE job LOGIN; CREATE ROLE stranger LOGIN; CREATE ROLE few LOGIN CONNECTION LIMIT 0;";
const DOORS: &str = "host all tester,job,few 127.0.0.1/32 trust\nhost all locked 127.0.0.1/32 scram-sha-256\nhostssl all xero 127.0.0.1/32 scram-sha-256\n";

impl Database {
    /// An empty database.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("books{}", COUNT.fetch_add(1, Ordering::Relaxed));
        // One at a time: they are copies of one template.
        static ONE: Mutex<()> = Mutex::new(());
        let one = ONE.lock();
        sql("postgres", &format!("CREATE DATABASE {name}"));
        drop(one);
        Self { name }
    }

    /// Its address for a role, without TLS.
    pub(crate) fn address(&self, role: &str) -> String {
        format!("{}?sslmode=disable", self.address_with_tls(role))
    }

    /// Its address for a role.
    pub(crate) fn address_with_tls(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{}", port(), self.name)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Host, port and name, as they stand in an address.
    pub(crate) fn host_and_name(&self) -> String {
        format!("127.0.0.1:{}/{}", port(), self.name)
    }

    /// Does in it what only its owner may.
    pub(crate) fn sql(&self, batch: &str) {
        sql(&self.name, batch);
    }

    /// Puts names in place of what differs from run to run.
    pub(crate) fn tidy(&self, text: &str) -> String {
        let name = regex::Regex::new(r"books\d+").unwrap().replace_all(text, "books").into_owned();
        let (port, flat) = (format!("127.0.0.1:{}", port()), format!("127.0.0.1_{}", port()));
        name.replace(&port, "SERVER").replace(&flat, "SERVER").replace(&port_alone(), "port PORT")
    }
}

/// The port of the server, as PostgreSQL's own messages have it.
fn port_alone() -> String {
    format!("port {}", port())
}

/// The port of the server.
pub(crate) fn port() -> u16 {
    server().port
}

/// Who says that the server's certificate is its own, in PEM.
pub(crate) fn authority() -> &'static str {
    &server().authority
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let port = cluster::port();
        let (authority, certificate, key) = certificates();
        let run =
            |sql: &str| block_on(cluster::connect(port, "postgres").unwrap().batch_execute(sql)).unwrap();
        run(ROLES);
        run(&format!("CREATE ROLE locked LOGIN PASSWORD {}", quoted(PASSWORD)));
        for (file, text) in
            [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", DOORS.to_owned())]
        {
            let lines = format!("SELECT unnest(string_to_array({}, E'\\n'))", quoted(text.trim_end()));
            run(&format!("COPY ({lines}) TO PROGRAM 'umask 077; cat > {file}'"));
        }
        run("ALTER SYSTEM SET ssl = on");
        run("SELECT pg_reload_conf()");
        while is_let_in(port, "stranger") {
            std::thread::yield_now();
        }
        Server { port, authority }
    })
}

/// An authority, and the certificate and key of a server at 127.0.0.1.
fn certificates() -> (String, String, String) {
    let mut of_authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = KeyPair::generate().unwrap();
    let authority = of_authority.self_signed(&own).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let of_server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = of_server.signed_by(&key, &Issuer::new(of_authority, own)).unwrap();
    (authority, certificate.pem(), key.serialize_pem())
}

fn is_let_in(port: u16, role: &str) -> bool {
    let address = format!("host=127.0.0.1 port={port} user={role} dbname=postgres");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tokio_postgres::connect(&address, NoTls)).is_ok()
}

fn sql(database: &str, batch: &str) {
    block_on(cluster::connect(port(), database).unwrap().batch_execute(batch)).unwrap();
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
