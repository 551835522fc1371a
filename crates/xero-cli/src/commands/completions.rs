//! `xeroctl completions`: the script with which a shell completes commands, options and names of connections.

use serde_json::json;

use crate::{
    Context,
    args::{Completions, Shell},
    failure::Outcome,
};

pub(crate) fn run(context: &Context, args: &Completions) -> Outcome {
    let (name, script) = match args.shell {
        Shell::Bash => ("bash", include_str!("completions/xeroctl.bash")),
        Shell::Zsh => ("zsh", include_str!("completions/xeroctl.zsh")),
        Shell::Fish => ("fish", include_str!("completions/xeroctl.fish")),
        Shell::Power => ("powershell", include_str!("completions/xeroctl.ps1")),
    };
    context.ui.document(json!({ "shell": name, "script": script }))?;
    context.ui.data(script.trim_end())
}
