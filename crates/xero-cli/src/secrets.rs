//! Where passwords come from: standard input, a file or a hidden prompt. Never the command line or the environment.

use std::{
    cell::RefCell,
    fs,
    io::{self, BufRead, IsTerminal, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use xero_certs::{Error as CertError, Password, Pfx};
use zeroize::Zeroizing;

use crate::{
    args::{NewPasswordSource, PasswordSource, SecretSource},
    failure::{Failure, Kind, Outcome},
    keys::private_file,
    ui::Ui,
};

/// The longest password, in bytes.
const MAX_LINE: usize = 4096;
const TRIES: usize = 3;
/// Said of a secret that was given as an option.
pub(crate) const IN_THE_OPEN: &str =
    "a secret is not taken as an option: other users see it in the list of processes";
/// The most that a command may print, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;
/// How long a command may take: a person may have to touch a key or type a password for it.
const COMMAND: Duration = Duration::from_secs(120);

/// A password that was settled, or that there is none.
pub(crate) type Choice = Option<Password>;

/// Where the password comes from, by the options given.
#[derive(Debug, Clone)]
pub(crate) enum Source<'a> {
    Stdin,
    File(&'a Path),
    Nothing,
    Unsaid,
}

impl PasswordSource {
    pub(crate) fn source(&self) -> Source<'_> {
        match self {
            Self { password_stdin: true, .. } => Source::Stdin,
            Self { password_file: Some(path), .. } => Source::File(path),
            Self { no_password: true, .. } => Source::Nothing,
            _ => Source::Unsaid,
        }
    }
}

impl PasswordSource {
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self.source(), Source::Unsaid)
    }
}

impl SecretSource {
    pub(crate) fn is_given(&self) -> bool {
        !matches!(
            self,
            Self {
                client_secret: None,
                client_secret_stdin: false,
                client_secret_file: None,
                client_secret_command: None
            }
        )
    }
}

/// Refuses a client secret that stands on the command line, before anything else is said of it.
pub(crate) fn none_in_the_open(source: &SecretSource) -> Outcome {
    if source.client_secret.is_none() {
        return Ok(());
    }
    Err(Failure::usage(IN_THE_OPEN).hint(
        "give it with --client-secret-stdin, --client-secret-file or --client-secret-command; if it was a real one, \
         generate another in the portal",
    ))
}

/// The client secret, or `None` where the options do not say.
pub(crate) fn client_secret(source: &SecretSource) -> Outcome<Option<Zeroizing<String>>> {
    none_in_the_open(source)?;
    Ok(match source {
        SecretSource { client_secret_stdin: true, .. } => Some(stdin_line("the client secret")?),
        SecretSource { client_secret_file: Some(path), .. } => Some(file_line(path)?),
        SecretSource { client_secret_command: Some(command), .. } => {
            Some(command_line(command, "the client secret")?)
        }
        _ => None,
    })
}

/// The first line that a command prints. What it says on standard error is seen; its status must be 0.
pub(crate) fn command_line(command: &str, what: &str) -> Outcome<Zeroizing<String>> {
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let failed = |why: String| {
        Failure::usage(format!("the command for {what} {why}"))
            .hint("run the command by hand: it must print the secret and nothing before it")
    };
    let mut child = Command::new(shell)
        .args([option, command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| failed("cannot be run".to_owned()).because(&error))?;
    let printed = match printed(&mut child) {
        Ok(printed) => printed,
        Err(why) => {
            // It may have ended meanwhile.
            drop(child.kill());
            drop(child.wait());
            return Err(failed(why));
        }
    };
    let status = child.wait().map_err(|error| failed("was lost".to_owned()).because(&error))?;
    if !status.success() {
        let status = status.code().map_or("a signal".to_owned(), |code| format!("status {code}"));
        return Err(failed(format!("ended with {status}")));
    }
    first_line(&printed, "the command's output")
}

/// All that a command prints, if it comes to an end in time and stays within bounds.
fn printed(child: &mut Child) -> Result<Zeroizing<Vec<u8>>, String> {
    let stdout = child.stdout.take().ok_or("has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT + 1));
        let read = io::Read::take(stdout, MAX_OUTPUT as u64 + 1).read_to_end(&mut bytes);
        // Nobody listens where the time was over.
        drop(sender.send(read.map(|_| bytes)));
    });
    match receiver.recv_timeout(COMMAND) {
        Ok(Ok(bytes)) if bytes.len() > MAX_OUTPUT => Err(format!("printed more than {MAX_OUTPUT} bytes")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err("cannot be read".to_owned()),
        Err(_) => Err(format!("did not end within {} seconds", COMMAND.as_secs())),
    }
}

impl NewPasswordSource {
    pub(crate) fn source(&self) -> Source<'_> {
        match self {
            Self { new_password_stdin: true, .. } => Source::Stdin,
            Self { new_password_file: Some(path), .. } => Source::File(path),
            Self { no_new_password: true, .. } => Source::Nothing,
            _ => Source::Unsaid,
        }
    }
}

impl Source<'_> {
    /// The password, or `None` where the options do not say.
    fn read(&self) -> Outcome<Option<Choice>> {
        Ok(match self {
            Self::Stdin => Some(Some(Password::new(stdin_line("a password")?.as_str()))),
            Self::File(path) => Some(Some(Password::new(file_line(path)?.as_str()))),
            Self::Nothing => Some(None),
            Self::Unsaid => None,
        })
    }
}

