//! The manual: a page for each command, which the system's own program reads without complaint.

use std::{collections::BTreeSet, fs};

use crate::sandbox::{Sandbox, transcript};

/// The commands by their help: whoever has a page has one there too.
fn commands(home: &Sandbox, name: &[&str], found: &mut BTreeSet<String>) {
    found.insert([&["xeroctl"][..], name].concat().join("-") + ".1");
    let help = home.ok(&[&["help"][..], name].concat()).stdout;
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let listed = listed.lines().take_while(|line| line.starts_with(' '));
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for below in names.filter_map(|line| line.split_whitespace().next()) {
        commands(home, &[name, &[below]].concat(), found);
    }
}

#[test]
fn every_command_has_a_page() {
    let home = Sandbox::new();
    let mut expected = BTreeSet::new();
    commands(&home, &[], &mut expected);
    assert!(expected.len() > 30 && expected.contains("xeroctl-store-key-add.1"), "{expected:?}");
    home.ok(&["man", "pages"]);
    let written: BTreeSet<_> = fs::read_dir(home.path("pages"))
        .unwrap()
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(written, expected);
    // Again, over what is there: a new version of the program does so.
    home.ok(&["man", "pages"]);
    let document = home.ok(&["man", "pages", "--json"]).json();
    assert_eq!(document["pages"].as_array().unwrap().len(), expected.len());
}

#[cfg(unix)]
#[test]
fn the_system_formats_each_page_without_a_warning() {
    let home = Sandbox::new();
    home.ok(&["man", "pages"]);
    for page in fs::read_dir(home.path("pages")).unwrap() {
        let path = page.unwrap().path();
        let output = home
            .command("groff")
            .args(["-man", "-ww", "-z", "-Tutf8", "-K", "utf8"])
            .arg(&path)
            .output()
            .expect("groff is installed wherever manual pages are read");
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", path.display());
    }
    let page =
        home.command("groff").args(["-man", "-Tascii", "-P-cbou", "pages/xeroctl-token.1"]).output().unwrap();
    let text = String::from_utf8(page.stdout).unwrap();
    for word in ["NAME", "xeroctl-token - Print an access token", "SYNOPSIS", "--min-ttl", "XEROCTL_STORE"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}

#[test]
fn one_page_on_standard_output_and_places_that_cannot_be() {
    let home = Sandbox::new();
    let run = home.ok(&["man"]);
    assert!(run.raw.0.contains(".TH xeroctl 1"), "{}", run.raw.0);
    assert_eq!(home.ok(&["man", "--json"]).json()["roff"].as_str().unwrap(), run.raw.0);
    home.write("file", "");
    insta::assert_snapshot!(transcript(
        &home,
        &[&["man", "file"], &["man", "file/below"], &["man", "a", "b"]]
    ));
}
