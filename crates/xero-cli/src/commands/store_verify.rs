//! `xeroctl store verify`: whether everything is whole and belongs where it stands.

use connection_store::{Finding, Store};
use serde_json::json;

use crate::{
    Context,
    args::StoreVerify,
    failure::{Failure, Kind, Outcome},
    ownership::put_back,
    ui::{Ui, one_line},
};

pub(crate) fn run(context: &Context, args: &StoreVerify) -> Outcome {
    let ui = &context.ui;
    let (path, findings) = match &args.file {
        Some(path) => {
            let folder = std::env::temp_dir();
            let verify = |key: &_| Store::verify_copy(path, &folder, key);
            (path.clone(), context.with_key_of_copy(path, verify)?)
        }
        None => (context.store_place()?.path().to_owned(), context.open_store_quietly()?.verify()?),
    };
    ui.document(json!({
        "store": path.display().to_string(),
        "findings": findings.iter().map(document).collect::<Vec<_>>(),
    }))?;
    if findings.is_empty() {
        ui.say(format!("{}: everything is whole and belongs where it stands.", path.display()));
        return Ok(());
    }
    let lines: Vec<_> = findings.iter().map(|one| one_line(&one.to_string())).collect();
    ui.prose(lines.join("\n"))?;
    let mend = match &args.file {
        Some(_) => "take another backup".to_owned(),
        None => put_back(),
    };
    Ui::explain(
        &Failure::new(Kind::StoreUnusable, format!("{}: {}", path.display(), counted(findings.len())))
            .hint(format!("{mend}; what is not named above can be used as before")),
    );
    Err(Failure::silent(Kind::StoreUnusable))
}

/// Says what is damaged in a store that is to be copied as it is; `verify` is the command that names all of it.
pub(super) fn warn_of_damage(ui: &Ui, store: &Store, verify: &str) -> Outcome {
    // A file that waits to be taken up is no damage.
    let is_damage = |one: &Finding| one.table != "file" || one.row.is_empty();
    let findings: Vec<_> = store.verify()?.into_iter().filter(is_damage).collect();
    if let Some(first) = findings.first() {
        let (counted, first) = (counted(findings.len()), one_line(&first.to_string()));
        ui.warn(format!("{counted}, and will be so in the copy ({first}); `{verify}` names all"));
    }
    Ok(())
}

/// How many things a look through a store has found.
pub(super) fn counted(findings: usize) -> String {
    if findings == 1 {
        "1 thing is not as it should be".to_owned()
    } else {
        format!("{findings} things are not as they should be")
    }
}

fn document(finding: &Finding) -> serde_json::Value {
    json!({ "table": finding.table, "row": finding.row, "what": finding.what })
}
