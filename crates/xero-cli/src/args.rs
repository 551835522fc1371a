//! The command line: every command, option and default.

mod cert;
mod completion;
mod connect;
mod doctor;
mod gateway;
mod import_from;
mod keepalive;
mod list;
mod manage;
mod reauth;
mod scopes;
mod store;
mod store_move;
mod using;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, builder::NonEmptyStringValueParser};

pub(crate) use self::{
    cert::{Cert, CertConvert, CertNew, CertShow, CertVerify, Form, NewPasswordSource, PasswordSource},
    completion::{Complete, Completions, Man, Shell},
    connect::{
        AddressSource, Begin, Choosing, Connect, ConnectStep, Consenting, Finish, Kind, Making, OAuth2App,
        SecretSource,
    },
    doctor::Doctor,
    gateway::{Gateway, GatewayStep, GatewayTokenCommand, GatewayTokenNew},
    import_from::{ImportFrom, ImportSource, SourcePassphrase},
    keepalive::{Keepalive, Log, Manager, Renewing, Telling},
    list::{Field, Filter, HEALTH, List, SORTS, Sort},
    manage::{
        Adopt, AppEdit, AppEdits, AppRemove, AppSecret, AppSecretRemove, AppSecretSet, AppsCommand,
        BundlePassphrase, CertRenew, Copy, Edit, Export, ImportBundle, OnTaken, OneApp, Rename, Status,
    },
    reauth::{Reauth, ReauthBegin, ReauthFinish, ReauthStep},
    scopes::{Scopes, ScopesExplain, ScopesUpgrade},
    store::{
        KeySource, NewKeyOptions, OpenedBy, StoreAdopt, StoreBackup, StoreCommand, StoreInit,
        StoreKeyCommand, StoreKeyRemove, StoreRestore, StoreUnlock, StoreVerify,
    },
    store_move::StoreMove,
    using::{Asking, Exec, TokenFormat},
};

/// The connection manager for Xero
///
/// Keys and certificates, connections with sealed secrets, signed requests. Data goes to standard output, everything
/// else to standard error. `xeroctl help exit-codes` says what each exit status means.
#[derive(Debug, Parser)]
#[command(name = "xeroctl", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Without one, what people do most is shown.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The store: a file, or postgres://USER@HOST/DATABASE; without it, a file in the platform's data directory [env:
    /// XEROCTL_STORE]
    #[arg(long, global = true, value_name = "STORE", help_heading = "Global options")]
    pub(crate) store: Option<PathBuf>,
    /// A file whose first line is the password at the PostgreSQL server [env: XEROCTL_STORE_PASSWORD_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) store_password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) opened_by: OpenedBy,
    /// A server that stands in for Xero; kept with the app when a connection is made [env: XEROCTL_XERO_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) xero_url: Option<String>,
    /// What this machine is called, where it has no machine id that stays, as in containers [env: XEROCTL_MACHINE]
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Global options")]
    pub(crate) machine: Option<String>,
    /// The configuration file; without it, config.toml in the platform's configuration directory [env: XEROCTL_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
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
    /// Write down what is done, at the end of a file, with times; as much as -v says. Never a secret [env: XEROCTL_LOG_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) log_file: Option<PathBuf>,
    /// What `--store` said.
    #[arg(skip)]
    pub(crate) given_store: Option<PathBuf>,
    /// How wide tables are, by the configuration file.
    #[arg(skip)]
    pub(crate) width: Option<u16>,
}

/// The order in which help has the groups of a command's options.
trait Order {
    fn own_options_first(self, _: bool) -> Self;
}

impl Order for clap::Command {
    /// What is described only when it is needed comes after the options of all commands otherwise.
    fn own_options_first(self, _: bool) -> Self {
        let of_all = self.get_arguments().filter(|option| option.is_global_set());
        let of_all: Vec<_> = of_all.map(|option| option.get_id().clone()).collect();
        // One that is changed goes to the end.
        of_all.into_iter().fold(self, |command, id| command.mut_arg(id, |option| option))
    }
}

impl Cli {
    /// The command line with the options of all commands.
    pub(crate) fn whole() -> clap::Command {
        let mut command = Self::command();
        command.build();
        command
    }
}

impl Global {
    /// Takes from the environment what the command line does not say. An empty variable is one that is not set, and an
    /// option for the store's key counts before both variables for it.
    pub(crate) fn take_environment(&mut self) {
        let path = |name| variable(name).map(PathBuf::from);
        self.given_store.clone_from(&self.store);
        self.store = self.store.take().or_else(|| path("XEROCTL_STORE"));
        self.store_password_file =
            self.store_password_file.take().or_else(|| path("XEROCTL_STORE_PASSWORD_FILE"));
        self.xero_url = self.xero_url.take().or_else(|| variable("XEROCTL_XERO_URL")?.into_string().ok());
        self.machine = self.machine.take().or_else(|| variable("XEROCTL_MACHINE")?.into_string().ok());
        self.config = self.config.take().or_else(|| path("XEROCTL_CONFIG"));
        self.log_file = self.log_file.take().or_else(|| path("XEROCTL_LOG_FILE"));
        self.opened_by.take_environment();
    }
}

