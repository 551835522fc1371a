//! Hosts on a switch of their own: network namespaces, a pair of virtual cards for each, a bridge between them.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::namespace::Namespace;
use crate::error::{Error, Outcome};

/// Hosts that reach each other as 10.77.0.1, 10.77.0.2 and so on, and nobody else.
#[derive(Debug)]
pub(crate) struct Network {
    switch: Namespace,
    hosts: Vec<Arc<Namespace>>,
}

impl Network {
    /// So many hosts, all plugged in.
    ///
    /// # Errors
    /// [`Error::Namespace`] where namespaces may not be made.
    pub(crate) fn of(hosts: usize) -> Outcome<Self> {
        let switch = Namespace::new()?;
        let hosts = (0..hosts).map(|_| Namespace::new().map(Arc::new)).collect::<Outcome<Vec<_>>>()?;
        let mut lines = "link add name switch type bridge\nlink set switch up\n".to_owned();
        for (at, host) in hosts.iter().enumerate() {
            let path = host.path();
            lines += &format!("link add port{at} type veth peer name card netns {path}\n");
            lines += &format!("link set port{at} master switch\nlink set port{at} up\n");
        }
        ip(&switch, &lines)?;
        for (at, host) in hosts.iter().enumerate() {
            let address = address(at);
            ip(host, &format!("link set lo up\nlink set card up\naddr add {address}/24 dev card\n"))?;
        }
        Ok(Self { switch, hosts })
    }

    pub(crate) fn host(&self, at: usize) -> Arc<Namespace> {
        Arc::clone(&self.hosts[at])
    }

    /// Pulls the host's cable out of the switch: what it sends is lost, and nobody tells it.
    pub(crate) fn unplug(&self, at: usize) -> Outcome<()> {
        ip(&self.switch, &format!("link set port{at} nomaster\n"))
    }

    /// Puts it back.
    pub(crate) fn plug(&self, at: usize) -> Outcome<()> {
        ip(&self.switch, &format!("link set port{at} master switch\n"))
    }
}

/// The address of the host with this number.
pub(crate) fn address(at: usize) -> IpAddr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(at + 1).expect("there are few hosts")).into()
}

/// Commands of ip(8), one on each line.
fn ip(inside: &Namespace, lines: &str) -> Outcome<()> {
    let done = inside.inside(|| {
        let mut command = Command::new("ip");
        command.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|_| Error::Missing { program: "ip" })?;
        let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(lines.as_bytes()));
        written.and_then(|()| child.wait_with_output()).map_err(Error::io("run ip"))
    })?;
    if done.status.success() {
        return Ok(());
    }
    Err(Error::Network(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_host_reaches_another_until_its_cable_is_pulled() {
        let network = match Network::of(2) {
            Ok(network) => network,
            // Where namespaces are not allowed, hosts have no networks, and the trials say so.
            Err(error) => return assert!(matches!(error, Error::Namespace(_)), "{error}"),
        };
        let listener = network.host(1).inside(|| TcpListener::bind((address(1), 0))).unwrap();
        let target = listener.local_addr().unwrap();
        let connect =
            |patience| network.host(0).inside(|| TcpStream::connect_timeout(&target, patience).is_ok());
        // A busy machine takes its time.
        let at_leisure = Duration::from_secs(30);
        assert!(connect(at_leisure));
        network.unplug(0).unwrap();
        assert!(!connect(Duration::from_millis(200)));
        network.plug(0).unwrap();
        assert!(connect(at_leisure));
    }
}
