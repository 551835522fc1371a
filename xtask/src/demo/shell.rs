//! The terminal that the demo shows: commands as a person types them, and what they really print.

use std::cell::Cell;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use tempfile::TempDir;

use crate::stop::Stop;

/// Longer output is cut.
const LINES: usize = 25;

/// A line too, counted in characters.
const WIDTH: usize = 700;

/// A folder to work in, which is also the home of the person, and `xeroctl`.
pub(super) struct Shell {
    folder: TempDir,
    xeroctl: PathBuf,
    xero_url: String,
    headings: Cell<usize>,
}

impl Shell {
    pub(super) fn new(xeroctl: &Path, xero_url: &str) -> Result<Self, Stop> {
        let cannot = |error: io::Error| Stop::because("cannot make a folder for the demo", &error);
        let folder = TempDir::with_prefix("xeroctl-demo-").map_err(cannot)?;
        fs::create_dir(folder.path().join("elsewhere")).map_err(cannot)?;
        println!("\n$ export XEROCTL_XERO_URL={xero_url} XEROCTL_STORE=connections.db");
        Ok(Self {
            folder,
            xeroctl: xeroctl.to_owned(),
            xero_url: xero_url.to_owned(),
            headings: Cell::new(0),
        })
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(super) fn write(&self, file: &str, text: &str) -> Result<(), Stop> {
        fs::write(self.path(file), text)
            .map_err(|error| Stop::because(&format!("cannot write {file}"), &error))
    }

    pub(super) fn heading(&self, text: &str) {
        self.headings.set(self.headings.get() + 1);
        println!("\n── {}. {text}", self.headings.get());
    }

    /// Runs `xeroctl` and shows what it prints; any other exit status than the expected one ends the demo.
    pub(super) fn run(&self, arguments: &[&str], expected: i32) -> Result<(), Stop> {
        let typed = arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
        println!("\n$ xeroctl {typed}");
        let (output, status) =
            self.output(arguments).map_err(|error| Stop::because("cannot run xeroctl", &error))?;
        print_cut(&output);
        match status {
            Some(status) if status == expected => {
                if status != 0 {
                    println!("[exit status {status}]");
                }
                Ok(())
            }
            status => Err(Stop::new(format!(
                "`xeroctl {typed}` ended with {status:?}, the demo expects {expected}"
            ))),
        }
    }

    /// Standard output and standard error in the order in which they come, as on a terminal.
    fn output(&self, arguments: &[&str]) -> io::Result<(String, Option<i32>)> {
        let (mut reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.xeroctl);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(writer.try_clone()?).stderr(writer);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("XEROCTL_")) {
            command.env_remove(name);
        }
        command.env("XEROCTL_XERO_URL", &self.xero_url).env("XEROCTL_STORE", "connections.db");
        for home in ["HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(home, self.folder.path());
        }
        let mut child = command.spawn()?;
        drop(command); // the last writer of the pipe here: reading ends when the child does
        let mut output = Vec::new();
        reader.read_to_end(&mut output)?;
        Ok((String::from_utf8_lossy(&output).into_owned(), child.wait()?.code()))
    }
}

fn print_cut(output: &str) {
    for line in output.lines().take(LINES) {
        match line.char_indices().nth(WIDTH) {
            Some((cut, _)) => println!("{}… ({} more bytes)", &line[..cut], line.len() - cut),
            None => println!("{line}"),
        }
    }
    let left = output.lines().count().saturating_sub(LINES);
    if left > 0 {
        println!("… ({left} more lines)");
    }
}

/// As a shell wants it.
fn quoted(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@".contains(character);
    if argument.chars().all(plain) { argument.to_owned() } else { format!("'{argument}'") }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(quoted("--name"), "--name");
        assert_eq!(quoted("Acme nightly"), "'Acme nightly'");
        assert_eq!(quoted("Invoices?page=1&pageSize=2"), "'Invoices?page=1&pageSize=2'");
    }
}
