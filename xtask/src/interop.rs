//! `cargo xtask interop`: other people's clients, unmodified but for their base addresses, against the mock, and by way of
//! the gateway; and the recipes of the guide.

mod by_gateway;
mod household;
mod recipes;

use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};
use std::{fs, io};

use self::by_gateway::Stage;
use self::household::CONNECTIONS;
use self::recipes::Recipe;
use crate::mock::Mock;
use crate::needs;
use crate::programs::Programs;
use crate::stop::Stop;

/// What the clients are and how each is tried.
const SOURCES: &str = "xtask/interop";

const REQUIREMENTS: &str = "requirements.txt";

/// Where they are installed; nothing of it belongs to the project.
const INSTALLED: &str = "target/interop";

/// Without a proxy: the mock is on this computer's loopback address. Without TLS, which the mock has not.
const SURROUNDINGS: [(&str, &str); 3] =
    [("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1"), ("OAUTHLIB_INSECURE_TRANSPORT", "1")];

/// Installs the clients where that has not been done yet, which needs the network, and lets each do its whole job.
/// The scripts say what they do and end with another status than 0 when something is not as it should be.
pub(crate) fn interop() -> Result<(), Stop> {
    let grammars = python_with("grammars.txt", "grammars")?;
    recipes::judge(&grammars)?;
    let node = node_client("with-xero-node.mjs")?;
    let python = python_client("with_xero_python.py")?;
    let by_gateway =
        [node_client("with-xero-node-by-gateway.mjs")?, python_client("with_xero_python_by_gateway.py")?];
    let programs = Programs::build(&["xero-cli", "xero-mock"])?;
    for mut client in [node, python] {
        let mock = Mock::start(programs.path("xero-mock")?)?;
        run(client.arg(mock.url()).envs(SURROUNDINGS))?;
    }
    for mut client in by_gateway {
        let stage = Stage::set(&programs)?;
        client.arg(stage.address()).arg(stage.token_file()).args(CONNECTIONS);
        run(client.envs(SURROUNDINGS))?;
    }
    let (python, packages) = (python_with(REQUIREMENTS, "python")?, folder("node")?);
    let python =
        Recipe { language: "python", name: "contacts.py", interpreter: python.as_os_str(), folder: None };
    let node = Recipe {
        language: "js",
        name: "contacts.mjs",
        interpreter: "node".as_ref(),
        folder: Some(&packages),
    };
    recipes::run_all(&programs, &[python, node])
}

/// The script is put beside the packages, where node looks for them.
fn node_client(script: &str) -> Result<Command, Stop> {
    let folder = folder("node")?;
    let copy = |file: &str| {
        let copied = fs::copy(Path::new(SOURCES).join(file), folder.join(file));
        copied
            .map(|_| folder.join(file))
            .map_err(|error| Stop::because(&format!("cannot copy {file}"), &error))
    };
    copy("package.json")?;
    let list = copy("package-lock.json")?;
    install(&list, &folder, || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        run(&mut npm)
    })?;
    let mut node = Command::new("node");
    node.arg(copy(script)?);
    Ok(node)
}

fn python_client(script: &str) -> Result<Command, Stop> {
    let mut client = Command::new(python_with(REQUIREMENTS, "python")?);
    client.arg(Path::new(SOURCES).join(script));
    Ok(client)
}

/// A Python of its own in this folder, with what a list names.
fn python_with(list: &str, name: &str) -> Result<PathBuf, Stop> {
    let folder = folder(name)?;
    let list = Path::new(SOURCES).join(list);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    install(&list, &folder, || {
        let system = needs::python().ok_or_else(missing)?;
        run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--use-pep517",
            "--require-hashes",
            "-r",
        ];
        run(Command::new(&python).args(pip).arg(&list))
    })?;
    Ok(python)
}

fn folder(name: &str) -> Result<PathBuf, Stop> {
    let folder = absolute(Path::new(INSTALLED).join(name));
    let made = folder.and_then(|folder| fs::create_dir_all(&folder).map(|()| folder));
    made.map_err(|error| Stop::because("cannot make a folder for the clients", &error))
}

/// Does nothing where the same list was installed before.
fn install(list: &Path, folder: &Path, install: impl FnOnce() -> Result<(), Stop>) -> Result<(), Stop> {
    let cannot = |error: io::Error| Stop::because("cannot look at what is installed", &error);
    let wanted = fs::read(list).map_err(cannot)?;
    let done = folder.join("installed");
    if fs::read(&done).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(done, wanted).map_err(cannot)
}

/// Prints the line and runs it.
fn run(command: &mut Command) -> Result<(), Stop> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    println!("$ {line}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Stop::failed(status, format!("`{line}` failed ({status})"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(Stop::because(&format!("cannot run `{line}`"), &error)),
    }
}

fn missing() -> Stop {
    Stop::needs_person("node, npm or Python is missing; `cargo xtask needs` finds and installs what is")
}
