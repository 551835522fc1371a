//! A disk that is full: a small file system of the test's own, in a mount namespace that ends with it.

#![cfg(target_os = "linux")]

use xero_mock::{Consent, Rotation};

use crate::browser::ELSEWHERE;
use crate::sandbox::{BINARY, Run, Sandbox, fixture};

/// Runs a shell script with a file system of `size` mounted at `disk` in the home.
fn on_disk(home: &Sandbox, size: &str, script: &str) -> Run {
    std::fs::create_dir_all(home.path("disk")).unwrap();
    let script = format!("set -u; mount -t tmpfs -o size={size} tmpfs disk; {script}");
    let mut command = home.command("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
    command.env("XEROCTL", BINARY).env("PFX", fixture("kinds/test-openssl-3.pfx"));
    let output = command.output().expect("unshare of util-linux is there; `cargo xtask test` installs it");
    home.finish("(on a small disk)", &output)
}

#[test]
fn no_store_is_half_made() {
    let home = Sandbox::new();
    let run = on_disk(&home, "8k", r#""$XEROCTL" --store disk/x.db store init --key-file store.key"#);
    insta::assert_snapshot!(run.text());
    assert_eq!(run.status, 10);
    home.ok(&["store", "init", "--key-file", "store.key"]);
}

#[test]
fn no_connection_is_half_saved() {
    let home = Sandbox::with_mock();
    let key = home.app();
    let script = format!(
        r#"x() {{ "$XEROCTL" --store disk/x.db --quiet "$@"; }}
        x store init --key-file store.key || exit 1
        x connect first --kind private --consumer-key {key} --certificate "$PFX" --password-file password || exit 1
        cat /dev/zero > disk/filler 2>/dev/null
        x connect second --kind private --consumer-key {key} --certificate "$PFX" --password-file password
        echo "status $?"
        rm disk/filler
        x list; x test first; echo "status $?"
        x connect second --kind private --consumer-key {key} --certificate "$PFX" --password-file password
        echo "status $?""#
    );
    insta::assert_snapshot!(on_disk(&home, "512k", &script).text());
}

#[test]
fn a_disk_that_cannot_be_written() {
    let home = Sandbox::new();
    let script = r#"mount -o remount,ro disk
        "$XEROCTL" cert new disk/acme --no-password; echo "status $?"
        "$XEROCTL" --store disk/x.db store init --key-file store.key; echo "status $?""#;
    insta::assert_snapshot!(on_disk(&home, "64k", script).text());
}

#[test]
fn no_key_pair_is_half_written() {
    let home = Sandbox::new();
    let script = r#""$XEROCTL" cert new disk/acme --no-password; echo "status $?"; ls -A disk"#;
    insta::assert_snapshot!(on_disk(&home, "4k", script).text());
}

#[test]
fn no_answer_is_half_written() {
    let home = Sandbox::connected();
    let script = r#""$XEROCTL" request GET Invoices -o disk/invoices.json; echo "status $?"; ls -A disk"#;
    insta::assert_snapshot!(on_disk(&home, "4k", script).text());
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let home = Sandbox::new();
    let script = r#""$XEROCTL" help exit-codes > /dev/full; echo "status $?""#;
    insta::assert_snapshot!(on_disk(&home, "4k", script).text());
}

#[test]
fn no_login_is_lost_however_little_room_there_is() {
    let (home, app) = Sandbox::logged_in();
    // Strict rotation forgives nothing: an answer that could not be kept would be the end.
    home.mock().rotation(Rotation::Strict);
    let begin = [
        "connect",
        "begin",
        "--json",
        "--kind",
        "web",
        "--client-id",
        &app.client_id,
        "--redirect-uri",
        ELSEWHERE,
    ];
    let begun = home.ok(&begin).json();
    let address = begun["login"]["address"].as_str().unwrap();
    home.write("address", &home.mock().consent(address, &Consent::allow(&["Demo Company (NZ)"])).unwrap());
    let finish = begun["login"]["id"].as_str().unwrap();
    let script = format!(
        r#"cp data/xeroctl/connections.db* disk/; x() {{ "$XEROCTL" --store disk/connections.db --quiet "$@"; }}
        x store adopt --yes
        for room in 0 8 40 100 200 256 264 280 300 340 400; do
            left=$(df -k --output=avail disk | tail -1)
            head -c $(( (left - room) * 1024 )) /dev/zero > disk/filler
            x refresh maple > out 2>&1; first=$?
            rm disk/filler
            x refresh maple >> out 2>&1; echo "$first then $?"
        done
        head -c $(( ($(df -k --output=avail disk | tail -1) - 8) * 1024 )) /dev/zero > disk/filler
        x connect finish {finish} demo --address-file address > out 2>&1; echo "finish $?"; rm disk/filler
        x connect finish {finish} demo --address-file address > out 2>&1; echo "finish $?""#
    );
    let run = on_disk(&home, "2m", &script);
    for line in run.stdout.lines().filter(|line| line.contains("then")) {
        assert!(["0 then 0", "10 then 0"].contains(&line), "{}", run.text());
    }
    assert!(run.stdout.contains("10 then 0") && run.stdout.contains("0 then 0"), "{}", run.text());
    assert!(run.stdout.ends_with("finish 10\nfinish 0\n"), "{}", run.text());
}
