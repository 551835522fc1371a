//! `xeroctl exec`: runs a program that finds an access token in its environment.

use std::{
    ffi::OsStr,
    process::{Child, Command, ExitStatus},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, SystemTime},
};

use connection_store::{Access, Connection, Need};

use super::token::login_of;
use crate::{
    Context,
    args::Exec,
    failure::{Failure, Outcome},
    show, signals,
    ui::Ui,
    xero_api,
};

/// How often the clock is looked at: it goes on while the machine sleeps.
const LOOK: Duration = Duration::from_secs(60);

pub(crate) fn run(context: &Context, args: &Exec) -> Outcome {
    let store = context.open_store()?;
    let connection = store.connection(Some(&args.name))?;
    login_of(&connection)?;
    xero_api::check_server(&context.global, &connection)?;
    let need = Need { min_ttl: Duration::from_secs(args.min_ttl), ..Need::default() };
    let access = context.ask_xero(async {
        store.access(&connection, need).await.map_err(|error| xero_api::no_token(error, &connection))
    })?;
    let (program, arguments) = args.command.split_first().expect("the command line asks for one");
    let mut command = Command::new(program);
    command.args(arguments).envs(environment(&connection, &access));
    // Signals are the program's from now on: nothing of this one is left to be done.
    let forwarding = signals::Forwarding::begin();
    let mut child = command.spawn().map_err(|error| not_started(program, &error))?;
    forwarding.to(&child);
    finish(wait(context.ui, &mut child, access.expires_at))
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

/// Waits for its end; meanwhile it is said when its token ends.
fn wait(ui: Ui, child: &mut Child, expires_at: SystemTime) -> ExitStatus {
    let (running, has_ended) = mpsc::channel::<()>();
    thread::spawn(move || warn_at_end(ui, expires_at, &has_ended));
    let status = child.wait().expect("it was not waited for before");
    drop(running);
    status
}

fn warn_at_end(ui: Ui, expires_at: SystemTime, has_ended: &Receiver<()>) {
    loop {
        let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        if left.is_zero() {
            return ui.warn(
                "the access token has ended and the program still runs; one that lives longer asks `xeroctl token` again",
            );
        }
        if has_ended.recv_timeout(left.min(LOOK)) != Err(RecvTimeoutError::Timeout) {
            return;
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
