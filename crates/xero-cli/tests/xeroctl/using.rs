//! Using a connection: tokens in several forms, programs with a token, lists of many pages, limits and retries.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use xero_mock::{ClientApp, Fault, MAPLE_FLORIST, RateLimit};

use crate::sandbox::{Run, Sandbox, transcript};

const SCOPES: [&str; 3] = ["accounting.settings.read", "accounting.invoices", "accounting.contacts"];

/// A home with the custom connection `acme`, which nobody has to consent to.
pub(crate) fn home() -> (Sandbox, ClientApp) {
    let home = Sandbox::initialised();
    let app = home.connect_custom("acme", &SCOPES);
    home.mock().clear_journal();
    (home, app)
}

/// How often the mock was asked for this path, and with which values of a header.
fn asked(home: &Sandbox, path: &str, header: &str) -> Vec<Option<String>> {
    let journal = home.mock().journal();
    let entries = journal.iter().filter(|entry| entry.path.ends_with(path));
    entries.map(|entry| entry.header(header).map(str::to_owned)).collect()
}

fn lines(run: &Run) -> Vec<&str> {
    run.raw.0.lines().collect()
}

#[test]
fn a_token_in_each_form() {
    let (home, _) = home();
    let token = home.ok(&["token", "acme"]).raw.0;
    let token = token.trim();
    let tenant = MAPLE_FLORIST.id;
    let env = home.ok(&["token", "acme", "--format", "env"]);
    assert_eq!(lines(&env), [format!("XERO_ACCESS_TOKEN={token}"), format!("XERO_TENANT_ID={tenant}")]);
    let header = home.ok(&["token", "acme", "--format", "header"]);
    assert_eq!(
        lines(&header),
        [format!("Authorization: Bearer {token}"), format!("xero-tenant-id: {tenant}")]
    );
    let [one, other] = [&["--format", "json"][..], &["--json"]];
    let json = |options: &[&str]| home.ok(&[&["token", "acme"][..], options].concat()).json();
    assert_eq!(json(one), json(other));
    assert_eq!(json(one)["access_token"], token);
    assert_eq!(home.run(&["token", "acme", "--format", "xml"]).status, 2);
}

#[cfg(unix)]
#[test]
fn a_program_finds_the_token_in_its_environment_alone() {
    let (home, _) = home();
    let token = home.ok(&["token", "acme"]).raw.0.trim().to_owned();
    let script = "echo $XERO_ACCESS_TOKEN $XERO_TENANT_ID $XERO_BASE_URL $XEROCTL_CONNECTION; cat; \
                  tr '\\0' ' ' < /proc/$PPID/cmdline; tr '\\0' ' ' < /proc/$PPID/environ";
    let run = home.run_with(&["exec", "acme", "--", "sh", "-c", script], "from outside\n");
    assert_eq!(run.status, 0, "{}", run.text());
    let (first, rest) = run.raw.0.split_once('\n').unwrap();
    assert_eq!(first, format!("{token} {} {}/ acme", MAPLE_FLORIST.id, home.mock().url()));
    assert!(rest.starts_with("from outside\n"), "{rest}");
    assert!(!rest.contains(&token), "the token is in xeroctl's own arguments or environment");
}

#[cfg(unix)]
#[test]
fn a_program_ends_as_it_wants() {
    let (home, _) = home();
    let status = |script: &str| home.run(&["exec", "acme", "--", "sh", "-c", script]).status;
    assert_eq!([status("exit 0"), status("exit 7"), status("exit 255")], [0, 7, 255]);
    // Ended by a signal, as a shell would see it: here there is no status.
    assert_eq!(status("kill -TERM $$"), -1);
    assert_eq!(status("kill -KILL $$"), -1);
}

