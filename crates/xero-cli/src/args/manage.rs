//! The command line of what looks after connections and apps.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use super::{NewPasswordSource, Order as _, PasswordSource, SecretSource};

// `xeroctl rename`.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The connection
    pub(crate) name: String,
    /// Its new name
    pub(crate) new_name: String,
}

// `xeroctl edit`.
#[derive(Debug, Args, Clone)]
#[command(own_options_first(true))]
pub(crate) struct Edit {
    /// The connection; without it, the default one
    pub(crate) name: Option<String>,
    /// Give it another name
    #[arg(long, value_name = "NAME")]
    pub(crate) rename: Option<String>,
    /// Make it the default connection
    #[arg(long)]
    pub(crate) default: bool,
    #[command(flatten)]
    pub(crate) app: AppEdits,
    /// Save without a test request
    #[arg(long)]
    pub(crate) no_test: bool,
}

// What can be changed of an app.
#[derive(Debug, Args, Clone)]
pub(crate) struct AppEdits {
    /// What the app is called here; empty takes its name away
    #[arg(long, value_name = "NAME", help_heading = "App, for all of its connections")]
    pub(crate) app_name: Option<String>,
    /// All its redirect URIs, as the portal has them; repeat it for several
    #[arg(long, value_name = "URI", help_heading = "App, for all of its connections")]
    pub(crate) redirect_uri: Vec<String>,
    /// Private app: another consumer key
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new(), help_heading = "App, for all of its connections")]
    pub(crate) consumer_key: Option<String>,
    /// Private app: the .pfx file with another key, whose certificate the portal has
    #[arg(long, value_name = "PFX", help_heading = "App, for all of its connections")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    #[command(flatten)]
    pub(crate) secret: SecretSource,
}

// `xeroctl copy`.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The connection whose app and login are used
    pub(crate) name: String,
    /// The other organisation: its name or id, or `all` that have no connection yet; may be repeated
    #[arg(long = "organisation", alias = "org", value_name = "ORGANISATION")]
    pub(crate) organisations: Vec<String>,
    /// The new connection's name; without it, taken from the organisation
    #[arg(long, value_name = "NAME")]
    pub(crate) r#as: Option<String>,
}

// `xeroctl apps`.
#[derive(Debug, Subcommand)]
pub(crate) enum AppsCommand {
    /// List the apps, and how many connections use each
    List,
    /// Show an app and its connections
    Show(OneApp),
    /// Change what is known of an app
    Edit(AppEdit),
    /// Replace an app's secret while the portal changes over
    #[command(subcommand)]
    Secret(AppSecret),
    /// Remove an app with all of its connections; Xero is not told
    Remove(AppRemove),
}

// An app that must be named.
#[derive(Debug, Args)]
pub(crate) struct OneApp {
    /// The app: its name, its client id or consumer key, or how that begins
    pub(crate) app: String,
}

// `xeroctl apps edit`.
#[derive(Debug, Args)]
pub(crate) struct AppEdit {
    /// The app: its name, its client id or consumer key, or how that begins
    pub(crate) app: String,
    #[command(flatten)]
    pub(crate) edits: AppEdits,
    /// Save without trying a new secret or key
    #[arg(long)]
    pub(crate) no_test: bool,
}

