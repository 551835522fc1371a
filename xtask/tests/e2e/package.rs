//! The Debian package: installed by dpkg into a root of its own, used, and removed without a trace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A root directory with dpkg's own files in it.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        Self(root)
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    /// dpkg as root, of this root alone: in a name space of its own where the test runs as another user.
    fn dpkg(&self, arguments: &[&str]) {
        let folder = self.0.path().display();
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "dpkg", "--force-depends", "--force-not-root"]);
        command.args([format!("--root={folder}"), format!("--log={folder}/var/log/dpkg.log")]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }

    /// All files but dpkg's own.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(self.0.path(), &mut found);
        found.retain(|file| !file.starts_with(self.path("var")));
        found
    }

    /// The program in it, with a home in it.
    fn xeroctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.path("usr/bin/xeroctl"));
        self.surround(&mut command).args(arguments).output().unwrap()
    }

    fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap();
        command.env_clear().env("PATH", format!("{}:{path}", self.path("usr/bin").display()));
        command
            .env("HOME", self.path("home"))
            .env("XEROCTL_MACHINE", "test-machine")
            .current_dir(self.0.path())
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn package() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deb");
    let mut packages: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    packages.retain(|path| path.extension().is_some_and(|end| end == "deb"));
    assert_eq!(packages.len(), 1, "{packages:?}");
    packages.remove(0)
}

#[test]
fn it_is_installed_used_and_removed() {
    let (root, package) = (Root::new(), package());
    root.dpkg(&["--install", package.to_str().unwrap()]);
    let version = root.xeroctl(&["--version"]);
    assert!(text(&version).starts_with("xeroctl "), "{}", text(&version));

    for unit in ["xeroctl-keepalive.service", "xeroctl-keepalive.timer"] {
        // The program is looked for where it will be.
        let unit = root.path(&format!("usr/lib/systemd/user/{unit}"));
        let own = fs::read_to_string(&unit).unwrap();
        let program = root.path("usr/bin/xeroctl").display().to_string();
        fs::write(&unit, own.replace("/usr/bin/xeroctl", &program)).unwrap();
        let mut judge = Command::new("systemd-analyze");
        judge.env("XDG_RUNTIME_DIR", root.0.path()).args(["--user", "--man=no", "verify"]).arg(&unit);
        let judged = judge.output().unwrap();
        assert!(judged.status.success() && judged.stderr.is_empty(), "{}", text(&judged));
        fs::write(&unit, own).unwrap();
    }

    let page = root.path("usr/share/man/man1/xeroctl-keepalive.1.gz");
    let page = Command::new("zcat").arg(page).output().unwrap();
    assert!(text(&page).contains(".TH"), "{}", text(&page));

    completes_names(&root);
    fs::remove_dir_all(root.path("home")).unwrap();
    root.dpkg(&["--purge", "xeroctl"]);
    assert_eq!(root.files(), Vec::<PathBuf>::new());
}

/// In a real bash, with the script where the package puts it.
fn completes_names(root: &Root) {
    fs::create_dir(root.path("home")).unwrap();
    let made = root.xeroctl(&["store", "init", "--key-file", "home/store.key"]);
    assert!(made.status.success(), "{}", text(&made));
    let new = root.xeroctl(&["cert", "new", "home/acme", "--no-password"]);
    assert!(new.status.success(), "{}", text(&new));
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123";
    let options = ["--kind", "private", "--consumer-key", key, "--certificate", "home/acme.pfx", "--no-test"];
    let connected = root.xeroctl(&[&["connect", "Maple Florist"][..], &options, &["--no-password"]].concat());
    assert!(connected.status.success(), "{}", text(&connected));
    let script = "source usr/share/bash-completion/completions/xeroctl
        COMP_WORDS=(xeroctl show Ma) COMP_CWORD=2 COMP_LINE='xeroctl show Ma' COMP_POINT=15
        function=$(complete -p xeroctl | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function xeroctl Ma show
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    let completed = root.surround(&mut bash).args(["--norc", "-c", script]).output().unwrap();
    assert!(text(&completed).contains("Maple"), "{}", text(&completed));
}
