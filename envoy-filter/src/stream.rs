//! One request: fetch bytes, ask the gate, act.
//!
//! A request ends in exactly one of two ways: it goes on, after everything about it succeeded, or it
//! is answered here. Whatever fails on the way is a refusal.

use std::rc::Rc;

use peergate_core::respond::HEADERS;
use peergate_core::{Decision, Header, Peer, PeerCertificate, Request};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, HostError, MALFORMED};
use crate::pairs;
use crate::peer::{self, Presented};
use crate::plugin::{Plugin, host_error_line};

/// The answer when the filter cannot decide.
const UNAVAILABLE: &str = "{\"title\":\"Service Unavailable\",\"status\":503}";

/// The name stands in the module as it is, so that a test can tell that a release has no such thing.
#[cfg(feature = "trap-for-tests")]
const TRAP: &[u8] = b"x-peergate-trap";

/// One request.
pub(crate) struct Stream {
    plugin: Option<Rc<Plugin>>,
    refused: bool,
}

impl Stream {
    /// A request under this configuration. Without one it will be refused.
    pub(crate) const fn new(plugin: Option<Rc<Plugin>>) -> Self {
        Self { plugin, refused: false }
    }

    /// After a local answer nothing of the request may move on, in any host.
    const fn action(&self) -> Action {
        if self.refused { Action::Pause } else { Action::Continue }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        // Until the opposite is known.
        self.refused = true;
        let Some(plugin) = &self.plugin else {
            unavailable();
            return self.action();
        };
        match handle(plugin) {
            Ok(allowed) => self.refused = !allowed,
            Err(error) => {
                plugin.record_host_error(error);
                unavailable();
            }
        }
        self.action()
    }

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.action()
    }
}

/// Decides and acts; whether the request goes on. An error means that nobody answered it yet.
fn handle(plugin: &Plugin) -> Result<bool, HostError> {
    let buffer = host::request_headers()?;
    let malformed = HostError { call: "proxy_get_header_map_pairs", status: MALFORMED };
    let Head { method, target, headers } = Head::read(&buffer, plugin).ok_or(malformed)?;
    let gate = &plugin.gate;
    let presented = peer::presented(gate)?;
    let certificate = match &presented {
        Presented::Nothing => None,
        Presented::Digest(digits) => Some(PeerCertificate::Sha256Hex(digits)),
        Presented::Certificate(pem) => Some(PeerCertificate::Pem(pem)),
        Presented::Withheld => {
            plugin.warn_of_withheld_certificate();
            // No certificate at all, which core refuses: this caller is not anonymous.
            Some(PeerCertificate::Pem(b""))
        }
    };
    // The proxy cannot say whether it verified the certificate; the deployment promises it, or asks
    // for no verification.
    let connection = certificate.map(|certificate| Peer { certificate, verified: true });
    let now = if gate.reads_clock() { host::now_ns().and_then(seconds) } else { None };
    let request = Request { method, target, headers: &headers, connection, now };

    let decision = gate.decide(&request);
    plugin.shows.filter_state(&decision);
    let allowed = decision.is_allowed();
    if allowed {
        forward(plugin, &decision, &headers)?;
    } else {
        refuse(plugin, &decision)?;
    }
    plugin.record(&decision);
    Ok(allowed)
}

/// What the gate looks at of a request's header map.
struct Head<'r> {
    method: &'r [u8],
    target: &'r [u8],
    headers: Vec<Header<'r>>,
}

impl<'r> Head<'r> {
    /// `None` when the buffer is no header map. A pseudo-header that is missing (CONNECT has no path)
    /// or there twice is empty, which no check of the request line lets through.
    fn read(buffer: &'r [u8], plugin: &Plugin) -> Option<Self> {
        let (mut method, mut target) = (None, None);
        let mut headers = Vec::new();
        pairs::read(buffer, |(name, value)| {
            let slot = match name {
                b":method" => &mut method,
                b":path" => &mut target,
                #[cfg(feature = "trap-for-tests")]
                _ if name == TRAP => std::arch::wasm32::unreachable(),
                _ => {
                    if plugin.may_read(name) {
                        headers.push((name, value));
                    }
                    return;
                }
            };
            *slot = Some(if slot.is_none() { value } else { b"" });
        })?;
        Some(Self { method: method.unwrap_or(b""), target: target.unwrap_or(b""), headers })
    }
}

/// What the service is told about the caller, and nothing that the client said in its place.
fn forward(plugin: &Plugin, decision: &Decision<'_, '_>, headers: &[Header<'_>]) -> Result<(), HostError> {
    let upstream = plugin.gate.upstream(decision, headers);
    for name in &upstream.remove {
        host::remove_header(name)?;
    }
    if let Some((name, value)) = &upstream.set {
        host::set_header(name.as_bytes(), value.as_bytes())?;
    }
    Ok(())
}

fn refuse(plugin: &Plugin, decision: &Decision<'_, '_>) -> Result<(), HostError> {
    let details = format!("peergate_denied{{{}}}", decision.reason.code());
    // A refusal without an answer would be a fault of core; it stays a refusal.
    let missing = HostError { call: "response", status: MALFORMED };
    let response = plugin.gate.response(decision).ok_or(missing)?;
    host::answer(response.status, &details, &pairs::encode(response.headers), response.body)
}

/// The answer of last resort. When the proxy takes not even that, the request stays paused until
/// the proxy's own time-out ends it.
fn unavailable() {
    let details = "peergate_unavailable";
    if host::answer(503, details, &pairs::encode(HEADERS), UNAVAILABLE).is_err()
        && let Err(error) = host::answer(503, details, &[], "")
    {
        host_error_line(error, 0);
    }
}

fn seconds(ns: u64) -> Option<i64> {
    i64::try_from(ns.checked_div(1_000_000_000)?).ok()
}
