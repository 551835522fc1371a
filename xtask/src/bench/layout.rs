//! Which functions `xeroctl token` runs, for the linker to put them together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::home::Home;
use super::token::{WARM, ours, with_passphrase};
use super::turns::functions;
use crate::command_line::run;
use crate::stop::Stop;

const SCRIPT: &str = "crates/xero-cli/token.ld";
const HEAD: &str = "/* What `xeroctl token` runs, side by side. Made by `cargo xtask bench layout`; a name that there is not any more is passed over. */\n";

/// Writes the linker's script.
pub(super) fn write() -> Result<(), Stop> {
    let before = fs::read_to_string(SCRIPT)
        .map_err(|error| Stop::because(&format!("cannot read {SCRIPT}"), &error))?;
    let names = names();
    let text = names.as_ref().map_or(before, script);
    put(&text)?;
    println!("{} functions", names?.len());
    Ok(())
}

/// What a token needs of the program.
fn names() -> Result<BTreeSet<String>, Stop> {
    // Callgrind does not find the names of what a script has put into a section of its own.
    put(&script(&BTreeSet::new()))?;
    run("cargo rustc --release --package xero-cli --bin xeroctl --locked -- -C strip=none")?;
    let home = Home::new()?;
    with_passphrase(&home)?;
    let mut names = BTreeSet::new();
    for arguments in [&["token", "bench"][..], &["token", "bench", "--store", WARM]] {
        let profile = functions(&ours(&home, arguments))?;
        names.extend(
            run_by(&profile, "/xeroctl").into_iter().filter(|name| is_symbol(name)).map(without_hashes),
        );
    }
    home.run(&["store", "lock", "--store", WARM])?;
    if names.is_empty() { Err(Stop::new("callgrind found no function of xeroctl")) } else { Ok(names) }
}

fn put(text: &str) -> Result<(), Stop> {
    fs::write(SCRIPT, text).map_err(|error| Stop::because(&format!("cannot write {SCRIPT}"), &error))
}

/// The functions of a program in a profile of callgrind (its manual, "Callgrind Format Specification").
fn run_by<'a>(profile: &'a str, program: &str) -> BTreeSet<&'a str> {
    let (mut objects, mut functions) = (BTreeMap::new(), BTreeMap::new());
    let (mut own, mut found) = (false, BTreeSet::new());
    for line in profile.lines() {
        let Some((kind, text)) = line.split_once('=') else { continue };
        match kind {
            "ob" => own = named(text, &mut objects).ends_with(program),
            "cob" => drop(named(text, &mut objects)),
            "fn" => {
                // After an apostrophe it is said how often it calls itself.
                let name = named(text, &mut functions).split('\'').next().unwrap_or_default();
                if own {
                    found.insert(name);
                }
            }
            "cfn" => drop(named(text, &mut functions)),
            _ => {}
        }
    }
    found
}

/// A name has a number at its first place, and is only the number after that.
fn named<'a>(text: &'a str, known: &mut BTreeMap<&'a str, &'a str>) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            known.insert(number, name);
            name
        }
        None => known.get(text).copied().unwrap_or_default(),
    }
}

/// Callgrind has names of its own too, and addresses of what has none.
fn is_symbol(name: &str) -> bool {
    !name.starts_with("0x")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

/// The name as a pattern, without what is another in each build.
fn without_hashes(name: &str) -> String {
    let name = name.split(".llvm.").next().unwrap_or(name);
    if let Some(path) = name.strip_prefix("_ZN").and_then(|_| name.strip_suffix('E')) {
        let (path, hash) = path.split_at(path.len().saturating_sub(16));
        if path.ends_with("17h") && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return format!("{path}*E");
        }
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    // A crate and its hash: `Cs` and letters up to a line.
    let mut parts = name.split("Cs");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| match part.split_once('_') {
        Some((_, rest)) => format!("{name}Cs*_{rest}"),
        None => format!("{name}Cs{part}"),
    })
}

fn script(names: &BTreeSet<String>) -> String {
    let lines: String = names
        .iter()
        .map(|name| match name.starts_with('_') {
            true => format!("    *(.text.{name} .text.{name}.llvm.*)\n"),
            false => format!("    *(.text.{name})\n"),
        })
        .collect();
    format!("{HEAD}SECTIONS\n{{\n  .text.token : {{\n{lines}  }}\n}}\nINSERT BEFORE .text;\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_ran_is_found() {
        let profile = "ob=(1) /lib/libc.so\nfn=(1) malloc\n1 2\nob=(2) /bin/xeroctl\nfn=(2) main\ncob=(1)\ncfn=(1)\n\
                       calls=1 0\nob=(1)\nfn=(3) free\nob=(2)\nfn=(2)\nfn=(4) other'2\n";
        assert_eq!(run_by(profile, "/xeroctl"), BTreeSet::from(["main", "other"]));
    }

    #[test]
    fn what_is_another_in_each_build_is_left_out() {
        assert_eq!(
            without_hashes("_ZN4core3fmt5write17h0123456789abcdefE.llvm.77"),
            "_ZN4core3fmt5write17h*E"
        );
        assert_eq!(without_hashes("_RNvNtCsjrHSEGnQ3l9_3std2io4read"), "_RNvNtCs*_3std2io4read");
        assert_eq!(without_hashes("sqlite3Step"), "sqlite3Step");
        assert!(is_symbol("_ZN4core3ptr9drop$u7b$17h0E.llvm.1"));
        assert!(!is_symbol("(below main)") && !is_symbol("0x00000000003e5770"));
    }
}
