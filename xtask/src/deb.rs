//! `cargo xtask deb`: a Debian package of `xeroctl`, with its manual, its completions and a timer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command_line::{command, run};
use crate::stop::Stop;

const PROGRAM: &str = "target/release/xeroctl";
const FOLDER: &str = "target/deb";
/// For each user who wants it: `systemctl --user enable --now xeroctl-keepalive.timer`.
const UNITS: [(&str, &str); 2] = [
    ("xeroctl-keepalive.service", include_str!("deb/xeroctl-keepalive.service")),
    ("xeroctl-keepalive.timer", include_str!("deb/xeroctl-keepalive.timer")),
];
/// Shells, and where Debian looks for what completes a program.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/xeroctl"),
    ("zsh", "usr/share/zsh/vendor-completions/_xeroctl"),
    ("fish", "usr/share/fish/vendor_completions.d/xeroctl.fish"),
];
const MANUAL: &str = "usr/share/man/man1";
const DOC: &str = "usr/share/doc/xeroctl";
const SUMMARY: &str = "connection manager for the accounting system Xero";
const DESCRIPTION: &str = " Connects apps and organisations, keeps their secrets sealed and their logins alive,\n \
     and hands access tokens to jobs that run without a person.";

/// Builds the program and the package; the file's name is the last line that is printed.
pub(crate) fn deb() -> Result<(), Stop> {
    run("cargo build --release --package xero-cli --locked")?;
    println!("{}", package()?.display());
    Ok(())
}

/// Packs the program that was built.
pub(crate) fn package() -> Result<PathBuf, Stop> {
    let stage = Path::new(FOLDER).join("stage");
    if stage.exists() {
        fs::remove_dir_all(&stage).map_err(failed("clear the folder of the package"))?;
    }
    put(&stage, "usr/bin/xeroctl", &read(Path::new(PROGRAM))?, 0o755)?;
    for (name, text) in UNITS {
        put(&stage, &format!("usr/lib/systemd/user/{name}"), text.as_bytes(), 0o644)?;
    }
    for (shell, path) in COMPLETIONS {
        put(&stage, path, &printed(&["completions", shell])?, 0o644)?;
    }
    manual(&stage)?;
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        put(&stage, &format!("{DOC}/{name}"), &read(&Path::new("docs").join(name))?, 0o644)?;
    }
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture()?);
    let control = control(version, &architecture, &size(&stage)?)?;
    put(&stage, "DEBIAN/control", control.as_bytes(), 0o644)?;
    let file = Path::new(FOLDER).join(format!("xeroctl_{version}_{architecture}.deb"));
    let (stage, name) = (stage.display(), file.display());
    run(&format!("dpkg-deb --root-owner-group --build {stage} {name}"))?;
    Ok(file)
}

/// Each page compressed, as Debian wants them; without a time, so that the same program gives the same package.
fn manual(stage: &Path) -> Result<(), Stop> {
    let folder = stage.join(MANUAL);
    fs::create_dir_all(&folder).map_err(failed("make a folder"))?;
    printed(&["man", &folder.display().to_string()])?;
    run(&format!("gzip --best --no-name --recursive {}", folder.display()))
}

fn control(version: &str, architecture: &str, size: &str) -> Result<String, Stop> {
    Ok(format!(
        "Package: xeroctl\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: the authors of xeroctl <noreply@example.com>\n\
         Installed-Size: {size}\nDepends: libc6 (>= {}), ca-certificates\nSection: net\nPriority: optional\n\
         Description: {SUMMARY}\n{DESCRIPTION}\n",
        glibc(&read(Path::new(PROGRAM))?)?
    ))
}

/// The newest version of the C library whose symbols the program names.
fn glibc(program: &[u8]) -> Result<String, Stop> {
    const MARK: &[u8] = b"GLIBC_2.";
    let minor = |rest: &[u8]| {
        let digits: Vec<_> = rest.iter().copied().take_while(u8::is_ascii_digit).collect();
        String::from_utf8(digits).ok()?.parse::<u32>().ok()
    };
    let found = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let newest = found.filter_map(|(at, _)| minor(&program[at + MARK.len()..])).max();
    newest
        .map(|minor| format!("2.{minor}"))
        .ok_or_else(|| Stop::new("the program names no version of the C library"))
}

fn architecture() -> Result<String, Stop> {
    let output = command("dpkg --print-architecture").output();
    let output =
        output.map_err(|error| Stop::because("cannot run dpkg, which makes Debian packages", &error))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// In KiB.
fn size(stage: &Path) -> Result<String, Stop> {
    let output = Command::new("du").arg("-sk").arg(stage).output().map_err(failed("measure the package"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().next().unwrap_or("0").to_owned())
}

/// What the program prints.
fn printed(arguments: &[&str]) -> Result<Vec<u8>, Stop> {
    let output = Command::new(PROGRAM).args(arguments).output().map_err(failed("run xeroctl"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Stop::failed(output.status, format!("xeroctl {} failed", arguments.join(" ")))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path).map_err(|error| Stop::because(&format!("cannot read {}", path.display()), &error))
}

fn put(stage: &Path, path: &str, contents: &[u8], mode: u32) -> Result<(), Stop> {
    let path = stage.join(path);
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, contents));
    let written = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
    written.map_err(|error| Stop::because(&format!("cannot write {}", path.display()), &error))
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> Stop {
    let what = format!("cannot {what}");
    move |error| Stop::because(&what, &error)
}

#[cfg(test)]
mod tests {
    use super::glibc;

    #[test]
    fn the_newest_symbol_counts() {
        let program = b"\x7fELF\0GLIBC_2.17\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_PRIVATE\0GLIBC_2.\0";
        assert_eq!(glibc(program).unwrap(), "2.34");
        assert!(glibc(b"nothing").is_err());
    }
}
