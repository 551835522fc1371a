//! `cargo xtask e2e`: the end-to-end tests, and `cargo xtask trials`: whether a token can be lost. On programs that are
//! built first.

use std::fs;
use std::path::Path;

use crate::command_line::{cargo, run};
use crate::deb;
use crate::stop::Stop;

/// The tests are the target `e2e` of this package, which plain `cargo test` and clippy leave out (`test = false`).
pub(crate) fn e2e(long: bool) -> Result<(), Stop> {
    run("cargo build --package xero-cli --package xero-mock --locked")?;
    deb::deb()?;
    run("cargo clippy --package xtask --test e2e --locked -- -D warnings")?;
    run("cargo test --package xtask --test e2e --locked")?;
    let runs = if long { "long" } else { "short" };
    trials(&["--runs".to_owned(), runs.to_owned()])
}

/// Draws the pictures of the user guide and keeps them in `docs/pictures`.
pub(crate) fn pictures() -> Result<(), Stop> {
    run("cargo build --package xero-cli --package xero-mock --locked")?;
    run("cargo test --package xtask --test e2e --locked -- guide_are_drawn")?;
    let kept = Path::new("docs/pictures");
    fs::create_dir_all(kept).map_err(|error| Stop::because("cannot make docs/pictures", &error))?;
    let drawn = fs::read_dir("target/e2e/guide").and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for picture in drawn.map_err(|error| Stop::because("nothing was drawn", &error))? {
        fs::copy(picture.path(), kept.join(picture.file_name()))
            .map_err(|error| Stop::because("cannot keep a picture", &error))?;
    }
    Ok(())
}

/// The trials, with these options; cargo puts `xeroctl` beside the program that tries it, which looks there.
pub(crate) fn trials(options: &[String]) -> Result<(), Stop> {
    // One after the other: built together, both would be built anew after the package was.
    run("cargo build --release --package xero-cli --locked")?;
    run("cargo build --release --package xero-trials --locked")?;
    let line = format!("cargo run --quiet --release --package xero-trials --locked -- {}", options.join(" "));
    println!("$ {line}");
    let words = ["run", "--quiet", "--release", "--package", "xero-trials", "--locked", "--"];
    let status = cargo().args(words).args(options).status();
    let status = status.map_err(|error| Stop::because(&format!("cannot run `{line}`"), &error))?;
    if status.success() { Ok(()) } else { Err(Stop::failed(status, format!("`{line}` failed ({status})"))) }
}
