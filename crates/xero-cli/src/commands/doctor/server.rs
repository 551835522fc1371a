//! How a store at a database server is reached.

use super::finding::Finding;
use crate::{
    Context,
    failure::{Kind, Outcome},
    store_place::Way,
};

const CHECK: &str = "server";

/// None for a store in a file.
pub(super) fn check(context: &Context) -> Outcome<Option<Finding>> {
    Ok(context.store_place()?.way().map(judge))
}

fn judge(way: Way) -> Finding {
    match way {
        Way::Verified => {
            Finding::ok(CHECK, "the store is reached by TLS, and the server's certificate is verified")
        }
        Way::OnThisMachine => Finding::ok(CHECK, "the store is at a server of this machine"),
        Way::InTheOpen => Finding::warning(CHECK, Kind::StoreUnusable, "the store is reached without TLS")
            .because(
                "secrets in it are sealed; names, organisations and who comes with which password are not",
            )
            .mend("take sslmode=disable out of the address, or out of PGSSLMODE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    #[test]
    fn only_what_is_open_is_warned_of() {
        let marks = [Way::Verified, Way::OnThisMachine, Way::InTheOpen].map(|way| judge(way).mark);
        assert_eq!(marks, [Mark::Ok, Mark::Ok, Mark::Warning]);
    }
}
