//! Three hosts that share one store in PostgreSQL: each with a home, a network and a way to the server of its own.

mod cluster;
mod link;
mod namespace;
mod network;
mod way;
mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{fs, io};

use self::cluster::Template;
pub(crate) use self::cluster::{Cluster, Stop};
use self::cluster::{DATABASE, Site, USER};
use self::network::{Network, address as ip};
use self::way::Speech;
pub(crate) use self::way::{Cut, How, Way};
use crate::error::{Error, Outcome};

/// Their names; each is also a folder.
pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];
/// Where the ways to the server begin, and where the server is, or two of them.
const GATE: usize = NAMES.len();
const SERVERS: [usize; 2] = [GATE + 1, GATE + 2];
const PORT: u16 = 5432;

/// What all trials on hosts share.
#[derive(Debug, Default)]
pub(crate) struct Grounds {
    template: Mutex<Option<Arc<Template>>>,
    /// Why there are no networks: then hosts are homes on this machine's own, and the ways are all that is cut.
    no_network: OnceLock<String>,
}

/// A setting of PostgreSQL.
pub(crate) type Setting = (&'static str, String);

/// The hosts, and the server that they share.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// Above their homes.
    folder: PathBuf,
    /// To the database and to the mock, of each host. Before the network: what is inside it must go first.
    ways: Vec<Way>,
    to_mock: Vec<Way>,
    server: Mutex<Cluster>,
    settings: Vec<Setting>,
    network: Option<Network>,
    /// Where commands run that are not told where.
    seat: AtomicUsize,
}

impl Grounds {
    /// Why hosts have no networks of their own, where that is so.
    pub(crate) fn no_network(&self) -> Option<&str> {
        self.no_network.get().map(String::as_str)
    }

