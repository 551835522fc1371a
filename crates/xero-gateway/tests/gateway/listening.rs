//! Where clients come in, in which protocols, and how all that ends.

use std::time::Duration;

use xero_gateway::{Clients, Gateway, GatewayToken, ListenError, Listener, Settings, StoreAuthority};

use crate::{
    home::{Home, maple},
    wire::{ByHand, Wire},
};

const ORGANISATION: &str = "/api.xro/2.0/Organisation";

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_to_who_knows_it() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let ask = |host: Option<&str>| {
        let request = client.get(gateway.url(ORGANISATION)).bearer_auth(gateway.token.expose());
        let request = host.map_or(request.try_clone().unwrap(), |host| request.header("host", host));
        request.send()
    };
    let answers = futures_util::future::join_all((0..8).map(|_| ask(None))).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    }
    let refused = client.get(gateway.url(ORGANISATION)).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let journal = home.mock.journal();
    assert_eq!(journal.len(), 8);
    gateway.stopped().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_its_owners_alone_and_outlives_a_gateway_that_died() {
    use std::{fs, os::unix::fs::PermissionsExt};

    use xero_gateway::UnixSocket;

    let home = Home::new().await;
    let path = home.path("run/gateway.sock");
    fs::create_dir(home.path("run")).unwrap();
    fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(UnixSocket::bind(&path).await, Err(ListenError::OpenFolder(_))));
    fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(&path, "mine").unwrap();
    assert!(matches!(UnixSocket::bind(&path).await, Err(ListenError::NotASocket(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    fs::remove_file(&path).unwrap();
    // As one that died leaves it: a name, and nobody who listens.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let socket = UnixSocket::bind(&path).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(UnixSocket::bind(&path).await, Err(ListenError::Lives(_))));
    let token = GatewayToken::generate().unwrap();
    let gateway = Gateway::new(
        StoreAuthority::new(home.store.clone()),
        Clients::one("test", &token),
        Settings::default(),
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(gateway.serve(vec![socket.into()], async { drop(stopped.await) }));
    let client = reqwest::Client::builder().unix_socket(path.clone()).build().unwrap();
    let ask = |token: &str| client.get("http://gateway/api.xro/2.0/Organisation").bearer_auth(token).send();
    assert_eq!(ask(token.expose()).await.unwrap().status(), 200);
    assert_eq!(ask("x").await.unwrap().status(), 401);
    drop(client);
    drop(stop);
    serving.await.unwrap();
    assert!(!path.exists(), "the name goes with it");
    drop(UnixSocket::bind(&path).await.unwrap());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn another_programs_socket_is_left_alone() {
    use std::os::unix::fs::DirBuilderExt;

    let home = Home::new().await;
    let path = home.path("run/other.sock");
    std::fs::DirBuilder::new().mode(0o700).create(home.path("run")).unwrap();
    let _other = tokio::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(xero_gateway::UnixSocket::bind(&path).await, Err(ListenError::Lives(_))));
}

#[tokio::test]
async fn other_machines_have_no_way_in() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refused = Listener::tcp(address.parse().unwrap()).await;
        assert!(matches!(refused, Err(ListenError::NotLoopback(_))), "{address}");
    }
    let inherited = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    assert!(matches!(Listener::inherited(inherited), Err(ListenError::NotLoopback(_))));
    let taken = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert!(matches!(Listener::tcp(taken.address().unwrap()).await, Err(ListenError::InUse(_))));
    let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(Listener::inherited(inherited).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_finished_and_nothing_new_begins() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let mut gateway = home.open(Settings::default()).await;
    let address = gateway.address;
    let mut idle = Wire::to(address).await;
    idle.write(format!("{}\r\n", gateway.head("GET", "/-/health"))).await;
    idle.until("\"ok\"").await;
    let asking = tokio::spawn(gateway.request("GET", "/c/by-hand/api.xro/2.0/Organisation").send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    gateway.tell_to_stop();
    assert_eq!(idle.rest().await.trim(), "", "a connection without a request is closed");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody comes in any more");
    xero.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
    assert_eq!(asking.await.unwrap().unwrap().text().await.unwrap(), "done");
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_broken_off_at_the_end() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let gateway = home.open(Settings { grace: Duration::from_millis(50), ..Settings::default() }).await;
    let asking = tokio::spawn(gateway.request("GET", "/c/by-hand/api.xro/2.0/Organisation").send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    gateway.stopped().await;
    assert!(asking.await.unwrap().is_err());
}
