//! `xeroctl list` as it is sorted, filtered and tested, and tables at three widths.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Condvar, Mutex},
};

use xero_mock::Fault;

use crate::{
    sandbox::{Sandbox, fixture, private_options, transcript},
    seeded::{DAY, Seeded},
};

fn configure(home: &Sandbox, text: &str) {
    fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    home.write("config/xeroctl/config.toml", text);
}

/// Connections of all ages and kinds.
fn varied() -> Seeded {
    let seeded = Seeded::new();
    seeded.login("birch", 55 * DAY);
    seeded.login("Acorn Trading (Wellington) Ltd", 2 * DAY);
    seeded.login("日本商事株式会社", 20 * DAY);
    seeded.login("old", 61 * DAY);
    seeded.home.connect("private");
    seeded
}

fn names(home: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let document = home.ok(&[&["list", "--json"][..], arguments].concat()).json();
    let all = document["connections"].as_array().unwrap().iter();
    all.map(|one| one["name"].as_str().unwrap().chars().take(7).collect()).collect()
}

#[test]
fn it_is_sorted_by_each_column() {
    let seeded = varied();
    for (arguments, expected) in [
        (&[][..], ["Acorn T", "birch", "old", "private", "日本商事株式会"]),
        (&["--reverse"], ["日本商事株式会", "private", "old", "birch", "Acorn T"]),
        (&["--sort", "left"], ["old", "birch", "日本商事株式会", "Acorn T", "private"]),
        (&["--sort", "refreshed"], ["old", "birch", "日本商事株式会", "Acorn T", "private"]),
        (&["--sort", "health"], ["old", "birch", "Acorn T", "日本商事株式会", "private"]),
    ] {
        assert_eq!(names(&seeded.home, arguments), expected, "{arguments:?}");
    }
    let by_app = names(&seeded.home, &["--sort", "app"]);
    assert_eq!(by_app.len(), 5);
    assert_eq!(names(&seeded.home, &["--sort", "organisation"]).len(), 5);
}

#[test]
fn it_is_filtered() {
    let seeded = varied();
    for (filters, expected) in [
        (&["acorn"][..], &["Acorn T"][..]),
        (&["name=BIRCH"], &["birch"]),
        (&["kind=private"], &["private"]),
        (&["health=ends soon"], &["birch"]),
        (&["health=log in*"], &["old"]),
        (&["health=log-in-again"], &["old"]),
        (&["org=maple*", "kind=web", "name=*株式*"], &["日本商事株式会"]),
        (&["kind=web", "kind=private"], &[]),
        (&["name=o?d"], &["old"]),
    ] {
        let options: Vec<_> = filters.iter().flat_map(|filter| ["--filter", *filter]).collect();
        assert_eq!(names(&seeded.home, &options), expected, "{filters:?}");
    }
    let id = seeded.app.client_id.get(..8).unwrap().to_lowercase();
    assert_eq!(names(&seeded.home, &["--filter", &format!("app={id}")]).len(), 4);
}

#[test]
fn what_cannot_be_asked_for() {
    let home = Sandbox::connected();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--filter", "colour=red"],
            &["list", "--filter", "name="],
            &["list", "--filter", "health=okk"],
            &["list", "--sort", "age"],
            &["list", "--filter", "nobody"],
            &["list", "acme"],
        ]
    ));
}

#[test]
fn each_connection_is_tested_and_the_first_failure_gives_the_status() {
    let home = Sandbox::connected();
    let beta = home.connect("beta");
    home.mock().revoke(&beta).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--check"],
            &["list", "--check", "--filter", "name=a*"],
            &["list", "--check", "--sort", "health", "--filter", "health=log"],
            &["list", "--check", "--json", "--filter", "name=beta"],
            &["list"],
        ]
    ));
    let journal = home.mock().journal().len();
    home.ok(&["list"]);
    assert_eq!(home.mock().journal().len(), journal, "nothing is asked without --check");
}

#[test]
fn another_organisation_and_a_server_in_trouble_are_in_the_health() {
    let home = Sandbox::connected();
    let other =
        r#"{"Organisations":[{"OrganisationID":"x","Name":"Hexagon Tools Pty Ltd","ShortCode":"!hXg6T"}]}"#;
    home.mock().fault(Fault::Status(200, other.to_owned(), "application/json".to_owned()));
    let run = home.run(&["list", "--check"]);
    assert!(run.status == 8 && run.stdout.contains("wrong organisation"), "{}", run.text());
    home.mock().fault(Fault::Maintenance.times(9));
    let run = home.run(&["list", "--check"]);
    assert!(run.status == 5 && run.stdout.contains("no answer"), "{}", run.text());
}

