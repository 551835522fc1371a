//! A PostgreSQL server of a trial's own: started, killed, followed by a standby, gone when it is dropped.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use tempfile::TempDir;

use super::namespace::Namespace;
use super::wire::answer;
use crate::error::{Error, Outcome};
use crate::process::{Ended, run};

/// What a server is made from: an empty one, made once, with the role and the database of the store.
#[derive(Debug)]
pub(crate) struct Template {
    folder: TempDir,
    programs: PathBuf,
}

/// Where a server is, and how it is set.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Its host; none: this machine itself.
    pub(crate) inside: Option<Arc<Namespace>>,
    pub(crate) address: SocketAddr,
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// A server and its files.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    site: Site,
    /// Ends with its standard input, however this process ends, and ends the server then.
    keeper: Child,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its sessions are ended, and what they had begun is rolled back.
    Fast,
    /// SIGKILL, to it and to all that it started.
    Kill,
}

pub(crate) const USER: &str = "xeroctl";
pub(crate) const DATABASE: &str = "xeroctl";
/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 3 << 16;
const ADMINISTRATOR: &str = "postgres";
const PREPARED: &str = "CREATE ROLE xeroctl LOGIN;\nCREATE DATABASE xeroctl OWNER xeroctl;\n";
/// Everybody is let in: only this machine reaches the server, for as long as the trials take.
const ACCESS: &str = "host all all all trust\nhost replication all all trust\n";
const SETTINGS: &str = "unix_socket_directories = ''\nfsync = on\nsynchronous_commit = on\nshared_buffers = 16MB\n\
     wal_level = replica\nlogging_collector = off\n";
const KEEPER: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -QUIT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
fi 2>/dev/null
rm -rf "$1"
"#;

impl Template {
    /// The one of all trials; made where nobody has made it yet.
    pub(crate) fn shared(made: &Mutex<Option<Arc<Self>>>) -> Outcome<Arc<Self>> {
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            *made = Some(Arc::new(Self::new()?));
        }
        Ok(Arc::clone(made.as_ref().expect("it was just made")))
    }

    fn new() -> Outcome<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("xero-trials-postgres-").tempdir();
        let template = Self { folder: folder.map_err(Error::io("make a folder"))?, programs };
        owned(template.folder.path())?;
        let data = template.folder.path().join("data");
        let made = ["--username", ADMINISTRATOR, "--auth", "trust", "--no-sync", "--encoding", "UTF8"];
        let small = ["--locale", "C", "--wal-segsize", "1", "--pgdata"];
        let mut initdb = as_owner(&template.programs.join("initdb"), template.folder.path());
        well(&run(initdb.args(made).args(small).arg(&data))?, "initdb")?;
        write_more(&data.join("pg_hba.conf"), ACCESS)?;
        write_more(&data.join("postgresql.conf"), SETTINGS)?;
        let mut single = as_owner(&template.programs.join("postgres"), template.folder.path());
        single.arg("--single").arg("-D").arg(&data).arg("postgres");
        single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = single.spawn().map_err(Error::io("start postgres"))?;
        let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(PREPARED.as_bytes()));
        written.and_then(|()| child.wait()).map_err(Error::io("prepare a database"))?;
        Ok(template)
    }
}

impl Cluster {
    /// Starts a new server.
    pub(crate) fn start(template: &Template, site: &Site) -> Outcome<Self> {
        let cluster = Self::files(template.programs.clone(), site)?;
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(template.folder.path().join("data")).arg(cluster.data());
        well(&run(&mut copy)?, "cp")?;
        cluster.settle(&site.settings)?;
        cluster.go()?;
        Ok(cluster)
    }

