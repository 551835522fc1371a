//! `xeroctl help`: on a command, or on what all commands share.

use clap::Command;

use crate::{
    Context,
    args::Help,
    failure::{Failure, Outcome},
    keys, store_access,
};

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
   10  not saved: the disk is full
   11  something ends soon: a login (keepalive --warn-days), a certificate or a scope (doctor)
  130  cancelled by Ctrl-C or Esc; no connection was saved";

pub(crate) const ENVIRONMENT: &str = "\
Environment

  An option given on the command line counts before its variable. Variables hold paths, names and commands, never
  secrets.

  XEROCTL_STORE            the store's file (--store)
  XEROCTL_KEY_FILE         the key file that opens it (--key-file)
  XEROCTL_PASSPHRASE_FILE  a file whose first line is the passphrase that opens it (--passphrase-file)
  XEROCTL_KEY_COMMAND      a command that prints a key file's line or the passphrase (--key-command)
  XEROCTL_IDENTITY         an age identity or SSH private key that opens it (--identity)
  XEROCTL_MACHINE          what this machine is called when a store asks whose it is, in place of the operating system's
                           machine id: for containers, whose id changes at each start
  XEROCTL_XERO_URL         a server that stands in for Xero (--xero-url)
  XEROCTL_CONNECTION       the connection of `request` and `sign` (--connection)
  BROWSER                  the browser that `connect` and `reauth` open, where the system's opener obeys it
  NO_COLOR                 no colours in prompts
  HTTPS_PROXY, NO_PROXY    the proxy for requests, and the hosts that need none";

const SECURITY: &str = "\
Security

  Private keys, client secrets and tokens are sealed in the store with AES-256-GCM. What opens it is never in the store:
  one or more of a key file (mode 0600, no link, owned by you or root), a passphrase (Argon2id), this system's keychain,
  a command that prints a key, and an age or SSH identity. The store notes where the key file is and what the keychain's
  entry is called; a command is never taken from it. A copy of the store without a key shows names, organisations,
  users, scopes, client ids, consumer keys and certificates, and no secret.
  Passwords and client secrets come from a hidden prompt, standard input, a file or a command. There is no option that
  takes a secret.
  Nothing secret is printed at any log level. Two commands print what gives access for half an hour, for other
  programs: `xeroctl token` an access token, `xeroctl sign` the signature of one request. A refresh token is never
  printed.
  The browser comes back to 127.0.0.1 and ::1 alone, to the one path registered, with a state that only this login
  knows; the code it brings is of no use without a verifier that never leaves this machine (PKCE).
  `xeroctl store key remove` takes a key away; `xeroctl store rekey` then makes it useless for what comes later. A copy
  of a store renews no logins before `xeroctl store adopt`: two that do would spend each other's tokens.
  A connection sends to its own server only, and redirects are not followed.";

pub(crate) fn run(context: &Context, args: &Help, mut command: Command) -> Outcome {
    let ui = &context.ui;
    match args.topic.first().map(String::as_str) {
        None => ui.data(command.render_long_help().to_string().trim_end()),
        Some("exit-codes") => ui.data(EXIT_CODES),
        Some("environment") => ui.data(ENVIRONMENT),
        Some("files") => ui.data(files(context)?),
        Some("security") => ui.data(SECURITY),
        Some(_) => help_on(context, &args.topic, command),
    }
}

fn files(context: &Context) -> Outcome<String> {
    Ok(format!(
        "Files\n\n  The store: one SQLite file (mode 0600), and two beside it while it is in use (-wal, -shm)\n    {}\n  \
         The key file that `xeroctl store init` suggests (mode 0600)\n    {}\n\n  \
         --store and --key-file name others. Keep a copy of the key file apart from copies of the store.\n\n  \
         Beside the store there may be, all sealed or empty:\n    \
         …-lease-…               while a login is being renewed\n    \
         xeroctl-rescue-…        a token that could not be saved; the next renewal takes it up. Where the store's\n    \
         {:24}directory cannot be written: in the state, runtime or temporary directory\n    \
         ….before-restore-…      what `xeroctl store restore` replaced",
        store_access::store_path(&context.global)?.display(),
        keys::default_path()?.display(),
        "",
    ))
}

fn help_on(context: &Context, topic: &[String], mut command: Command) -> Outcome {
    command.build();
    let mut found = &mut command;
    for word in topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Failure::usage(format!("there is no help on {:?}", topic.join(" "))).hint(
                "`xeroctl help` lists the commands; topics are exit-codes, environment, files and security",
            )
        })?;
    }
    context.ui.data(found.render_long_help().to_string().trim_end())
}
