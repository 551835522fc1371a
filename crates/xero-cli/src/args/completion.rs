//! The options of `xeroctl completions`, `man`, and of what shells ask for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A shell that completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash, 4.4 or later
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
    /// PowerShell, on Windows and elsewhere
    #[value(name = "powershell")]
    Power,
}

// `xeroctl completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

// `xeroctl __complete`, which the scripts of `completions` call.
#[derive(Debug, Args)]
pub(crate) struct Complete {
    pub(crate) shell: Shell,
    /// A new word begins at the cursor; for shells that pass no empty ones
    #[arg(long)]
    pub(crate) next: bool,
    /// The characters at which bash breaks words
    #[arg(long, allow_hyphen_values = true, default_value = "")]
    pub(crate) breaks: String,
    /// The words up to the cursor, the program's name first; for bash the line up to the cursor
    #[arg(last = true)]
    pub(crate) words: Vec<String>,
}

// `xeroctl man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where a page for each command is written; without it, the page of xeroctl itself goes to standard output
    #[arg(value_name = "DIRECTORY")]
    pub(crate) folder: Option<PathBuf>,
}
