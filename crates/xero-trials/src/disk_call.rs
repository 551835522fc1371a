//! System calls that change files below a folder: those that a full, read-only or broken disk refuses.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use crate::registers::Call;

/// What names the file of a call: the argument with this index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Descriptor,
    Path(usize),
    /// Only where it is opened to be written.
    Opened,
}

const BY_DESCRIPTOR: [libc::c_long; 8] = [
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
];
const BY_SECOND_PATH: [libc::c_long; 5] =
    [libc::SYS_unlinkat, libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_mkdirat];
#[cfg(target_arch = "x86_64")]
const BY_FIRST_PATH: [libc::c_long; 4] =
    [libc::SYS_unlink, libc::SYS_rename, libc::SYS_link, libc::SYS_mkdir];
#[cfg(not(target_arch = "x86_64"))]
const BY_FIRST_PATH: [libc::c_long; 0] = [];
/// These read; a broken disk refuses them too.
const READING: [libc::c_long; 2] = [libc::SYS_read, libc::SYS_pread64];

impl Call {
    /// Which argument to spoil, and what it is then, so that the call fails; `None`: not of that folder, or harmless.
    pub(crate) fn on_disk(&self, process: Pid, folder: &Path, error: Errno) -> Option<(usize, u64)> {
        let (file, spoilt) = match self.named(error)? {
            Named::Descriptor => (descriptor(process, self.arguments[0])?, (0, u64::MAX)),
            Named::Path(index) => (text(process, self.arguments[index])?, (index, 0)),
            Named::Opened => (text(process, self.arguments[1])?, (1, 0)),
        };
        (file.is_relative() || file.starts_with(folder)).then_some(spoilt)
    }

    /// Whether this makes what was written last.
    pub(crate) fn syncs(&self) -> bool {
        [libc::SYS_fsync, libc::SYS_fdatasync].contains(&self.number)
    }

    fn named(&self, error: Errno) -> Option<Named> {
        let writes = u64::from((libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT).cast_unsigned());
        match self.number {
            call if BY_DESCRIPTOR.contains(&call) => Some(Named::Descriptor),
            call if READING.contains(&call) => (error == Errno::EIO).then_some(Named::Descriptor),
            call if BY_FIRST_PATH.contains(&call) => Some(Named::Path(0)),
            call if BY_SECOND_PATH.contains(&call) => Some(Named::Path(1)),
            libc::SYS_openat => (self.arguments[2] & writes != 0).then_some(Named::Opened),
            _ => None,
        }
    }
}

/// The file behind a descriptor; sockets and pipes have none.
fn descriptor(process: Pid, number: u64) -> Option<PathBuf> {
    let file = fs::read_link(format!("/proc/{process}/fd/{number}")).ok()?;
    file.is_absolute().then_some(file)
}

/// A path in the memory of a stopped process.
fn text(process: Pid, address: u64) -> Option<PathBuf> {
    let (memory, mut bytes) = (File::open(format!("/proc/{process}/mem")).ok()?, [0; 1024]);
    let read = memory.read_at(&mut bytes, address).ok()?;
    let path = bytes[..read].split(|byte| *byte == 0).next()?;
    (!path.is_empty()).then(|| PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}
