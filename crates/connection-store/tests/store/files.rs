//! The file that a store is: what is no store, what is damaged, who may read it.

use std::{fs, path::Path};

use connection_store::{Error, Store, StoreKey};
use rusqlite::Connection as Db;

use crate::home::{Home, key_file, new};

#[test]
fn files_that_are_no_store_are_left_as_they_are() {
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    let check = |prepare: &dyn Fn(&Path), expected: &str| {
        drop(fs::remove_file(&home.path));
        prepare(&home.path);
        let before = fs::read(&home.path).ok();
        for error in [home.open().unwrap_err(), Store::key_slots(&home.path).unwrap_err()] {
            assert_eq!(error.to_string().replace(&*home.path.to_string_lossy(), "STORE"), expected);
        }
        assert_eq!(fs::read(&home.path).ok(), before);
    };
    check(&|_| {}, "there is no store at STORE");
    check(&|path| fs::write(path, "").unwrap(), "there is no store at STORE");
    check(
        &|path| fs::write(path, "notes\n".repeat(500)).unwrap(),
        "STORE is not a store: it is not an SQLite database",
    );
    check(&emptied, "there is no store at STORE");
    check(&foreign, "STORE is not a store: it is the database of another program");
    check(&newer, "the store STORE has format 99; this version knows formats up to 5");
}

/// A database without tables, of whatever program.
fn emptied(path: &Path) {
    Db::open(path).unwrap().execute_batch("CREATE TABLE t (a); DROP TABLE t; VACUUM").unwrap();
}

fn foreign(path: &Path) {
    Db::open(path).unwrap().execute_batch("CREATE TABLE books (title TEXT)").unwrap();
}

fn newer(path: &Path) {
    let key = StoreKey::File(StoreKey::generate().unwrap());
    drop(Store::create(path, &key_file(&key)).unwrap());
    Db::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
}

#[test]
fn a_damaged_store_is_called_damaged() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    drop(store);
    let mut bytes = fs::read(&home.path).unwrap();
    // The header stays; every page of content is overwritten.
    bytes[200..].fill(0xA5);
    fs::write(&home.path, &bytes).unwrap();
    let error = home.open().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
}

#[cfg(unix)]
#[test]
fn only_a_store_is_made_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    let mode = || fs::metadata(&home.path).unwrap().permissions().mode() & 0o777;
    let open_to_all = || fs::set_permissions(&home.path, fs::Permissions::from_mode(0o644)).unwrap();
    for prepare in [foreign as fn(&Path), emptied, |path| fs::write(path, "notes\n".repeat(500)).unwrap()] {
        drop(fs::remove_file(&home.path));
        prepare(&home.path);
        open_to_all();
        assert!(home.open().is_err());
        assert_eq!(mode(), 0o644, "what is another program's is left as it is");
    }
    fs::remove_file(&home.path).unwrap();
    drop(Store::create(&home.path, &key_file(&home.key)).unwrap());
    open_to_all();
    assert!(home.open().is_ok());
    assert_eq!(mode(), 0o600);
    let device = Path::new("/dev/zero");
    let before = fs::metadata(device).unwrap().permissions().mode();
    assert!(matches!(Store::key_slots(device), Err(Error::NotADatabase(_))));
    assert!(matches!(Store::create(device, &key_file(&home.key)), Err(Error::NotADatabase(_))));
    assert_eq!(fs::metadata(device).unwrap().permissions().mode(), before);
}

#[cfg(unix)]
#[test]
fn directory_and_files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path.parent().unwrap()), 0o700);
    let files: Vec<_> =
        fs::read_dir(home.path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "the write-ahead log is there: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
