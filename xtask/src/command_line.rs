//! Commands written as a person types them: `NAME=value program argument`, without quotes.

use std::env;
use std::process::Command;

use crate::stop::Stop;

/// The command, ready to start. `cargo` is the one that started this program.
pub(crate) fn command(line: &str) -> Command {
    let is_variable = |word: &&str| word.contains('=');
    let variables = line.split_whitespace().take_while(is_variable);
    let mut words = line.split_whitespace().skip_while(is_variable);
    let mut command = match words.next().expect("a command line names a program") {
        "cargo" => cargo(),
        program => Command::new(program),
    };
    command.args(words).envs(variables.filter_map(|word| word.split_once('=')));
    command
}

/// Cargo, free of what `cargo run` tells this program about itself: build scripts that look at it would run again.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Prints the line and runs it; its exit status, if it is not 0, becomes that of the chore.
pub(crate) fn run(line: &str) -> Result<(), Stop> {
    println!("$ {line}");
    let status =
        command(line).status().map_err(|error| Stop::because(&format!("cannot run `{line}`"), &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Stop::failed(status, format!("`{line}` failed ({status})")))
}

/// Whether the command ends with status 0; its output is dropped.
pub(crate) fn succeeds(line: &str) -> bool {
    command(line).output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn variables_come_before_the_program() {
        let command = command("A=b  C=d=e program --option=x y");
        assert_eq!(command.get_program(), "program");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["--option=x", "y"]);
        let variables: Vec<_> = command.get_envs().map(|(name, value)| (name, value.unwrap())).collect();
        assert_eq!(variables, [("A".as_ref(), "b".as_ref()), ("C".as_ref(), "d=e".as_ref())]);
    }
}
