//! What the proxy has for the filter, and what it saw the filter do.

use std::collections::BTreeMap;
use std::fmt;

use wasmtime::StoreLimits;

use super::abi::Lines;

/// The proxy's side of one VM.
#[derive(Default)]
pub struct State {
    /// The plugin configuration, while one is handed over.
    pub(super) configuration: Option<Vec<u8>>,
    /// Request header lines, while a request is in its headers; the filter's changes show here.
    pub(super) headers: Option<Lines>,
    /// What the filter did to them.
    pub(super) changes: Vec<Change>,
    /// Handed over in place of the header lines, malformed as it may be.
    pub raw_headers: Option<Vec<u8>>,
    /// Properties; the parts of a path are separated by NUL.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the filter left to the access log, over all requests.
    pub filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The clock, nanoseconds since 1970.
    pub now_ns: u64,
    /// Calls that fail.
    pub faults: BTreeMap<&'static str, Fault>,
    /// How often each call was made.
    pub calls: BTreeMap<&'static str, u64>,
    /// Lines of the log.
    pub logs: Vec<LogLine>,
    /// Metrics in the order of their definition; an id is a position.
    pub metrics: Vec<Metric>,
    /// Local answers to the request at hand.
    pub(super) replies: Vec<Reply>,
    /// What the filter wrote to its standard error.
    pub stderr: Vec<u8>,
    pub(super) limits: StoreLimits,
}

/// A change to the request's header lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Every line of this name was removed.
    Remove(Vec<u8>),
    /// One line stands in place of every line of its name.
    Set(Vec<u8>, Vec<u8>),
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every time, with this status.
    Always(u32),
    /// The next time only.
    Once(u32),
}

/// A line of the log.
#[derive(Clone, PartialEq, Eq)]
pub struct LogLine {
    /// 0 trace to 5 critical; 2 is info.
    pub level: u32,
    /// Its bytes, as the filter gave them.
    pub text: Vec<u8>,
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only goes up.
    Counter,
    /// A value.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its kind.
    pub kind: MetricKind,
    /// Its name, labels included.
    pub name: String,
    /// Its value.
    pub value: u64,
}

/// A local answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u32,
    /// For the access log.
    pub details: Vec<u8>,
    /// Header lines.
    pub headers: Lines,
    /// The body.
    pub body: Vec<u8>,
    /// -1 leaves it to the proxy.
    pub grpc_status: i32,
}

impl State {
    /// Counts a call; the status with which it is to fail, if it is.
    pub(super) fn called(&mut self, call: &'static str) -> Option<u32> {
        let count = self.calls.entry(call).or_default();
        *count = count.saturating_add(1);
        match self.faults.get(call).copied()? {
            Fault::Always(status) => Some(status),
            Fault::Once(status) => {
                self.faults.remove(call);
                Some(status)
            }
        }
    }

    /// The value of a metric; `None` when it was never defined.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }
}

impl Change {
    /// The name that it is about.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Remove(name) | Self::Set(name, _) => name,
        }
    }
}

impl LogLine {
    /// As text; bytes that are none show as U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

impl fmt::Debug for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:\"{}\"", self.level, self.text.escape_ascii())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.status, self.details.escape_ascii())?;
        for (name, value) in &self.headers {
            write!(f, " {}: {};", name.escape_ascii(), value.escape_ascii())?;
        }
        write!(f, " {}", self.body.escape_ascii())
    }
}
