//! The options of `xeroctl store move`.

use std::path::PathBuf;

use clap::Args;

// `xeroctl store move`.
#[derive(Debug, Args)]
pub(crate) struct StoreMove {
    /// The store: a file, or postgres://USER@HOST/DATABASE
    pub(crate) from: PathBuf,
    /// Where it is to be: a file, or postgres://USER@HOST/DATABASE. There must be no other store
    pub(crate) to: PathBuf,
    /// A file whose first line is the password at the PostgreSQL server of TO; --store-password-file is for that of FROM
    #[arg(long, value_name = "FILE")]
    pub(crate) to_password_file: Option<PathBuf>,
}
