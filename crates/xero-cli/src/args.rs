//! The command line: every command, option and default.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

/// The connection manager for Xero
///
/// Keys and certificates, connections with sealed secrets, signed requests. Data goes to standard output, everything
/// else to standard error. `xeroctl help exit-codes` says what each exit status means.
#[derive(Debug, Parser)]
#[command(
    name = "xeroctl",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The store's file; without it, a file in the platform's data directory [env: XEROCTL_STORE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) store: Option<PathBuf>,
    /// The key file that opens the store; without it, the one that the store names [env: XEROCTL_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) key_file: Option<PathBuf>,
    /// A file whose first line is the passphrase that opens the store [env: XEROCTL_PASSPHRASE_FILE]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options",
        conflicts_with = "key_file"
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A server that stands in for Xero; kept with the app when a connection is made [env: XEROCTL_XERO_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) xero_url: Option<String>,
    /// How long a request may take in all, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Global options")]
    pub(crate) timeout: u64,
    /// One JSON document on standard output, for errors too
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Never ask; a missing answer is an error
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_input: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more of what is done; twice or three times for more still. Never a secret
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

impl Global {
    /// Takes from the environment what the command line does not say. An empty variable is one that is not set, and an
    /// option for the store's key counts before both variables for it.
    pub(crate) fn take_environment(&mut self) {
        let path = |name| variable(name).map(PathBuf::from);
        self.store = self.store.take().or_else(|| path("XEROCTL_STORE"));
        self.xero_url = self.xero_url.take().or_else(|| variable("XEROCTL_XERO_URL")?.into_string().ok());
        if self.key_file.is_none() && self.passphrase_file.is_none() {
            self.passphrase_file = path("XEROCTL_PASSPHRASE_FILE");
            if self.passphrase_file.is_none() {
                self.key_file = path("XEROCTL_KEY_FILE");
            }
        }
    }
}

impl Using {
    /// The connection named by the option or the variable.
    pub(crate) fn name(&self) -> Option<String> {
        self.connection.clone().or_else(|| variable("XEROCTL_CONNECTION")?.into_string().ok())
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect an app and an organisation: a wizard on a terminal, or by options
    Connect(Connect),
    /// List the connections
    List,
    /// Show one connection
    Show(OneConnection),
    /// Make a real request with a connection and check the organisation
    Test(Test),
    /// Send a request with a connection's authority and print the answer
    Request(Request),
    /// Print the signed Authorization header for a request
    Sign(Sign),
    /// Make one connection the default
    Default(NamedConnection),
    /// Remove connections and their keys from the store
    Remove(Remove),
    /// Make, look at, check and convert certificates and key files
    #[command(subcommand)]
    Cert(Cert),
    /// Make the store that keeps connections
    #[command(subcommand)]
    Store(StoreCommand),
    /// Help on a command, or on: exit-codes, environment, files, security
    Help(Help),
}

/// `xeroctl help`.
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A command, or exit-codes, environment, files, security
    pub(crate) topic: Vec<String>,
}

/// A connection, or the default one.
#[derive(Debug, Args)]
pub(crate) struct OneConnection {
    /// The connection; without it, the default one
    pub(crate) name: Option<String>,
}

/// A connection that must be named.
#[derive(Debug, Args)]
pub(crate) struct NamedConnection {
    /// The connection
    pub(crate) name: String,
}

/// `xeroctl test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The connection; without it, the default one
    pub(crate) name: Option<String>,
    /// Test all connections; the exit status is that of the first that failed
    #[arg(long, conflicts_with = "name")]
    pub(crate) all: bool,
}

/// `xeroctl remove`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The connections
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Which connection a request is made with.
#[derive(Debug, Args)]
pub(crate) struct Using {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
}

/// `xeroctl request`.
#[derive(Debug, Args)]
pub(crate) struct Request {
    #[command(flatten)]
    pub(crate) using: Using,
    /// GET, POST, PUT or DELETE
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) method: String,
    /// A path such as Invoices?page=1 (of the Accounting API), /files.xro/1.0/Files, or a whole URL
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) path: String,
    /// A header to send, as 'Name: value'; Accept is application/json unless given
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// The body: @FILE, or - for standard input
    #[arg(short, long, value_name = "@FILE|-")]
    pub(crate) data: Option<String>,
    /// Print the status and headers of the answer before it
    #[arg(short, long)]
    pub(crate) include: bool,
    /// Write the answer to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output file if there is one
    #[arg(long)]
    pub(crate) force: bool,
}

