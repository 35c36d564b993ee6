//! What operators see of single decisions beside counters and records, each by a switch of its own.

use std::cell::Cell;

use peergate_core::gate::Shows as Switches;
use peergate_core::{Decision, Gate};

use crate::host::{self, Metric};
use crate::plugin::Counter;
use crate::{metrics, record};

/// Seconds for which the first end of a certificate is remembered.
const WINDOW: i64 = 3600;

/// What is shown, and the metrics for it.
pub(crate) struct Shows {
    switches: Switches,
    /// Of the rules that can decide, sorted by name.
    rules: Vec<(Box<str>, Counter)>,
    expiry: Option<u32>,
    window: Cell<i64>,
}

impl Shows {
    pub(crate) fn new(gate: &Gate) -> Self {
        let switches = gate.shows();
        let mut rules: Vec<(Box<str>, Counter)> = Vec::new();
        for (name, denies) in gate.deciding_rules().filter(|_| switches.rules) {
            let at = rules.partition_point(|(other, _)| **other < *name);
            rules.insert(at, (name.into(), Counter::define(&metrics::rules(!denies, name))));
        }
        let expiry = if switches.expiry { host::define_metric(Metric::Gauge, metrics::EXPIRY) } else { None };
        Self { switches, rules, expiry, window: Cell::new(0) }
    }

    /// Before the answer, so that its line in the access log has it.
    pub(crate) fn filter_state(&self, decision: &Decision<'_, '_>) {
        if !self.switches.filter_state {
            return;
        }
        let verdict = if decision.is_allowed() { "allow" } else { "deny" };
        host::set_filter_state("peergate_decision", verdict);
        host::set_filter_state("peergate_reason", decision.reason.code());
        if let Some(rule) = decision.rule {
            host::set_filter_state("peergate_rule", rule);
        }
        if let Some(identity) = &decision.identity {
            host::set_filter_state("peergate_identity", &record::for_access_log(identity));
        }
    }

    /// Counts and measures.
    pub(crate) fn measure(&self, decision: &Decision<'_, '_>) {
        if let Some(rule) = decision.rule
            && let Ok(at) = self.rules.binary_search_by(|(name, _)| (**name).cmp(rule))
            && let Some((_, counter)) = self.rules.get(at)
        {
            counter.add();
        }
        if let (Some(gauge), Some(end), true) = (self.expiry, decision.not_after, decision.is_allowed()) {
            self.expire(gauge, end);
        }
    }

    /// Workers share the gauge: each starts it anew in its first request of an hour, and any of them
    /// lowers it after that. So a certificate that was renewed is forgotten within an hour.
    fn expire(&self, gauge: u32, end: i64) {
        let end = u64::try_from(end).unwrap_or(0);
        let now = host::now_ns().and_then(|ns| i64::try_from(ns.checked_div(1_000_000_000)?).ok());
        let window = now.unwrap_or(0).checked_div(WINDOW).unwrap_or(0);
        let starts = self.window.replace(window) != window;
        let shown = host::value(gauge);
        if starts || shown == 0 || end < shown {
            host::record(gauge, end);
        }
    }
}
