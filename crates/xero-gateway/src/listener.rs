//! Where clients come in: a port of the loopback address, or a Unix socket for its owner alone.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpStream};

#[cfg(unix)]
pub use self::unix::UnixSocket;
use crate::door::Door;

/// Why nobody can come in there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is not one of this machine alone.
    #[error("{0} is not an address of this machine alone")]
    NotLoopback(SocketAddr),
    /// The port is taken, by a gateway or another program.
    #[error("{0} is in use")]
    InUse(SocketAddr),
    /// A gateway, or another program, listens at the socket.
    #[error("another program listens at {0}")]
    Lives(std::path::PathBuf),
    /// What is there is no socket, and is left as it is.
    #[error("{0} is there already and is not a socket")]
    NotASocket(std::path::PathBuf),
    /// Others could come to the socket, or put theirs in its place.
    #[error("others may enter {0}")]
    OpenFolder(std::path::PathBuf),
    /// The operating system refused.
    #[error("{place} cannot be listened at")]
    Io {
        /// The address or path.
        place: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// One place where clients come in. It closes when it is dropped.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener, u16),
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// A client's connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

impl Listener {
    /// A port of the loopback address; port 0 takes any free one.
    ///
    /// # Errors
    /// [`ListenError::NotLoopback`], [`ListenError::InUse`], [`ListenError::Io`].
    pub async fn tcp(address: SocketAddr) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        let bound = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            _ => ListenError::Io { place: address.to_string(), source },
        })?;
        Self::of_tcp(bound)
    }

    /// A port that somebody else opened, such as systemd.
    ///
    /// # Errors
    /// [`ListenError::NotLoopback`], [`ListenError::Io`].
    pub fn inherited(listener: std::net::TcpListener) -> Result<Self, ListenError> {
        let listener = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
        Self::of_tcp(
            listener.map_err(|source| ListenError::Io { place: "an inherited port".to_owned(), source })?,
        )
    }

    fn of_tcp(listener: TcpListener) -> Result<Self, ListenError> {
        let address = listener.local_addr();
        let address = address.map_err(|source| ListenError::Io { place: "a port".to_owned(), source })?;
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        Ok(Self(Kind::Tcp(listener, address.port())))
    }

    /// The address, where it is a port.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(listener, _) => listener.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    pub(crate) fn door(&self) -> Door {
        match &self.0 {
            Kind::Tcp(_, port) => Door::Tcp(*port),
            #[cfg(unix)]
            Kind::Unix(_) => Door::Unix,
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match &self.0 {
            Kind::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                // An answer in pieces is not to wait for the client's acknowledgements.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            #[cfg(unix)]
            Kind::Unix(socket) => Ok(Stream::Unix(socket.accept().await?)),
        }
    }
}

#[cfg(unix)]
impl From<UnixSocket> for Listener {
    fn from(socket: UnixSocket) -> Self {
        Self(Kind::Unix(socket))
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, DirBuilder, File, Permissions, TryLockError},
        io,
        os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        path::{Path, PathBuf},
    };

    use tokio::net::{UnixListener, UnixStream};

    use super::ListenError;

    /// A socket of mode 0600 in a folder of mode 0700. The one of a gateway that died is replaced.
    #[derive(Debug)]
    pub struct UnixSocket {
        listener: UnixListener,
        /// Removed with the socket; none where somebody else opened it.
        _name: Option<Name>,
    }

    /// A socket's name, as long as its lock is held.
    #[derive(Debug)]
    struct Name {
        path: PathBuf,
        _lock: File,
    }

    impl UnixSocket {
        /// Listens at the path; its folder is made where it is missing.
        ///
        /// # Errors
        /// [`ListenError::Lives`], [`ListenError::OpenFolder`], [`ListenError::NotASocket`], [`ListenError::Io`].
        pub async fn bind(path: &Path) -> Result<Self, ListenError> {
            let failed = |source| ListenError::Io { place: path.display().to_string(), source };
            private_folder(path)?;
            let lock = lock(path)?;
            if UnixStream::connect(path).await.is_ok() {
                return Err(ListenError::Lives(path.to_owned()));
            }
            match fs::symlink_metadata(path) {
                Ok(there) if !there.file_type().is_socket() => {
                    return Err(ListenError::NotASocket(path.to_owned()));
                }
                Ok(_) => fs::remove_file(path).map_err(failed)?,
                Err(_) => {}
            }
            let listener = UnixListener::bind(path).map_err(failed)?;
            // Nobody else could enter the folder meanwhile.
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
            Ok(Self { listener, _name: Some(Name { path: path.to_owned(), _lock: lock }) })
        }

        /// A socket that somebody else opened, such as systemd, who also sees to its mode.
        ///
        /// # Errors
        /// [`ListenError::Io`].
        pub fn inherited(listener: std::os::unix::net::UnixListener) -> Result<Self, ListenError> {
            let listener = listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener));
            let failed = |source| ListenError::Io { place: "an inherited socket".to_owned(), source };
            Ok(Self { listener: listener.map_err(failed)?, _name: None })
        }

        pub(super) async fn accept(&self) -> io::Result<UnixStream> {
            self.listener.accept().await.map(|(stream, _)| stream)
        }
    }

    impl Drop for Name {
        fn drop(&mut self) {
            // The lock's file stays: two who make it anew would both have it.
            drop(fs::remove_file(&self.path));
        }
    }

    fn private_folder(path: &Path) -> Result<(), ListenError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |source| ListenError::Io { place: folder.display().to_string(), source };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed)?;
        let there = fs::metadata(folder).map_err(failed)?;
        let own = rustix::process::geteuid().as_raw();
        if there.mode() & 0o077 != 0 || there.uid() != own {
            return Err(ListenError::OpenFolder(folder.to_owned()));
        }
        Ok(())
    }

    /// Held for as long as the gateway lives, however it ends.
    fn lock(path: &Path) -> Result<File, ListenError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let failed = |source| ListenError::Io { place: name.display().to_string(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ListenError::Lives(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
