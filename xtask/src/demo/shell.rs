//! The terminal that the demo shows: commands as a person types them, and what they really print.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, PipeReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, io};

use tempfile::TempDir;

use crate::stop::Stop;

/// Longer output is cut.
const LINES: usize = 25;

/// A line too, counted in characters.
const WIDTH: usize = 700;

/// A part of every address that a person opens.
const LOGIN: &str = "/connect/authorize?";

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
        let mut running = self.start(arguments)?;
        running.rest()?;
        print_cut(&running.said);
        running.end(expected)
    }

    /// Runs `xeroctl`, which must succeed, and gives what it printed.
    pub(super) fn read(&self, arguments: &[&str]) -> Result<String, Stop> {
        let mut running = self.start(arguments)?;
        running.rest()?;
        print_cut(&running.said);
        running.end(0)?;
        Ok(std::mem::take(&mut running.said))
    }

    /// Starts `xeroctl`.
    pub(super) fn start(&self, arguments: &[&str]) -> Result<Running, Stop> {
        let typed = arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ");
        println!("\n$ xeroctl {typed}");
        self.spawn(arguments, typed).map_err(|error| Stop::because("cannot run xeroctl", &error))
    }

    /// Standard output and standard error in the order in which they come, as on a terminal.
    fn spawn(&self, arguments: &[&str], typed: String) -> io::Result<Running> {
        let (reader, writer) = io::pipe()?;
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
        let child = command.spawn()?;
        drop(command); // the last writer of the pipe here: reading ends when the child does
        Ok(Running { child, output: BufReader::new(reader), said: String::new(), typed })
    }
}

/// `xeroctl` at work. It ends when this is dropped, also by a panic.
pub(super) struct Running {
    child: Child,
    output: BufReader<PipeReader>,
    said: String,
    typed: String,
}

impl Running {
    /// Shows what it prints until it has printed the address that a person opens.
    pub(super) fn address(&mut self) -> Result<String, Stop> {
        let mut line = String::new();
        while !line.contains(LOGIN) {
            line.clear();
            let read = self.output.read_line(&mut line);
            if read.map_err(|error| Stop::because("cannot read what xeroctl says", &error))? == 0 {
                return Err(Stop::new("xeroctl printed no address"));
            }
            print_cut(&line);
        }
        Ok(line.trim().to_owned())
    }

    /// Shows what it still prints, and waits for its end.
    pub(super) fn finish(mut self, expected: i32) -> Result<(), Stop> {
        self.rest()?;
        print_cut(&self.said);
        self.end(expected)
    }

    fn rest(&mut self) -> Result<(), Stop> {
        let mut rest = Vec::new();
        let read = self.output.read_to_end(&mut rest);
        read.map_err(|error| Stop::because("cannot read what xeroctl says", &error))?;
        self.said = String::from_utf8_lossy(&rest).into_owned();
        Ok(())
    }

    fn end(&mut self, expected: i32) -> Result<(), Stop> {
        let status = self.child.wait().map_err(|error| Stop::because("xeroctl is gone", &error))?.code();
        match status {
            Some(status) if status == expected => {
                if status != 0 {
                    println!("[exit status {status}]");
                }
                Ok(())
            }
            status => {
                let typed = &self.typed;
                Err(Stop::new(format!(
                    "`xeroctl {typed}` ended with {status:?}, the demo expects {expected}"
                )))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
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
