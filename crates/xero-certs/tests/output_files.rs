//! Output files: their modes, that nothing is left behind, and that nothing is overwritten unasked.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use xero_certs::{Access, Error, Existing, NewFile, check_path, write_files};

fn private(path: &Path) -> NewFile<'_> {
    NewFile { path, contents: b"key", access: Access::Private }
}

fn public(path: &Path) -> NewFile<'_> {
    NewFile { path, contents: b"certificate", access: Access::Public }
}

/// Names in a folder, hidden ones and unfinished files included.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A folder with one file in it, `taken`.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "old").unwrap();
    (folder, taken)
}

/// Both ways of asking refuse the path for the same reason, and nothing in the folder changes.
fn assert_refused(folder: &Path, path: &Path, existing: Existing, is_expected: fn(&Error) -> bool) {
    let before = names(folder);
    let error = check_path(path, existing).unwrap_err();
    assert!(is_expected(&error), "{error:?}");
    let error = write_files(&[private(path)], existing).unwrap_err();
    assert!(is_expected(&error), "{error:?}");
    assert_eq!(names(folder), before);
}

#[test]
fn keys_and_certificates_are_written_whole_and_leave_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("our.pfx"), folder.path().join("our.cer"));
    write_files(&[private(&key), public(&certificate)], Existing::Keep).unwrap();
    assert_eq!(fs::read(key).unwrap(), b"key");
    assert_eq!(fs::read(certificate).unwrap(), b"certificate");
    assert_eq!(names(folder.path()), ["our.cer", "our.pfx"]);
}

#[cfg(unix)]
#[test]
fn a_key_is_for_its_owner_and_a_certificate_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for existing in [Existing::Keep, Existing::Replace] {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("our.pfx"), folder.path().join("our.cer"));
        if existing == Existing::Replace {
            fs::write(&key, "readable by all").unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(0o666)).unwrap();
        }
        write_files(&[private(&key), public(&certificate)], existing).unwrap();
        assert_eq!((mode(&key), mode(&certificate)), (0o600, 0o644), "{existing:?}");
    }
}

#[test]
fn a_taken_path_is_kept() {
    let (folder, taken) = folder();
    assert_refused(folder.path(), &taken, Existing::Keep, |error| matches!(error, Error::Exists(_)));
    assert_eq!(fs::read(taken).unwrap(), b"old");
}

#[cfg(unix)]
#[test]
fn a_dangling_link_counts_as_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_refused(folder.path(), &link, Existing::Keep, |error| matches!(error, Error::Exists(_)));
    assert!(!target.exists());
}

#[cfg(unix)]
#[test]
fn replacing_a_link_leaves_its_target_alone() {
    let (folder, taken) = folder();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&taken, &link).unwrap();
    write_files(&[private(&link)], Existing::Replace).unwrap();
    assert_eq!((fs::read(&link).unwrap(), fs::read(&taken).unwrap()), (b"key".to_vec(), b"old".to_vec()));
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
}

#[test]
fn a_directory_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    for existing in [Existing::Keep, Existing::Replace] {
        assert_refused(folder.path(), &inner, existing, |error| matches!(error, Error::IsDirectory(_)));
    }
}

#[test]
fn replacing_replaces() {
    let (folder, taken) = folder();
    check_path(&taken, Existing::Replace).unwrap();
    write_files(&[private(&taken)], Existing::Replace).unwrap();
    assert_eq!(fs::read(taken).unwrap(), b"key");
    assert_eq!(names(folder.path()), ["taken"]);
}

#[test]
fn a_folder_that_is_missing_or_takes_no_file_is_an_error_with_its_cause() {
    let (folder, taken) = folder();
    let cases = [
        (folder.path().join("missing/our.pfx"), ErrorKind::NotFound),
        (taken.join("our.pfx"), ErrorKind::NotADirectory),
    ];
    for (path, kind) in cases {
        for existing in [Existing::Keep, Existing::Replace] {
            let error = write_files(&[private(&path)], existing).unwrap_err();
            assert_eq!(error.to_string(), format!("{} could not be written", path.display()));
            let Error::Write { source, .. } = error else { panic!("{error:?}") };
            assert_eq!(source.kind(), kind);
            assert_eq!(names(folder.path()), ["taken"]);
        }
    }
}

#[test]
fn where_the_second_path_cannot_be_written_neither_is() {
    let (folder, taken) = folder();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let first = folder.path().join("first");
    for (second, existing) in [
        (&taken, Existing::Keep),
        (&inner, Existing::Keep),
        (&inner, Existing::Replace),
        (&folder.path().join("missing/our.cer"), Existing::Replace),
        (&first, Existing::Keep),
    ] {
        write_files(&[private(&first), public(second)], existing).unwrap_err();
        assert_eq!(names(folder.path()), ["inner", "taken"], "{}", second.display());
        assert_eq!(fs::read(&taken).unwrap(), b"old");
    }
}

#[test]
fn what_was_there_comes_back_where_a_later_file_cannot_be_placed() {
    let folder = tempfile::tempdir().unwrap();
    let (first, taken) = (folder.path().join("a.pfx"), folder.path().join("b.pfx"));
    fs::write(&first, "old").unwrap();
    // Its parts can be written, but no file can have such a name.
    let last = folder.path().join("x".repeat(300));
    let file = |path| NewFile { path, contents: b"new", access: Access::Private };
    let refused = write_files(&[file(&first), file(&taken), file(&last)], Existing::Replace);
    assert!(matches!(refused, Err(Error::Write { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&first).unwrap(), "old");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.pfx"], "nothing else is left behind");
    write_files(&[file(&first), file(&taken)], Existing::Replace).unwrap();
    assert_eq!(fs::read_to_string(&first).unwrap(), "new");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn a_device_is_never_replaced() {
    let file = NewFile { path: "/dev/null".as_ref(), contents: b"x", access: Access::Private };
    for existing in [Existing::Keep, Existing::Replace] {
        assert!(matches!(write_files(&[file], existing), Err(Error::NotAFile(_))));
    }
}
