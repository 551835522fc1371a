//! The configuration file: whether it can be used. Other commands do not begin where it cannot.

use super::finding::Finding;
use crate::{Context, config, failure::Outcome};

const CHECK: &str = "configuration";

pub(super) fn check(context: &Context) -> Outcome<Finding> {
    if let Some(failure) = &context.misconfigured {
        let finding = Finding::of_failure(CHECK, failure.clone());
        return Ok(finding
            .because("no other command begins before that; the checks below were made without the file"));
    }
    // Without a home there is nothing to read it from.
    let path = config::path(&context.global).ok().filter(|path| path.exists());
    Ok(Finding::ok(
        CHECK,
        match path {
            Some(path) => format!("{} can be used", path.display()),
            None => "there is no file, and none is needed".to_owned(),
        },
    ))
}
