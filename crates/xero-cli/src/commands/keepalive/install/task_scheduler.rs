//! Task Scheduler (Windows): a task of the user, described in XML (Task Scheduler Schema 1.2, schtasks).

use etcetera::BaseStrategy;
use quick_xml::escape::escape;

use super::{File, Setup, Step, job::Job};
use crate::{failure::Outcome, store_access::base};

const TASK: &str = "xeroctl keepalive";

pub(super) fn setup(job: &Job) -> Outcome<Setup> {
    let path = base()?.data_dir().join("xeroctl").join("keepalive-task.xml");
    let text = path.display().to_string();
    let create = Step::new(&["schtasks", "/Create", "/TN", TASK, "/XML", &text, "/F"]);
    let run = Step::new(&["schtasks", "/Run", "/TN", TASK]);
    // A task that runs is ended before it is deleted; one that does not cannot be.
    let end = Step::new(&["schtasks", "/End", "/TN", TASK]).that_may_fail();
    let delete = Step::new(&["schtasks", "/Delete", "/TN", TASK, "/F"]);
    let start = if job.daemon { vec![end.clone(), create, run] } else { vec![create] };
    Ok(Setup {
        files: vec![File { path, text: task(job), utf16: true }],
        start,
        stop: vec![end, delete],
        ..Setup::default()
    })
}

fn task(job: &Job) -> String {
    let arguments: Vec<_> = job.arguments.iter().map(|word| quoted(word)).collect();
    let (command, arguments) = (escape(&job.path).into_owned(), arguments.join(" "));
    // A run of each day has an hour; what stays has no limit.
    let limit = if job.daemon { "PT0S" } else { "PT1H" };
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Keeps the logins of xeroctl alive.</Description>
  </RegistrationInfo>
  <Triggers>
{}  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>
    <ExecutionTimeLimit>{limit}</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{}</Arguments>
    </Exec>
  </Actions>
</Task>
"#,
        trigger(job),
        escape(&arguments)
    )
}

fn trigger(job: &Job) -> String {
    let (hour, minute) = job.hour_and_minute();
    if job.daemon {
        return "    <LogonTrigger>\n    </LogonTrigger>\n".to_owned();
    }
    format!(
        "    <CalendarTrigger>\n      <StartBoundary>2026-01-01T{hour:02}:{minute:02}:00</StartBoundary>\n      \
         <ScheduleByDay>\n        <DaysInterval>1</DaysInterval>\n      </ScheduleByDay>\n    </CalendarTrigger>\n"
    )
}

/// A word as the C runtime of Windows takes it apart again ("Parsing C command-line arguments"): in quotes where it must
/// be, with backslashes doubled where quotes follow them.
fn quoted(word: &str) -> String {
    let quotes = word.is_empty() || word.contains([' ', '\t']);
    let (mut text, mut backslashes) = (String::new(), 0);
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                text.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        text.push(c);
    }
    if !quotes {
        return text;
    }
    format!("\"{text}{}\"", "\\".repeat(backslashes))
}
