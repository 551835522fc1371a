//! Standard input that is closed, a folder or a terminal; answers that are no text; too few files; no home.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::{
    browser::{ELSEWHERE, web_options},
    sandbox::{BINARY, Run, Sandbox, fixture, private_options},
    seeded::{MINUTE, SCOPES, Seeded, connection},
};

/// A few files can be opened, and not those of an event loop or a question.
const FEW_FILES: &str = "exec 3<&- 4<&- 5<&-; ulimit -n 5;";

/// The command with what a shell does to it: `before` it starts, and `behind` it on the line.
fn by_shell(home: &Sandbox, before: &str, arguments: &[&str], behind: &str) -> Run {
    let script = format!("{before} exec \"$0\" \"$@\" {behind}");
    let output = home.command("sh").args(["-c", &script, BINARY]).args(arguments).output().unwrap();
    home.finish(format!("{} {behind}", arguments.join(" ")).trim_end(), &output)
}

fn texts(runs: &[Run]) -> String {
    runs.iter().map(Run::text).collect::<Vec<_>>().join("\n")
}

#[cfg(unix)]
#[test]
fn standard_input_that_is_closed_or_cannot_be_read() {
    let (home, app) = Sandbox::with_store();
    home.connect("acme");
    let mut options = web_options(&app).to_vec();
    options.retain(|one| !one.contains("secret"));
    let secret = [&["connect", "maple", "--client-secret-stdin", "--paste"], &options[..]].concat();
    let commands: [&[&str]; 4] = [
        &["import", "--from", "token-json", "-", "--client-id", &app.client_id],
        &["import", "--from", "env", "-"],
        &["request", "POST", "Contacts", "-d", "-"],
        &secret,
    ];
    let runs: Vec<_> = ["<&-", "<."]
        .iter()
        .flat_map(|behind| commands.iter().map(|command| by_shell(&home, "", command, behind)))
        .collect();
    runs.iter().for_each(|run| assert_ne!(run.status, 0, "{}", run.text()));
    insta::assert_snapshot!(texts(&runs));
}

#[test]
fn what_would_be_seen_is_not_read_from_a_terminal() {
    let (home, app) = Sandbox::with_store();
    let secret = [
        "connect",
        "--kind",
        "web",
        "--client-id",
        &app.client_id,
        "--client-secret-stdin",
        "--redirect-uri",
        ELSEWHERE,
    ];
    let commands: [&[&str]; 3] = [
        &["import", "--from", "token-json", "-"],
        &["import", "--from", "xero-cli", ".", "--source-passphrase-stdin"],
        &secret,
    ];
    home.write("tokens.json", "{\"x\": {\"accessToken\": \"\", \"refreshToken\": \"\"}}");
    let run = |command: &&[&str]| {
        let (status, screen) = home.terminal(command).finish();
        format!("{screen}\n--- status {status}\n")
    };
    insta::assert_snapshot!(commands.iter().map(run).collect::<Vec<_>>().join("\n"));
}

/// What a terminal would make of it nobody knows.
#[test]
fn an_answer_that_is_no_text_is_not_shown_on_a_terminal() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let options = private_options("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", &pfx);
    home.ok(&[&["connect", "acme", "--no-test", "--xero-url", &url][..], &options].concat());
    let serving = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = server.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n%\xff\0")
                .unwrap();
        }
    });
    let request = ["request", "GET", "Invoices/1/pdf"];
    let (status, screen) = home.terminal(&request).finish();
    assert_eq!(home.ok(&[&request[..], &["-o", "1.pdf"]].concat()).stdout, "");
    serving.join().unwrap();
    assert_eq!(std::fs::read(home.path("1.pdf")).unwrap(), b"%\xff\0");
    insta::assert_snapshot!(format!("{screen}\n--- status {status}"));
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_home_the_store_must_be_named() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--store", "a.db", "--key-file", "store.key"]);
    // Nobody has this number, and so no home.
    let run = |arguments: &[&str]| {
        let mut command = home.command("unshare");
        command.env_remove("HOME").args(["--map-user=47113", BINARY]).args(arguments);
        home.finish(&arguments.join(" "), &command.output().expect("unshare of util-linux is there"))
    };
    let runs = [
        run(&["list"]),
        run(&["doctor", "--offline"]),
        run(&["connect", "--kind", "private"]),
        run(&["list", "--store", "a.db", "--key-file", "store.key"]),
    ];
    insta::assert_snapshot!(texts(&runs));
}

#[cfg(unix)]
#[test]
fn with_too_few_files_it_is_said_what_fails() {
    let (home, app) = Sandbox::with_store();
    let options =
        ["connect", "--kind", "custom", "--client-id", &app.client_id, "--client-secret-file", "secret"];
    let custom = [&options[..], &["--store", "new.db", "--key-file", "store.key"]].concat();
    let run = by_shell(&home, FEW_FILES, &custom, "");
    insta::assert_snapshot!(run.text());
    assert!(!home.path("new.db").exists());
    let mut terminal = home.terminal_by_shell(FEW_FILES, &["connect", "--key-file", "store.key"]);
    let (status, screen) = terminal.wait();
    let end: Vec<_> = screen.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    insta::assert_snapshot!("a_terminal_that_fails", format!("{}\n--- status {status}", end.join("\n")));
}

/// What an older version may have stored, and no request can carry.
#[test]
fn an_id_that_is_none() {
    let seeded = Seeded::new();
    let store = seeded.store(std::time::SystemTime::now() - MINUTE);
    let login = store.add_authorisation(&seeded.authorisation(&seeded.minted(MINUTE, SCOPES))).unwrap().id;
    let mut odd = connection("odd", &login);
    odd.organisation.as_mut().unwrap().id = "two\nlines".to_owned();
    store.add_connections(&[odd]).unwrap();
    let run = seeded.home.run(&["request", "GET", "Invoices"]);
    insta::assert_snapshot!(run.text());
    insta::assert_snapshot!(
        "no_redirect_uri",
        texts(&[
            seeded.home.run(&["reauth", "odd", "--paste"]),
            seeded.home.run(&["reauth", "begin", "odd"]),
            seeded.home.run(&["connect", "begin", "--kind", "web", "--client-id", &seeded.app.client_id]),
        ])
    );
}

#[test]
fn organisations_of_one_name_are_told_apart_by_their_ids() {
    let (home, app) = Sandbox::with_store();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let twin = home.mock().add_twin(MAPLE_FLORIST.name).unwrap();
    let all = Consent::allow(&[MAPLE_FLORIST.id, &twin, DEMO_COMPANY.id]);
    let unsaid = home.connect_web(&app, &[], &all);
    let login = unsaid.login();
    let finish = |more: &[&str]| home.run(&[&["connect", "finish", &login][..], more].concat());
    let runs = [
        unsaid,
        finish(&["--organisation", MAPLE_FLORIST.name]),
        finish(&["twin", "--organisation", &twin]),
        home.run(&["orgs", "twin"]),
        home.run(&["copy", "twin", "--organisation", MAPLE_FLORIST.name]),
        home.run(&["copy", "twin", "--organisation", MAPLE_FLORIST.id, "--as", "maple"]),
        home.run(&["test", "--all"]),
    ];
    insta::assert_snapshot!(texts(&runs).replace(&twin, "TWIN").replace(&login, "LOGIN"));
}
