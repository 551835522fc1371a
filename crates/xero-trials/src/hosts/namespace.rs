//! A network namespace: work that is done inside it, and what that starts, has a network of its own.

use std::fs::File;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Error, Outcome};

/// It is gone when nothing is inside any more and this is dropped.
#[derive(Debug)]
pub(crate) struct Namespace {
    file: File,
}

impl Namespace {
    /// An empty one.
    ///
    /// # Errors
    /// [`Error::Namespace`] where that is not allowed.
    pub(crate) fn new() -> Outcome<Self> {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|error| Error::Namespace(error.to_string()))?;
            File::open("/proc/thread-self/ns/net").map_err(Error::io("hold a network namespace"))
        });
        Ok(Self { file: made.join().expect("a thread that panics does not make namespaces")? })
    }

    /// Does the work in a thread inside. Sockets and processes that it makes stay there, and so do its threads.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            setns(&self.file, CloneFlags::CLONE_NEWNET).expect("who made a namespace may enter it");
            work()
        };
        thread::scope(|scope| match scope.spawn(entered).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// A name of it that other programs understand.
    pub(crate) fn path(&self) -> String {
        use std::os::fd::AsRawFd as _;
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_listens_inside_is_not_heard_outside() {
        let namespace = Namespace::new().unwrap();
        assert!(namespace.inside(|| TcpListener::bind("127.0.0.1:0")).is_ok());
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = outside.local_addr().unwrap();
        assert!(TcpStream::connect(address).is_ok());
        assert!(namespace.inside(|| TcpStream::connect(address)).is_err());
    }
}