/// Opens a PKCS#12 file: with the password that the options give, else without one, else with one asked for.
pub(crate) fn open_pfx(ui: &Ui, path: &Path, bytes: &[u8], source: &Source<'_>) -> Outcome<Pfx> {
    open_protected(ui, path, source, |password| Pfx::open(bytes, password))
}

/// Opens any protected file as [`open_pfx`] does.
pub(crate) fn open_protected<T>(
    ui: &Ui,
    path: &Path,
    source: &Source<'_>,
    open: impl Fn(Option<&Password>) -> Result<T, CertError>,
) -> Outcome<T> {
    let explain = |error: CertError| Failure::file(path, &error);
    if let Some(choice) = source.read()? {
        return open(choice.as_ref()).map_err(explain);
    }
    let mut outcome = open(None);
    for _ in 0..TRIES {
        match outcome {
            Err(CertError::PasswordNeeded) if ui.interactive() => {}
            Err(CertError::WrongPassword) => ui.say("The password is wrong. Try again."),
            outcome => return outcome.map_err(explain),
        }
        let typed = Zeroizing::new(ui.ask_hidden(&format!("Password of {}:", path.display()))?);
        outcome = open(Some(&Password::new(typed.as_str())));
    }
    outcome.map_err(explain)
}

/// The password for a new file, asked for twice on a terminal; an empty one is none.
pub(crate) fn new_password(ui: &Ui, source: &Source<'_>, option: &str) -> Outcome<Choice> {
    let choice = match source.read()? {
        // Where a secret could not be fetched, a file or pipe is empty: that must not make a bare key.
        Some(Some(password)) if password.expose().is_empty() => {
            return Err(Failure::usage("the password for the new file is empty")
                .hint(format!("give --no-{option} for none")));
        }
        Some(choice) => choice,
        None if ui.interactive() => ask_new(ui)?,
        None => {
            return Err(Failure::usage("nothing was said about a password for the new file")
                .hint(format!("give --{option}-stdin, --{option}-file FILE or --no-{option}")));
        }
    };
    if choice.as_ref().is_some_and(|password| !password.is_portable()) {
        ui.warn("the password has characters other than ASCII: Java programs will not open the file");
    }
    Ok(choice.filter(|password| !password.expose().is_empty()))
}

fn ask_new(ui: &Ui) -> Outcome<Choice> {
    let typed = Zeroizing::new(ui.ask_hidden_twice(
        "Password for the new file:",
        "Enter alone: no password. Letters, digits and signs of ASCII are read everywhere.",
    )?);
    Ok(Some(Password::new(typed.as_str())))
}

/// A file of any kind, no larger than key files are.
pub(crate) fn read_small(path: &Path) -> Outcome<Zeroizing<Vec<u8>>> {
    fs::File::open(path).and_then(read_from).map_err(|error| Failure::unreadable(path, &error))
}

fn read_from(file: fs::File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = u64::try_from(xero_certs::MAX_FILE).expect("a constant that fits") + 1;
    io::Read::take(file, limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first line of a file that holds a secret, without its line end. Where others can read the file, that is said.
pub(crate) fn file_line(path: &Path) -> Outcome<Zeroizing<String>> {
    let unreadable = |error: io::Error| Failure::unreadable(path, &error);
    let file = fs::File::open(path).map_err(unreadable)?;
    if let Some(others) = private_file::readable_by_others(path, &file.metadata().map_err(unreadable)?) {
        Ui::caution(others);
    }
    first_line(&read_from(file).map_err(unreadable)?, &path.display().to_string())
}

/// The first line of a text, without its line end.
pub(crate) fn first_line(bytes: &[u8], place: &str) -> Outcome<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_text(place))?;
    let line = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    if line.len() > MAX_LINE { Err(too_long(place)) } else { Ok(Zeroizing::new(line.to_owned())) }
}

fn too_long(place: &str) -> Failure {
    Failure::usage(format!("the first line of {place} is longer than {MAX_LINE} bytes"))
        .hint("put what is wanted, and nothing else, on the first line")
}

/// The next line of standard input, without its line end.
pub(crate) fn stdin_line(what: &str) -> Outcome<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        // It would be seen as it is typed.
        return Err(Failure::usage(format!("standard input is the terminal, where {what} would be seen"))
            .hint("leave the option out to be asked for it hidden, or redirect standard input"));
    }
    thread_local!(static STDIN: RefCell<io::BufReader<io::Stdin>> = RefCell::new(io::BufReader::new(io::stdin())));
    let mut line = Zeroizing::new(String::new());
    STDIN.with_borrow_mut(|stdin| io::Read::take(stdin, MAX_LINE as u64 + 2).read_line(&mut line)).map_err(
        |error| match error.kind() {
            io::ErrorKind::InvalidData => not_text("standard input"),
            _ => stdin_unreadable(&error),
        },
    )?;
    if line.len() > MAX_LINE {
        return Err(too_long("standard input"));
    }
    if line.is_empty() {
        return Err(Failure::usage(format!("standard input ended where {what} was to come"))
            .hint("give a line for each thing that is read from it, in the order of the command's help"));
    }
    let length = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(length);
    Ok(line)
}

/// Standard input that fails where it is read.
pub(crate) fn stdin_unreadable(error: &io::Error) -> Failure {
    Failure::new(Kind::Other, "standard input cannot be read")
        .because(error)
        .hint("redirect it from a file or a pipe")
}

fn not_text(place: &str) -> Failure {
    Failure::usage(format!("{place} does not hold a line of UTF-8 text"))
        .hint("give a text whose first line is what is wanted, saved as UTF-8")
}
