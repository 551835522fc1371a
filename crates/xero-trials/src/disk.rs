//! A small file system in the place of a folder, in a mount namespace that ends with it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Error, Outcome};
use crate::subject::Line;

/// A process that does nothing but keep the namespace. Dropped, both are gone.
#[derive(Debug)]
pub(crate) struct Disk {
    keeper: Child,
}

/// It ends with its standard input.
const MOUNT: &str = "mount -t tmpfs -o size=8m,mode=700 tmpfs \"$1\" && echo mounted && exec cat";
const INSIDE: &str = "cd \"$HOME\" && exec \"$@\"";

impl Disk {
    /// Mounts it over the folder.
    ///
    /// # Errors
    /// [`Error::Mount`] where that is not allowed.
    pub(crate) fn over(folder: &Path) -> Outcome<Self> {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "/bin/sh", "-c", MOUNT, "sh"]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = command.spawn().map_err(|_| Error::Missing { program: "unshare" })?;
        let (stdout, stderr) = (keeper.stdout.take(), keeper.stderr.take());
        let mut line = String::new();
        let _ = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
        let mut disk = Self { keeper };
        if line == "mounted\n" {
            return Ok(disk);
        }
        let mut said = String::new();
        let _ = disk.keeper.wait();
        let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut said));
        Err(Error::Mount(said.trim().to_owned()))
    }

    /// The line as it runs inside.
    pub(crate) fn inside(&self, line: &Line) -> Line {
        let target = self.keeper.id().to_string();
        let enter = ["nsenter", "--target", &target, "--user", "--mount", "--preserve-credentials"];
        let words = enter.into_iter().chain(["/bin/sh", "-c", INSIDE, "sh"]).map(OsString::from);
        words.chain(line.iter().cloned()).collect()
    }

    /// Where a path inside is seen from outside.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(inside)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone_already = self.keeper.kill();
        let _gone_already = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::run;

    #[test]
    fn it_is_small_and_seen_inside_alone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::over(folder.path()).unwrap();
        std::fs::write(disk.outside(&folder.path().join("file")), "inside").unwrap();
        let line = ["/bin/sh", "-c", "cat file; head -c 9000000 /dev/zero > filler"].map(OsString::from);
        let line = disk.inside(&line.to_vec());
        let ended = run(Command::new(&line[0]).args(&line[1..]).env("HOME", folder.path())).unwrap();
        assert_eq!((ended.well(), ended.stdout.as_str()), (false, "inside"), "{ended:?}");
        assert!(ended.stderr.contains("No space left"), "{ended:?}");
        assert!(!folder.path().join("file").exists());
    }
}
