//! A thread that waits for the database keeps no answer of Xero's waiting, and nothing that is elsewhere is forgotten.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use connection_store::{Destination, Error, Logins, Need, Server};

use crate::{
    database,
    home::{Home, expired},
    machines::elsewhere,
    token_server::{Reply, TokenServer},
};

const ANSWER: &str = r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":1800}"#;

/// Answers one request when it is told, and tells what it saw.
struct Once {
    server: Server,
    asked: Receiver<()>,
    answer: Sender<()>,
    /// The answer was read to its end.
    read: Receiver<()>,
}

impl Once {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let ((tell_asked, asked), (answer, told), (tell_read, read)) = (channel(), channel(), channel());
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = vec![0; 16 * 1024];
            assert!(client.read(&mut request).unwrap() > 0);
            tell_asked.send(()).unwrap();
            told.recv().unwrap();
            let length = ANSWER.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(client, "{head}content-length: {length}\r\n\r\n{ANSWER}").unwrap();
            while client.read(&mut request).unwrap() > 0 {}
            tell_read.send(()).unwrap();
        });
        Self { server, asked, answer, read }
    }
}

#[tokio::test]
async fn an_answer_is_read_while_its_thread_waits_for_something_else() {
    let (once, (home, store)) = (Once::start(), Home::with_store());
    let acme = expired(&home, &store, &once.server);
    let leading = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move { store.access(&acme, Need::default()).await }
    });
    while once.asked.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    once.answer.send(()).unwrap();
    // As if the database were asked, and did not answer.
    assert!(once.read.recv_timeout(Duration::from_secs(30)).is_ok());
    assert_eq!(leading.await.unwrap().unwrap().token.expose(), "access-1");
}

#[tokio::test]
async fn what_another_machine_may_have_rescued_is_not_forgotten() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.reply([Reply::Cut]);
    assert!(store.access(&acme, Need::default()).await.is_err());
    let sent_at = || store.connection(Some("acme")).unwrap().authorisation.unwrap().sent_at;
    assert!(sent_at().is_some());
    let (other, file) = (elsewhere(&home, "two"), home.path.with_file_name("moved.db"));
    let half_way =
        |refused: Error| matches!(refused, Error::HalfWay { connections } if connections == ["acme"]);
    assert!(half_way(other.rekey(&mut |_, _| {}).unwrap_err()));
    let exported = other.export(&["acme".to_owned()], Logins::HandOver);
    assert!(half_way(exported.err().unwrap()));
    assert!(half_way(other.move_to(Destination::File(&file), &mut |_| {}).await.unwrap_err()));
    assert_eq!(other.access(&acme, Need::default()).await.unwrap().token.expose(), "access-1");
    assert_eq!(sent_at(), None);
    other.rekey(&mut |_, _| {}).unwrap();
    other.move_to(Destination::File(&file), &mut |_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_that_a_shared_folder_does_not_lock_does_not_make_its_owner_dead() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let leading = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move { store.access(&acme, Need::default()).await }
    });
    server.arrived(1).await;
    let other = elsewhere(&home, "two");
    let owner = &database::texts(&home.path, "SELECT lease_owner FROM authorisations")[0];
    let beside = database::local(&home.path).file_name().unwrap().to_str().unwrap().to_owned();
    let unlocked = home.path.with_file_name("two").join(format!("{beside}-lease-{owner}"));
    std::fs::write(&unlocked, "").unwrap();
    assert!(other.refresh_under_way(acme.authorisation.as_ref().unwrap()).unwrap().is_some());
    server.release();
    assert_eq!(leading.await.unwrap().unwrap().token.expose(), "access-1");
}
