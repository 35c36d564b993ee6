//! What the tests of the filter share: one compiled filter, one deployment, the same on core.

use std::sync::OnceLock;

use peergate_conformance::record::{decision, without_host_fields};
use peergate_conformance::wasm_host::{Exchange, Filter, Limits, Observed, Vm};
use peergate_core::limits::HostLimits;
use peergate_core::{Documents, Gate, Header, Request};
use serde_json::{Value, json};

/// The caller whom the deployment lets in.
pub(crate) const CALLER: &str = "spiffe://lab.test/ns/prod/sa/payments";

/// Its header, of 200 bytes or so.
pub(crate) const XFCC: &str = "Hash=d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0;Subject=\"CN=client-a,OU=Payments,O=XFCC Lab,C=US\";URI=spiffe://lab.test/ns/prod/sa/payments;DNS=payments.prod.svc";

/// A deployment that lets the caller in, and anyone to `/healthz`, and logs everything.
pub(crate) fn deployment() -> Value {
    json!({
        "identityHeader": "x-client-identity",
        "log": "all",
        "policy": {
            "version": 1,
            "name": "host-tests",
            "allow": [
                {"name": "health", "from": "anyone", "methods": ["GET"], "paths": ["/healthz"]},
                {"name": "orders", "from": [{"spiffe": CALLER}], "paths": ["/v1/*"]}
            ]
        }
    })
}

/// A request of the caller that is let in.
pub(crate) fn ok_request() -> Exchange {
    Exchange::new(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes())]))
}

pub(crate) fn lines(lines: &[(&[u8], &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    lines.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// The beginning of header lines, for messages.
fn shown(lines: &[(Vec<u8>, Vec<u8>)]) -> String {
    let line =
        |(name, value): &(Vec<u8>, Vec<u8>)| format!("{}: {}", name.escape_ascii(), value.escape_ascii());
    let text = lines.iter().map(line).collect::<Vec<_>>().join(" | ");
    text.chars().take(400).collect()
}

/// The one compiled filter.
pub(crate) fn filter() -> &'static Filter {
    static FILTER: OnceLock<Filter> = OnceLock::new();
    FILTER.get_or_init(|| Filter::release().unwrap())
}

/// A new VM of it.
pub(crate) fn vm(limits: Limits) -> Vm {
    Vm::start(filter(), limits).unwrap()
}

/// The only record of a request.
pub(crate) fn record(observed: &Observed) -> Value {
    let [line] = observed.logs.as_slice() else { panic!("{:?}", observed.logs) };
    decision(&line.text()).unwrap_or_else(|| panic!("no record: {}", line.text()))
}

/// A deployment in force, in the filter and on core.
pub(crate) struct Setup {
    pub(crate) vm: Vm,
    pub(crate) root: u32,
    pub(crate) gate: Gate,
}

impl Setup {
    pub(crate) fn with(deployment: &Value) -> Self {
        let text = deployment.to_string();
        let mut vm = vm(Limits::default());
        let configured = vm.configure(text.as_bytes()).unwrap();
        let logs: Vec<_> = configured.logs.iter().map(|line| line.text()).collect();
        assert!(configured.accepted, "{logs:?}");
        let documents = Documents::Deployment { text: text.as_bytes(), policy: None };
        let gate = Gate::load(documents, HostLimits::FILTER).unwrap();
        Self { vm, root: configured.root, gate }
    }

    /// The status of the local answer; `None` when the request goes on.
    pub(crate) fn status(&mut self, exchange: &Exchange) -> Option<u32> {
        let observed = self.vm.request(self.root, exchange).unwrap();
        observed.answered().unwrap().map(|reply| reply.status)
    }

    /// Takes a request through the filter; it must do and record what core says.
    pub(crate) fn agrees(&mut self, method: &[u8], target: &[u8], lines: &[(Vec<u8>, Vec<u8>)]) -> Observed {
        // Time for another line of the log.
        self.vm.state_mut().now_ns += 100_000_000;
        let headers: Vec<Header<'_>> =
            lines.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let request = Request { method, target, headers: &headers, connection: None, now: None };
        let expected = self.gate.decide(&request);
        let observed = self.vm.request(self.root, &Exchange::new(method, target, lines)).unwrap();
        let response = self.gate.response(&expected);
        let status = observed.answered().unwrap().map(|reply| reply.status);
        assert_eq!(status, response.map(|response| u32::from(response.status)), "{}", shown(lines));
        let mut core: Value = serde_json::from_str(&expected.to_json()).unwrap();
        if let Some(Value::String(identity)) = core.get_mut("identity") {
            identity.truncate(identity.floor_char_boundary(256));
        }
        assert_eq!(without_host_fields(&record(&observed)), core, "{}", shown(lines));
        observed
    }
}
