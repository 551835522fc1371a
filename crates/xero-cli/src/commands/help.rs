//! `xeroctl help`: on a command, or on what all commands share.

use clap::Command;
use serde_json::json;

use crate::{
    Context,
    args::Help,
    config,
    failure::{Failure, Outcome},
    keys, store_place,
};

/// What there is help on besides commands.
const TOPICS: [&str; 5] = ["exit-codes", "environment", "config", "files", "security"];

const EXIT_CODES: &str = "\
Exit codes

    0  done
    1  failed for another reason than those below
    2  used wrongly: an unknown option, a missing answer, a value that cannot be
    3  there is no such connection, or no default one
    4  a person is needed: to log in and consent, or to connect the app again
    5  temporary: the network, the server or a busy store; try again later
    6  Xero refused the request; trying again changes nothing
    7  rate limited; with --json the answer says how many seconds to wait
    8  the organisation is another one than the connection is for, or is not connected any more
    9  the store cannot be used: missing, locked, damaged, or of a newer version
   10  not saved: the disk is full, or the database went away before what Xero gave could be saved
   11  something ends soon: a login (keepalive --warn-days, or left half-way), a certificate or a scope (doctor)
  130  cancelled by Ctrl-C or Esc; no connection was saved

  Of several connections, `test --all` and `list --check` give the status of the first that failed, and `keepalive` that
  of the worst. These numbers stay as they are. With --json an error has them as `exit_code`, beside the word `kind`.";

pub(crate) const ENVIRONMENT: &str = "\
Environment

  An option given on the command line counts before its variable, a variable before the configuration file (`xeroctl help
  config`), and the file before what is built in. An empty variable is one that is not set. Its own variables hold paths,
  names and commands, never secrets.

  XEROCTL_CONFIG           the configuration file (--config); /dev/null for none
  XEROCTL_STORE            the store (--store): a file, or postgres://USER@HOST/DATABASE
  XEROCTL_STORE_PASSWORD_FILE
                           a file whose first line is the password at the PostgreSQL server (--store-password-file)
  XEROCTL_KEY_FILE         the key file that opens it (--key-file)
  XEROCTL_PASSPHRASE_FILE  a file whose first line is the passphrase that opens it (--passphrase-file)
  XEROCTL_KEY_COMMAND      a command that prints a key file's line or the passphrase (--key-command)
  XEROCTL_IDENTITY         an age identity or SSH private key that opens it (--identity)
  XEROCTL_MACHINE          what this machine is called when a store asks whose it is, in place of the operating system's
                           machine id: for containers, whose id changes at each start
  XEROCTL_XERO_URL         a server that stands in for Xero (--xero-url)
  XEROCTL_LOG_FILE         the file in which is written down what is done (--log-file)
  XEROCTL_CONNECTION       the connection of request, sign, test, token, refresh, show, log, limits, orgs and scopes show,
                           where they name none. edit, cert renew and reauth change one or need a person: without a
                           name they take the default one
  PGHOST, PGPORT, PGUSER, PGDATABASE, PGSSLMODE, PGSSLROOTCERT
                           what a postgres:// address leaves out, as libpq reads them. TLS is always verified, but for
                           sslmode=disable; without sslrootcert by ~/.postgresql/root.crt if it is there, else by the system
  PGPASSWORD, PGPASSFILE   the password at the server, where no --store-password-file names it; a file in the form of ~/.pgpass,
                           which is looked at last
  BROWSER                  the browser that `connect` and `reauth` open, where the system's opener obeys it
  HOME, XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR
                           where files are, if nothing else says so; macOS and Windows have places of their own
  NO_COLOR                 no colours: only questions, help and errors about options have any, and only on a terminal.
                           CLICOLOR=0 and TERM=dumb say the same; with TERM=dumb nothing moves either
  COLUMNS                  how wide help is. Tables are as wide as the terminal; in files and pipes lines are as long as
                           they are, unless the configuration file has a `width`
  HTTPS_PROXY, NO_PROXY    the proxy for requests, and the hosts that need none";