impl Command {
    /// Takes the connection from the environment, or what the configuration file says, where none is named.
    pub(crate) fn take_connection(&mut self, configured: Option<&str>) {
        if let Some(name) = self.open_name().filter(|name| name.is_none()) {
            let variable = variable("XEROCTL_CONNECTION").and_then(|name| name.into_string().ok());
            *name = variable.or_else(|| configured.map(str::to_owned));
        }
    }

    /// Where a connection may be left out. Not of commands that change one or need a person: those take the default one.
    fn open_name(&mut self) -> Option<&mut Option<String>> {
        Some(match self {
            Self::Request(args) => &mut args.using.connection,
            Self::Sign(args) => &mut args.using.connection,
            Self::Test(Test { all: false, name }) => name,
            Self::Token(args) => &mut args.name,
            Self::Log(args) => &mut args.name,
            Self::Orgs(args) => &mut args.name,
            Self::Show(args)
            | Self::Limits(args)
            | Self::Refresh(args)
            | Self::Scopes(Scopes::Show(args)) => &mut args.name,
            _ => return None,
        })
    }
}

impl Using {
    /// The connection that is named.
    pub(crate) fn name(&self) -> Option<String> {
        self.connection.clone()
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

// What can be done. Only the command that is given has its options described: after that, so that a `///` at what it is made of
// would take the place of what is said of it here.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Connect an app and an organisation: a wizard on a terminal, or by options
    Connect(Box<Connect>),
    /// List the connections: what they are for, how long they last and how they are
    List(List),
    /// Show what needs a person, what ends soon, and what Xero's limits leave today; exit status 4 or 11 where something does
    Status(Status),
    /// Show one connection
    Show(OneConnection),
    /// Make a real request with a connection and check the organisation
    Test(Test),
    /// Print an access token, refreshed if need be
    Token(Token),
    /// Run a program with an access token in its environment, and in no other
    Exec(Exec),
    /// Show what is left of Xero's limits for a connection
    Limits(OneConnection),
    /// Renew the tokens of a connection now
    Refresh(OneConnection),
    /// Renew all logins that near their end; once, for as long as it runs (--daemon), or each day (--install)
    Keepalive(Box<Keepalive>),
    /// Show who renewed a connection's login, when and with which result
    Log(Log),
    /// Look for what is wrong, and name the command that mends it
    ///
    /// This machine, the store, and for each connection its login, scopes, certificate, network and organisation. Each
    /// line is ok, a note, a warning or a problem. The exit status is that of the worst problem, or else of the worst
    /// warning; notes do not count. What could not be looked at is a note that says so.
    Doctor(Doctor),
    /// Say what scopes are for, what a connection has, what an endpoint needs; replace those that end
    #[command(subcommand)]
    Scopes(Scopes),
    /// List the organisations that a connection's consent reaches; connect another of them
    Orgs(Orgs),
    /// Consent again for a connection, for the same organisation
    Reauth(Reauth),
    /// End a connection at Xero and remove it
    Disconnect(Disconnect),
    /// Send a request with a connection's authority and print the answer
    Request(Request),
    /// Open a local server that makes other programs' requests a connection's own
    ///
    /// Programs use its address in place of api.xero.com and its token in place of an access token; it adds what the
    /// connection needs, whatever its kind, and renews tokens. It is open to this machine alone.
    Gateway(Box<Gateway>),
    /// Print the signed Authorization header for a request
    Sign(Sign),
    /// Make one connection the default
    Default(NamedConnection),
    /// Give a connection another name
    Rename(Rename),
    /// Change a connection or its app: names, redirect URIs, secret, consumer key, certificate; the kind stays
    Edit(Box<Edit>),
    /// Connect another organisation with the app and login of a connection
    Copy(Copy),
    /// List, show, edit and remove apps, and replace their secrets
    #[command(subcommand)]
    Apps(AppsCommand),
    /// Seal connections into a file for another store, which renews their logins from then on
    Export(Box<Export>),
    /// Take over connections from a file that `xeroctl export` wrote, or logins that another program kept (--from)
    Import(Box<ImportFrom>),
    /// Renew logins here that were imported, or exported and imported nowhere
    Adopt(Adopt),
    /// Remove connections and their secrets from the store; Xero is not told
    Remove(Remove),
    /// Make, look at, check and convert certificates and key files
    #[command(subcommand)]
    Cert(Cert),
    /// Make and look after the store that keeps connections: keys, backups, copies
    #[command(subcommand)]
    Store(StoreCommand),
    /// Print the script with which a shell completes commands, options and names of connections
    Completions(Completions),
    /// Write the pages of the manual, one for each command
    Man(Man),
    /// Help on a command, or on: exit-codes, environment, config, files, security
    Help(Help),
    /// What the scripts of `completions` ask for.
    #[command(name = "__complete", hide = true)]
    Complete(Complete),
}

// `xeroctl help`.
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A command, or exit-codes, environment, config, files, security
    pub(crate) topic: Vec<String>,
}

