//! `xeroctl keepalive`: renews what nears its end, once or for as long as it runs.

mod daemon;
pub(crate) mod install;
pub(crate) mod login;
mod notice;
pub(crate) mod plan;
mod renewal;
pub(crate) mod report;
mod server_health;
mod watch;

use std::time::{Duration, SystemTime};

use connection_store::{Connection, Error as StoreError, Store};

use self::{
    login::{Login, logins},
    notice::{Messengers, Notice},
    plan::{Rules, Standing},
    renewal::{Trouble, Verdict},
    report::Line,
};
use crate::{
    Context,
    args::{Keepalive, Renewing},
    failure::{Failure, Outcome},
    half_way, xero_api,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn run(context: &Context, args: &Keepalive) -> Outcome {
    if args.installing.print && args.installing.install.is_none() && args.installing.uninstall.is_none() {
        return Err(
            Failure::usage("--print shows what --install or --uninstall would do").hint("add one of the two")
        );
    }
    if let Some(manager) = args.installing.install {
        return install::install(context, args, manager);
    }
    if let Some(manager) = args.installing.uninstall {
        return install::uninstall(context, args, manager);
    }
    let messengers = Messengers::new(&args.telling)?;
    if args.daemon { daemon::run(context, args, &messengers) } else { once(context, args, &messengers) }
}

fn once(context: &Context, args: &Keepalive, messengers: &Messengers) -> Outcome {
    let store = context.open_store()?;
    let (due, mut lines) = agenda(context, &store, args)?;
    let (total, warn) = (due.len(), args.renewing.warn());
    let progress = context.ui.progress("Renewing");
    context.block_on(async {
        let mut done = 0;
        progress.show(done, total);
        let mut seen = |login: Login, verdict: Verdict| {
            done += 1;
            progress.show(done, total);
            if !matches!(verdict, Verdict::Gone) {
                lines.push(Line::new(login, verdict, warn, store.clock().now()));
            }
        };
        renewal::renew(&store, due, args.renewing.at_once.into(), &mut seen).await;
        Ok(())
    })?;
    drop(progress);
    lines.sort_by(|one, other| one.login.connection().name.cmp(&other.login.connection().name));
    let now = store.clock().now();
    let notices = lines.iter().filter_map(|line| notice_of(&line.login, &line.verdict, now)).collect();
    let untold = context.block_on(async { Ok(messengers.tell(notices).await) })?;
    untold.iter().for_each(|why| context.ui.warn(why));
    report::report(context, &lines, now)
}

/// What is to be renewed now, and what is known of the others.
fn agenda(context: &Context, store: &Store, args: &Keepalive) -> Outcome<(Vec<Login>, Vec<Line>)> {
    let (now, rules) = (store.clock().now(), args.renewing.rules());
    let (mut due, mut lines) = (Vec::new(), Vec::new());
    for login in chosen(context, store, &args.names)? {
        let verdict = match rules.standing(&login.row(), now) {
            Standing::Due => {
                due.push(login);
                continue;
            }
            Standing::Good(_) => Verdict::Good,
            Standing::NeedsPerson => Verdict::Failed(needs_person(&login)),
        };
        lines.push(Line::new(login, verdict, args.renewing.warn(), now));
    }
    Ok((due, lines))
}

/// The logins of the named connections, or all.
fn chosen(context: &Context, store: &Store, names: &[String]) -> Outcome<Vec<Login>> {
    for name in names {
        xero_api::check_server(&context.global, &store.connection(Some(name))?)?;
    }
    let connections = half_way::connections(store)?;
    connections.iter().filter(|one| one.authorisation.is_none()).for_each(pass_over);
    let mut logins = logins(connections);
    logins.retain(|login| match names {
        [] => xero_api::check_server(&context.global, login.connection()).is_ok(),
        names => login.is_of(names),
    });
    Ok(logins)
}

fn pass_over(private: &Connection) {
    tracing::info!(connection = private.name, "a private app: nothing of it has to be kept alive");
}

/// The failure of a login that nothing but a new one helps.
fn needs_person(login: &Login) -> Trouble {
    let mark = login.authorisation().needs_login.as_ref();
    let reason =
        mark.map_or("its access token has ended, and no refresh token was granted", |mark| &mark.reason);
    let error = StoreError::NeedsLogin { connections: login.names(), reason: reason.to_owned() };
    let failure = Failure::from(error);
    Trouble::needs_person(match half_way::or_reauth(login.connection()) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// What to tell of a login, where a person must do something.
fn notice_of(login: &Login, verdict: &Verdict, now: SystemTime) -> Option<Notice> {
    match verdict {
        Verdict::Failed(trouble) if trouble.lasting => Some(Notice::new(login, trouble, now)),
        _ => None,
    }
}

impl Renewing {
    fn rules(&self) -> Rules {
        Rules {
            login_left: DAY * u32::try_from(self.login_days).expect("at most 59"),
            min_ttl: Duration::from_secs(self.min_ttl),
            logins_only: self.logins_only,
        }
    }

    fn warn(&self) -> Option<Duration> {
        self.warn_days.map(|days| DAY * u32::try_from(days).expect("at most 59"))
    }
}
