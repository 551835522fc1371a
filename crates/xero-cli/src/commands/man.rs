//! `xeroctl man`: a page of the manual for each command.

use std::{fs, path::Path};

use clap::Command;
use clap_mangen::Man as Page;
use serde_json::json;
use xero_certs::{Access, Existing, NewFile, write_files};

use crate::{
    Context,
    args::{Cli, Man},
    failure::{Failure, Kind, Outcome},
};

pub(crate) fn run(context: &Context, args: &Man) -> Outcome {
    let mut pages = Vec::new();
    collect(&Cli::whole(), &mut pages);
    let Some(folder) = &args.folder else {
        let (name, text) = pages.first().expect("the program itself has a page");
        context.ui.document(json!({ "page": name, "roff": String::from_utf8_lossy(text) }))?;
        return if context.ui.json { Ok(()) } else { context.ui.raw(text) };
    };
    write(folder, &pages)?;
    let names: Vec<_> = pages.iter().map(|(name, _)| name).collect();
    context.ui.say(format!("{} pages written to {}", names.len(), folder.display()));
    context.ui.document(json!({ "directory": folder.display().to_string(), "pages": names }))
}

/// The program's page first, and then those of what is below it.
fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) {
    let page =
        Page::new(command.clone()).manual("xeroctl").source(concat!("xeroctl ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text).expect("memory takes what is written to it");
    pages.push((page.get_filename(), text));
    command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(|below| collect(below, pages));
}

fn write(folder: &Path, pages: &[(String, Vec<u8>)]) -> Outcome {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(Kind::Other, format!("{} cannot be made", folder.display()))
            .because(&error)
            .hint("choose a directory where you may write")
    })?;
    let paths: Vec<_> = pages.iter().map(|(name, _)| folder.join(name)).collect();
    let files: Vec<_> = paths
        .iter()
        .zip(pages)
        .map(|(path, (_, contents))| NewFile { path, contents, access: Access::Public })
        .collect();
    write_files(&files, Existing::Replace).map_err(|error| Failure::output(&error))
}
