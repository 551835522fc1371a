//! Whose a store is, in words: this machine's, a copy, or on its way.

use std::time::SystemTime;

use connection_store::Ownership;

use crate::{
    show::{date, quoted},
    store_place::of_run,
    ui::one_line,
};

/// What makes a copy the store that renews.
pub(crate) const ADOPT: &str = "xeroctl store adopt";

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
        Ownership::Copied { .. } => adopted(),
        Ownership::Moved { to, since } => used_there(to, *since),
        Ownership::Arriving { from, to, .. } => gone_on(from, to),
    })
}

/// Of a copy.
pub(crate) fn adopted() -> String {
    format!("when the other one is out of use for good: {}", of_run::command(ADOPT))
}

/// What is done about rows that were changed: of a database no backup is put back by this program.
pub(crate) fn put_back() -> String {
    if of_run::is_at_server() {
        return "make it anew, a login with `xeroctl reauth NAME`, an app or a connection with `xeroctl remove NAME` and `xeroctl \
                connect`; or have the whole database put back from the server's own backup (docs/many-machines.md, 6)"
            .to_owned();
    }
    let restore = of_run::command("xeroctl store restore FILE");
    format!("put back a backup from before the change with `{restore}`")
}

/// After a move.
pub(crate) fn used_there(to: &str, since: SystemTime) -> String {
    format!("since {} it is used there: --store {}, or XEROCTL_STORE", date(since), quoted(&one_line(to)))
}

/// In the middle of one.
pub(crate) fn gone_on(from: &str, to: &str) -> String {
    format!("go on with it: xeroctl store move {} {}", quoted(&one_line(from)), quoted(&one_line(to)))
}
