//! The release filter in the proxy for tests, as an implementation.
//!
//! The decision is the filter's own record of it; what it did to the request must agree with that: the
//! local answer with core's, the changed header lines with the record, the counters with both.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use peergate_cli::fixture::{self, Case, Outcome, RefusedCase, Texts};
use peergate_core::Gate;
use peergate_core::gate::ConnectionForm;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::native;
use crate::record;
use crate::wasm_host::{Change, Exchange, Filter, Limits, Observed, Reply, Vm};
use crate::{Answer, Implementation};

const UNVERIFIED: &str = "the connection's certificate was not verified, which a proxy cannot tell a filter";
const BROKEN: &str = "the digest of what is not one certificate, which no TLS connection can bring";
const MTLS: &[u8] = b"connection\0mtls";
const PEER_DIGEST: &[u8] = b"connection\0sha256_peer_certificate_digest";
const PEER_CERTIFICATE: &[u8] = b"connection\0peer_certificate";

/// The filter.
pub struct Wasm {
    filter: Arc<Filter>,
    /// Kept from case to case; made anew after a failure, because a trap leaves a broken VM.
    running: Option<Running>,
}

struct Running {
    vm: Vm,
    /// The documents in force, the root context that holds them, and the same on core.
    current: Option<(Texts, u32, Gate)>,
}

impl Wasm {
    /// With a compiled filter.
    #[must_use]
    pub fn new(filter: Arc<Filter>) -> Self {
        Self { filter, running: None }
    }

    fn running(&mut self) -> Result<Running> {
        match self.running.take() {
            Some(running) => Ok(running),
            None => Ok(Running { vm: Vm::start(&self.filter, Limits::default())?, current: None }),
        }
    }
}

impl Implementation for Wasm {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn identity_bytes(&self) -> Option<usize> {
        Some(256)
    }

    fn takes_deployments_only(&self) -> bool {
        true
    }

    fn decide(&mut self, case: &Case) -> Result<Answer> {
        let connection = case.request.connection.as_ref();
        if connection.is_some_and(|peer| peer.certificate_pem.is_some() && !peer.verified) {
            return Ok(Answer::NotExpressible(UNVERIFIED));
        }
        let mut running = self.running()?;
        let answer = running.decide(case)?;
        self.running = Some(running);
        Ok(answer)
    }

    fn refuse(&mut self, case: &RefusedCase) -> Result<Answer> {
        let mut running = self.running()?;
        let configured = running.vm.configure(case.documents.as_deployment().as_bytes())?;
        running.vm.end(configured.root)?;
        self.running = Some(running);
        if configured.accepted {
            return Ok(Answer::Outcome(native::taken()));
        }
        let lines: Vec<String> = configured.logs.iter().map(|line| line.text()).collect();
        let outcome = record::refusal(lines.iter().map(String::as_str));
        outcome.map(Answer::Outcome).with_context(|| format!("no reason in {lines:?}"))
    }
}

impl Running {
    fn decide(&mut self, case: &Case) -> Result<Answer> {
        let now = case.now.unwrap_or_else(native::now);
        self.vm.state_mut().now_ns =
            u64::try_from(now)?.checked_mul(1_000_000_000).context("the time is past the proxy's clock")?;
        if let Some(refused) = self.deploy(&case.documents)? {
            return Ok(Answer::Outcome(refused));
        }
        let peer = case.request.connection.as_ref();
        let pem = peer.and_then(|peer| peer.certificate_pem.as_deref());
        let properties = properties(pem);
        let has_digest = properties.contains_key(PEER_DIGEST);
        if pem.is_some() && !has_digest && self.reads_digest()? {
            return Ok(Answer::NotExpressible(BROKEN));
        }
        self.vm.state_mut().properties = properties;
        let exchange = exchange(case);
        let (observed, record) = self.recorded(&case.documents, &exchange)?;
        let answered = observed.answered()?;
        let (_, _, gate) = self.current.as_ref().context("nothing is in force")?;
        ensure!(
            record.get("policy").and_then(Value::as_str) == Some(gate.policy_name()),
            "the record is of another policy: {record}"
        );
        let allowed = record.get("decision").and_then(Value::as_str) == Some("allow");
        ensure!(allowed == answered.is_none(), "recorded {record}, answered {answered:?}");
        if let Some(reply) = answered {
            check_reply(gate, case, now, reply, &record)?;
            ensure!(observed.changes.is_empty(), "changed a refused request: {:?}", observed.changes);
        }
        let upstream = allowed.then(|| upstream(&exchange, &observed));
        let decision = record::without_host_fields(&record);
        Ok(Answer::Outcome(Outcome::Decided { decision, upstream }))
    }

