//! What is wrong with the way to a store at a server: the cause, and the command that comes next.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    database::{authority, port},
    sandbox::Sandbox,
};

/// What a server says that lets anybody in, is of this version, and then goes.
fn hello(version: &str) -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, body].concat()
    };
    let version = format!("server_version\0{version}\0");
    [message(b'R', &[0; 4]), message(b'S', version.as_bytes()), message(b'Z', b"I")].concat()
}

/// A server that answers the first thing that it hears with these bytes; gives its port.
fn answering(answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut open: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut heard = [0; 1024];
            if stream.read(&mut heard).is_ok() && stream.write_all(&answer).is_ok() {
                open.push(stream);
            }
        }
    });
    port
}

fn list(home: &Sandbox, address: &str) -> String {
    let text = home.run_in(&[("XEROCTL_STORE", address)], &["list"]).text();
    format!("# {}\n{}\n", home.tidy(address), text.split_once('\n').unwrap().1)
}

#[test]
fn the_way_to_the_server() {
    let home = Sandbox::at_server();
    home.write("ca.pem", authority());
    let good = home.database().address("tester");
    let with_tls = home.database().address_with_tls("tester");
    let other_name = with_tls.replace("127.0.0.1", "localhost");
    let at = |port: u16| format!("postgres://tester@127.0.0.1:{port}/books");
    let (none, deaf) = (at(answering(b"N".to_vec())), at(answering(Vec::new())));
    let masked = |text: String, address: &str| text.replace(address, "postgres://tester@ELSEWHERE/books");
    let mut text: String = [
        "postgres://tester@127.0.0.1:1/books".to_owned(),
        "postgres://tester@a..b/books".to_owned(),
        "postgres://tester@%2Fnowhere/books".to_owned(),
        with_tls,
        format!("{other_name}?sslrootcert=ca.pem&hostaddr=127.0.0.1"),
    ]
    .iter()
    .map(|address| list(&home, address))
    .collect();
    text.push_str(&masked(list(&home, &none), &none));
    let old = at(answering(hello("12.22 (Debian 12.22-1)")));
    text.push_str(&masked(list(&home, &format!("{old}?sslmode=disable")), &old));
    text.push_str(&masked(list(&home, &format!("{deaf}?sslmode=disable&connect_timeout=1")), &deaf));
    assert!(list(&home, &good).contains("status 0"));
    insta::assert_snapshot!(text.replace(&port().to_string(), "PORT"));
}

#[test]
fn who_may_come_in() {
    let home = Sandbox::at_server();
    home.write("password", "not it\n");
    let at = |role| home.database().address(role);
    let mut text: String =
        ["stranger", "nobody-such", "locked", "few", "job"].map(|role| list(&home, &at(role))).concat();
    let wrong =
        home.run_in(&[("XEROCTL_STORE", &at("locked"))], &["list", "--store-password-file", "password"]);
    text.push_str(&wrong.text());
    text.push('\n');
    text.push_str(&list(&home, &at("tester").replace(home.database().name(), "nowhere")));
    insta::assert_snapshot!(text);
}

#[test]
fn where_there_is_no_store() {
    let home = Sandbox::with_database();
    let address = home.database().address("job");
    let run = |arguments: &[&str]| home.run_in(&[("XEROCTL_STORE", &address)], arguments).text();
    insta::assert_snapshot!(
        [
            run(&["list"]),
            run(&["token", "acme"]),
            run(&["store", "status"]),
            run(&["store", "init", "--key-file", "store.key"]),
            run(&["connect", "acme"]),
        ]
        .join("\n")
    );
}

#[test]
fn what_is_no_address() {
    let home = Sandbox::at_server();
    let bad = [
        "mysql://tester@127.0.0.1/books",
        "postgres:books",
        "postgres://tester:geheim@127.0.0.1/books",
        "postgres://127.0.0.1/books?password=geheim",
        "postgres://tester@127.0.0.1/books?sslmode=maybe",
        "postgres://tester@127.0.0.1/books?sslrootcert=/nowhere.pem",
        "postgres://tester@127.0.0.1/books?colour=red",
        "postgres://tester@127.0.0.1:port/books",
        "sqlite:",
    ];
    let text: String =
        bad.map(|address| home.run_in(&[("XEROCTL_STORE", address)], &["list"]).text() + "\n").concat();
    assert!(!text.contains("geheim"), "{text}");
    let option = home.run(&["list", "--store-password", "geheim"]);
    assert!(!option.raw.0.contains("geheim") && option.status == 2, "{}", option.text());
    insta::assert_snapshot!(text + &option.text());
}

#[test]
fn no_store_is_made_at_a_server_that_cannot_be_asked() {
    let home = Sandbox::new();
    let nobody = "postgres://ada@127.0.0.1:1/books?sslmode=disable";
    let refused = home.run(&["store", "init", "--key-file", "store.key", "--store", nobody]);
    assert_eq!(refused.status, 5, "{}", refused.text());
    assert!(
        !refused.text().contains("there is a store") && !home.path("store.key").exists(),
        "{}",
        refused.text()
    );
}
