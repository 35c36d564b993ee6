//! The release filter in a real Envoy: one process, one plaintext listener that forwards the XFCC
//! header untouched, the deployment replaced through a file for each distinct one.
//!
//! Requests are bytes on a socket. The decision is the filter's log record; the HTTP answer, and
//! what reached the service behind Envoy, must agree with it.

pub mod http1;
pub mod http2;
mod inline;
mod keep_alive;
mod plaintext;
mod server;
mod upstream;
mod wire;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use peergate_cli::fixture::{self, Case, Outcome, RefusedCase, RequestSpec, Texts};
use peergate_core::Gate;
use serde_json::{Map, Value, json};

pub use self::keep_alive::KeepAlive;
use self::plaintext::PLUGIN;
pub use self::plaintext::{Behind, LOGGED, Plaintext, SEEN, Taken};
pub use self::server::{Server, binary, filter, loopback};
pub use self::upstream::Upstream;
pub use self::wire::{HttpAnswer, Line, Reply, WireRequest};
use crate::wasm::logging_all;
use crate::{Answer, Implementation, native, record};

/// How long a record may come after the answer; both are written within a millisecond.
const RECORD_PATIENCE: Duration = Duration::from_secs(5);
/// How long no record must have come after an answer that the filter cannot have given.
const SILENCE: Duration = Duration::from_millis(20);
/// A worker may still hold the deployment before the one in force for an instant.
const TRIES: usize = 10;
/// The filter limits the rate of its records, 500 at once for each reason.
const RENEWED_AFTER: usize = 400;

/// Cases that cannot be expressed here, by rule; the texts are printed with their counts.
const CLOCK: &str = "core answers differently now, and Envoy cannot be given another clock";
const CONNECTION: &str = "the case has a TLS connection (real mutual TLS has its own tests)";
const OWN_400_TOO: &str = "Envoy answers 400 itself, before any filter, and core says 400, too";
const OWN_400: &str = "Envoy answers 400 itself, before any filter, where core refuses for another reason";
const OWN_404: &str = "Envoy answers 404 itself, before any filter: it routes no such target";
const JOINED: &str = "Envoy joins the lines of x-forwarded-client-cert before any filter, and core decides otherwise \
     about the joined line (what it decides was compared)";
const OWN_RESET: &str = "Envoy resets the stream: HTTP cannot carry these bytes, and core refuses them";

/// Fields that Envoy adds to what it forwards, or that are not the filter's to forward
/// (RFC 9110, section 7.6.1).
const NOT_THE_FILTERS: &[&str] = &[
    "host",
    "x-forwarded-proto",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
];

/// A real Envoy as an implementation.
pub struct Envoy {
    plaintext: Plaintext,
    upstream: Upstream,
    current: Option<Current>,
}

/// The documents in force, the same on core, and the requests so far.
struct Current {
    documents: Texts,
    gate: Gate,
    asked: usize,
}

impl Envoy {
    /// Starts Envoy with the filter's module.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not start.
    pub fn start(filter: &Path) -> Result<Self> {
        let upstream = Upstream::start()?;
        let plaintext = Plaintext::start(filter, upstream.address)?;
        Ok(Self { plaintext, upstream, current: None })
    }

    /// Brings documents into force; how they were refused, if they were.
    fn deploy(&mut self, documents: &Texts) -> Result<Option<Outcome>> {
        let fresh = |own: &Current| own.documents == *documents && own.asked < RENEWED_AFTER;
        if self.current.as_ref().is_some_and(fresh) {
            return Ok(None);
        }
        self.current = None;
        if let Taken::No(lines) = self.plaintext.deploy(&logging_all(documents)?)? {
            return refusal(&lines).map(Some);
        }
        let gate = match fixture::load_gate(documents) {
            Ok(gate) => gate,
            Err(errors) => bail!("core refuses what Envoy takes: {:?}", Outcome::refused(&errors)),
        };
        self.current = Some(Current { documents: documents.clone(), gate, asked: 0 });
        Ok(None)
    }

