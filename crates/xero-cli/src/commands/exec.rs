//! `xeroctl exec`: runs a program that finds an access token in its environment.

use std::{
    ffi::OsStr,
    process::{Child, Command, ExitStatus},
    time::{Duration, SystemTime},
};

use connection_store::{Access, Connection, Need};

use super::token::has_tokens;
use crate::{
    Context,
    args::Exec,
    failure::{Failure, Kind, Outcome},
    show, signals, xero_api,
};

/// How often a program that runs is looked at.
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn run(context: &Context, args: &Exec) -> Outcome {
    let store = context.open_store()?;
    let connection = store.connection(Some(&args.name))?;
    has_tokens(&connection)?;
    xero_api::check_server(&context.global, &connection)?;
    let need = Need { min_ttl: Duration::from_secs(args.min_ttl), ..Need::default() };
    let access = context.ask_xero(async {
        store.access(&connection, need).await.map_err(|error| xero_api::no_token(error, &connection))
    })?;
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Err(Failure::usage("no program was named"));
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(environment(&connection, &access));
    // Signals are the program's from now on: nothing of this one is left to be done.
    let forwarding = signals::Forwarding::begin();
    let mut child = command.spawn().map_err(|error| not_started(program, &error))?;
    forwarding.to(&child);
    let status = wait(context, &mut child, access.expires_at)?;
    finish(status)
}

/// What the program finds; the token is nowhere else.
fn environment(connection: &Connection, access: &Access) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("XERO_ACCESS_TOKEN", access.token.expose().to_owned()),
        ("XERO_ACCESS_TOKEN_EXPIRES_AT", show::timestamp(access.expires_at)),
        ("XERO_BASE_URL", connection.app.server.api().to_string()),
        ("XEROCTL_CONNECTION", connection.name.clone()),
    ];
    let tenant_id = connection.organisation.as_ref().map(|organisation| organisation.id.clone());
    variables.extend(tenant_id.map(|id| ("XERO_TENANT_ID", id)));
    variables
}

/// Waits for its end, and says when its token ends before.
fn wait(context: &Context, child: &mut Child, expires_at: SystemTime) -> Outcome<ExitStatus> {
    let mut told = false;
    loop {
        let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        if left.is_zero() && !told {
            told = true;
            context.ui.warn(
                "the access token has ended and the program still runs; one that lives longer asks `xeroctl token` again",
            );
        }
        let ended = child
            .try_wait()
            .map_err(|error| Failure::new(Kind::Other, "the program cannot be waited for").because(&error))?;
        match ended {
            Some(status) => return Ok(status),
            None => std::thread::sleep(TICK),
        }
    }
}

/// Ends as the program did.
fn finish(status: ExitStatus) -> Outcome {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        signals::end_as(signal);
    }
    match status.code() {
        Some(0) => Ok(()),
        code => std::process::exit(code.unwrap_or(1)),
    }
}

fn not_started(program: &OsStr, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be started", program.to_string_lossy()))
        .because(error)
        .hint("give the program and its arguments after --, as in: xeroctl exec NAME -- python3 job.py")
}
