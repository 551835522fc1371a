//! Makes a store in PostgreSQL with many connections, for measurements: `fill ADDRESS FOLDER KEY-FILE SERVER CLIENT-ID`.
//!
//! Standard input has the client secret on its first line; each other one is a login: its refresh token, and the ids of the
//! organisations that it reaches. Their connections are called 0-0, 0-1, and so on: the login's number, and theirs.

#![allow(clippy::print_stderr, reason = "a program for people")]

use std::{env, error::Error, fs, io, path::Path};

use connection_store::{
    AppIdentity, AppKind, ClientId, ClientSecret, KeyBytes, Lock, NewApp, NewAuthorisation, NewConnection,
    NewKey, Organisation, PostgresAddress, RefreshToken, Scopes, Server, Store, StoreKey, User,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, folder, key_file, server, client_id] = arguments.as_slice() else {
        return Err("give the address, a folder, a key file, the server and a client id".into());
    };
    let key = KeyBytes::from_key_file(&fs::read(key_file)?)?;
    let key = NewKey { key: StoreKey::File(key), lock: Lock::KeyFile(key_file.clone()) };
    let store = Store::create_at(&PostgresAddress::parse(address)?, Path::new(folder), &key)?;
    let mut lines = io::stdin().lines();
    let secret = ClientSecret::new(&lines.next().ok_or("there is no secret")??)?;
    let app = NewApp {
        kind: AppKind::Web,
        identity: AppIdentity { client_id: ClientId::parse(client_id)?, secret: Some(secret) },
        server: Server::at(server)?,
        redirect_uris: Vec::new(),
    };
    let mut logins = 0;
    for line in lines {
        add(&store, &app, logins, &line?)?;
        logins += 1;
    }
    eprintln!("{logins} logins");
    Ok(())
}

fn add(store: &Store, app: &NewApp, number: usize, line: &str) -> Result<(), Box<dyn Error>> {
    let mut words = line.split(' ');
    let token = RefreshToken::new(words.next().unwrap_or_default())?;
    let login = store.add_authorisation(&NewAuthorisation {
        app: app.clone(),
        refresh_token: Some(token),
        access: None,
        scopes: Scopes::granted(["offline_access", "accounting.settings"]),
        asked: None,
        user: User::default(),
        consent: Some(format!("consent {number}")),
    })?;
    let connections = words.enumerate().map(|(at, organisation)| NewConnection {
        name: format!("{number}-{at}"),
        authorisation: login.id.clone(),
        organisation: Some(Organisation {
            id: organisation.to_owned(),
            name: format!("Organisation {number}-{at}"),
            short_code: None,
        }),
        make_default: false,
        replace: false,
        tested: true,
    });
    store.add_connections(&connections.collect::<Vec<_>>())?;
    Ok(())
}
