//! The example serves its one connection, for reading.

use tokio::sync::oneshot;
use xero_gateway::{GatewayToken, Listener};
use xero_mock::MAPLE_FLORIST;

use crate::{
    home::{Home, client, maple},
    serve::serve,
};

#[tokio::test]
async fn one_connection_is_served_until_it_is_told_to_stop() {
    let home = Home::new().await;
    home.private("old", Some(maple()));
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, token) = (listener.address().unwrap(), GatewayToken::generate().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let (store, own) = (home.store.clone(), token.clone());
    let serving = tokio::spawn(async move {
        serve(store, "old", listener, &own, async { drop(stopped.await) }).await;
    });
    let ask = async |method: &str, path: &str, token: &str| {
        let request = client().request(method.parse().unwrap(), format!("http://{address}{path}"));
        let answer = request.header("accept", "application/json").bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, body) = ask("GET", "/api.xro/2.0/Organisation", token.expose()).await;
    assert!(status == 200 && body.contains(MAPLE_FLORIST.name), "{status} {body}");
    for (method, path, token, status) in [
        ("GET", "/api.xro/2.0/Organisation", "guessed", 401),
        ("PUT", "/api.xro/2.0/Contacts", token.expose(), 403),
        ("GET", "/c/acme/api.xro/2.0/Organisation", token.expose(), 403),
    ] {
        assert_eq!(ask(method, path, token).await.0, status, "{method} {path}");
    }
    assert_eq!(home.seen(), ["GET /api.xro/2.0/Organisation"]);
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
