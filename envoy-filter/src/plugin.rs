//! One configuration in force: a gate, its counters and its log.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use peergate_core::gate::LogMode;
use peergate_core::limits::HostLimits;
use peergate_core::{Decision, Documents, Gate, Reason, Verdict, print};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::configuration::{advice, error_line, form, warning_line};
use crate::host::{self, HostError, Level, Metric};
use crate::limit::Limiter;
use crate::metrics;
use crate::record;
use crate::shows::Shows;
use crate::stream::Stream;

/// Refused places that are logged one by one.
const LOGGED_ERRORS: usize = 20;

/// The context of one plugin configuration. Envoy makes a new one for each configuration and keeps
/// the old one in force when the new one is refused.
#[derive(Default)]
pub(crate) struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let refused = Counter::define(metrics::CONFIG_REFUSED);
        let Some(plugin) = Plugin::load() else {
            refused.add();
            return false;
        };
        self.plugin = Some(Rc::new(plugin));
        true
    }

    fn create_http_context(&self, _context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// What every request under one configuration shares.
pub(crate) struct Plugin {
    /// The policy and the source.
    pub(crate) gate: Gate,
    /// A bit for each length of a name of which the gate reads headers; the last one is for all longer
    /// ones, too.
    lengths: u64,
    log: LogMode,
    limiter: Limiter,
    requests: Counters,
    shadow: Counters,
    shadow_changes: Counters,
    /// What is shown of single decisions.
    pub(crate) shows: Shows,
    host_errors: Counter,
    withheld: Cell<bool>,
}

impl Plugin {
    /// Loads the plugin configuration; logs why, where that is refused.
    fn load() -> Option<Self> {
        let bytes = match host::configuration() {
            Ok(bytes) => bytes,
            Err(error) => {
                let HostError { call, status } = error;
                host::log(
                    Level::Error,
                    &["peergate: refused configuration: ", call, " gave ", &decimal(status.into())].concat(),
                );
                return None;
            }
        };
        if let Some(advice) = advice(form(&bytes)) {
            host::log(Level::Error, &["peergate: refused configuration: ", advice].concat());
            return None;
        }
        let documents = Documents::Deployment { text: &bytes, policy: None };
        let gate = match Gate::load(documents, HostLimits::FILTER) {
            Ok(gate) => gate,
            Err(errors) => {
                for error in errors.iter().take(LOGGED_ERRORS) {
                    host::log(Level::Error, &error_line(error));
                }
                let more = errors.len().saturating_sub(LOGGED_ERRORS);
                if more > 0 {
                    let more = decimal(more as u64);
                    host::log(Level::Error, &["peergate: refused configuration: ", &more, " more"].concat());
                }
                return None;
            }
        };
        for warning in gate.warnings() {
            host::log(Level::Warn, &warning_line(warning));
        }
        Some(Self::with(gate))
    }

    fn with(gate: Gate) -> Self {
        let now_ns = host::now_ns();
        let (name, sha256) = (gate.policy_name(), gate.policy_sha256());
        show_in_force(&metrics::policy_info(name, sha256));
        if let Some(id) = host::define_metric(Metric::Gauge, &metrics::policy_fingerprint(name)) {
            host::record(id, metrics::fingerprint(sha256));
        }
        if let (Some(id), Some(now_ns)) =
            (host::define_metric(Metric::Gauge, &metrics::policy_loaded(name)), now_ns)
        {
            host::record(id, now_ns.checked_div(1_000_000_000).unwrap_or(0));
        }
        let mut digits = String::new();
        print::hex(&mut digits, &sha256);
        let version = concat!("peergate: ", env!("CARGO_PKG_VERSION"), ", policy ");
        host::log(Level::Info, &[version, name, " in force, sha256 ", &digits].concat());
        let shadowed = |reason| gate.has_shadow() && reason != Reason::ShadowMode;
        Self {
            lengths: gate.header_lengths().fold(0, |bits, length| bits | length_bit(length)),
            log: gate.log_mode(),
            limiter: Limiter::new(Reason::ALL.len().saturating_add(1), now_ns.unwrap_or(0)),
            requests: Counters::define(metrics::requests, |_| true),
            shadow: Counters::define(metrics::shadow, shadowed),
            shadow_changes: Counters::define(metrics::shadow_changes, shadowed),
            shows: Shows::new(&gate),
            host_errors: Counter::define(metrics::HOST_ERRORS),
            withheld: Cell::new(false),
            gate,
        }
    }

    /// Whether a header line of this name may matter: the gate looks closer.
    pub(crate) const fn may_read(&self, name: &[u8]) -> bool {
        self.lengths & length_bit(name.len()) != 0
    }

    /// Counts a decision and logs it, as configured.
    pub(crate) fn record(&self, decision: &Decision<'_, '_>) {
        self.requests.add(decision.reason);
        if let Some(shadow) = &decision.shadow {
            self.shadow.add(shadow.reason);
            if matches!(shadow.verdict, Verdict::Allow) != decision.is_allowed() {
                self.shadow_changes.add(shadow.reason);
            }
        }
        self.shows.measure(decision);
        let wanted = match self.log {
            LogMode::All => true,
            LogMode::Denied => !decision.is_allowed(),
            LogMode::None => false,
        };
        if !wanted {
            return;
        }
        if let Some(dropped) = self.limiter.admit(decision.reason as usize, host::now_ns) {
            host::log(Level::Info, &record::line(decision, self.gate.policy_name(), dropped));
        }
    }

    /// Counts and logs a request that was refused because the proxy did not answer a call.
    pub(crate) fn record_host_error(&self, error: HostError) {
        self.host_errors.add();
        if let Some(dropped) = self.limiter.admit(Reason::ALL.len(), host::now_ns) {
            host_error_line(error, dropped);
        }
    }

    /// Says, once for a configuration, why callers with a certificate are refused.
    pub(crate) fn warn_of_withheld_certificate(&self) {
        if !self.withheld.replace(true) {
            host::log(
                Level::Warn,
                "peergate: the proxy does not hand over the client certificate of a connection that has one (connection.peer_certificate: Envoy 1.38 or newer), so such requests are refused",
            );
        }
    }
}

const fn length_bit(length: usize) -> u64 {
    if length < 63 { 1 << length } else { 1 << 63 }
}

thread_local! {
    /// For each plugin of this VM the gauge of the policy in force.
    static IN_FORCE: RefCell<Vec<(Vec<u8>, u32)>> = const { RefCell::new(Vec::new()) };
}

/// Sets the gauge of a policy that came into force to 1, and that of its predecessor to 0: a proxy
/// never forgets a metric.
fn show_in_force(name: &str) {
    let Some(id) = host::define_metric(Metric::Gauge, name) else { return };
    // Plugins that share a VM each have their own policy.
    let plugin = host::property(b"plugin_name").ok().flatten().unwrap_or_default();
    IN_FORCE.with_borrow_mut(|all| {
        match all.iter_mut().find(|(own, _)| *own == plugin) {
            Some((_, before)) => host::record(std::mem::replace(before, id), 0),
            None => all.push((plugin, id)),
        }
        host::record(id, 1);
    });
}

/// Logs a call that failed. `dropped` such lines were left out before this one.
pub(crate) fn host_error_line(error: HostError, dropped: u64) {
    let HostError { call, status } = error;
    let what = if status == host::MALFORMED { "a malformed answer".into() } else { decimal(status.into()) };
    let dropped = if dropped > 0 { [", dropped ", &decimal(dropped)].concat() } else { String::new() };
    host::log(Level::Warn, &["peergate: request refused: ", call, " gave ", &what, &dropped].concat());
}

fn decimal(number: u64) -> String {
    let mut out = String::new();
    print::decimal(&mut out, number, 1);
    out
}

/// A counter. It is there from the load on, at zero, so that whoever watches it sees the first time that it
/// counts; `None` where the proxy has no metrics.
#[derive(Clone, Copy)]
pub(crate) struct Counter(Option<u32>);

impl Counter {
    pub(crate) fn define(name: &str) -> Self {
        Self(host::define_metric(Metric::Counter, name))
    }

    pub(crate) fn add(self) {
        if let Some(id) = self.0 {
            host::increment(id);
        }
    }
}

/// Counters by reason; each reason is one of a verdict.
struct Counters(Box<[Counter]>);

impl Counters {
    fn define(name: fn(bool, Reason) -> String, happens: impl Fn(Reason) -> bool) -> Self {
        let counter = |reason: &Reason| {
            let allows = matches!(reason, Reason::Allowed | Reason::ShadowMode);
            if happens(*reason) { Counter::define(&name(allows, *reason)) } else { Counter(None) }
        };
        Self(Reason::ALL.iter().map(counter).collect())
    }

    fn add(&self, reason: Reason) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.add();
        }
    }
}