#[cfg(unix)]
#[test]
fn signals_are_the_programs() {
    use rustix::process::Signal;
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
    };
    let (home, _) = home();
    for (name, signal) in [("TERM", Signal::TERM), ("USR1", Signal::USR1), ("ALRM", Signal::ALARM)] {
        let script = format!(
            "trap 'echo told; exit 9' {name}; echo ready; while :; do read -r line || sleep 0.01; done"
        );
        let mut command = home.command(crate::sandbox::BINARY);
        command
            .args(["exec", "acme", "--", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(output.next().unwrap().unwrap(), "ready");
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        // The shell looks at its trap once a line was read.
        drop(child.stdin.take());
        assert_eq!(output.next().unwrap().unwrap(), "told", "{name}");
        assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
    }
}

/// As a job has it whose parent does not want to hear of the end of its programs.
#[cfg(unix)]
#[test]
fn a_program_is_waited_for_wherever_it_is_started() {
    let (home, _) = home();
    let script = "trap '' CHLD; exec \"$0\" exec acme -- sh -c 'exit 7'";
    let output = home.command("sh").args(["-c", script, crate::sandbox::BINARY]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_program_that_outlives_its_token_is_told_of() {
    use std::io::{BufRead, BufReader};
    let (home, _) = home();
    home.mock().set_access_lifetime(std::time::Duration::from_secs(1));
    home.ok(&["refresh", "acme"]);
    let mut command = home.command(crate::sandbox::BINARY);
    command.args(["exec", "acme", "--min-ttl", "0", "--", "sh", "-c", "read -r line"]);
    command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let told = "warning: the access token has ended and the program still runs; `xeroctl exec --gateway acme` gives it one \
                that lasts as long as it runs, or it asks `xeroctl token` again";
    assert_eq!(line.trim_end(), told);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(1), "the shell read nothing");
}

/// A home whose `job.sh` counts how often it is interrupted.
#[cfg(unix)]
fn interruptible() -> Sandbox {
    let (home, _) = home();
    home.write(
        "job.sh",
        "count=0
         trap 'count=$((count + 1)); echo interrupted $count' INT
         trap 'kill $!; echo ended after $count; exit 9' TERM
         mkfifo hold; cat hold & echo ready
         while kill -0 $! 2>/dev/null; do wait $!; done",
    );
    home.write("list", "");
    home
}

#[cfg(unix)]
fn send(terminal: &crate::terminal::Terminal, signal: rustix::process::Signal) {
    let process = i32::try_from(terminal.process()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(process).unwrap(), signal).unwrap();
}

#[cfg(unix)]
#[test]
fn what_the_terminal_sends_a_program_is_not_sent_again() {
    let home = interruptible();
    let mut terminal = home.shell_at_terminal("exec \"$XEROCTL\" exec acme -- sh job.sh < list");
    terminal.expect("ready").keys(crate::terminal::CTRL_C).expect("interrupted 1");
    // Signals are forwarded in their order: no other comes after this one.
    send(&terminal, rustix::process::Signal::TERM);
    let (status, screen) = terminal.wait();
    assert!(status == 9 && screen.contains("ended after 1"), "{screen}");
}

#[cfg(unix)]
#[test]
fn what_a_process_sends_is_sent_on_at_a_terminal_too() {
    let home = interruptible();
    let mut terminal = home.shell_at_terminal("exec \"$XEROCTL\" exec acme -- sh job.sh");
    terminal.expect("ready");
    send(&terminal, rustix::process::Signal::INT);
    terminal.expect("interrupted 1");
    send(&terminal, rustix::process::Signal::TERM);
    let (status, screen) = terminal.wait();
    assert!(status == 9 && screen.contains("ended after 1"), "{screen}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_crashes_takes_no_core_of_this_one_along() {
    use std::os::unix::process::ExitStatusExt;
    let (home, _) = home();
    for (signal, number) in [("ABRT", 6), ("SEGV", 11), ("QUIT", 3)] {
        let line = format!(
            "ulimit -c \"$(ulimit -H -c)\"; exec \"$XEROCTL\" exec acme -- sh -c 'kill -{signal} $$'"
        );
        let mut command = home.command("sh");
        let status = command.env("XEROCTL", crate::sandbox::BINARY).args(["-c", &line]).status().unwrap();
        assert_eq!((status.signal(), status.core_dumped()), (Some(number), false));
    }
}

#[test]
fn misuse_of_exec() {
    let (home, _) = home();
    let commands: [&[&str]; 5] = [
        &["exec", "acme", "--", "no-such-program"],
        &["exec", "acme"],
        &["exec", "acme", "sh"],
        &["exec", "nobody", "--", "sh"],
        &["exec", "acme", "--min-ttl", "1501", "--", "sh"],
    ];
    let mut text = transcript(&home, &commands);
    let private = Sandbox::connected();
    text.push_str(&private.run(&["exec", "acme", "--", "sh"]).text());
    insta::assert_snapshot!(text);
}

#[test]
fn all_pages_are_one_document() {
    let (home, _) = home();
    let run = home.ok(&["request", "GET", "Invoices", "--paginate", "-Q", "pageSize=100"]);
    let whole = run.json();
    let invoices = whole["Invoices"].as_array().unwrap();
    let mut ids: Vec<_> = invoices.iter().map(|invoice| invoice["InvoiceID"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((invoices.len(), ids.len(), run.stderr.as_str()), (250, 250, "3 pages.\n"));
    let by_page = home.ok(&["request", "GET", "Invoices?page=3&pageSize=100", "--paginate", "--json"]).json();
    assert_eq!(by_page["body"]["Invoices"].as_array().unwrap().len(), 50, "from the page that was named");
    let accounts = home.ok(&["request", "GET", "Contacts", "--paginate"]);
    assert_eq!(accounts.stderr, "2 pages.\n", "a list without pages is seen to be the same again");
    home.ok(&["request", "GET", "Invoices", "--paginate", "-o", "all.json", "-q"]);
    let file: Value = serde_json::from_slice(&fs::read(home.path("all.json")).unwrap()).unwrap();
    assert_eq!(file["Invoices"].as_array().unwrap().len(), 250);
}

#[test]
fn journals_are_fetched_by_their_numbers() {
    let home = Sandbox::connected();
    let numbers = |target: &str| -> Vec<u64> {
        let whole = home.ok(&["request", "GET", target, "--paginate"]).json();
        let journals = whole["Journals"].as_array().unwrap();
        journals.iter().map(|journal| journal["JournalNumber"].as_u64().unwrap()).collect()
    };
    home.mock().clear_journal();
    let all = numbers("Journals");
    assert!(all.len() > 100 && all.is_sorted_by(|one, next| one < next), "{all:?}");
    let asked: Vec<_> = home.mock().journal().into_iter().map(|entry| entry.query.unwrap()).collect();
    let last = all[all.len() - 1];
    let offset = |offset: u64| format!("offset={offset}");
    assert_eq!(asked, [offset(0), offset(all[99]), offset(last)]);
    assert_eq!(numbers(&format!("Journals?offset={}", all[99])), all[100..], "from the one that was named");
}

#[test]
fn queries_are_encoded() {
    let (home, _) = home();
    let arguments =
        ["request", "GET", "Invoices", "--where", "Status==\"PAID\" AND Total>1", "--order", "Date DESC"];
    home.ok(&[&arguments[..], &["-Q", "summaryOnly=a&b", "--modified-since", "2026-01-02"]].concat());
    let entry = home.mock().journal().pop().unwrap();
    let query = "summaryOnly=a%26b&where=Status%3D%3D%22PAID%22+AND+Total%3E1&order=Date+DESC";
    assert_eq!(entry.query.as_deref(), Some(query));
    assert_eq!(entry.header("if-modified-since"), Some("2026-01-02T00:00:00"));
}

#[test]
fn a_write_is_sent_again_under_one_key_and_done_once() {
    let (home, _) = home();
    home.write("contact.json", r#"{"Contacts":[{"Name":"Once"}]}"#);
    let post = ["request", "POST", "Contacts", "-d", "@contact.json"];
    home.mock().fault(Fault::LoseReply.on("/api.xro"));
    let run = home.ok(&post);
    assert!(run.stderr.contains("broke the connection off. Once more."), "{}", run.stderr);
    let keys = asked(&home, "/Contacts", "idempotency-key");
    assert_eq!(keys.len(), 2);
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    let named = |run: &Run| {
        run.json()["Contacts"].as_array().unwrap().iter().filter(|one| one["Name"] == "Once").count()
    };
    assert_eq!(named(&home.ok(&["request", "GET", "Contacts"])), 1);
    home.mock().clear_journal();
    home.write("contact.json", r#"{"Contacts":[{"Name":"Another"}]}"#);
    home.ok(&[&post[..], &["--idempotency-key", "mine-1"]].concat());
    assert_eq!(asked(&home, "/Contacts", "idempotency-key"), [Some("mine-1".to_owned())]);
}

#[test]
fn a_server_in_trouble_is_asked_again_where_it_does_no_harm() {
    let (home, _) = home();
    home.mock().fault(Fault::Maintenance.on("/api.xro"));
    home.mock().fault(Fault::CutAfterBytes(20).on("/api.xro"));
    let run = home.ok(&["request", "GET", "Organisation"]);
    assert_eq!(run.stderr.matches("Once more.").count(), 2, "{}", run.stderr);
    home.mock().clear_journal();
    home.mock().fault(Fault::Maintenance.on("/api.xro"));
    let run = home.run(&["request", "DELETE", "Invoices/1"]);
    assert_eq!((run.status, asked(&home, "/1", "authorization").len()), (5, 1), "{}", run.text());
    home.mock().clear_journal();
    home.mock().fault(Fault::Maintenance.on("/api.xro"));
    let run = home.run(&["request", "GET", "Organisation", "--max-wait", "0"]);
    assert_eq!((run.status, asked(&home, "/Organisation", "authorization").len()), (5, 1), "{}", run.text());
}

fn limited(seconds: u64) -> Fault {
    let retry_after = Some(Duration::from_secs(seconds));
    Fault::TooManyRequests { problem: RateLimit::Minute, retry_after }
}

#[test]
fn where_calls_cannot_be_counted_the_server_is_left_alone_as_long_as_it_says() {
    let (home, _) = home();
    home.forget_calls();
    fs::create_dir(home.path("data/xeroctl/connections.db-calls")).unwrap();
    home.mock().fault(limited(3_000));
    let run = home.run(&["request", "GET", "Organisation", "-v"]);
    assert_eq!((run.status, asked(&home, "/Organisation", "authorization").len()), (7, 1), "{}", run.text());
    assert_eq!(
        run.stderr.matches("calls are not counted against Xero's limits").count(),
        1,
        "{}",
        run.text()
    );
    home.mock().clear_journal();
    home.mock().fault(limited(2));
    let run = home.ok(&["request", "GET", "Organisation"]);
    assert_eq!(asked(&home, "/Organisation", "authorization").len(), 2, "{}", run.text());
    assert_eq!(run.stderr, "The rate limit for one minute is used up: waiting 2 seconds.\n");
}

#[test]
fn a_limit_is_waited_for_as_long_as_was_said_and_by_all() {
    let (home, _) = home();
    home.mock().fault(limited(1));
    let run = home.ok(&["request", "GET", "Organisation"]);
    assert_eq!(asked(&home, "/Organisation", "authorization").len(), 2, "{}", run.text());
    home.mock().fault(limited(3_000));
    home.mock().clear_journal();
    let commands: [&[&str]; 4] = [
        &["request", "GET", "Organisation"],
        &["request", "GET", "Organisation", "--json"],
        &["test", "acme"],
        &["limits", "acme"],
    ];
    let text = transcript(&home, &commands);
    assert_eq!(asked(&home, "/Organisation", "authorization").len(), 1, "only the first was sent");
    insta::assert_snapshot!(seconds(&text));
    let document = home.ok(&["limits", "acme", "--json"]).json();
    assert_eq!(document["paused"]["limit"], "minute");
    assert_eq!(document["running"], json!(0));
}

/// How much of the pause is over differs.
fn seconds(text: &str) -> String {
    let text = regex::Regex::new(r"\d{4} seconds").unwrap().replace_all(text, "SECONDS seconds").into_owned();
    let text =
        regex::Regex::new(r"DATE \d\d:\d\d:\d\d UTC").unwrap().replace_all(&text, "DATE TIME").into_owned();
    regex::Regex::new(r"seconds\x22: \d{4}").unwrap().replace_all(&text, "seconds\": SECONDS").into_owned()
}

#[test]
fn misuse_of_request() {
    let (home, _) = home();
    let since = ["--modified-since", "2026-01-02", "-H", "If-Modified-Since: Fri, 02 Jan 2026 00:00:00 GMT"];
    let key = ["--idempotency-key", "mine-1", "-H", "IDEMPOTENCY-KEY: mine-2"];
    let commands: [&[&str]; 9] = [
        &[&["request", "GET", "Organisation"][..], &since].concat(),
        &[&["request", "POST", "Contacts"][..], &key].concat(),
        &["request", "GET", "Organisation", "-Q", "page"],
        &["request", "GET", "Organisation", "--modified-since", "yesterday"],
        &["request", "POST", "Contacts", "--paginate"],
        &["request", "GET", "Invoices", "--paginate", "-i"],
        &["request", "POST", "Contacts", "--idempotency-key", "two words"],
        &["request", "GET", "Organisation", "--max-wait", "86401"],
        &["limits", "nobody"],
    ];
    insta::assert_snapshot!(transcript(&home, &commands));
}
