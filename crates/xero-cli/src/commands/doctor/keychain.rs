//! Whether the system's keychain answers, where the store needs it.

use connection_store::{Error, KeySlot, Lock};

use super::finding::{Finding, Mark};
use crate::{
    Context,
    failure::{Failure, Outcome},
    keys::keychain,
};

const CHECK: &str = "keychain";

/// What a store has to do with the keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// No key of the store is in it.
    None,
    /// A key of the store is in it, and there are others.
    OneOfSeveral,
    /// Nothing else opens the store.
    OnlyKey,
    /// There is no store yet.
    NoStore,
}

pub(super) fn check(context: &Context) -> Outcome<Vec<Finding>> {
    let slots = context.store_place()?.key_slots();
    Ok(match slots.as_deref().map(use_of) {
        Ok(Use::None) => vec![Finding::ok(CHECK, "not used by this store")],
        Ok(used) => vec![judge(used, keychain::probe().map_err(Failure::from))],
        Err(Error::NotFound(_)) => vec![judge(Use::NoStore, keychain::probe().map_err(Failure::from))],
        // Why the store cannot be read is told where it is opened.
        Err(_) => vec![Finding::not_checked(CHECK, "the store does not say whether it is used")],
    })
}

fn use_of(slots: &[KeySlot]) -> Use {
    let in_it = slots.iter().filter(|slot| matches!(slot.lock, Lock::Keychain(_))).count();
    match (in_it, slots.len()) {
        (0, _) => Use::None,
        (own, all) if own == all => Use::OnlyKey,
        _ => Use::OneOfSeveral,
    }
}

fn judge(used: Use, answer: Result<(), Failure>) -> Finding {
    let Err(failure) = answer else { return Finding::ok(CHECK, "an entry was written, read and deleted") };
    let mark = match used {
        Use::OnlyKey => Mark::Problem,
        Use::OneOfSeveral => Mark::Warning,
        // A key file, a passphrase or a command do as well.
        Use::NoStore | Use::None => Mark::Note,
    };
    Finding::of_failure(CHECK, failure).marked(mark)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::failure::Kind;

    fn slots(locks: &[Lock]) -> Vec<KeySlot> {
        let slot =
            |(id, lock): (i64, &Lock)| KeySlot { id, lock: lock.clone(), created_at: SystemTime::UNIX_EPOCH };
        (1..).zip(locks).map(slot).collect()
    }

    #[test]
    fn what_a_store_has_to_do_with_it() {
        let entry = || Lock::Keychain("store key".to_owned());
        assert_eq!(use_of(&slots(&[Lock::Passphrase])), Use::None);
        assert_eq!(use_of(&slots(&[entry()])), Use::OnlyKey);
        assert_eq!(use_of(&slots(&[entry(), Lock::Passphrase])), Use::OneOfSeveral);
    }

    #[test]
    fn the_less_it_is_needed_the_less_it_matters() {
        let failure = || Err(Failure::new(Kind::StoreUnusable, "it is locked"));
        let mark = |used| judge(used, failure()).mark;
        assert_eq!(
            [Use::OnlyKey, Use::OneOfSeveral, Use::NoStore].map(mark),
            [Mark::Problem, Mark::Warning, Mark::Note]
        );
        assert_eq!(judge(Use::OnlyKey, Ok(())).mark, Mark::Ok);
    }
}