/// A server that answers only when four requests wait for it: fewer at once would never end, more are counted.
#[test]
fn four_at_once_for_one_server_and_no_more() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    for (number, name) in ["a", "b", "c", "d", "e", "f", "g", "h"].iter().enumerate() {
        let key = format!("ABCDEFGHIJKLMNOPQRSTUVWXYZ012{number}");
        home.ok(
            &[&["connect", name, "--no-test", "--xero-url", &url][..], &private_options(&key, &pfx)].concat()
        );
    }
    let open = Arc::new((Mutex::new((0, 0, 0)), Condvar::new()));
    let served = Arc::clone(&open);
    let accepting = std::thread::spawn(move || {
        let mut answering = Vec::new();
        for _ in 0..8 {
            let (mut stream, _) = server.accept().unwrap();
            let open = Arc::clone(&served);
            answering.push(std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                assert!(stream.read(&mut buffer).unwrap() > 0);
                let (state, changed) = &*open;
                let mut now = state.lock().unwrap();
                now.0 += 1;
                now.1 += 1;
                now.2 = now.2.max(now.1);
                let mine = (now.0 - 1) / 4 * 4 + 4;
                changed.notify_all();
                let mut now = changed.wait_while(now, |now| now.0 < mine).unwrap();
                now.1 -= 1;
                drop(now);
                stream
                    .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
            }));
        }
        answering.into_iter().for_each(|one| one.join().unwrap());
    });
    let run = home.run(&["list", "--check", "--xero-url", &url]);
    accepting.join().unwrap();
    assert_ne!(run.status, 0, "{}", run.text());
    let (all, _, most) = *open.0.lock().unwrap();
    assert_eq!((all, most), (8, 4), "{}", run.text());
}

#[test]
fn tables_are_legible_at_60_80_and_140_columns() {
    let seeded = varied();
    let home = &seeded.home;
    home.mock().fault(Fault::Maintenance.times(99).on("/connect/token"));
    for width in [60, 80, 140] {
        configure(home, &format!("width = {width}\n"));
        let commands: [&[&str]; 3] =
            [&["list"], &["keepalive", "--login-days", "1", "--logins-only"], &["orgs", "日本商事株式会社"]];
        let runs: Vec<_> = commands.iter().map(|command| home.run(command)).collect();
        for line in runs.iter().flat_map(|run| run.raw.0.lines()) {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line}");
        }
        let text: Vec<_> = runs.iter().map(crate::sandbox::Run::text).collect();
        insta::assert_snapshot!(format!("tables_at_{width}"), text.join("\n"));
        for command in
            [&["show", "日本商事株式会社"][..], &["store", "status"], &["show", "private"], &["log", "birch"]]
        {
            let text = home.ok(command).raw.0;
            for line in text.lines() {
                let is_word = line.split_whitespace().count() <= 2;
                assert!(
                    is_word || unicode_width::UnicodeWidthStr::width(line) <= width,
                    "{width}: {line}\n{text}"
                );
            }
        }
    }
}

#[test]
fn of_many_names_the_nearest_are_given() {
    let seeded = Seeded::new();
    let tokens = seeded.minted(DAY, crate::seeded::SCOPES);
    let names: Vec<_> = (100..160).map(|number| format!("client-{number}-ltd")).collect();
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    names.push("maple");
    seeded.put(&names, DAY, &tokens);
    insta::assert_snapshot!(transcript(
        &seeded.home,
        &[&["show", "client-123"], &["show", "mapel"], &["show", "zzz", "--json"]]
    ));
}

#[test]
fn where_the_limit_is_reached_no_other_connection_of_it_is_tried() {
    let seeded = Seeded::new();
    let tokens = seeded.minted(crate::seeded::MINUTE, crate::seeded::SCOPES);
    seeded.put(&["a", "b", "c"], crate::seeded::MINUTE, &tokens);
    seeded.home.connect("private");
    let problem = xero_mock::RateLimit::Minute;
    let retry_after = Some(std::time::Duration::from_secs(58));
    let home = &seeded.home;
    home.mock().fault(Fault::TooManyRequests { problem, retry_after });
    let asked = home.mock().journal().len();
    insta::assert_snapshot!(transcript(home, &[&["test", "--all"]]));
    assert_eq!(home.mock().journal().len() - asked, 2, "one of the three, and the other app");
}
