//! Whose a store is, in words: this machine's, a copy, or on its way.

use std::time::SystemTime;

use connection_store::Ownership;

use crate::{
    show::{date, quoted},
    ui::one_line,
};

/// Why nothing is renewed with it, if that is so.
pub(crate) fn reason(ownership: &Ownership) -> Option<String> {
    Some(match ownership {
        Ownership::Here | Ownership::Nobody => return None,
        Ownership::Copied { owner, since } => {
            format!("this is a copy of the store that {} owns since {}", one_line(owner), date(*since))
        }
        Ownership::Moved { to, since } => {
            format!("this store was moved to {} on {}", one_line(to), date(*since))
        }
        Ownership::Arriving { from, since, .. } => {
            format!("the move of this store from {}, of {}, was not finished", one_line(from), date(*since))
        }
    })
}

/// What is done about it.
pub(crate) fn remedy(ownership: &Ownership) -> Option<String> {
    Some(match ownership {
        Ownership::Here | Ownership::Nobody => return None,
        Ownership::Copied { .. } => {
            "when the other one is out of use for good: xeroctl store adopt".to_owned()
        }
        Ownership::Moved { to, since } => used_there(to, *since),
        Ownership::Arriving { from, to, .. } => gone_on(from, to),
    })
}

/// After a move.
pub(crate) fn used_there(to: &str, since: SystemTime) -> String {
    format!("since {} it is used there: --store {}, or XEROCTL_STORE", date(since), quoted(&one_line(to)))
}

/// In the middle of one.
pub(crate) fn gone_on(from: &str, to: &str) -> String {
    format!("go on with it: xeroctl store move {} {}", quoted(&one_line(from)), quoted(&one_line(to)))
}