/// `xeroctl sign`.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) using: Using,
    /// The request's method
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) method: String,
    /// The request's path or URL, as for `request`
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) path: String,
    /// A form-encoded body that is to be signed: @FILE, or - for standard input
    #[arg(long, value_name = "@FILE|-")]
    pub(crate) form: Option<String>,
    /// Print the signature base string instead of the header
    #[arg(long)]
    pub(crate) base_string: bool,
}

/// The kind of app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// OAuth 1.0a private app; Xero switched it off on 30 September 2021
    Private,
}

/// `xeroctl connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The connection's name; without it, asked for or taken from the organisation
    pub(crate) name: Option<String>,
    /// The kind of app
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// The consumer key from the portal
    #[arg(long, value_name = "KEY")]
    pub(crate) consumer_key: Option<String>,
    /// The .pfx file with the private key and the certificate that was uploaded
    #[arg(long, value_name = "PFX")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
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

/// Where the password of a key file comes from.
#[derive(Debug, Args, Clone)]
#[group(multiple = false)]
pub(crate) struct PasswordSource {
    /// Read the key file's password from the next line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Read the key file's password from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The key file has no password
    #[arg(long)]
    pub(crate) no_password: bool,
}

/// Where the password of a new key file comes from.
#[derive(Debug, Args, Clone)]
#[group(multiple = false)]
pub(crate) struct NewPasswordSource {
    /// Read the new file's password from the next line of standard input
    #[arg(long)]
    pub(crate) new_password_stdin: bool,
    /// Read the new file's password from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<PathBuf>,
    /// Protect the new file with no password
    #[arg(long)]
    pub(crate) no_new_password: bool,
}

/// `xeroctl cert`.
#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// Make a key pair: NAME.cer to upload, NAME.pfx to keep
    New(CertNew),
    /// Show what a .cer, .pfx or key file holds
    Show(CertShow),
    /// Check a .pfx: it opens, key and certificate match, it is valid now
    Verify(CertVerify),
    /// Rewrite a .pfx or key file in another form
    Convert(CertConvert),
}

/// `xeroctl cert new`.
#[derive(Debug, Args)]
pub(crate) struct CertNew {
    /// The files' path without an ending
    #[arg(default_value = "xero", value_name = "FILES")]
    pub(crate) base: PathBuf,
    /// The name in the certificate, 1 to 64 characters; without it, the files' name
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// The key's size
    #[arg(long, default_value = "2048", value_parser = ["2048", "3072", "4096"])]
    pub(crate) bits: String,
    /// How long the certificate is valid, from now
    #[arg(long, default_value_t = xero_certs::SelfSigned::DEFAULT_DAYS)]
    pub(crate) days: u32,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    /// Protect the .pfx in the old way that .NET Framework and Windows before Server 2019 need
    #[arg(long)]
    pub(crate) compatible: bool,
    /// Write the .cer in DER (binary) form; the portal wanted the text form
    #[arg(long)]
    pub(crate) der: bool,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

/// `xeroctl cert show`.
#[derive(Debug, Args)]
pub(crate) struct CertShow {
    /// The file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

/// `xeroctl cert verify`.
#[derive(Debug, Args)]
pub(crate) struct CertVerify {
    /// The .pfx file
    pub(crate) file: PathBuf,
    /// A .cer that must be the certificate in it
    #[arg(long, value_name = "CER")]
    pub(crate) cer: Option<PathBuf>,
    /// Fail unless the certificate is valid for at least so many days more
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    pub(crate) min_days: u32,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

/// What `cert convert` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A .pfx protected with AES-256 and SHA-256
    Pfx,
    /// A .pfx protected with triple DES and SHA-1, for old Windows and .NET Framework
    PfxCompatible,
    /// The certificate in base 64 (PEM), for the portal
    Cer,
    /// The certificate in DER
    Der,
    /// The private key, unprotected, as PKCS#8 PEM
    Key,
}

/// `xeroctl cert convert`.
#[derive(Debug, Args)]
pub(crate) struct CertConvert {
    /// The file to read: a .pfx, or a private key (with --certificate, unless the file holds both)
    pub(crate) input: PathBuf,
    /// The file to write
    pub(crate) output: PathBuf,
    /// What to write; without it, the output's ending decides (.pfx, .p12, .cer, .crt, .der)
    #[arg(long, value_enum)]
    pub(crate) to: Option<Form>,
    /// The certificate that belongs to the key, where the input is a key file
    #[arg(long, value_name = "CER")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    #[command(flatten)]
    pub(crate) new_password: NewPasswordSource,
    /// Replace the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// `xeroctl store`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Make a store, locked with a key file or a passphrase
    ///
    /// With --key-file the file is made if it does not exist; with --passphrase-file its first line is the passphrase.
    /// On a terminal, without either, you are asked.
    Init,
}