const SECURITY: &str = "\
Security

  Private keys, client secrets and tokens are sealed in the store with AES-256-GCM. What opens it is never in the store:
  one or more of a key file (mode 0600, no link, owned by you or root), a passphrase (Argon2id), this system's keychain,
  a command that prints a key, and an age or SSH identity. The store notes where the key file is and what the keychain's
  entry is called; a command is never taken from it. A copy of the store without a key shows names, organisations,
  users, scopes, client ids, consumer keys and certificates, and no secret.
  Passwords and client secrets come from a hidden prompt, standard input, a file or a command. There is no option that
  takes a secret. The password at a PostgreSQL server comes from a file of mode 0600, or as libpq has it; an address with
  a password in it is refused. A server is given what is sealed, and its certificate is verified.
  The configuration file holds no secret either, and is refused where other users can change it.
  Nothing secret is printed or logged at any level. Two commands print what gives access for half an hour, for other
  programs: `xeroctl token` an access token, `xeroctl sign` the signature of one request. A refresh token is never
  printed.
  The browser comes back to 127.0.0.1 and ::1 alone, to the one path registered, with a state that only this login
  knows; the code it brings is of no use without a verifier that never leaves this machine (PKCE).
  `xeroctl store key remove` takes a key away; `xeroctl store rekey` then makes it useless for what comes later. A copy
  of a store renews no logins before `xeroctl store adopt`: two that do would spend each other's tokens.
  A connection sends to its own server only, and redirects are not followed.";

pub(crate) fn run(context: &Context, args: &Help, mut command: Command) -> Outcome {
    let text = match args.topic.first().map(String::as_str) {
        None => command.render_long_help().to_string(),
        Some("exit-codes") => EXIT_CODES.to_owned(),
        Some("environment") => ENVIRONMENT.to_owned(),
        Some("config") => config_file(context)?,
        Some("files") => files(context)?,
        Some("security") => SECURITY.to_owned(),
        Some(_) => help_on(&args.topic, command)?,
    };
    context.ui.document(json!({ "topic": args.topic.join(" "), "text": text.trim_end() }))?;
    context.ui.prose(text.trim_end())
}

/// What can stand behind `help` and these words, for whoever completes it.
pub(crate) fn topics(command: &Command, before: &[String]) -> Vec<String> {
    let Some(command) = before.iter().try_fold(command, |at, word| at.find_subcommand(word)) else {
        return Vec::new();
    };
    let commands = command.get_subcommands().filter(|one| !one.is_hide_set()).map(Command::get_name);
    let topics = TOPICS.into_iter().filter(|_| before.is_empty());
    commands.chain(topics).map(str::to_owned).collect()
}

fn config_file(context: &Context) -> Outcome<String> {
    Ok(format!(
        "The configuration file\n\n  {}\n\n  \
         A file of TOML with values for options that are not given: the command line counts first, then the\n  \
         environment, then this file. It need not be there. --config or XEROCTL_CONFIG name another. Whoever can\n  \
         change it can change what the program does: it must be writable for you alone, and belong to you or root.\n  \
         An unknown key is an error, and secrets have no place in it. What programs read (--json) and what cannot be\n  \
         taken back (--yes, --force) is said on the command line only.\n\n{}",
        config::path(&context.global)?.display(),
        config::listed(),
    ))
}

fn files(context: &Context) -> Outcome<String> {
    Ok(format!(
        "Files\n\n  The store: {}\n    {}\n  \
         The key file that `xeroctl store init` suggests (mode 0600)\n    {}\n  \
         The configuration file, if you write one (writable for you alone; `xeroctl help config`)\n    {}\n\n  \
         --store, --key-file and --config name others. Keep a copy of the key file apart from copies of the store.\n\n  \
         Beside the store's file, or in the data directory of a machine that shares one at a server, there may be, all sealed or\n  \
         empty:\n    \
         …-lease-…               while a login is being renewed\n    \
         xeroctl-rescue-…        a token that could not be saved; the next renewal takes it up. Where the store's\n    \
         {:24}directory cannot be written: in the state, runtime or temporary directory\n    \
         ….before-restore-…      what `xeroctl store restore` replaced\n\n  \
         The file of --log-file (mode 0600 where it is made): what was done, with times; no secret",
        if store_place::is_named_at_server(&context.global) {
            "in a PostgreSQL database, in the schema xeroctl"
        } else {
            "one SQLite file (mode 0600), and two beside it while it is in use (-wal, -shm)"
        },
        store_place::shown(&context.global)?,
        keys::default_path()?.display(),
        config::path(&context.global)?.display(),
        "",
    ))
}

fn help_on(topic: &[String], mut command: Command) -> Outcome<String> {
    command.build();
    let mut found = &mut command;
    for word in topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Failure::usage(format!("there is no help on {:?}", topic.join(" "))).hint(
                "`xeroctl help` lists the commands; topics are exit-codes, environment, config, files and security",
            )
        })?;
    }
    Ok(found.render_long_help().to_string())
}
