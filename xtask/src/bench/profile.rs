//! What each setting of the release is worth: the program built or run without it, in turns with the one that is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gateway::{start, turns};
use super::home::{Home, install};
use super::page::Table;
use super::report::per_second;
use super::round::Proxy;
use super::size::size_of;
use super::turns::{Program, instructions, measure as in_turns, peak_memory};
use super::{CORES, XEROCTL};
use crate::command_line::{command, run};
use crate::gateway::Gateway;
use crate::stop::Stop;

const ROUNDS: usize = 60;
/// All are built here, beside each other.
const FOLDER: &str = "target/profiles";
/// Other settings of the build, as cargo takes them.
const BUILDS: [(&str, &[&str]); 3] = [
    ("`lto = \"thin\"`, 16 units", &["lto=\"thin\"", "codegen-units=16"]),
    ("no LTO, 16 units (Cargo's own)", &["lto=false", "codegen-units=16"]),
    ("`panic = \"abort\"`", &["panic=\"abort\""]),
];
const FOR_SPEED: &str = "nothing made for size";
/// Other allocators, loaded before the program.
const ALLOCATORS: [(&str, &str); 2] =
    [("jemalloc, preloaded", "libjemalloc.so.2"), ("mimalloc, preloaded", "libmimalloc.so.2")];
const PACKAGES: &str = "libjemalloc2 libmimalloc2.0";

/// A program with its settings.
struct Variant {
    name: String,
    program: PathBuf,
    allocator: Option<&'static str>,
}

impl Variant {
    fn command(&self, home: &Home, before: &[&str]) -> Command {
        let mut line = before.iter().map(Path::new).chain([self.program.as_path()]);
        let mut command = home.at_home(Command::new(line.next().expect("the program is there")));
        command.args(line).envs(self.allocator.map(|library| ("LD_PRELOAD", library)));
        command
    }
}

pub(super) fn measure() -> Result<(), Stop> {
    has_allocators()?;
    let variants = variants()?;
    let home = Home::new()?;
    let programs: Vec<_> = variants.iter().map(|variant| token(variant, &home)).collect();
    let tokens = in_turns(&programs, ROUNDS)?;
    let gateways = gateways(&variants, &home)?;
    let proxies: Vec<_> = gateways.iter().map(|(proxy, _)| proxy).collect();
    let rounds = turns(&proxies, home.folder())?;
    let answered: Vec<_> = variants.iter().map(|variant| per_second(&variant.name, &rounds)).collect();
    let mut table = Table::new(&[
        "release",
        "size, MiB",
        "`token`, ms: median (quarters)",
        ": ours",
        "million instructions",
        "peak memory, MiB",
        "gateway, requests a second",
        ": ours",
    ]);
    for (at, variant) in variants.iter().enumerate() {
        table.row([
            variant.name.clone(),
            format!("{:.1}", size_of(&variant.program)?),
            tokens[at].to_string(),
            format!("{:.2}", tokens[at].median() / tokens[0].median()),
            format!("{:.2}", instructions(&programs[at])? as f64 / 1e6),
            format!("{:.1}", peak_memory(&programs[at])?),
            format!("{:.0}", answered[at]),
            format!("{:.2}", answered[at] / answered[0]),
        ]);
    }
    table.publish("profiles")
}

/// All at once: those that are not asked wait.
fn gateways<'a>(variants: &'a [Variant], home: &Home) -> Result<Vec<(Proxy<'a>, Gateway)>, Stop> {
    let on_core = ["taskset", "-c", CORES[0]];
    let start = |(at, variant): (usize, &'a Variant)| {
        let token = home.folder().join(format!("token-{at}"));
        start(&variant.name, variant.command(home, &on_core), &token)
    };
    variants.iter().enumerate().map(start).collect()
}

fn token<'a>(variant: &'a Variant, home: &'a Home) -> Program<'a> {
    let command = move || {
        let mut command = variant.command(home, &[]);
        command.args(["token", "bench"]);
        command
    };
    Program { name: &variant.name, command: Box::new(command) }
}

/// A library that is not there would be passed over with a warning.
fn has_allocators() -> Result<(), Stop> {
    let known = command("ldconfig -p").output();
    let known = known.map_err(|error| Stop::because("cannot run ldconfig", &error))?;
    let known = String::from_utf8_lossy(&known.stdout);
    if ALLOCATORS.iter().all(|(_, library)| known.contains(library)) {
        return Ok(());
    }
    Err(Stop::needs_person(format!("an allocator is missing:\n  apt-get install -y {PACKAGES}")))
}

/// Ours is the first.
fn variants() -> Result<Vec<Variant>, Stop> {
    let absolute =
        |path: &str| std::path::absolute(path).map_err(|error| Stop::because("there is no folder", &error));
    let ours = absolute(&format!("{FOLDER}/xeroctl"))?;
    install(Path::new(XEROCTL), &ours)?;
    let as_it_is =
        |name: &str, allocator| Variant { name: name.to_owned(), program: ours.clone(), allocator };
    let mut variants = vec![as_it_is("as it is", None)];
    let builds =
        BUILDS.map(|(name, settings)| (name, settings.iter().map(|one| (*one).to_owned()).collect()));
    for (at, (name, settings)) in builds.into_iter().chain([(FOR_SPEED, for_speed()?)]).enumerate() {
        let program = absolute(&format!("{FOLDER}/xeroctl-{at}"))?;
        build(&settings, &program)?;
        variants.push(Variant { name: name.to_owned(), program, allocator: None });
    }
    variants.extend(ALLOCATORS.map(|(name, library)| as_it_is(name, Some(library))));
    Ok(variants)
}

/// What is made for size, made for speed as all the rest is.
fn for_speed() -> Result<Vec<String>, Stop> {
    let manifest =
        fs::read_to_string("Cargo.toml").map_err(|error| Stop::because("cannot read Cargo.toml", &error))?;
    let small: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != "[profile.release.package]")
        .take_while(|line| !line.is_empty())
        .filter_map(|line| Some(format!("package.{}.opt-level=3", line.split_once(" = ")?.0)))
        .collect();
    if small.is_empty() { Err(Stop::new("Cargo.toml makes nothing for size")) } else { Ok(small) }
}

fn build(settings: &[String], program: &Path) -> Result<(), Stop> {
    let settings: String =
        settings.iter().map(|setting| format!(" --config profile.release.{setting}")).collect();
    run(&format!("CARGO_TARGET_DIR={FOLDER} cargo build --release --package xero-cli --locked{settings}"))?;
    install(Path::new(&format!("{FOLDER}/release/xeroctl")), program)
}