    /// Whether the filter asks for the digest of the connection's certificate.
    fn reads_digest(&self) -> Result<bool> {
        let (_, _, gate) = self.current.as_ref().context("nothing is in force")?;
        Ok(gate.reads_connection() && gate.connection_form() == ConnectionForm::Digest)
    }

    /// Brings documents into force; how they were refused, if they were.
    fn deploy(&mut self, documents: &Texts) -> Result<Option<Outcome>> {
        if self.current.as_ref().is_some_and(|(own, _, _)| own == documents) {
            return Ok(None);
        }
        if let Some((_, root, _)) = self.current.take() {
            self.vm.end(root)?;
        }
        let configured = self.vm.configure(logging_all(documents)?.as_bytes())?;
        if !configured.accepted {
            let lines: Vec<String> = configured.logs.iter().map(|line| line.text()).collect();
            self.vm.end(configured.root)?;
            let refusal = record::refusal(lines.iter().map(String::as_str));
            return refusal.map(Some).with_context(|| format!("no reason in {lines:?}"));
        }
        let gate = match fixture::load_gate(documents) {
            Ok(gate) => gate,
            Err(errors) => bail!("core refuses what the filter takes: {:?}", Outcome::refused(&errors)),
        };
        self.current = Some((documents.clone(), configured.root, gate));
        Ok(None)
    }

    /// The request, its record, and that the counters moved by exactly one.
    fn recorded(&mut self, documents: &Texts, exchange: &Exchange) -> Result<(Observed, Value)> {
        let before = self.counted();
        let mut observed = self.request(exchange)?;
        let mut record = find_record(&observed)?;
        if record.is_none() {
            // So many cases with one reason that the log's limit was reached: start afresh.
            if let Some((_, root, _)) = self.current.take() {
                self.vm.end(root)?;
            }
            self.deploy(documents)?;
            observed = self.request(exchange)?;
            record = find_record(&observed)?;
            return Ok((observed, record.context("no record of the decision")?));
        }
        let record = record.context("no record of the decision")?;
        let mut expected = before;
        add_one(&mut expected, metric("peergate_requests_total", &record)?);
        if let Some(shadow) = record.get("shadow").filter(|shadow| !shadow.is_null()) {
            add_one(&mut expected, metric("peergate_shadow_total", shadow)?);
            if shadow.get("decision") != record.get("decision") {
                add_one(&mut expected, metric("peergate_shadow_changes_total", shadow)?);
            }
        }
        let after = self.counted();
        ensure!(after == expected, "counted {after:?}, expected {expected:?}");
        Ok((observed, record))
    }

    fn request(&mut self, exchange: &Exchange) -> Result<Observed> {
        let (_, root, _) = self.current.as_ref().context("nothing is in force")?;
        self.vm.request(*root, exchange)
    }

    fn counted(&self) -> BTreeMap<String, u64> {
        let counters = self.vm.state().metrics.iter().filter(|own| own.name.contains("_total"));
        counters.map(|own| (own.name.clone(), own.value)).collect()
    }
}

/// A request as Envoy hands it over: names in lower case.
fn exchange(case: &Case) -> Exchange {
    let lines: Vec<_> =
        case.request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    Exchange::new(&case.request.method, &case.request.target, &lines)
}