    fn network(&self) -> Outcome<Option<Network>> {
        match Network::of(SERVERS[1] + 1) {
            Ok(network) => Ok(Some(network)),
            Err(Error::Namespace(why)) => {
                let _known_already = self.no_network.set(why);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Hosts {
    /// Homes in the folder, a server, and all that is in between.
    pub(crate) fn set_up(
        grounds: &Grounds,
        folder: &Path,
        mock: SocketAddr,
        settings: &[Setting],
    ) -> Outcome<Self> {
        let template = Template::shared(&grounds.template)?;
        let network = grounds.network()?;
        let site = site(network.as_ref(), SERVERS[0], settings)?;
        let server = Cluster::start(&template, &site)?;
        for name in NAMES {
            fs::create_dir_all(folder.join(name).join("tmp")).map_err(Error::io("make a folder"))?;
        }
        let target = site.address;
        let ways = (0..NAMES.len()).map(|host| way(network.as_ref(), host, target));
        let ways = ways.collect::<Outcome<Vec<_>>>()?;
        let to_mock =
            network.iter().flat_map(|network| (0..NAMES.len()).map(|host| to_mock(network, host, mock)));
        let to_mock = to_mock.collect::<Outcome<Vec<_>>>()?;
        let (server, settings, seat) = (Mutex::new(server), settings.to_vec(), AtomicUsize::new(0));
        Ok(Self { folder: folder.to_owned(), ways, to_mock, server, settings, network, seat })
    }

    pub(crate) fn home(&self, host: usize) -> PathBuf {
        self.folder.join(NAMES[host])
    }

    /// What a command on a host finds in its environment besides its home's.
    pub(crate) fn environment(&self, host: usize) -> [(&'static str, String); 3] {
        let address = self.ways[host].address();
        [
            ("XEROCTL_STORE", format!("postgres://{USER}@{address}/{DATABASE}?sslmode=disable")),
            ("XEROCTL_KEY_FILE", self.home(host).join("store.key").display().to_string()),
            ("XEROCTL_MACHINE", format!("trials-{}", NAMES[host])),
        ]
    }

    /// Does the work on a host, with what that starts.
    pub(crate) fn on<T: Send>(&self, host: usize, work: impl FnOnce() -> T + Send) -> T {
        match &self.network {
            Some(network) => network.host(host).inside(work),
            None => work(),
        }
    }

    /// Where commands run from now on that are not told where.
    pub(crate) fn sit_at(&self, host: usize) {
        self.seat.store(host, Ordering::SeqCst);
    }

    pub(crate) fn seat(&self) -> usize {
        self.seat.load(Ordering::SeqCst)
    }

    /// The way of a host to the database.
    pub(crate) fn way(&self, host: usize) -> &Way {
        &self.ways[host]
    }

    /// Nothing reaches the host from the database any more, nor the other way round, and nobody is told.
    pub(crate) fn unplug(&self, host: usize) -> Outcome<()> {
        self.ways[host].strike(How::Silent);
        self.network.as_ref().map_or(Ok(()), |network| network.unplug(host))
    }

    /// All is as it was.
    pub(crate) fn mend(&self) -> Outcome<()> {
        if let Some(network) = &self.network {
            (0..NAMES.len()).try_for_each(|host| network.plug(host))?;
        }
        self.ways.iter().for_each(Way::mend);
        Ok(())
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, Cluster> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second server that follows the first, each commit of which waits for it.
    pub(crate) fn standby(&self) -> Outcome<Cluster> {
        let server = self.server();
        let first = match &self.network {
            Some(_) => server.site().address.ip() == ip(SERVERS[0]),
            None => true,
        };
        let site = site(self.network.as_ref(), SERVERS[usize::from(first)], &self.settings)?;
        server.standby(&site)
    }

    /// From now on this is the server; the one before is taken away.
    pub(crate) fn turn_to(&self, server: Cluster) {
        let address = server.site().address;
        drop(std::mem::replace(&mut *self.server(), server));
        self.ways.iter().for_each(|way| way.turn_to(address));
    }

    /// How often the login was renewed, as the server has it.
    pub(crate) fn generation(&self) -> Outcome<i64> {
        let said = self.server().sql("SELECT max(generation) FROM xeroctl.authorisations")?;
        said.parse().map_err(|_| Error::NotWorking(format!("the store has no login: {said}")))
    }

    /// Waits until all has arrived that commands have sent to the mock which are gone.
    pub(crate) fn settle(&self) -> Outcome<()> {
        for (host, way) in self.to_mock.iter().enumerate() {
            let settled = way.settle(|address| self.on(host, || TcpStream::connect(address)));
            settled.map_err(Error::io("reach the mock"))?;
        }
        Ok(())
    }
}

/// A server on this machine's own network.
pub(crate) fn local_server(grounds: &Grounds) -> Outcome<Cluster> {
    let template = Template::shared(&grounds.template)?;
    Cluster::start(&template, &site(None, SERVERS[0], &[])?)
}

fn site(network: Option<&Network>, at: usize, settings: &[Setting]) -> Outcome<Site> {
    let settings = settings.to_vec();
    let Some(network) = network else {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        return Ok(Site { inside: None, address: free.map_err(Error::io("find a port"))?, settings });
    };
    Ok(Site { inside: Some(network.host(at)), address: SocketAddr::new(ip(at), PORT), settings })
}

fn way(network: Option<&Network>, host: usize, target: SocketAddr) -> Outcome<Way> {
    let open = |ip: IpAddr, port: u16| {
        TcpListener::bind((ip, port)).and_then(|listener| Way::open(listener, target, Speech::Postgres))
    };
    let port = PORT + 1 + u16::try_from(host).unwrap_or_default();
    let opened: io::Result<Way> = match network {
        Some(network) => network.host(GATE).inside(|| open(ip(GATE), port)),
        None => open(Ipv4Addr::LOCALHOST.into(), 0),
    };
    opened.map_err(Error::io("open a way to the database"))
}

/// On the host, at the address that the mock has outside.
fn to_mock(network: &Network, host: usize, mock: SocketAddr) -> Outcome<Way> {
    let listener = network.host(host).inside(|| TcpListener::bind(mock));
    let opened = listener.and_then(|listener| Way::open(listener, mock, Speech::Any));
    opened.map_err(Error::io("open a way to the mock"))
}
