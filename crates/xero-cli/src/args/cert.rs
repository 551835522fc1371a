//! The command line of `xeroctl cert`, and of all that opens key files.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

// Where the password of a key file comes from.
#[derive(Debug, Args, Clone)]
#[group(multiple = false)]
pub(crate) struct PasswordSource {
    /// Read the key file's password from the next line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Read the key file's password from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The key file has no password
    #[arg(long)]
    pub(crate) no_password: bool,
}

// Where the password of a new key file comes from.
#[derive(Debug, Args, Clone)]
#[group(multiple = false)]
pub(crate) struct NewPasswordSource {
    /// Read the new file's password from the next line of standard input
    #[arg(long)]
    pub(crate) new_password_stdin: bool,
    /// Read the new file's password from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<PathBuf>,
    /// Protect the new file with no password
    #[arg(long)]
    pub(crate) no_new_password: bool,
}

// `xeroctl cert`.
#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// Make a key pair: NAME.cer to upload, NAME.pfx to keep
    New(CertNew),
    /// Show what a .cer, .pfx or key file holds
    Show(CertShow),
    /// Check a .pfx: it opens, key and certificate match, it is valid now
    Verify(CertVerify),
    /// Rewrite a .pfx or key file in another form
    Convert(CertConvert),
    /// Make another key pair for a private app, kept beside the one in use until the portal has its certificate
    Renew(super::CertRenew),
}

// `xeroctl cert new`.
#[derive(Debug, Args)]
pub(crate) struct CertNew {
    /// The files' path without an ending
    #[arg(default_value = "xero", value_name = "FILES")]
    pub(crate) base: PathBuf,
    /// The name in the certificate, 1 to 64 characters; without it, the files' name
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// The key's size
    #[arg(long, default_value = "2048", value_parser = ["2048", "3072", "4096"])]
    pub(crate) bits: String,
    /// How long the certificate is valid, from now
    #[arg(long, default_value_t = xero_certs::SelfSigned::DEFAULT_DAYS)]
    pub(crate) days: u32,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    /// Protect the .pfx in the old way that .NET Framework and Windows before Server 2019 need
    #[arg(long)]
    pub(crate) compatible: bool,
    /// Write the .cer in DER (binary) form; the portal wanted the text form
    #[arg(long)]
    pub(crate) der: bool,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

// `xeroctl cert show`.
#[derive(Debug, Args)]
pub(crate) struct CertShow {
    /// The file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

// `xeroctl cert verify`.
#[derive(Debug, Args)]
pub(crate) struct CertVerify {
    /// The .pfx file
    pub(crate) file: PathBuf,
    /// A .cer that must be the certificate in it
    #[arg(long, value_name = "CER")]
    pub(crate) cer: Option<PathBuf>,
    /// Fail unless the certificate is valid for at least so many days more
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    pub(crate) min_days: u32,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
}

/// What `cert convert` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A .pfx protected with AES-256 and SHA-256
    Pfx,
    /// A .pfx protected with triple DES and SHA-1, for old Windows and .NET Framework
    PfxCompatible,
    /// The certificate in base 64 (PEM), for the portal
    Cer,
    /// The certificate in DER
    Der,
    /// The private key, unprotected, as PKCS#8 PEM
    Key,
}

// `xeroctl cert convert`.
#[derive(Debug, Args)]
pub(crate) struct CertConvert {
    /// The file to read: a .pfx, or a private key (with --certificate, unless the file holds both)
    pub(crate) input: PathBuf,
    /// The file to write
    pub(crate) output: PathBuf,
    /// What to write; without it, the output's ending decides (.pfx, .p12, .cer, .crt, .der)
    #[arg(long, value_enum)]
    pub(crate) to: Option<Form>,
    /// The certificate that belongs to the key, where the input is a key file
    #[arg(long, value_name = "CER")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordSource,
    #[command(flatten)]
    pub(crate) new_password: NewPasswordSource,
    /// Replace the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
