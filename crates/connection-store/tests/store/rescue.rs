//! Tokens that could not be saved: written beside the store, sealed, and taken up by whoever comes next.

use std::path::PathBuf;

use connection_store::{Connection, Error, EventKind, Need, Store};

use crate::{
    database,
    home::{Home, expired, minutes},
    token_server::TokenServer,
};

async fn access(store: &Store, connection: &Connection) -> Result<String, Error> {
    Ok(store.access(connection, Need::default()).await?.token.expose().to_owned())
}

/// A refresh whose answer cannot be saved. Gives the rescue file.
async fn not_saved() -> (Home, Store, Connection, TokenServer, PathBuf) {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    database::refuse_saving(&home.path);
    let failed = access(&store, &acme).await.unwrap_err();
    let rescued = match &failed {
        Error::NotSaved { source, rescued: Some(path) } if matches!(**source, Error::Database(_)) => {
            path.clone()
        }
        other => panic!("{other:?}"),
    };
    database::admit_saving(&home.path);
    (home, store, acme, server, rescued)
}

#[tokio::test]
async fn what_could_not_be_saved_is_taken_up_by_the_next_caller() {
    let (home, store, acme, server, rescued) = not_saved().await;
    let authorisation = acme.authorisation.as_ref().unwrap();
    let status = store.status().unwrap();
    let name = format!("xeroctl-rescue-{}-{}-2", status.id, authorisation.id);
    let folder = database::local(&home.path).parent().unwrap().canonicalize().unwrap();
    assert_eq!(rescued, folder.join(name));
    assert_eq!(status.rescued, std::slice::from_ref(&rescued));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(rescued.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(access(&home.open().unwrap(), &acme).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"], "nothing was asked for again");
    assert!(!rescued.exists());
    let event = &store.events(&authorisation.id, 1).unwrap()[0];
    assert_eq!(
        (event.what, event.detail.as_str()),
        (EventKind::Recovered, "with a refresh token that could not be saved before")
    );
    home.clock.advance(minutes(600));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-2");
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"]);
}

#[tokio::test]
async fn one_that_was_changed_is_left_alone_and_the_grace_makes_it_good() {
    let (home, store, acme, server, rescued) = not_saved().await;
    let mut changed = std::fs::read(&rescued).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&rescued, &changed).unwrap();
    home.clock.advance(minutes(29));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-2");
    assert_eq!(server.spent(), ["refresh-0", "refresh-0"]);
    assert_eq!(std::fs::read(&rescued).unwrap(), changed);
}

#[tokio::test]
async fn it_is_found_also_where_a_person_was_to_be_asked() {
    let (home, store, acme, server, rescued) = not_saved().await;
    home.sql("UPDATE authorisations SET needs_login = 'x', needs_login_since = 1");
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
    assert_eq!((server.spent().len(), rescued.exists()), (1, false));
}

#[tokio::test]
async fn it_is_a_spare_where_the_row_has_gone_on() {
    let (home, store, acme, server, rescued) = not_saved().await;
    let aside = home.path.with_file_name("aside");
    std::fs::rename(&rescued, &aside).unwrap();
    assert_eq!(access(&store, &acme).await.unwrap(), "access-2");
    std::fs::rename(&aside, &rescued).unwrap();
    home.clock.advance(minutes(31));
    server.reply([crate::token_server::Reply::invalid_grant()]);
    assert_eq!(access(&store, &acme).await.unwrap(), "access-3");
    assert_eq!(server.spent(), ["refresh-0", "refresh-0", "refresh-2", "refresh-1"]);
    assert!(!rescued.exists());
}

#[tokio::test]
async fn one_of_another_authorisation_is_not_touched() {
    let (home, store, acme, server, rescued) = not_saved().await;
    let other = crate::home::consent(&server.server(), "other-0");
    let other = store.add_authorisation(&other).unwrap();
    store.access_of(&other, Need::fresh(1)).await.unwrap();
    assert!(rescued.exists());
    home.clock.advance(minutes(1));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
}
