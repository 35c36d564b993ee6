//! Real proxies with mutual TLS, each in front of a Node service guarded by the npm package.

pub(crate) mod attacks;
pub(crate) mod certificates;
mod client;
pub(crate) mod expect;
pub(crate) mod proxy;
pub(crate) mod report;
mod service;
pub(crate) mod setups;
pub(crate) mod variants;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use self::attacks::{Attack, HONEST, Lines};
use self::certificates::Certificates;
use self::client::Call;
use self::proxy::{EDGE_PORT, Installed, Proxy, Running};
use self::service::{Seen, Services};
use self::setups::{SETUPS, Setup};

/// One request to a set-up.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) setup: &'static Setup,
    /// A port of the example.
    pub(crate) port: u16,
    pub(crate) attack: &'static Attack,
    pub(crate) caller: Option<&'static str>,
    pub(crate) path: &'static str,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        let key = |question: &Self| {
            let Self { setup, port, attack, caller, path } = *question;
            (setup.name, port, attack.name, caller, path)
        };
        key(self) == key(other)
    }
}

impl Question {
    pub(crate) const fn new(setup: &'static Setup, caller: Option<&'static str>, path: &'static str) -> Self {
        Self { setup, port: EDGE_PORT, attack: &HONEST, caller, path }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Of the answer; nothing when the handshake failed.
    pub(crate) status: Option<u16>,
    /// Nothing when the request did not get as far as the service.
    pub(crate) seen: Option<Seen>,
}

/// All set-ups, each started when first asked.
pub(crate) struct Fleet {
    running: BTreeMap<&'static str, OnceLock<Result<Running, String>>>,
    services: Services,
    certificates: Certificates,
    installed: BTreeMap<Proxy, Installed>,
    /// What each set-up's proxy writes about the caller whose headers are forged.
    stolen: Mutex<BTreeMap<&'static str, Lines>>,
    /// What each set-up's proxy writes about a caller who forges nothing.
    honest: Mutex<BTreeMap<(&'static str, Option<&'static str>), Lines>>,
    asked: AtomicUsize,
    /// Removed last.
    directory: tempfile::TempDir,
}

impl Fleet {
    pub(crate) fn start(installed: BTreeMap<Proxy, Installed>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let certificates = Certificates::write(&directory.path().join("certs"))?;
        let deployments =
            SETUPS.iter().map(|setup| (setup.deployment.to_owned(), setup.deployment())).collect();
        Ok(Self {
            running: SETUPS.iter().map(|setup| (setup.name, OnceLock::new())).collect(),
            services: Services::start(&deployments)?,
            certificates,
            installed,
            stolen: Mutex::default(),
            honest: Mutex::default(),
            asked: AtomicUsize::new(0),
            directory,
        })
    }

    pub(crate) const fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Whether this machine can run a set-up.
    pub(crate) fn has(&self, setup: &str) -> bool {
        Setup::named(setup).is_ok_and(|setup| self.installed.contains_key(&setup.proxy))
    }

    pub(crate) const fn installed(&self) -> &BTreeMap<Proxy, Installed> {
        &self.installed
    }

    pub(crate) fn ask(&self, question: &Question) -> Result<Outcome> {
        let Question { setup, port, attack, caller, path } = *question;
        let lines =
            if attack.name == HONEST.name { String::new() } else { (attack.lines)(&self.stolen(setup)?) };
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let target = format!("{path}?request={number}");
        let address = self.running(setup)?.address(port);
        let call = Call { address, caller, target: &target, lines: &lines };
        let status = call.send(&self.certificates, setup.http2)?;
        Ok(Outcome { status, seen: self.services.take(&target)? })
    }

    /// What the example's proxy writes for the caller that may read the orders, in the hands of others.
    fn stolen(&self, setup: &'static Setup) -> Result<Lines> {
        let example = Setup::named(setup.example())?;
        // A set-up may have other names for the headers.
        let owner = if setup.managed == example.managed { example } else { setup };
        let mut stolen = self.stolen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = stolen.get(owner.name) {
            return Ok(lines.clone());
        }
        let outcome = self.ask(&Question::new(owner, Some("api"), "/v1/orders"))?;
        let seen = outcome.seen.with_context(|| format!("{}: nothing to steal", owner.name))?;
        let mut lines = seen.managed(owner);
        // A proxy may have nothing to say in one of them; a client always has.
        for name in owner.managed {
            if lines.iter().all(|(own, _)| own != name) {
                lines.push(((*name).to_owned(), ":AAAA:".to_owned()));
            }
        }
        stolen.insert(owner.name, lines.clone());
        Ok(lines)
    }

    /// What the service sees about the caller of a question when nothing is forged.
    pub(crate) fn honest(&self, question: &Question) -> Result<Lines> {
        let Question { setup, caller, path, .. } = *question;
        let mut honest = self.honest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = honest.get(&(setup.name, caller)) {
            return Ok(lines.clone());
        }
        let seen = self.ask(&Question::new(setup, caller, path))?.seen;
        let lines = seen.context("nothing is seen when nothing is forged")?.managed(setup);
        honest.insert((setup.name, caller), lines.clone());
        Ok(lines)
    }

    fn running(&self, setup: &'static Setup) -> Result<&Running> {
        let slot = self.running.get(setup.name).context("a set-up that is not of the list")?;
        let started = slot.get_or_init(|| self.start_one(setup).map_err(|error| format!("{error:#}")));
        started.as_ref().map_err(|error| anyhow!("{}: {error}", setup.name))
    }

    fn start_one(&self, setup: &'static Setup) -> Result<Running> {
        let Some(installed) = self.installed.get(&setup.proxy) else { bail!("not installed") };
        let folder = setup.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let service = self.services.port(setup.deployment)?;
        let directory = self.directory.path().join(folder);
        Running::start(installed, &setup.texts()?, &self.certificates, &directory, service)
    }
}

impl Seen {
    /// The lines in which this set-up's proxy says who called, or that some reader would take for
    /// them; names in lower case.
    pub(crate) fn managed(&self, setup: &Setup) -> Lines {
        let lower = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let mut lines: Lines =
            lower.filter(|(name, _)| setup.managed.contains(&folded(name).as_str())).collect();
        lines.sort_by_key(|(name, _)| setup.managed.iter().position(|own| *own == folded(name)));
        lines
    }

    /// The identity header as the application got it, in any spelling.
    pub(crate) fn identity_lines(&self) -> Option<Vec<&str>> {
        let lines = self.application.as_ref()?.iter();
        let own = lines.filter(|(name, _)| folded(&name.to_ascii_lowercase()) == "x-client-identity");
        Some(own.map(|(_, value)| value.as_str()).collect())
    }

    pub(crate) fn field(&self, name: &str) -> &Value {
        self.decision.get(name).unwrap_or(&Value::Null)
    }
}

fn folded(name: &str) -> String {
    name.replace(['_', '.'], "-")
}
