//! Secrets where others can see them: on the command line, and in files that others can read.

use crate::sandbox::{Sandbox, transcript};

const MARKER: &str = "marker-of-a-secret";

#[test]
fn a_secret_on_the_command_line_is_said_to_be_seen() {
    let (home, app) = Sandbox::logged_in();
    let secret = format!("--client-secret={MARKER}");
    let text = transcript(
        &home,
        &[
            &["connect", &secret],
            &["connect", "--kind", "web", &secret],
            &["connect", "begin", "--kind", "web", "--client-id", &app.client_id, &secret],
            &["reauth", "maple", &secret],
            &["import", "x.age", &secret],
            &["import", "--from", "token-json", "x.json", &secret],
            &["edit", "maple", &secret],
            &["show", "maple", &secret],
            &["export", "x.age", "maple", &format!("--bundle-passphrase={MARKER}")],
            &["list", &format!("--passphrase={MARKER}")],
            &["list", "--passphrase", MARKER, "--json"],
            &["cert", "show", "x.pfx", &format!("--password={MARKER}")],
            &["cert", "new", "x", &format!("--no-passphrase={MARKER}")],
            &["cert", "new", "x", &format!("--no-password={MARKER}")],
            &["connect", &format!("--client-secret-stdin={MARKER}")],
            &["cert", "new", "x", "--no-password", MARKER, "--json"],
            &["cert", "show", "x.pfx", "--password-stdin", MARKER],
            &["connect", "maple", "--client-secret-stdin", MARKER],
            &["connect", "maple", "--client-secret-stdin", MARKER, "--json"],
            &["connect", "finish", "a", "b", "--address-stdin", MARKER],
            &["connect", "finish", "a", &format!("--address-stdin={MARKER}")],
            &["connect", &format!("--paste={MARKER}")],
            &["connect", "maple", "--paste", MARKER],
            &["cert", "new", "x", "--no-passphrase"],
            &["list", "--colour", "red"],
        ],
    );
    // What was typed is shown by this test; nothing of it by the program.
    let said: String = text.lines().filter(|line| !line.starts_with("$ ")).collect();
    assert!(!said.contains(MARKER), "{text}");
    insta::assert_snapshot!(text);
}

#[cfg(unix)]
#[test]
fn files_that_others_can_read_are_told_of() {
    use std::os::unix::fs::PermissionsExt;
    let (home, app) = Sandbox::logged_in();
    let open = |name: &str, text: &str| {
        let path = home.write(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    open("open", &format!("{}\n", app.client_secret.as_deref().unwrap()));
    open("phrase", "six words that nobody guesses\n");
    let id = app.client_id.as_str();
    let login = home.ok(&["connect", "begin", "--kind", "web", "--client-id", id, "--json"]).json();
    let login = login["login"]["id"].as_str().unwrap().to_owned();
    let set = |file: &'static str| ["apps", "secret", "set", id, "--client-secret-file", file];
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &set("open"),
            &set("secret"),
            &[
                "connect",
                "begin",
                "--kind",
                "web",
                "--client-id",
                id,
                "--client-secret-file",
                "open",
                "--quiet"
            ],
            &["export", "x.age", "maple", "--yes", "--bundle-passphrase-file", "phrase"],
            &["store", "key", "add", "--new-passphrase-file", "phrase"],
            &["cert", "new", "job", "--password-file", "phrase", "--quiet"],
            &["cert", "convert", "job.pfx", "job.cer", "--password-file", "phrase", "--force"],
            &["connect", "finish", &login, "--address-file", "phrase"],
        ]
    ));
    // What a shell or another program hands over has no mode that says something.
    let script = "xeroctl() { \"$BINARY\" \"$@\"; }; cat open | xeroctl apps secret set \"$ID\" --client-secret-file /dev/stdin";
    for script in
        [script.to_owned(), script.replace("cat open | ", "").replace("/dev/stdin", "/dev/stdin < open")]
    {
        let mut command = home.command("sh");
        let output =
            command.env("BINARY", crate::sandbox::BINARY).env("ID", id).args(["-c", &script]).output();
        let run = home.finish(&script, &output.unwrap());
        assert!(run.status == 0 && !run.stderr.contains("warning"), "{}", run.text());
    }
}