    /// Sends the request until the deployment in force has answered.
    fn ask(&self, request: &RequestSpec) -> Result<(Reply, Option<Value>)> {
        let wire =
            WireRequest { method: &request.method, target: &request.target, headers: &request.headers };
        for _ in 0..TRIES {
            self.plaintext.server.skip_lines();
            drop(self.upstream.take());
            let reply = wire::send(self.plaintext.address, &wire)?;
            let filter_must_have_run = match &reply {
                Reply::Reset => false,
                Reply::Answer(answer) => !matches!(answer.status, 400 | 404) || is_problem(answer),
            };
            let patience = if filter_must_have_run { RECORD_PATIENCE } else { SILENCE };
            match self.record(patience)? {
                Some((plugin, _)) if plugin != self.plaintext.plugin() => {}
                Some((_, record)) => return Ok((reply, Some(record))),
                None if filter_must_have_run => bail!("no record of the filter for {reply:?}"),
                None => return Ok((reply, None)),
            }
        }
        bail!("an older deployment stays in force")
    }

    /// The next record and the plugin that wrote it.
    fn record(&self, patience: Duration) -> Result<Option<(String, Value)>> {
        while let Some(line) = self.plaintext.server.next_line(patience) {
            let Some(record) = record::decision(&line) else { continue };
            let plugin = line.split_ascii_whitespace().find(|word| word.starts_with(PLUGIN));
            let plugin = plugin.with_context(|| format!("a record without its plugin: {line}"))?;
            return Ok(Some((plugin.to_owned(), record)));
        }
        Ok(None)
    }

    fn outcome(&self, case: &Case, now: i64, answer: &HttpAnswer, record: Value) -> Result<Outcome> {
        let Current { gate, .. } = self.current.as_ref().context("no deployment in force")?;
        let forwarded = self.upstream.take();
        let allowed = record.get("decision").and_then(Value::as_str) == Some("allow");
        let upstream = if allowed {
            ensure!(answer.status == 200, "allowed, and answered {answer:?}");
            let [lines] = forwarded.as_slice() else { bail!("{} requests went on", forwarded.len()) };
            Some(upstream_changes(&identity_header(&case.documents)?, &case.request, lines))
        } else {
            ensure!(forwarded.is_empty(), "refused, and yet it went on");
            check_refusal(gate, case, now, answer, &record)?;
            None
        };
        Ok(Outcome::Decided { decision: record::without_host_fields(&record), upstream })
    }
}

impl Implementation for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn identity_bytes(&self) -> Option<usize> {
        Some(256)
    }

    fn takes_deployments_only(&self) -> bool {
        true
    }

    fn decide(&mut self, case: &Case) -> Result<Answer> {
        if case.request.connection.is_some() {
            return Ok(Answer::NotExpressible(CONNECTION));
        }
        let now = native::now();
        let core = fixture::run(&case.documents, &case.request, now);
        if case.now.is_some_and(|then| fixture::run(&case.documents, &case.request, then) != core) {
            return Ok(Answer::NotExpressible(CLOCK));
        }
        let joined = inline::joined(&case.request).map(|request| Case { request, ..case.clone() });
        let joined = joined.filter(|seen| fixture::run(&seen.documents, &seen.request, now) != core);
        if let Some(refused) = self.deploy(&case.documents)? {
            return Ok(Answer::Outcome(refused));
        }
        if let Some(current) = &mut self.current {
            current.asked = current.asked.saturating_add(1);
        }
        match self.ask(&case.request)? {
            (Reply::Answer(answer), Some(record)) => {
                let Some(seen) = joined else {
                    return self.outcome(case, now, &answer, record).map(Answer::Outcome);
                };
                let here = self.outcome(&seen, now, &answer, record)?.to_value();
                let core = fixture::run(&seen.documents, &seen.request, now).to_value();
                ensure!(here == core, "about the joined line core says {core}, Envoy {here}");
                Ok(Answer::NotExpressible(JOINED))
            }
            (Reply::Answer(answer), None) => own_answer(&core, Some(answer.status)),
            (Reply::Reset, None) => own_answer(&core, None),
            (Reply::Reset, Some(record)) => bail!("the filter decided, and Envoy reset the stream: {record}"),
        }
    }

    fn refuse(&mut self, case: &RefusedCase) -> Result<Answer> {
        match self.plaintext.deploy(&case.documents.as_deployment())? {
            Taken::No(lines) => refusal(&lines).map(Answer::Outcome),
            Taken::Yes => {
                self.current = None;
                let decision = "the documents were taken".into();
                Ok(Answer::Outcome(Outcome::Decided { decision, upstream: None }))
            }
        }
    }
}