// `xeroctl apps remove`.
#[derive(Debug, Args)]
pub(crate) struct AppRemove {
    /// The app: its name, its client id or consumer key, or how that begins
    pub(crate) app: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// `xeroctl apps secret`.
#[derive(Debug, Subcommand)]
pub(crate) enum AppSecret {
    /// Try a new client secret, then use it; the one before is kept beside it until `apps secret remove`
    Set(AppSecretSet),
    /// Forget the secret that is kept beside the one in use; the one in use is tried first
    Remove(AppSecretRemove),
}

// `xeroctl apps secret set`.
#[derive(Debug, Args)]
pub(crate) struct AppSecretSet {
    /// The app: its name, its client id, or how that begins
    pub(crate) app: String,
    #[command(flatten)]
    pub(crate) secret: SecretSource,
    /// Keep it without trying it at Xero
    #[arg(long)]
    pub(crate) no_test: bool,
}

// `xeroctl apps secret remove`.
#[derive(Debug, Args)]
pub(crate) struct AppSecretRemove {
    /// The app: its name, its client id, or how that begins
    pub(crate) app: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Forget it without trying the one in use at Xero
    #[arg(long)]
    pub(crate) no_test: bool,
}

// `xeroctl export`.
#[derive(Debug, Args)]
#[command(own_options_first(true))]
pub(crate) struct Export {
    /// The file to write, which is not replaced; or - for standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The connections
    pub(crate) names: Vec<String>,
    /// All connections
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    /// With --all: leave those out whose logins another store renews
    #[arg(long, requires = "all", conflicts_with = "names")]
    pub(crate) skip_handed_over: bool,
    /// Export the others as well that use the same logins
    #[arg(long)]
    pub(crate) with_shared: bool,
    /// Leave the logins here: whoever imports the file logs in anew
    #[arg(long)]
    pub(crate) without_logins: bool,
    /// Seal it to a public key: age1…, or ssh-ed25519 AAAA…; may be repeated
    #[arg(long, value_name = "PUBLIC-KEY", help_heading = "Bundle")]
    pub(crate) recipient: Vec<String>,
    #[command(flatten)]
    pub(crate) passphrase: BundlePassphrase,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

impl ImportBundle {
    /// True where something was said that only a bundle has.
    pub(crate) fn is_given(&self) -> bool {
        let Self { names, existing, adopt, list, bundle_identity, passphrase } = self;
        let by_passphrase = passphrase.bundle_passphrase_stdin || passphrase.bundle_passphrase_file.is_some();
        !names.is_empty()
            || existing.is_some()
            || *adopt
            || *list
            || bundle_identity.is_some()
            || by_passphrase
    }
}

// Where the passphrase of a bundle comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct BundlePassphrase {
    /// Read the bundle's passphrase from the next line of standard input
    #[arg(long, help_heading = "Bundle")]
    pub(crate) bundle_passphrase_stdin: bool,
    /// Read the bundle's passphrase from the first line of a file
    #[arg(long, value_name = "FILE", help_heading = "Bundle")]
    pub(crate) bundle_passphrase_file: Option<PathBuf>,
}

// What `xeroctl import` takes for a file that `xeroctl export` wrote.
#[derive(Debug, Args)]
pub(crate) struct ImportBundle {
    /// The connections of the bundle; without them, all
    pub(crate) names: Vec<String>,
    /// What to do where a name is taken; without it, import nothing
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Bundle")]
    pub(crate) existing: Option<OnTaken>,
    /// Renew the logins here from now on: nobody else has imported the file
    #[arg(long, help_heading = "Bundle")]
    pub(crate) adopt: bool,
    /// Only say what is in it
    #[arg(long, help_heading = "Bundle")]
    pub(crate) list: bool,
    /// An age identity or SSH key that opens it
    #[arg(long, value_name = "FILE", help_heading = "Bundle")]
    pub(crate) bundle_identity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: BundlePassphrase,
}

/// What to do with a connection whose name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnTaken {
    /// Import nothing
    Refuse,
    /// Leave it out
    Skip,
    /// Import it as NAME-2, NAME-3 and so on
    Rename,
    /// Replace the one that is there
    Replace,
}

// `xeroctl adopt`.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The connections
    #[arg(required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// All that were imported or exported
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// `xeroctl cert renew`.
#[derive(Debug, Args)]
pub(crate) struct CertRenew {
    /// The connection; without it, the default one
    pub(crate) name: Option<String>,
    /// Where the new certificate to upload goes; without it, NAME-renewed.cer in this directory
    #[arg(long, value_name = "FILE")]
    pub(crate) cer: Option<PathBuf>,
    /// Also write the new key and certificate to this .pfx file; the store has them in any case
    #[arg(long, value_name = "FILE")]
    pub(crate) pfx: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: NewPasswordSource,
    /// How long the new certificate is valid, in days
    #[arg(long, value_name = "DAYS", default_value_t = xero_certs::SelfSigned::DEFAULT_DAYS)]
    pub(crate) days: u32,
    /// The portal has the new certificate: test it, and use it from now on
    #[arg(long, conflicts_with_all = ["cer", "pfx", "days", "cancel"])]
    pub(crate) finish: bool,
    /// Forget the new pair again
    #[arg(long, conflicts_with_all = ["cer", "pfx", "days"])]
    pub(crate) cancel: bool,
}

// `xeroctl status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// How many days before its end a login or a certificate is named
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    pub(crate) warn_days: u32,
}
