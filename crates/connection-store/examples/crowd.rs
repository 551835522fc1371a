//! Makes a store of many logins and connections to measure with, at a server that stands in for Xero.
//!
//! `cargo run --release -p connection-store --example crowd -- connections.db store.key http://127.0.0.1:8399 2000 10000`

use std::{env, error::Error, path::Path, time::Duration};

use connection_store::{
    AccessToken, AppIdentity, AppKind, ClientId, ClientSecret, Lock, NewApp, NewAuthorisation, NewConnection,
    NewKey, Organisation, RedirectUri, RefreshToken, Scopes, Server, Store, StoreKey, User,
};
use xero_certs::{Access, Existing, NewFile, write_files};

/// How long Xero's access tokens live.
const LIFETIME: Duration = Duration::from_secs(1800);
/// About as long as Xero's are.
const TOKEN_LENGTH: usize = 1200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, key_file, server, logins, connections] = arguments.as_slice() else {
        return Err("give the store, its key file, the server, and how many logins and connections".into());
    };
    let (logins, connections): (usize, usize) = (logins.parse()?, connections.parse()?);
    let store = make(Path::new(path), key_file)?;
    let server = Server::at(server)?;
    let mut ids = Vec::with_capacity(logins);
    for number in 0..logins {
        ids.push(store.add_authorisation(&login(number, &server)?)?.id);
    }
    let named = |number: usize| connection(number, &ids[number % logins]);
    Ok(store.add_connections(&(0..connections).map(named).collect::<Vec<_>>())?)
}

fn make(path: &Path, key_file: &str) -> Result<Store, Box<dyn Error>> {
    let key = StoreKey::generate()?;
    let line = key.to_key_file();
    let file = NewFile { path: Path::new(key_file), contents: line.as_bytes(), access: Access::Private };
    write_files(&[file], Existing::Keep)?;
    let lock = Lock::KeyFile(key_file.to_owned());
    Ok(Store::create(path, &NewKey { key: StoreKey::File(key), lock })?)
}

/// The logins of one app, each of another user, with a token that is good from now on.
fn login(number: usize, server: &Server) -> Result<NewAuthorisation, Box<dyn Error>> {
    let client_id = ClientId::parse("0123456789ABCDEF0123456789ABCDEF")?;
    let access = format!("bench-access-token-{number}-{}", "a".repeat(TOKEN_LENGTH));
    Ok(NewAuthorisation {
        app: NewApp {
            kind: AppKind::Web,
            identity: AppIdentity { client_id, secret: Some(ClientSecret::new("secret")?) },
            server: server.clone(),
            redirect_uris: vec![RedirectUri::parse("http://localhost:8749/callback")?],
        },
        refresh_token: Some(RefreshToken::new(&format!("bench-refresh-token-{number}"))?),
        access: Some((AccessToken::new(&access)?, LIFETIME)),
        scopes: Scopes::granted(["offline_access", "accounting.settings.read"]),
        asked: None,
        user: User { id: Some(format!("user {number}")), ..User::default() },
        consent: None,
    })
}

fn connection(number: usize, login: &str) -> NewConnection {
    let id = format!("{number:08x}-0000-4000-8000-000000000000");
    let organisation = Organisation { id, name: format!("Organisation {number}"), short_code: None };
    NewConnection {
        name: format!("c{number}"),
        authorisation: login.to_owned(),
        organisation: Some(organisation),
        make_default: false,
        replace: false,
        tested: false,
    }
}
