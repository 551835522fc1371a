//! `xeroctl exec`: runs a program that finds in its environment what it uses a connection with.

mod behind_gateway;

use std::{
    ffi::OsStr,
    process::{Child, Command, ExitStatus},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, SystemTime},
};

use connection_store::{Connection, Need, Store};

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
const TOKEN: &str = "XERO_ACCESS_TOKEN";
const TOKEN_ENDS: &str = "XERO_ACCESS_TOKEN_EXPIRES_AT";
const BASE_URL: &str = "XERO_BASE_URL";
const TENANT: &str = "XERO_TENANT_ID";
const NAME: &str = "XEROCTL_CONNECTION";
/// All that a program may find. What stood there of another run is taken away.
const VARIABLES: [&str; 5] = [TOKEN, TOKEN_ENDS, BASE_URL, TENANT, NAME];

type Variables = Vec<(&'static str, String)>;

pub(crate) fn run(context: &Context, args: &Exec) -> Outcome {
    let store = context.open_store()?;
    let connection = store.connection(Some(&args.name))?;
    xero_api::check_server(&context.global, &connection)?;
    let status = match args.gateway {
        true => behind_gateway::run(context, args, &store, &connection)?,
        false => with_token(context, args, &store, &connection)?,
    };
    finish(status)
}

fn with_token(context: &Context, args: &Exec, store: &Store, connection: &Connection) -> Outcome<ExitStatus> {
    let by_gateway = || format!("xeroctl exec --gateway {} -- PROGRAM", show::quoted(&connection.name));
    login_of(connection).map_err(|failure| failure.hint(by_gateway()))?;
    let need = Need { min_ttl: Duration::from_secs(args.min_ttl), ..Need::default() };
    let access = context.ask_xero(async {
        store.access(connection, need).await.map_err(|error| xero_api::no_token(error, connection))
    })?;
    let mut variables = known(connection, connection.app.server.api().to_string());
    variables.push((TOKEN, access.token.expose().to_owned()));
    variables.push((TOKEN_ENDS, show::timestamp(access.expires_at)));
    let started = Started::new(args, variables)?;
    let (running, has_ended) = mpsc::channel::<()>();
    let (ui, name) = (context.ui, show::quoted(&connection.name));
    thread::spawn(move || warn_at_end(ui, &name, access.expires_at, &has_ended));
    let status = started.ended();
    drop(running);
    Ok(status)
}

/// What is no secret. The rest is nowhere but in the program's environment.
fn known(connection: &Connection, base_url: String) -> Variables {
    let mut variables = vec![(BASE_URL, base_url), (NAME, connection.name.clone())];
    let tenant_id = connection.organisation.as_ref().map(|organisation| organisation.id.clone());
    variables.extend(tenant_id.map(|id| (TENANT, id)));
    variables
}

/// A program that was started, whose signals are its own until this is dropped.
struct Started {
    child: Child,
    _forwarding: signals::Forwarding,
}

impl Started {
    fn new(args: &Exec, variables: Variables) -> Outcome<Self> {
        let (program, arguments) = args.command.split_first().expect("the command line asks for one");
        let mut command = Command::new(program);
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.args(arguments).envs(variables);
        // Signals are the program's from now on: nothing of this one is left to be done.
        let forwarding = signals::Forwarding::begin();
        let child = command.spawn().map_err(|error| not_started(program, &error))?;
        forwarding.to(&child);
        Ok(Self { child, _forwarding: forwarding })
    }

    /// Waits for its end.
    fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it was not waited for before")
    }
}

/// Says when its token ends before it does.
fn warn_at_end(ui: Ui, name: &str, expires_at: SystemTime, has_ended: &Receiver<()>) {
    loop {
        let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        if left.is_zero() {
            return ui.warn(format!(
                "the access token has ended and the program still runs; `xeroctl exec --gateway {name}` gives it one that \
                 lasts as long as it runs, or it asks `xeroctl token` again"
            ));
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
