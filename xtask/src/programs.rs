//! The workspace's own programs, built from what is there now.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::command_line::command;
use crate::stop::Stop;

/// The files that cargo built, by their names.
pub(crate) struct Programs(HashMap<String, PathBuf>);

impl Programs {
    /// Builds the packages with these names.
    pub(crate) fn build(packages: &[&str]) -> Result<Self, Stop> {
        println!("Building {}; the first time takes some minutes.", packages.join(" and "));
        let line = "cargo build --locked --message-format json-render-diagnostics";
        let cannot = |error: std::io::Error| Stop::because("cannot run cargo", &error);
        let mut cargo = command(line);
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
        let mut cargo = cargo.stdout(Stdio::piped()).spawn().map_err(cannot)?;
        let messages =
            serde_json::Deserializer::from_reader(BufReader::new(cargo.stdout.take().expect("it is piped")));
        let built = messages.into_iter::<Value>().map_while(Result::ok).filter_map(|message| {
            let executable = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.to_owned(), executable.into()))
        });
        let built = built.collect();
        if !cargo.wait().map_err(cannot)?.success() {
            return Err(Stop::new("the programs do not build"));
        }
        Ok(Self(built))
    }

    pub(crate) fn path(&self, name: &str) -> Result<&Path, Stop> {
        let path = self.0.get(name).ok_or_else(|| Stop::new(format!("cargo built no {name}")))?;
        Ok(path)
    }
}
