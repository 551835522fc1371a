//! The command line of `xeroctl import --from`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Choosing, ImportBundle, Making, Order as _, SecretSource};

/// Which other program kept a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportSource {
    /// A file that `xeroctl export` wrote
    Bundle,
    /// Tokens as JSON, as OAuth libraries write them: a file, or `-` for standard input
    TokenJson,
    /// An environment file (.env) with the names that samples for Xero use, or `-` for standard input
    Env,
    /// Xero's own command line (`xero`, @xeroapi/xero-command-line): its folder, by default ~/.config/xero-command-line
    XeroCli,
    /// Xero's xoauth: its xoauth.json, by default ~/.xoauth/xoauth.json; secrets come from this system's keychain
    Xoauth,
}

// `xeroctl import --from`.
#[derive(Debug, Args)]
#[command(own_options_first(true))]
pub(crate) struct ImportFrom {
    /// What kind of file it is, or which other program's
    #[arg(long, value_enum, value_name = "SOURCE", default_value = "bundle")]
    pub(crate) from: ImportSource,
    /// What to read; of another program, without it, where that keeps its files
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: ImportBundle,
    /// Only show what would be imported; nothing is sent, spent or saved
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) profiles: Profiles,
    #[command(flatten)]
    pub(crate) passphrase: SourcePassphrase,
    /// The client id of the app, where the source does not say it
    #[arg(long, value_name = "ID", help_heading = "OAuth 2.0 app")]
    pub(crate) client_id: Option<String>,
    #[command(flatten)]
    pub(crate) secret: SecretSource,
    /// A redirect URI of the app, for later logins
    #[arg(long, value_name = "URI", help_heading = "OAuth 2.0 app")]
    pub(crate) redirect_uri: Vec<String>,
    #[command(flatten)]
    pub(crate) choosing: Choosing,
    /// The connection's name; without it, that of the profile, asked for or taken from the organisation
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Make it the default connection
    #[arg(long)]
    pub(crate) default: bool,
    /// Replace the connection of that name
    #[arg(long)]
    pub(crate) replace: bool,
    /// Save without a test request; the login is renewed all the same
    #[arg(long)]
    pub(crate) no_test: bool,
    /// Do not ask: of a bundle nothing is asked in any case
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// Which of the other program's profiles.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Profiles {
    /// The profile of the other program; may be repeated
    #[arg(long = "profile", value_name = "NAME")]
    pub(crate) named: Vec<String>,
    /// All profiles of the other program
    #[arg(long)]
    pub(crate) all_profiles: bool,
}

// The passphrase that the official tool's tokens are kept under, if they are.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct SourcePassphrase {
    /// xero-cli: read its passphrase (XERO_TOKEN_PASSPHRASE) from the next line of standard input
    #[arg(long, help_heading = "Another program's files")]
    pub(crate) source_passphrase_stdin: bool,
    /// xero-cli: read its passphrase (XERO_TOKEN_PASSPHRASE) from the first line of a file
    #[arg(long, value_name = "FILE", help_heading = "Another program's files")]
    pub(crate) source_passphrase_file: Option<PathBuf>,
}

impl ImportSource {
    /// The word for it on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::TokenJson => "token-json",
            Self::Env => "env",
            Self::XeroCli => "xero-cli",
            Self::Xoauth => "xoauth",
        }
    }
}

impl ImportFrom {
    /// The first option that was given and that only another program's login has.
    pub(crate) fn of_another_program(&self) -> Option<&'static str> {
        let options = [
            ("--dry-run", self.dry_run),
            ("--profile", !self.profiles.named.is_empty()),
            ("--all-profiles", self.profiles.all_profiles),
            ("--source-passphrase-…", self.passphrase.is_given()),
            ("--client-id", self.client_id.is_some()),
            ("--client-secret-…", self.secret.is_given()),
            ("--redirect-uri", !self.redirect_uri.is_empty()),
            ("--organisation", !self.choosing.organisations.is_empty()),
            ("--as", self.name.is_some()),
            ("--default", self.default),
            ("--replace", self.replace),
            ("--no-test", self.no_test),
        ];
        options.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    /// How the connections are made.
    pub(crate) fn making(&self) -> Making {
        Making {
            name: self.name.clone(),
            default: self.default,
            replace: self.replace,
            no_test: self.no_test,
        }
    }
}

impl SourcePassphrase {
    pub(crate) fn is_given(&self) -> bool {
        self.source_passphrase_stdin || self.source_passphrase_file.is_some()
    }
}
