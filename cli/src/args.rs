//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Checks, explains and tests identity policies for mutual-TLS callers.
///
/// Machine output is JSON on stdout, messages for people go to stderr. Exit status: 0 good; 1 a finding
/// (a refused document, a failed case, a denied request with --exit-code); 2 wrong usage or unreadable
/// input.
#[derive(Debug, Parser)]
#[command(name = "peergate", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Validate policies and deployments
    Check(CheckArgs),
    /// Read one header value, one name or one certificate and print what it says
    #[command(subcommand)]
    Parse(ParseCommand),
    /// Decide one request
    Eval(EvalArgs),
    /// Run fixtures
    Test(TestArgs),
    /// Make a certificate authority and certificates for development and tests
    DevCa(DevCaArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Policies or deployments; which of the two a file is shows in its keys
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Report also what a policy asks for and this source can never carry
    #[arg(long = "for", value_name = "PRESET|FILE")]
    pub(crate) source: Option<OsString>,
    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParseCommand {
    /// An x-forwarded-client-cert value, by grammar only
    Xfcc {
        /// The value; without it, it is read from stdin and one trailing newline is dropped
        #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
        value: Option<OsString>,
        /// The form it is in
        #[arg(long, value_enum, default_value = "text")]
        format: XfccForm,
    },
    /// A SPIFFE ID
    Spiffe {
        /// The ID; without it, it is read from stdin and one trailing newline is dropped
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        value: Option<OsString>,
    },
    /// A certificate, PEM or DER, from stdin
    Cert,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum XfccForm {
    /// Key=value text
    Text,
    /// Envoy's JSON array
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    /// The policy
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub(crate) policy: Option<PathBuf>,
    /// Where the identity comes from; envoy when absent
    #[arg(long, value_name = "PRESET|FILE", requires = "policy")]
    pub(crate) source: Option<OsString>,
    /// A deployment in place of policy and source
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "source"])]
    pub(crate) config: Option<PathBuf>,
    /// The request as JSON, as in a fixture; stdin when absent or -
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
    /// Exit with 1 when the request is denied
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Tell on stderr what was read, why each rule did or did not match, and what to change
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Fixtures, or folders of fixtures
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// List the rules and groups that no case reached
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Print the results as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DevCaArgs {
    /// The folder to write to; it is made when it is not there, and no file in it is overwritten
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Trust domain of the certificates that are made when none are named
    #[arg(long, value_name = "NAME", default_value = "dev.example")]
    pub(crate) trust_domain: String,
    /// A client certificate with a SPIFFE ID, NAME=spiffe://…; may repeat
    #[arg(long, value_name = "NAME=ID")]
    pub(crate) client: Vec<String>,
    /// A client certificate with DNS names, NAME=host,host; adds to the one of --client with that name
    #[arg(long, value_name = "NAME=HOSTS")]
    pub(crate) client_dns: Vec<String>,
    /// A server certificate with DNS names and IP addresses, NAME=host,127.0.0.1; may repeat
    #[arg(long, value_name = "NAME=HOSTS")]
    pub(crate) server: Vec<String>,
    /// A SPIFFE ID for the server certificate with that name, NAME=spiffe://…
    #[arg(long, value_name = "NAME=ID")]
    pub(crate) server_spiffe: Vec<String>,
    /// Days for which server and client certificates are valid
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) days: u16,
    /// Make bad certificates as well: expired, not yet valid, of a foreign authority, with two URI
    /// names, with names that forge header fields
    #[arg(long)]
    pub(crate) bad: bool,
}