/// The only record among the lines; `None` when there is none.
fn find_record(observed: &Observed) -> Result<Option<Value>> {
    let lines: Vec<String> = observed.logs.iter().map(|line| line.text()).collect();
    match lines.as_slice() {
        [] => Ok(None),
        [line] => record::decision(line).map(Some).with_context(|| format!("no record: {line}")),
        lines => bail!("more than one line for one request: {lines:?}"),
    }
}

fn add_one(counters: &mut BTreeMap<String, u64>, name: String) {
    let counter = counters.entry(name).or_default();
    *counter = counter.saturating_add(1);
}

fn metric(name: &str, verdict: &Value) -> Result<String> {
    let text = |key: &str| verdict.get(key).and_then(Value::as_str).context("a verdict without its codes");
    Ok(format!("{name}.decision=.={};.;reason=.={};.;", text("decision")?, text("reason")?))
}

/// The answer to a refusal is core's, byte for byte.
fn check_reply(gate: &Gate, case: &Case, now: i64, reply: &Reply, record: &Value) -> Result<()> {
    let expected = case.request.with(Some(now), |request| gate.response(&gate.decide(request)));
    let expected = expected.context("core lets it through")?;
    let headers: Vec<_> = expected
        .headers
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    let reason = record.get("reason").and_then(Value::as_str).unwrap_or_default();
    let expected = Reply {
        status: u32::from(expected.status),
        details: format!("peergate_denied{{{reason}}}").into_bytes(),
        headers,
        body: expected.body.as_bytes().to_vec(),
        grpc_status: -1,
    };
    ensure!(*reply == expected, "answered {reply:?}, core {expected:?}");
    let recorded = record.get("status").and_then(Value::as_u64);
    ensure!(recorded == Some(u64::from(reply.status)), "recorded {record}, answered {}", reply.status);
    Ok(())
}

/// What goes on to the service, in the form of a fixture's `upstream`.
fn upstream(exchange: &Exchange, observed: &Observed) -> Value {
    let mut removed: Vec<String> = Vec::new();
    for (name, _) in &exchange.headers {
        let text = String::from_utf8_lossy(name).into_owned();
        let touched = observed.changes.iter().any(|change| change.name().eq_ignore_ascii_case(name));
        if touched && !removed.contains(&text) {
            removed.push(text);
        }
    }
    let mut set = Map::new();
    for change in &observed.changes {
        if let Change::Set(name, value) = change {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            set.insert(name, String::from_utf8_lossy(value).into_owned().into());
        }
    }
    json!({ "set": set, "removed": removed })
}

/// The deployment with `"log": "all"`, so that every decision leaves a record; and where the source is
/// the connection, with the promise that no other host needs. A document that is no object goes
/// unchanged, to be refused.
pub(crate) fn logging_all(documents: &Texts) -> Result<String> {
    let text = documents.as_deployment();
    match serde_json::from_str(&text) {
        Ok(Value::Object(mut deployment)) => {
            deployment.insert("log".into(), "all".into());
            if let Some(Value::Object(source)) = deployment.get_mut("source")
                && source.get("preset").and_then(Value::as_str) == Some("connection")
                && source.get("requireVerified") != Some(&Value::Bool(false))
            {
                source.entry("verifiedBy").or_insert_with(|| "listener".into());
            }
            Ok(serde_json::to_string(&deployment)?)
        }
        _ => Ok(text),
    }
}

/// What Envoy says of a connection with this certificate, or with none. What is not one certificate
/// has no digest.
fn properties(pem: Option<&[u8]>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut out = BTreeMap::from([(MTLS.to_vec(), vec![u8::from(pem.is_some())])]);
    if let Some(pem) = pem {
        out.insert(PEER_CERTIFICATE.to_vec(), pem.to_vec());
        out.extend(digest(pem).map(|digest| (PEER_DIGEST.to_vec(), digest.into_bytes())));
    }
    out
}

/// The digest of a certificate as Envoy gives it; `None` unless the text is exactly one certificate.
fn digest(pem: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    let body = text.strip_prefix("-----BEGIN CERTIFICATE-----")?.strip_suffix("-----END CERTIFICATE-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = BASE64_STANDARD.decode(body).ok()?;
    Some(Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect())
}
