//! Has the linker put the code together that `xeroctl token` runs (`token.ld`, made by `cargo xtask bench layout`): the system reads a
//! program's file in pieces, and few are read so.

#![allow(clippy::print_stdout, reason = "cargo reads it")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=token.ld");
    let script = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("token.ld");
    let argument = format!("-Wl,-T,{}", script.display());
    if is_wanted() && is_understood(&argument, Path::new(&env::var("OUT_DIR")?))? {
        println!("cargo::rustc-link-arg-bin=xeroctl={argument}");
    }
    Ok(())
}

/// For a release, built where it is to run, of a system whose linkers have such scripts.
fn is_wanted() -> bool {
    let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|value| value == wanted);
    is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && env::var("HOST") == env::var("TARGET")
}

/// Tries the argument on a program that does nothing: not every linker takes it.
fn is_understood(argument: &str, folder: &Path) -> Result<bool, Box<dyn Error>> {
    let source = folder.join("nothing.rs");
    fs::write(&source, "fn main() {}\n")?;
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut rustc = Command::new(env::var("RUSTC")?);
    rustc.arg(source).arg("-o").arg(folder.join("nothing"));
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let done = rustc.arg(format!("-Clink-arg={argument}")).output()?;
    Ok(done.status.success())
}
