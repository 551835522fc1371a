//! SIGKILL while logins are handed over from a store, and taken over from a bundle.

use crate::bench::Bench;
use crate::error::Outcome;
use crate::home::Home;
use crate::subject::Subject;

use super::stores::{Change, killed, private, remove, verified, well};

const BUNDLE: &str = "moving.age";
/// To a public key: a passphrase costs a second each time.
const EXPORT: [&str; 6] = ["export", BUNDLE, "--all", "--yes", "--recipient", PUBLIC_KEY];
const PUBLIC_KEY: &str = "age1mlujhhzuyaqglea7yug9v378jc9xlsp52hkj4zk90qs8dmn27s5q4ycxpr";
const IDENTITY: &str = "identity";
const SECRET_KEY: &[u8] = include_bytes!("../../../../fixtures/store/test-age-identity.txt");
/// Into the same store: what comes back takes the place of what was handed over.
const IMPORT: [&str; 7] =
    ["import", BUNDLE, "--existing", "replace", "--adopt", "--bundle-identity", IDENTITY];
const ADOPT: [&str; 3] = ["adopt", "--all", "--yes"];

pub(super) fn export(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&EXPORT);
    let before = |home: &Home, subject: &Subject| prepared(home, subject);
    // Whatever came of it, nobody has imported anything: the logins are taken back where they had gone.
    let after = |home: &Home, subject: &Subject| {
        let broken = verified(home, subject)?;
        well(home, &subject.xeroctl(&ADOPT))?;
        Ok(broken)
    };
    killed(bench, &Change { line, before, after })
}

pub(super) fn import(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&IMPORT);
    let before = |home: &Home, subject: &Subject| {
        prepared(home, subject)?;
        well(home, &subject.xeroctl(&EXPORT))
    };
    // All of it is there, or nothing and it can be done again.
    let after = |home: &Home, subject: &Subject| {
        let broken = verified(home, subject)?;
        well(home, &subject.xeroctl(&IMPORT))?;
        Ok(broken)
    };
    killed(bench, &Change { line, before, after })
}

fn prepared(home: &Home, subject: &Subject) -> Outcome<()> {
    private(&home.path().join(IDENTITY), SECRET_KEY)?;
    remove(&home.path().join(BUNDLE))?;
    well(home, &subject.xeroctl(&ADOPT))
}