    /// Starts one that follows this one, which from now on waits for it with each commit.
    pub(crate) fn standby(&self, site: &Site) -> Outcome<Self> {
        let standby = Self::files(self.programs.clone(), site)?;
        let mut copy = as_owner(&self.programs.join("pg_basebackup"), &standby.folder);
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--pgdata"])
            .arg(standby.data());
        copy.args(["--username", ADMINISTRATOR, "--host", &self.site.address.ip().to_string()]);
        copy.args(["--port", &self.site.address.port().to_string()]);
        well(&site.run(&mut copy)?, "pg_basebackup")?;
        standby.settle(&site.settings)?;
        standby.go()?;
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.sql("ALTER SYSTEM SET synchronous_commit = 'remote_apply'")?;
        self.sql("SELECT pg_reload_conf()")?;
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")? != "1" {}
        Ok(standby)
    }

    fn files(programs: PathBuf, site: &Site) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("xero-trials-postgres-").tempdir();
        let folder = folder.map_err(Error::io("make a folder"))?.keep();
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&folder).process_group(0);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = keeper.spawn().map_err(Error::io("start /bin/sh"))?;
        owned(&folder)?;
        Ok(Self { folder, programs, site: site.clone(), keeper })
    }

    fn settle(&self, settings: &[(&str, String)]) -> Outcome<()> {
        let (ip, port) = (self.site.address.ip(), self.site.address.port());
        let mut lines = format!("listen_addresses = '{ip}'\nport = {port}\n");
        settings.iter().for_each(|(name, value)| lines += &format!("{name} = '{value}'\n"));
        write_more(&self.data().join("postgresql.conf"), &lines)
    }

    /// Starts it, again or for the first time, and waits until it answers.
    pub(crate) fn go(&self) -> Outcome<()> {
        let mut start = self.control("start");
        start.arg("-l").arg(self.log_file());
        let ended = self.site.run(&mut start)?;
        let log = fs::read_to_string(self.log_file()).unwrap_or_default();
        well(&ended, "pg_ctl start").map_err(|error| match error {
            Error::Setup { what, said } => Error::Setup { what, said: format!("{said}\n{log}") },
            other => other,
        })
    }

    pub(crate) fn stop(&self, how: Stop) -> Outcome<()> {
        if how == Stop::Fast {
            return well(&self.site.run(self.control("stop").args(["-m", "fast"]))?, "pg_ctl stop");
        }
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let first = file.lines().next().and_then(|line| line.trim().parse().ok());
        let server = first.ok_or_else(|| Error::NotWorking("PostgreSQL does not run".to_owned()))?;
        let all: Vec<i32> = [server].into_iter().chain(children(server)).collect();
        for one in &all {
            let _gone_already = kill(Pid::from_raw(*one), Signal::SIGKILL);
        }
        while all.iter().any(|one| is_there(*one)) {
            thread::yield_now();
        }
        // Where nobody buries the dead it would be taken for alive.
        fs::remove_file(self.data().join("postmaster.pid"))
            .map_err(Error::io("remove the file of a dead server"))
    }

    /// What followed another one leads from now on.
    pub(crate) fn promote(&self) -> Outcome<()> {
        well(&self.site.run(&mut self.control("promote"))?, "pg_ctl promote")
    }

    /// What a statement gives, without spaces around it. In the store's database, as the administrator.
    pub(crate) fn sql(&self, statement: &str) -> Outcome<String> {
        let mut psql = self.client("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", statement]);
        let ended = self.site.run(&mut psql)?;
        let said = ended.stdout.trim().to_owned();
        well(&ended, statement).map(|()| said)
    }

    /// All sessions that are left to others than the administrator, for as long as they are held.
    pub(crate) fn sessions(&self) -> Outcome<Vec<TcpStream>> {
        let mut sessions = Vec::new();
        while let Some(session) = self.session().map_err(Error::io("open a session of PostgreSQL"))? {
            sessions.push(session);
        }
        Ok(sessions)
    }

    /// One, as the user of the store; none where there is none left.
    fn session(&self) -> io::Result<Option<TcpStream>> {
        let address = self.site.address;
        let connect = || TcpStream::connect(address);
        let mut stream = self.site.inside.as_ref().map_or_else(connect, |inside| inside.inside(connect))?;
        let words = format!("user\0{USER}\0database\0{DATABASE}\0\0");
        let length = u32::try_from(words.len() + 8).expect("a name is short");
        stream.write_all(&[&length.to_be_bytes()[..], &PROTOCOL.to_be_bytes(), words.as_bytes()].concat())?;
        loop {
            match answer(&mut stream)? {
                Some((_, true)) => return Ok(Some(stream)),
                Some((message, false)) if message[0] != b'E' => {}
                _ => return Ok(None),
            }
        }
    }

    /// Waits until there is a session again for whoever wants one.
    pub(crate) fn is_free(&self) -> Outcome<()> {
        while self.session().map_err(Error::io("open a session of PostgreSQL"))?.is_none() {}
        Ok(())
    }

    /// One of PostgreSQL's programs that speaks to the server.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut client = Command::new(self.programs.join(program));
        client.args(["--host", &self.site.address.ip().to_string()]);
        client.args(["--port", &self.site.address.port().to_string()]);
        client.args(["--username", ADMINISTRATOR, "--dbname", DATABASE]);
        client
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self, what: &str) -> Command {
        let mut command = as_owner(&self.programs.join("pg_ctl"), &self.folder);
        command.arg(what).arg("-D").arg(self.data()).args(["-w", "-s"]);
        command
    }
}