// A connection, or the default one.
#[derive(Debug, Args)]
pub(crate) struct OneConnection {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    pub(crate) name: Option<String>,
}

// A connection that must be named.
#[derive(Debug, Args)]
pub(crate) struct NamedConnection {
    /// The connection
    pub(crate) name: String,
}

// `xeroctl test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    pub(crate) name: Option<String>,
    /// Test all connections; the exit status is that of the first that failed
    #[arg(long, conflicts_with = "name")]
    pub(crate) all: bool,
}

// `xeroctl remove`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The connections
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// `xeroctl token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    pub(crate) name: Option<String>,
    /// How long the token must still live, in seconds; an access token lives half an hour in all
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=1500))]
    pub(crate) min_ttl: u64,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = TokenFormat::Plain)]
    pub(crate) format: TokenFormat,
}

// `xeroctl orgs`.
#[derive(Debug, Args)]
pub(crate) struct Orgs {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    pub(crate) name: Option<String>,
    /// Make a connection for another organisation of the list: its name, id, or `all`; may be repeated
    #[arg(long, value_name = "ORGANISATION")]
    pub(crate) add: Vec<String>,
    /// The name of the connection that --add makes; without it, taken from the organisation
    #[arg(long, value_name = "NAME", requires = "add")]
    pub(crate) r#as: Option<String>,
}

// `xeroctl disconnect`.
#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// The connections
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    /// Only forget them here; Xero is not told
    #[arg(long)]
    pub(crate) local_only: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// Which connection a request is made with.
#[derive(Debug, Args)]
pub(crate) struct Using {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
}

// `xeroctl request`.
#[derive(Debug, Args)]
pub(crate) struct Request {
    #[command(flatten)]
    pub(crate) using: Using,
    /// GET, POST, PUT, PATCH or DELETE
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
    #[command(flatten)]
    pub(crate) asking: Asking,
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

// `xeroctl sign`.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is given to an option of a command must not reach the option of all commands that has the same id.
    #[test]
    fn no_option_of_a_command_has_the_id_of_a_global_one() {
        fn walk(command: &clap::Command, global: &BTreeSet<String>) {
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                let id = argument.get_id().as_str();
                assert!(!global.contains(id), "{}: {id}", command.get_name());
            }
            command.get_subcommands().for_each(|below| walk(below, global));
        }
        let command = Cli::whole();
        let token = command.find_subcommand("token").unwrap();
        assert!(token.get_arguments().any(|argument| argument.get_id() == "min_ttl"));
        let global = command.get_arguments().filter(|argument| argument.is_global_set());
        let global = global.map(|argument| argument.get_id().to_string()).collect();
        command.get_subcommands().for_each(|below| walk(below, &global));
    }

    /// Every command's help, at the width of a usual terminal.
    #[test]
    fn help_of_every_command() {
        fn walk(command: &mut clap::Command, name: &str, pages: &mut Vec<(String, String)>) {
            let page = command.render_long_help().to_string();
            pages.push((name.to_owned(), page));
            let below = command.get_subcommands_mut().filter(|below| !below.is_hide_set());
            below.for_each(|below| walk(below, &format!("{name} {}", below.get_name()), pages));
        }
        let mut command = Cli::command().term_width(80);
        command.build();
        let mut pages = Vec::new();
        walk(&mut command, "xeroctl", &mut pages);
        assert!(pages.len() > 50, "{}", pages.len());
        for (name, page) in &pages {
            let usage = page.lines().find(|line| line.starts_with("Usage: ")).unwrap_or_default();
            assert!(usage.starts_with(&format!("Usage: {name}")), "{name}: {usage}");
            let widest = page.lines().map(unicode_width::UnicodeWidthStr::width).max();
            assert!(widest <= Some(80), "{name}: {widest:?}\n{page}");
        }
        // What all commands have is said once.
        let own =
            |page: &str| page.split("\nGlobal options:").next().unwrap_or_default().trim_end().to_owned();
        let all: Vec<_> = pages.iter().map(|(name, page)| format!("=== {name}\n{}\n", own(page))).collect();
        let global = pages[0].1.split("\nGlobal options:").nth(1).unwrap_or_default();
        insta::assert_snapshot!(format!("{}=== of all\n{global}", all.join("\n")));
    }
}
