//! A certificate authority for development and tests: a root, an intermediate, server and client
//! certificates, and on request certificates that a verifier or a policy must refuse.
//!
//! The keys are written next to the certificates. Never trust such a root outside a test.

mod bad;
mod files;
mod issue;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use files::Folder;
use issue::{Authority, LeafPlan};

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The trust domain of default certificates and bad ones.
    pub trust_domain: String,
    /// Server certificates.
    pub servers: Vec<Leaf>,
    /// Client certificates.
    pub clients: Vec<Leaf>,
    /// Days for which leaves are valid.
    pub days: u16,
    /// Whether bad certificates are made as well.
    pub bad: bool,
}

/// A certificate to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its name: that of its files and its common name.
    pub name: String,
    /// Its subject alternative names, in order.
    pub names: Vec<San>,
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum San {
    /// A URI, any ASCII.
    Uri(String),
    /// A DNS name.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

/// A certificate that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// `root`, `intermediate`, `server`, `client` or `bad`.
    pub kind: &'static str,
    /// What is special about it, for bad ones what is bad.
    pub about: &'static str,
    /// Its subject alternative names, as `TYPE:value`.
    pub names: Vec<String>,
    /// SHA-256 of the certificate, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The certificate and the intermediates above it, PEM; absent for an authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<PathBuf>,
}

/// Why nothing, or not everything, was written.
#[derive(Debug)]
pub enum DevCaError {
    /// A file is there already; nothing was written.
    Exists(PathBuf),
    /// A file could not be written.
    Write(PathBuf, std::io::Error),
    /// A certificate could not be made.
    Issue(String, rcgen::Error),
    /// Two certificates of one name, or a name that cannot be a file's; nothing was written.
    Name(String),
}

impl fmt::Display for DevCaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(path) => write!(f, "{}: exists, and nothing is overwritten", path.display()),
            Self::Write(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Issue(name, error) => write!(f, "certificate {name}: {error}"),
            Self::Name(name) => write!(
                f,
                "certificate {name:?}: a name is lower-case letters, digits and hyphens, not one of the \
                 authority's own (root, intermediate, bad-…), and given once"
            ),
        }
    }
}

impl std::error::Error for DevCaError {}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(uri) => write!(f, "URI:{uri}"),
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(address) => write!(f, "IP:{address}"),
        }
    }
}

/// Makes everything in memory, then writes it: either no file of the plan was there, or none is
/// written.
///
/// # Errors
/// When a file is there already, a name is not usable, or the disk refuses.
pub fn write(dir: &Path, plan: &Plan) -> Result<Vec<Written>, DevCaError> {
    check_names(plan)?;
    let root = Authority::root("Peergate development root")?;
    let intermediate = root.intermediate("Peergate development intermediate")?;
    let mut folder = Folder::new(dir);
    folder.add("root", "root", "signs the intermediate", &[], root.certified(), None);
    let certified = intermediate.certified();
    folder.add("intermediate", "intermediate", "signs servers and clients", &[], certified, None);
    let leaves = plan.servers.iter().map(|leaf| ("server", leaf));
    for (kind, leaf) in leaves.chain(plan.clients.iter().map(|leaf| ("client", leaf))) {
        let certified = intermediate.leaf(&LeafPlan::new(leaf, kind == "server", plan.days))?;
        folder.add(&leaf.name, kind, "", &leaf.names, &certified, Some(intermediate.pem()));
    }
    if plan.bad {
        bad::add(&mut folder, plan, &intermediate)?;
    }
    folder.write()
}

fn check_names(plan: &Plan) -> Result<(), DevCaError> {
    let mut seen = std::collections::BTreeSet::from(["root", "intermediate"]);
    for Leaf { name, .. } in plan.servers.iter().chain(&plan.clients) {
        let usable = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && name.len() <= 63
            && !name.is_empty()
            && !name.starts_with('-')
            && !name.starts_with("bad-");
        if !usable || !seen.insert(name) {
            return Err(DevCaError::Name(name.clone()));
        }
    }
    Ok(())
}
