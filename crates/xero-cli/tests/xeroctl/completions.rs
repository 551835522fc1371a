//! What shells complete: driven by a real bash, and by what the scripts of the other shells send.

use std::fs;

use portable_pty::CommandBuilder;

use crate::{
    sandbox::{BINARY, Sandbox},
    seeded::{DAY, Seeded},
    terminal::{TAB, Terminal},
};

const NAMES: [&str; 6] =
    ["Maple Florist Ltd", "O'Brien & Sons", "a:b", "a:c", "say \"hi\" $now", "日本 商事"];

/// A store with names that a shell must quote, and the program where a shell finds it.
fn named() -> Seeded {
    let seeded = Seeded::new();
    let tokens = seeded.minted(DAY, "openid profile email accounting.settings.read offline_access");
    seeded.put(&NAMES, DAY, &tokens);
    install(&seeded.home);
    seeded
}

#[cfg(unix)]
fn install(home: &Sandbox) {
    std::os::unix::fs::symlink(BINARY, home.path("bin/xeroctl")).unwrap();
}

/// What bash would offer for a line, in its own words, by the function that the script defines.
fn offered(home: &Sandbox, line: &str) -> Vec<String> {
    let script = r#"
        set -u
        source <(xeroctl completions bash)
        complete -p xeroctl >/dev/null || exit 1
        COMP_LINE=$1 COMP_POINT=${#1}
        _xeroctl
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = home
        .command("bash")
        .args(["--norc", "--noprofile", "-c", script, "bash", line])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The same without options.
fn names_offered(home: &Sandbox, line: &str) -> Vec<String> {
    offered(home, line).into_iter().filter(|word| !word.starts_with('-')).collect()
}

#[cfg(unix)]
#[test]
fn a_person_at_a_real_bash_gets_names_with_spaces_and_quotes() {
    let seeded = named();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.env_clear();
    for (name, value) in seeded.home.environment() {
        command.env(name, value);
    }
    command.env("PS1", "> ");
    command.env("LC_ALL", "C.UTF-8");
    command.cwd(seeded.home.path(""));
    let mut bash = Terminal::start(command);
    bash.line("source <(xeroctl completions bash); echo rea''dy").expect("ready");
    // The words that arrive are shown one on each line: what was put in says the name.
    for (typed, shown, name) in [
        ("Map", r"Maple\ Florist\ Ltd", "<Maple Florist Ltd>"),
        ("'Map", "'Maple Florist Ltd'", "<Maple Florist Ltd>"),
        ("\"Map", "\"Maple Florist Ltd\"", "<Maple Florist Ltd>"),
        ("O", r"O\'Brien\ \&\ Sons", "<O'Brien & Sons>"),
        ("'O", r"'O'\''Brien & Sons'", "<O'Brien & Sons>"),
        ("say", r#"say\ \"hi\"\ \$now"#, "<say \"hi\" $now>"),
        ("日", r"日本\ 商事", "<日本 商事>"),
    ] {
        bash.keys(&format!("xeroctl show {typed}{TAB}")).expect(&format!("xeroctl show {shown}"));
        // The line becomes an argument of another command: from its beginning (Ctrl-A) on.
        bash.keys("\u{1}printf '<%s>\\n' \u{5}").keys("\r").expect(name);
        bash.line("clear; echo cle''ared").expect("cleared");
    }
    bash.line("exit");
    assert_eq!(bash.finish().0, 0);
}

#[cfg(unix)]
#[test]
fn commands_options_values_and_names() {
    let seeded = named();
    let home = &seeded.home;
    home.write("a file.pfx", "");
    for (line, expected) in [
        ("xeroctl con", &["connect"][..]),
        ("xeroctl store key ", &["list", "add", "remove"]),
        ("xeroctl --no-in", &["--no-input"]),
        ("xeroctl connect --kind w", &["web"]),
        ("xeroctl connect --kind=w", &["web"]),
        ("xeroctl list --sort he", &["health"]),
        ("xeroctl help exit", &["exit-codes"]),
        ("xeroctl help store key ", &["list", "add", "remove"]),
        ("xeroctl help store un", &["unlock"]),
        ("xeroctl completions p", &["powershell"]),
        ("xeroctl show Map", &[r"Maple\ Florist\ Ltd"]),
        ("xeroctl show 'Map", &["Maple Florist Ltd"]),
        ("xeroctl remove Maple\\ Florist\\ Ltd O", &[r"O\'Brien\ \&\ Sons"]),
        ("xeroctl keepalive 日", &[r"日本\ 商事"]),
        ("xeroctl show a:", &["b", "c"]),
        ("xeroctl request -c Map", &[r"Maple\ Florist\ Ltd"]),
        ("xeroctl request --connection=Map", &[r"Maple\ Florist\ Ltd"]),
        ("xeroctl --quiet test Map", &[r"Maple\ Florist\ Ltd"]),
        ("xeroctl show --xero-u", &["--xero-url"]),
        ("xeroctl connect Map", &[]),
        ("xeroctl show nobody", &[]),
        ("xeroctl __com", &[]),
        ("xeroctl cert show a", &[r"a\ file.pfx"]),
        ("xeroctl connect --certificate=a", &[r"a\ file.pfx"]),
    ] {
        assert_eq!(offered(home, line), expected, "{line}");
    }
    assert_eq!(offered(home, "xeroctl show ").len(), NAMES.len(), "names, and no options beside them");
}

#[cfg(unix)]
#[test]
fn every_command_that_takes_a_connection_completes_it() {
    let seeded = named();
    for command in [
        "show",
        "test",
        "token",
        "refresh",
        "keepalive",
        "log",
        "orgs",
        "reauth",
        "disconnect",
        "default",
        "remove",
        "request -c",
        "sign -c",
    ] {
        let line = format!("xeroctl {command} Map");
        assert_eq!(offered(&seeded.home, &line), [r"Maple\ Florist\ Ltd"], "{line}");
    }
}

#[cfg(unix)]
#[test]
fn apps_and_filters() {
    let seeded = named();
    let home = &seeded.home;
    let id = seeded.app.client_id.as_str();
    for line in ["xeroctl connect --app ", "xeroctl connect begin --app ", "xeroctl apps show "] {
        let line = format!("{line}{}", &id[..4]);
        assert_eq!(offered(home, &line), [id], "{line}");
    }
    home.ok(&["apps", "edit", id, "--app-name", "Night books"]);
    for (line, expected) in [
        ("xeroctl connect --app Ni", &[r"Night\ books"][..]),
        ("xeroctl connect --app=Ni", &[r"Night\ books"]),
        ("xeroctl apps secret set 'Ni", &["Night books"]),
        ("xeroctl connect --app zz", &[]),
        ("xeroctl list --filter na", &["name="]),
        ("xeroctl list --filter kind=", &["web", "desktop", "custom", "private"]),
        ("xeroctl list --filter kind=w", &["web"]),
        ("xeroctl list --filter=kind=w", &["web"]),
        ("xeroctl list --filter name=Map", &[]),
        ("xeroctl reauth be", &["begin"]),
        ("xeroctl reauth begin Map", &[r"Maple\ Florist\ Ltd"]),
    ] {
        assert_eq!(offered(home, line), expected, "{line}");
    }
    let healths = offered(home, "xeroctl list --filter health=");
    assert!(healths.iter().any(|one| one == "ok") && healths.len() > 3, "{healths:?}");
}

#[cfg(unix)]
#[test]
fn another_store_is_asked_where_the_line_or_the_configuration_names_one() {
    let seeded = named();
    let home = &seeded.home;
    fs::rename(home.path("data/xeroctl/connections.db"), home.path("other.db")).unwrap();
    assert_eq!(offered(home, "xeroctl show Map"), [""; 0]);
    let line = format!("xeroctl show --store {} Map", home.path("other.db").display());
    assert_eq!(offered(home, &line), [r"Maple\ Florist\ Ltd"]);
    fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    home.write("config/xeroctl/config.toml", &format!("store = {:?}\n", home.path("other.db")));
    assert_eq!(offered(home, "xeroctl show Map"), [r"Maple\ Florist\ Ltd"]);
    home.write("config/xeroctl/config.toml", "stor = 1\n");
    assert_eq!(offered(home, "xeroctl show Map"), [""; 0], "and nothing is said");
}

#[cfg(unix)]
#[test]
fn nothing_is_asked_run_or_said_where_the_store_does_not_open() {
    let home = Sandbox::new();
    install(&home);
    assert_eq!(names_offered(&home, "xeroctl show "), [""; 0], "no store");
    home.write("passphrase", "correct horse battery staple\n");
    home.ok(&["store", "init", "--passphrase-file", "passphrase"]);
    assert_eq!(names_offered(&home, "xeroctl show "), [""; 0], "a passphrase is not asked for");
    home.write("run", "");
    let line = format!("xeroctl show --key-command 'rm {}' ", home.path("run").display());
    assert_eq!(names_offered(&home, &line), [""; 0]);
    assert!(home.path("run").exists(), "a command is not run");
    home.write("data/xeroctl/connections.db", "this is no store");
    assert_eq!(names_offered(&home, "xeroctl show "), [""; 0], "no store either");
}

/// What the scripts for other shells send is answered; those shells themselves are not started here.
#[cfg(unix)]
#[test]
fn the_other_shells_get_a_word_and_its_meaning_on_a_line() {
    let seeded = named();
    let home = &seeded.home;
    let words = |shell: &str, more: &[&str]| {
        let run = home.run(&[&["__complete", shell][..], more].concat());
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{shell}");
        run.raw.0
    };
    assert_eq!(words("zsh", &["--", "xeroctl", "show", "Map"]), "Maple Florist Ltd\tMaple Florist Ltd\n");
    assert_eq!(words("fish", &["--", "xeroctl", "show", "'Map"]), "Maple Florist Ltd\tMaple Florist Ltd\n");
    assert_eq!(
        words("powershell", &["--", "xeroctl", "show", "O"]),
        "O'Brien & Sons\t'O''Brien & Sons'\tMaple Florist Ltd\n"
    );
    let all = words("powershell", &["--next", "--", "xeroctl", "show"]);
    assert_eq!(all.lines().count(), NAMES.len(), "{all}");
    let kinds = words("zsh", &["--", "xeroctl", "connect", "--kind", "des"]);
    assert!(kinds.starts_with("desktop\tOAuth 2.0 mobile or desktop app"), "{kinds}");
    assert_eq!(words("zsh", &["--", "xeroctl"]), "");
    assert_eq!(words("zsh", &[]), "");
}

#[test]
fn the_scripts() {
    let home = Sandbox::new();
    for (shell, begins) in [
        ("bash", "# Completes xeroctl in bash."),
        ("zsh", "#compdef xeroctl\n"),
        ("fish", "# Completes xeroctl in fish."),
        ("powershell", "# Completes xeroctl in PowerShell."),
    ] {
        let run = home.ok(&["completions", shell]);
        assert!(
            run.raw.0.starts_with(begins) && run.raw.0.contains(&format!("__complete {shell}"))
                || shell == "powershell",
            "{}",
            run.text()
        );
        let document = home.ok(&["completions", shell, "--json"]).json();
        assert_eq!(document["script"].as_str().unwrap().trim_end(), run.raw.0.trim_end());
    }
    assert_eq!(home.run(&["completions"]).status, 2);
    assert_eq!(home.run(&["completions", "tcsh"]).status, 2);
}