fn refusal(lines: &[String]) -> Result<Outcome> {
    record::refusal(lines.iter().map(String::as_str)).with_context(|| format!("no reason in {lines:?}"))
}

/// What Envoy refuses by itself core must refuse as well. Only a 404 says nothing about the request:
/// the proxy has no route for targets like `*`.
fn own_answer(core: &Outcome, status: Option<u16>) -> Result<Answer> {
    let Outcome::Decided { decision, .. } = core else { bail!("core refuses the documents") };
    let denied = decision.get("decision").and_then(Value::as_str) == Some("deny");
    let core_says = decision.get("status").and_then(Value::as_u64);
    let rule = match status {
        Some(404) => OWN_404,
        _ if !denied => bail!("Envoy refuses the request itself ({status:?}), core lets it through"),
        Some(400) if core_says == Some(400) => OWN_400_TOO,
        Some(400) => OWN_400,
        None => OWN_RESET,
        Some(status) => bail!("Envoy answers {status} itself"),
    };
    Ok(Answer::NotExpressible(rule))
}

/// The answer to a refusal is core's, byte for byte.
fn check_refusal(gate: &Gate, case: &Case, now: i64, answer: &HttpAnswer, record: &Value) -> Result<()> {
    let status = record.get("status").and_then(Value::as_u64);
    ensure!(status == Some(u64::from(answer.status)), "recorded {status:?}, answered {}", answer.status);
    let expected = case.request.with(Some(now), |request| gate.response(&gate.decide(request)));
    let expected = expected.context("core lets it through")?;
    ensure!(answer.status == expected.status, "answered {}, core {}", answer.status, expected.status);
    for (name, value) in expected.headers {
        let got = answer.header(name);
        ensure!(got == Some(value.as_bytes()), "{name}: {:?}", got.map(String::from_utf8_lossy));
    }
    ensure!(
        answer.header("www-authenticate").is_some() == (answer.status == 401),
        "a challenge goes with 401 and nothing else"
    );
    let body = if case.request.method == b"HEAD" { "" } else { expected.body };
    ensure!(answer.body == body.as_bytes(), "body {:?}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

fn is_problem(answer: &HttpAnswer) -> bool {
    answer.header("content-type") == Some(b"application/problem+json")
}

/// What the filter changed, from what was sent and what arrived.
fn upstream_changes(identity: &Option<String>, request: &RequestSpec, arrived: &[Line]) -> Value {
    let is_identity = |name: &[u8]| identity.as_ref().is_some_and(|own| name == own.as_bytes());
    let not_the_filters = |name: &[u8]| NOT_THE_FILTERS.iter().any(|own| name == own.as_bytes());
    // Envoy joins lines of the names that it knows and drops empty ones among them.
    let joined = |lines: &[Line], name: &[u8]| {
        let values = lines.iter().filter(|(own, value)| own.eq_ignore_ascii_case(name) && !value.is_empty());
        values.map(|(_, value)| value.as_slice()).collect::<Vec<_>>().join(&b","[..])
    };
    let here = |lines: &[Line], name: &[u8]| lines.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let mut removed: Vec<String> = Vec::new();
    for (name, _) in &request.headers {
        let name = name.to_ascii_lowercase();
        let text = String::from_utf8_lossy(&name).into_owned();
        if not_the_filters(&name) || removed.contains(&text) {
            continue;
        }
        // The identity header never goes on as the client sent it, even if the value is the same.
        let unchanged = here(arrived, &name) && joined(arrived, &name) == joined(&request.headers, &name);
        if is_identity(&name) || !unchanged {
            removed.push(text);
        }
    }
    let mut set = Map::new();
    for (name, _) in arrived {
        if !not_the_filters(name) && (is_identity(name) || !here(&request.headers, name)) {
            let value = String::from_utf8_lossy(&joined(arrived, name)).into_owned();
            set.insert(String::from_utf8_lossy(name).into_owned(), Value::from(value));
        }
    }
    json!({ "set": set, "removed": removed })
}

/// `identityHeader` of the deployment, in lower case.
fn identity_header(documents: &Texts) -> Result<Option<String>> {
    let deployment: Value = serde_json::from_str(&documents.as_deployment())?;
    Ok(deployment.get("identityHeader").and_then(Value::as_str).map(str::to_ascii_lowercase))
}
