#![doc = include_str!("../README.md")]

mod algorithm;
mod aws_lc;
mod certificate;
mod error;
mod file_kind;
mod key;
mod output_file;
mod password;
mod pfx;
mod survey;

pub use certificate::{Certificate, Fingerprint, SelfSigned};
pub use error::Error;
pub use file_kind::FileKind;
pub use key::{KeySize, PrivateKey, PublicKey};
pub use output_file::{Access, Existing, NewFile, check_path, write_files};
pub use password::Password;
pub use pfx::{Pfx, PfxForm};

/// The largest file that is read, in bytes. Key files have a few thousand.
pub const MAX_FILE: usize = 1024 * 1024;
