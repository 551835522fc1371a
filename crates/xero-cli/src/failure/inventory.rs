//! Every error that a library can give, as a person reads it: message, reasons, hint and exit status.

use std::{collections::BTreeSet, fmt::Debug, io, net::TcpListener, path::PathBuf, time::SystemTime};

use connection_store::{AppKind, Error as StoreError, Server, Wait};
use xero_auth_oauth1::{Error as SignError, Place, Problem, RateLimit};
use xero_auth_oauth2::{AccessToken, ApiProblem, Cause, Error as AuthError, Identity, Limit};
use xero_certs::{Error as CertError, FileKind};

use super::*;

const WAIT: Option<Duration> = Some(Duration::from_secs(58));

/// The names of an enum's variants, by its source: one that is new must be added here before the tests pass.
fn variants(source: &str, of: &str) -> BTreeSet<String> {
    let begin = source.find(&format!("pub enum {of} {{")).expect("the enum stands in this file");
    let body = source[begin..].lines().skip(1).take_while(|line| *line != "}");
    let name = |line: &str| {
        let name = line.strip_prefix("    ")?.split(['(', ',', ' ', '{']).next()?;
        name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| name.to_owned())
    };
    body.filter_map(name).collect()
}

/// One error after the other, each under the name of its variant.
fn read<E: Debug>(errors: Vec<E>, into: impl Fn(E) -> Failure) -> (BTreeSet<String>, String) {
    let (mut seen, mut text) = (BTreeSet::new(), String::new());
    for error in errors {
        let name: String = format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
        let failure = into(error);
        let kind = failure.kind;
        text.push_str(&format!("{name} (status {}, {})\n", kind.status(), kind.word()));
        text.push_str(&format!("  error: {}\n", failure.message));
        failure.causes.iter().for_each(|cause| text.push_str(&format!("  because: {cause}\n")));
        failure.hint.iter().for_each(|hint| text.push_str(&format!("  next: {hint}\n")));
        seen.insert(name);
    }
    (seen, text)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn path() -> PathBuf {
    PathBuf::from("data/connections.db")
}

fn server() -> PathBuf {
    PathBuf::from("postgres://ann@db.example/books")
}

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

/// What the system says where nobody listens.
fn cause() -> Cause {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::at(&format!("http://127.0.0.1:{port}")).unwrap();
    let identity = Identity::new(server.endpoints(), Duration::from_secs(9));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token = AccessToken::new("token").unwrap();
    match runtime.block_on(identity.tenant_links(&token, None)) {
        Err(AuthError::Unreachable { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

/// Of the file, its keys and its place.
fn of_store_file() -> Vec<StoreError> {
    vec![
        StoreError::NotFound(path()),
        StoreError::Exists(path()),
        StoreError::BadAddress("must begin with postgres://"),
        StoreError::BadParameter("colour".to_owned()),
        StoreError::InServer(path()),
        StoreError::NotFound(server()),
        StoreError::Exists(server()),
        StoreError::NotWritable(server()),
        StoreError::OldServer { place: server(), found: 12, oldest: 13 },
        StoreError::NotADatabase(path()),
        StoreError::Foreign(path()),
        StoreError::Corrupt(path()),
        StoreError::NewerFormat { path: path(), found: 99, known: 12 },
        StoreError::OlderFormat { path: path(), found: 5, known: 12 },
        StoreError::WrongKey,
        StoreError::WrongPassphrase,
        StoreError::OtherLock("a passphrase"),
        StoreError::NotAKeyFile,
        StoreError::Tampered { table: "apps", column: "secret", row: "7".to_owned() },
        StoreError::Busy,
        StoreError::DiskFull,
        StoreError::NotWritable(path()),
        StoreError::LastKey,
        StoreError::NoSuchKey(7),
        StoreError::FileExists(path()),
        StoreError::Rekeyed,
        StoreError::KeyNotSeen(2),
        StoreError::Crypto("seal a value"),
        StoreError::Io { path: path(), source: io::Error::from(io::ErrorKind::NotFound) },
        StoreError::Io { path: path(), source: refused() },
    ]
}

/// Of what is in it, and what is done with that.
fn of_store_use() -> Vec<StoreError> {
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let many: Vec<String> = (1..=9).map(|number| format!("client-{number}")).collect();
    vec![
        StoreError::NoSuchConnection { name: "acne".to_owned(), known: names(&[]) },
        StoreError::NoSuchConnection { name: "acne".to_owned(), known: names(&["acme", "maple"]) },
        StoreError::NoSuchConnection { name: "client-77".to_owned(), known: many.clone() },
        StoreError::NoDefault { known: names(&[]) },
        StoreError::NoDefault { known: many },
        StoreError::NameTaken("acme".to_owned()),
        StoreError::BadName("must not be empty"),
        StoreError::BadServer("must begin with https://"),
        StoreError::OtherServer { expected: "https://api.xero.com".to_owned() },
        StoreError::Sign(SignError::Method),
        StoreError::Key(CertError::NotRsa),
        StoreError::NeedsLogin { connections: names(&[]), reason: "it was revoked".to_owned() },
        StoreError::NeedsLogin { connections: names(&["acme"]), reason: "it was revoked".to_owned() },
        StoreError::NeedsLogin { connections: names(&["a b", "c"]), reason: "it was revoked".to_owned() },
        StoreError::Auth(AuthError::InvalidClient),
        StoreError::Xero { asked: "end the link", source: AuthError::InvalidGrant },
        StoreError::NotSaved { source: Box::new(StoreError::DiskFull), rescued: None },
        StoreError::NotSaved { source: Box::new(StoreError::DiskFull), rescued: Some(path()) },
        StoreError::RefreshBusy,
        StoreError::HalfWay { connections: names(&[]) },
        StoreError::HalfWay { connections: names(&["acme", "ma ple"]) },
        StoreError::LimitReached(Wait { limit: Limit::Minute, time: Duration::from_millis(21_500) }),
        StoreError::OtherOrganisation {
            connection: "acme".to_owned(),
            pinned: "Maple Florist Ltd".to_owned(),
            found: "Hexagon Tools".to_owned(),
        },
        StoreError::NoSuchAuthorisation("0a1b".to_owned()),
        StoreError::NoSuchApp("0a1b".to_owned()),
        StoreError::AppMismatch,
        StoreError::WrongKind { kind: AppKind::Private, wanted: "login" },
        StoreError::UnknownKind { kind: "hologram".to_owned() },
        StoreError::PendingExpired,
        StoreError::Copied { owner: "old-machine".to_owned(), since },
        StoreError::Moved { to: "postgres://xero@db.example/books".to_owned(), since },
        StoreError::Arriving { from: "/old/store.db".to_owned(), to: "/new/store.db".to_owned(), since },
        StoreError::NotTheSame { place: "/new/store.db".into(), table: "events" },
        StoreError::HandedOver { connections: names(&["acme"]), since },
        StoreError::NotAdopted { connections: names(&["acme", "a b"]), since },
        StoreError::SharedLogin { others: names(&["maple"]) },
        StoreError::NotABundle,
        StoreError::NewerBundle { found: 9, known: 1 },
        StoreError::OtherApp {
            client_id: "4E1A0C7D9B2F4C5E8A6D3B1F0E9C8D7A".to_owned(),
            here: "Xero".to_owned(),
            packed: "https://evil.example/".to_owned(),
        },
        StoreError::AppNameTaken("Books".to_owned()),
        StoreError::NoSecondSecret,
    ]
}

fn of_login() -> Vec<AuthError> {
    let (host, source) = ("identity.xero.com".to_owned(), cause());
    let said = || "the app is suspended".to_owned();
    vec![
        AuthError::BadClientId { reason: "this has 5" },
        AuthError::BadSecret { what: "client secret", reason: "is empty" },
        AuthError::BadRedirectUri { reason: "must begin with https, or with http on localhost" },
        AuthError::UnknownScope { scope: "file".to_owned(), did_you_mean: Some("files") },
        AuthError::NotACallback { reason: "it has neither a code nor an error" },
        AuthError::StateMismatch,
        AuthError::Cancelled,
        AuthError::WrongAppScopes,
        AuthError::Denied { code: "server_error".to_owned(), said: said() },
        AuthError::PortsTaken { ports: vec![8742] },
        AuthError::NoLoopback,
        AuthError::Listen { source: source.clone() },
        AuthError::ConsentTimedOut,
        AuthError::InvalidClient,
        AuthError::InvalidGrant,
        AuthError::UnauthorizedClient,
        AuthError::InvalidScope,
        AuthError::Refused { code: "invalid_request".to_owned(), said: said() },
        AuthError::Unreachable { host: host.clone(), source: source.clone() },
        AuthError::Interrupted { host, source: source.clone() },
        AuthError::Unavailable { status: 503, retry_after: None },
        AuthError::Unavailable { status: 429, retry_after: WAIT },
        AuthError::NotXero { status: 200 },
        AuthError::BadTokenAnswer { reason: "has no access token" },
        AuthError::BadIdToken { reason: "is for another app" },
        AuthError::Api(ApiProblem::NotConnected),
        AuthError::TlsClient { source },
        AuthError::Random,
    ]
}

fn of_api() -> Vec<ApiProblem> {
    let said = "the user is not an adviser".to_owned();
    vec![
        ApiProblem::TokenExpired,
        ApiProblem::TokenInvalid,
        ApiProblem::MissingScope,
        ApiProblem::NotConnected,
        ApiProblem::Forbidden { said },
        ApiProblem::RateLimited { which: Limit::Minute, retry_after: WAIT },
        ApiProblem::RateLimited { which: Limit::Day, retry_after: None },
        ApiProblem::Validation { messages: names(&["the date is not one"]) },
        ApiProblem::NotFound,
        ApiProblem::Refused { status: 412 },
        ApiProblem::Unavailable { status: 503 },
    ]
}

fn of_signed_call() -> Vec<Problem> {
    let said = || "a sentence of the server".to_owned();
    vec![
        Problem::SignatureInvalid,
        Problem::ConsumerKeyUnknown,
        Problem::ConsumerKeyRejected { said: said() },
        Problem::NoCertificate,
        Problem::SignatureMethodRejected { said: said() },
        Problem::Revoked,
        Problem::TokenRejected { said: said() },
        Problem::TokenExpired,
        Problem::ClockSkew { offset: None },
        Problem::NonceUsed,
        Problem::RateLimited { limit: RateLimit::Minute, retry_after: WAIT },
        Problem::OrganisationOffline,
        Problem::Maintenance,
        Problem::ReportingRole,
        Problem::PermissionDenied { said: said() },
        Problem::SwitchedOff,
        Problem::ParameterRefused { said: said() },
        Problem::Other { problem: "new_problem".to_owned(), said: said() },
        Problem::Validation,
        Problem::NotFound,
        Problem::WebPage { status: 502 },
        Problem::ServerFault { status: 500 },
        Problem::Unknown { status: 418 },
    ]
}

fn of_signing() -> Vec<SignError> {
    let (place, name) = (Place::Query, || "page".to_owned());
    vec![
        SignError::ConsumerKeyLength { found: 5 },
        SignError::ConsumerKeyCharacter { character: '-', position: 3 },
        SignError::ClientId,
        SignError::Method,
        SignError::Scheme,
        SignError::UserInfo,
        SignError::TrailingSlash,
        SignError::PathCharacter { character: '[' },
        SignError::RawPathCharacter { character: '"' },
        SignError::NoValue { place, position: 2 },
        SignError::Repeated { place, name: name() },
        SignError::ParameterName { place, position: 2 },
        SignError::NotUtf8 { place, position: 2 },
        SignError::ProtocolParameter { place, name: name() },
        SignError::BeforeEpoch,
        SignError::Random,
        SignError::Sign(CertError::NotRsa),
    ]
}

fn of_files() -> Vec<CertError> {
    let write = |kind: io::ErrorKind| CertError::Write { path: path(), source: io::Error::from(kind) };
    vec![
        CertError::WrongPassword,
        CertError::PasswordNeeded,
        CertError::NotPfx(FileKind::CertificatePem),
        CertError::NotKey(FileKind::Pfx),
        CertError::NotCertificate(FileKind::Empty),
        CertError::Truncated { announced: 100, found: 10 },
        CertError::Damaged("its inner length is wrong"),
        CertError::UnsupportedAlgorithm {
            oid: "1.2.840.113549.1.12.1.6".to_owned(),
            name: "RC2",
            container: FileKind::Pfx,
        },
        CertError::UnsupportedPassword,
        CertError::NoKey,
        CertError::NoCertificate,
        CertError::KeyMismatch,
        CertError::NotRsa,
        CertError::KeyTooSmall { bits: 512 },
        CertError::TooLarge { limit: 1_048_576 },
        CertError::TooManyIterations { found: 99_000_000, limit: 10_000_000 },
        CertError::Certificate("its name is empty"),
        CertError::Crypto("make a key"),
        CertError::Exists(path()),
        CertError::NotAFile(path()),
        CertError::IsDirectory(path()),
        write(io::ErrorKind::StorageFull),
        write(io::ErrorKind::NotFound),
        write(io::ErrorKind::PermissionDenied),
    ]
}

#[test]
fn of_the_store() {
    let (seen, text) = read([of_store_file(), of_store_use()].into_iter().flatten().collect(), Failure::from);
    let mut all = variants(include_str!("../../../connection-store/src/error.rs"), "Error");
    // Nobody outside the store can make one.
    assert!(all.remove("Database") && all.remove("Unreachable"));
    assert_eq!(seen, all);
    insta::assert_snapshot!(text);
}

#[test]
fn of_logins() {
    let (seen, text) = read(of_login(), Failure::from);
    assert_eq!(seen, variants(include_str!("../../../xero-auth-oauth2/src/error.rs"), "Error"));
    insta::assert_snapshot!(text);
}

#[test]
fn of_calls_with_a_token() {
    let (seen, text) = read(of_api(), Failure::from);
    assert_eq!(seen, variants(include_str!("../../../xero-auth-oauth2/src/api_problem.rs"), "ApiProblem"));
    insta::assert_snapshot!(text);
}

#[test]
fn of_signed_calls() {
    let (seen, text) = read(of_signed_call(), Failure::from);
    assert_eq!(seen, variants(include_str!("../../../xero-auth-oauth1/src/problem.rs"), "Problem"));
    insta::assert_snapshot!(text);
}

#[test]
fn of_what_cannot_be_signed() {
    let (seen, text) = read(of_signing(), |error| StoreError::Sign(error).into());
    assert_eq!(seen, variants(include_str!("../../../xero-auth-oauth1/src/error.rs"), "Error"));
    insta::assert_snapshot!(text);
}

#[test]
fn of_key_files_and_certificates() {
    let of = |error: CertError| match error {
        CertError::Exists(_)
        | CertError::NotAFile(_)
        | CertError::IsDirectory(_)
        | CertError::Write { .. } => Failure::output(&error),
        error => Failure::file(&path(), &error),
    };
    let (seen, text) = read(of_files(), of);
    assert_eq!(seen, variants(include_str!("../../../xero-certs/src/error.rs"), "Error"));
    insta::assert_snapshot!(text);
}
