//! Using a connection: requests, tokens for others, and what is left of Xero's limits.

use std::ffi::OsString;

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

// What `xeroctl request` asks for, beside method and path.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    /// Add a value to the URL's query, encoded as it must be; may be repeated
    #[arg(short = 'Q', long = "query", value_name = "NAME=VALUE")]
    pub(crate) queries: Vec<String>,
    /// Only what this expression holds for, such as 'Status=="AUTHORISED" AND Total>100'
    #[arg(long, value_name = "EXPRESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) r#where: Option<String>,
    /// In this order, such as 'UpdatedDateUTC DESC'
    #[arg(long, value_name = "FIELD", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) order: Option<String>,
    /// Only what was changed since then: 2026-11-22 or 2026-11-22T09:41:07, in UTC
    #[arg(long, value_name = "TIME", value_parser = modified_since)]
    pub(crate) modified_since: Option<String>,
    /// Ask for all pages, and print them as one document
    #[arg(long, conflicts_with_all = ["data", "include"])]
    pub(crate) paginate: bool,
    /// Under which Xero does a write once, however often it is sent within six minutes; made for each run where none is given
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub(crate) idempotency_key: Option<String>,
    /// How long to wait in all, with --paginate for each page: for Xero's limits, and between tries where the server is in
    /// trouble
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86400))]
    pub(crate) max_wait: u64,
}

/// As Xero wants it: in UTC, without a zone.
fn modified_since(text: &str) -> Result<String, String> {
    let whole =
        if text.contains('T') { text.trim_end_matches('Z').to_owned() } else { format!("{text}T00:00:00") };
    match OffsetDateTime::parse(&format!("{whole}Z"), &Rfc3339) {
        Ok(_) => Ok(whole),
        Err(_) => {
            Err("give a day such as 2026-11-22, or a time in UTC such as 2026-11-22T09:41:07".to_owned())
        }
    }
}

/// Xero takes up to 128 characters.
fn idempotency_key(text: &str) -> Result<String, String> {
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("1 to 128 letters, digits and signs, without spaces".to_owned())
    }
}

/// How a token is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenFormat {
    /// The token alone
    Plain,
    /// A JSON document, as with --json
    Json,
    /// XERO_ACCESS_TOKEN and XERO_TENANT_ID, as lines that a shell takes
    Env,
    /// The headers of a request
    Header,
}

// `xeroctl exec`.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The connection
    pub(crate) name: String,
    /// How long the token must still live when the program starts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(0..=1500))]
    pub(crate) min_ttl: u64,
    /// Give it no token of Xero's: XERO_BASE_URL is a gateway at this machine that is there as long as the program, and
    /// XERO_ACCESS_TOKEN that gateway's token, for this connection alone
    #[arg(long, conflicts_with = "min_ttl")]
    pub(crate) gateway: bool,
    /// With --gateway: let nothing through that could change anything
    #[arg(long, requires = "gateway")]
    pub(crate) read_only: bool,
    /// The program and its arguments, after --
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    pub(crate) command: Vec<OsString>,
}
