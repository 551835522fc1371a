//! The command line of `xeroctl connect`.

use std::path::PathBuf;

use clap::{
    Args, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{Order as _, PasswordSource};

/// The kind of app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// OAuth 2.0 web app: client id and secret, one consent in a browser
    Web,
    /// OAuth 2.0 mobile or desktop app (PKCE): client id, no secret, one consent in a browser
    Desktop,
    /// OAuth 2.0 custom connection: client id and secret, no browser, one organisation; paid; AU, NZ, UK, US
    Custom,
    /// OAuth 1.0a private app: consumer key and certificate; Xero switched it off on 30 September 2021
    Private,
}

// `xeroctl connect`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, own_options_first(true))]
pub(crate) struct Connect {
    #[command(subcommand)]
    pub(crate) step: Option<ConnectStep>,
    /// The kind of app
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    #[command(flatten)]
    pub(crate) app: OAuth2App,
    #[command(flatten)]
    pub(crate) consenting: Consenting,
    #[command(flatten)]
    pub(crate) making: Making,
    #[command(flatten)]
    pub(crate) choosing: Choosing,
    /// Private app: the consumer key from the portal
    #[arg(long, value_name = "KEY", help_heading = "Private app")]
    pub(crate) consumer_key: Option<String>,
    /// Private app: the .pfx file with the private key and the certificate that was uploaded
    #[arg(long, value_name = "PFX", help_heading = "Private app")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

// The two steps of a login without a terminal.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectStep {
    /// Begin a login that a person finishes elsewhere: prints the address to open and the next step
    Begin(Begin),
    /// Finish a login that `connect begin` began
    Finish(Finish),
}

// What an OAuth 2.0 app is known by.
#[derive(Debug, Args, Clone)]
pub(crate) struct OAuth2App {
    /// The client id from the portal; of an app that is stored already nothing else is needed
    #[arg(long, value_name = "ID", help_heading = "OAuth 2.0 app")]
    pub(crate) client_id: Option<String>,
    /// An app that is stored already, by the name that it was given here, or by how its client id begins
    #[arg(long = "app", value_name = "APP", conflicts_with = "client_id", help_heading = "OAuth 2.0 app")]
    pub(crate) app: Option<String>,
    #[command(flatten)]
    pub(crate) secret: SecretSource,
    /// A redirect URI exactly as the portal has it; repeat it for other ports to try
    #[arg(long, value_name = "URI", help_heading = "OAuth 2.0 app")]
    pub(crate) redirect_uri: Vec<String>,
    /// Scopes: @read (without this option), @sync, @all, or names with spaces between; a custom connection takes those
    /// ticked in the portal
    #[arg(long, value_name = "SCOPES", help_heading = "OAuth 2.0 app")]
    pub(crate) scopes: Option<String>,
}

// Where a client secret comes from.
#[derive(Args, Clone)]
#[group(multiple = false)]
pub(crate) struct SecretSource {
    /// Read the client secret from the next line of standard input
    #[arg(long, help_heading = "OAuth 2.0 app")]
    pub(crate) client_secret_stdin: bool,
    /// Read the client secret from the first line of a file
    #[arg(long, value_name = "FILE", help_heading = "OAuth 2.0 app")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Only to say that there is no such option.
    #[arg(long, hide = true, num_args = 0..=1, value_name = "SECRET")]
    pub(crate) client_secret: Option<Option<String>>,
    /// Read the client secret from the first line that a command prints; the command is run by the shell
    #[arg(long, value_name = "COMMAND", help_heading = "OAuth 2.0 app")]
    pub(crate) client_secret_command: Option<String>,
}

/// Whoever gives a secret as an option after all does not find it in a log.
impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretSource")
    }
}

// How a person consents.
#[derive(Debug, Args, Clone)]
pub(crate) struct Consenting {
    /// Open no browser; print the address and wait for the consent
    #[arg(long, help_heading = "Consent")]
    pub(crate) no_browser: bool,
    /// Finish with the address that the browser ends at, pasted or on standard input: for a browser on another
    /// machine, or a redirect URI on another host
    #[arg(long, help_heading = "Consent")]
    pub(crate) paste: bool,
    /// How long to wait for the consent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Consent")]
    pub(crate) wait: u64,
}

// How the connection is made.
#[derive(Debug, Args, Clone)]
pub(crate) struct Making {
    /// The connection's name; without it, asked for or taken from the organisation
    pub(crate) name: Option<String>,
    /// Make it the default connection
    #[arg(long)]
    pub(crate) default: bool,
    /// Replace the connection of that name
    #[arg(long)]
    pub(crate) replace: bool,
    /// Save without a test request
    #[arg(long)]
    pub(crate) no_test: bool,
}

// Which organisations are connected.
#[derive(Debug, Args, Clone)]
pub(crate) struct Choosing {
    /// The organisation: its name or id, or `all` that were consented to; may be repeated
    #[arg(long = "organisation", alias = "org", value_name = "ORGANISATION")]
    pub(crate) organisations: Vec<String>,
}

// `xeroctl connect begin`.
#[derive(Debug, Args)]
pub(crate) struct Begin {
    /// The kind of app: web or desktop
    #[arg(long, value_parser = consented_kinds())]
    pub(crate) kind: Kind,
    #[command(flatten)]
    pub(crate) app: OAuth2App,
}

/// Those with a consent are offered; of the others the command says more than that they are not.
fn consented_kinds() -> impl TypedValueParser<Value = Kind> {
    let offered = |kind: &Kind| {
        let value = kind.to_possible_value().expect("none is skipped");
        value.hide(matches!(kind, Kind::Custom | Kind::Private))
    };
    let values = Kind::value_variants().iter().map(offered);
    PossibleValuesParser::new(values).map(|word| Kind::from_str(&word, false).expect("it is one of them"))
}

// `xeroctl connect finish`.
#[derive(Debug, Args)]
pub(crate) struct Finish {
    /// The login that `connect begin` printed, or one that was consented to and not finished
    pub(crate) login: String,
    #[command(flatten)]
    pub(crate) making: Making,
    #[command(flatten)]
    pub(crate) choosing: Choosing,
    #[command(flatten)]
    pub(crate) address: AddressSource,
}

// Where the address comes from that the browser ended at.
#[derive(Debug, Args)]
pub(crate) struct AddressSource {
    /// Read the address that the browser ended at from the next line of standard input
    #[arg(long)]
    pub(crate) address_stdin: bool,
    /// Read the address that the browser ended at from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "address_stdin")]
    pub(crate) address_file: Option<PathBuf>,
}
