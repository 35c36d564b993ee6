//! The certificates of callers and proxies, by `dev-ca`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use peergate_cli::dev_ca::{self, Leaf, Plan, San, Written};

/// The host that callers ask for.
pub(crate) const HOST: &str = "orders.prod.example";
/// Who may read the orders.
pub(crate) const API: &str = "spiffe://prod.example/ns/default/sa/api";
/// Another service.
pub(crate) const WEB: &str = "spiffe://prod.example/ns/default/sa/web";
/// A service that a deny rule names.
pub(crate) const OLD: &str = "spiffe://prod.example/ns/default/sa/old";
/// Whose certificate has a hostile subject, and nothing else about it is bad.
pub(crate) const MALLORY: &str = "spiffe://prod.example/ns/default/sa/mallory";
/// A caller with a DNS name only.
pub(crate) const PARTNER: &str = "api.partner.example";
/// The first of two Envoys.
pub(crate) const EDGE: &str = "spiffe://prod.example/ns/edge/sa/ingress";
const SIDECAR: &str = "spiffe://prod.example/ns/orders/sa/sidecar";

/// What was written, by name.
pub(crate) struct Certificates {
    written: BTreeMap<String, Written>,
    /// The server's chain and key in one file, as HAProxy takes them.
    pub(crate) server_and_key: PathBuf,
}

impl Certificates {
    pub(crate) fn write(directory: &Path) -> Result<Self> {
        let leaf = |name: &str, names: Vec<San>| Leaf { name: name.into(), names };
        let uri = |id: &str| San::Uri(id.into());
        let plan = Plan {
            trust_domain: "prod.example".into(),
            servers: vec![
                leaf("server", vec![San::Dns(HOST.into()), uri(EDGE)]),
                leaf("sidecar", vec![San::Dns(HOST.into()), uri(SIDECAR)]),
            ],
            clients: vec![
                leaf("api", vec![uri(API)]),
                leaf("web", vec![uri(WEB)]),
                leaf("old", vec![uri(OLD)]),
                leaf("partner", vec![San::Dns(PARTNER.into())]),
            ],
            days: 2,
            bad: true,
        };
        let written: BTreeMap<_, _> = dev_ca::write(directory, &plan)?
            .into_iter()
            .map(|written| (written.name.clone(), written))
            .collect();
        let server_and_key = directory.join("server-and-key.pem");
        let certificates = Self { written, server_and_key };
        let server = certificates.get("server")?;
        let chain = std::fs::read_to_string(server.chain.as_ref().context("no chain")?)?;
        std::fs::write(&certificates.server_and_key, chain + &std::fs::read_to_string(&server.key)?)?;
        Ok(certificates)
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Written> {
        self.written.get(name).with_context(|| format!("no certificate {name}"))
    }

    /// The certificate and what is above it.
    pub(crate) fn chain(&self, name: &str) -> Result<&Path> {
        self.get(name)?.chain.as_deref().context("an authority has no chain")
    }
}
