//! The recipes of the guide for Python and Node, as they stand there, and the syntax of those that nothing here can run.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::household::{CONNECTIONS, Household};
use super::{SURROUNDINGS, run};
use crate::programs::Programs;
use crate::stop::Stop;

const PAGE: &str = "docs/recipes.md";
const JUDGE: &str = "xtask/interop/syntax_of_recipes.py";
/// How many contacts an organisation of the mock has, and one of them.
const CONTACTS: (usize, &str) = (12, "Cobalt Cycles");

/// What is run, and by what.
pub(super) struct Recipe<'a> {
    pub(super) language: &'static str,
    pub(super) name: &'static str,
    pub(super) interpreter: &'a OsStr,
    /// Where it finds its packages; `None`: wherever it lies.
    pub(super) folder: Option<&'a Path>,
}

/// In each way that the page names: with a token, behind a gateway, and for a private app.
pub(super) fn run_all(programs: &Programs, recipes: &[Recipe<'_>]) -> Result<(), Stop> {
    let home = Household::set(programs)?;
    let [login, private] = CONNECTIONS;
    for recipe in recipes {
        let text = block(recipe.language, recipe.name)?;
        let script = match recipe.folder {
            None => home.write(recipe.name, &text)?,
            Some(folder) => {
                let path = folder.join(recipe.name);
                fs::write(&path, text).map_err(|error| Stop::because("cannot write a recipe", &error))?;
                path
            }
        };
        for way in [&[login][..], &["--gateway", login], &["--gateway", private]] {
            let mut command = home.command();
            command.env("PATH", env::var_os("PATH").unwrap_or_default()).envs(SURROUNDINGS);
            command.arg("exec").args(way).arg("--").arg(recipe.interpreter).arg(&script);
            expect_contacts(&mut command)?;
            println!("{:12} {:44} ok", recipe.name, way.join(" "));
        }
    }
    Ok(())
}

/// The syntax of the others, by a Python that has the grammars.
pub(super) fn judge(python: &Path) -> Result<(), Stop> {
    run(Command::new(python).arg(JUDGE).arg(PAGE))
}

/// The block of the page whose first line names the file.
fn block(language: &str, name: &str) -> Result<String, Stop> {
    let page = fs::read_to_string(PAGE).map_err(|error| Stop::because("cannot read the recipes", &error))?;
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split_once("\n```"));
    let mut named = blocks.filter(|(block, _)| block.lines().next().is_some_and(|line| line.ends_with(name)));
    let found = named.next().ok_or_else(|| Stop::new(format!("{PAGE} has no {name}")))?;
    Ok(format!("{}\n", found.0))
}

fn expect_contacts(command: &mut Command) -> Result<(), Stop> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Stop::because("cannot run a recipe", &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (count, name) = CONTACTS;
    if output.status.success() && text.lines().count() == count && text.lines().any(|line| line == name) {
        return Ok(());
    }
    Err(Stop::failed(
        output.status,
        format!("a recipe does not list the contacts ({}):\n{text}", output.status),
    ))
}
