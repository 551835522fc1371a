//! `xeroctl` alone: the five things that people do with it.

use serde_json::json;

use crate::{Context, failure::Outcome};

/// What people do, and with which command.
const WAYS: [(&str, &[&str]); 5] = [
    ("Connect an app and an organisation; it asks for everything", &["xeroctl connect"]),
    ("See what is connected, and whether it works", &["xeroctl list", "xeroctl test --all"]),
    ("Give a job what it needs", &["xeroctl exec NAME -- PROGRAM", "xeroctl request -c NAME GET Invoices"]),
    ("Keep logins alive without anybody", &["xeroctl keepalive --install"]),
    ("Find out what is wrong, or how something is done", &["xeroctl doctor", "xeroctl help"]),
];

pub(crate) fn run(context: &Context) -> Outcome {
    let ways: Vec<_> =
        WAYS.iter().map(|(what, commands)| json!({ "what": what, "commands": commands })).collect();
    context.ui.document(json!({ "ways": ways }))?;
    context.ui.prose(text())
}

fn text() -> String {
    let way = |(what, commands): &(&str, &[&str])| {
        let lines: String = commands.iter().map(|command| format!("      {command}\n")).collect();
        format!("  {what}\n{lines}")
    };
    let ways = WAYS.iter().map(way).collect::<Vec<_>>().join("\n");
    format!("The connection manager for Xero\n\n{ways}\n`xeroctl --help` lists all commands and options.")
}