impl Site {
    pub(crate) fn run(&self, command: &mut Command) -> Outcome<Ended> {
        match &self.inside {
            Some(inside) => inside.inside(|| run(command)),
            None => run(command),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _gone_already = self.keeper.wait();
    }
}

/// The superuser may not run a server: `nobody` does for it.
fn as_owner(program: &Path, folder: &Path) -> Command {
    let nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"].map(OsString::from);
    let words = nobody.into_iter().filter(|_| Uid::effective().is_root());
    let mut words = words.chain([program.into()]);
    let mut command = Command::new(words.next().expect("there is the program"));
    command.args(words).current_dir(folder);
    command
}

fn owned(folder: &Path) -> Outcome<()> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    well(&run(Command::new("chown").arg("nobody:nogroup").arg(folder))?, "chown")
}

fn write_more(file: &Path, lines: &str) -> Outcome<()> {
    let opened = fs::OpenOptions::new().append(true).open(file);
    opened
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(Error::io("write PostgreSQL's settings"))
}

fn well(ended: &Ended, what: &str) -> Outcome<()> {
    if ended.well() {
        return Ok(());
    }
    Err(Error::Setup { what: what.to_owned(), said: format!("{} {}", ended.stdout.trim(), ended.in_words()) })
}

fn children(of: i32) -> Vec<i32> {
    let listed = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Whether a process has not ended yet (proc(5): what follows its name).
fn is_there(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Where the server's programs are: on the path, or where Debian keeps those of each version.
fn programs() -> Outcome<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let mut folders = env::split_paths(&path).chain(debian.into_iter().rev());
    let has = |folder: &PathBuf| ["initdb", "pg_basebackup"].iter().all(|name| folder.join(name).is_file());
    folders.find(has).ok_or(Error::Missing { program: "PostgreSQL" })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn site() -> Site {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Site { inside: None, address: free.local_addr().unwrap(), settings: Vec::new() }
    }

    #[test]
    fn what_was_committed_outlives_a_kill_and_is_in_the_standby_already() {
        let template = Template::new().unwrap();
        let first = Cluster::start(&template, &site()).unwrap();
        first.sql("CREATE TABLE kept AS SELECT 1 AS one").unwrap();
        first.stop(Stop::Kill).unwrap();
        first.go().unwrap();
        let second = first.standby(&site()).unwrap();
        first.sql("INSERT INTO kept VALUES (2)").unwrap();
        first.stop(Stop::Kill).unwrap();
        second.promote().unwrap();
        assert_eq!(second.sql("SELECT sum(one) FROM kept").unwrap(), "3");
        second.sql("INSERT INTO kept VALUES (3)").unwrap();
        second.stop(Stop::Fast).unwrap();
        assert!(second.sql("SELECT 1").is_err());
        let folders = [first.folder.clone(), second.folder.clone()];
        drop((first, second));
        assert!(folders.iter().all(|folder| !folder.exists()));
    }
}
