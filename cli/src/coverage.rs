//! Which rules and groups of a policy the cases of a test run reach.

use std::collections::{BTreeMap, BTreeSet};

use peergate_core::Gate;
use serde::Serialize;
use serde_json::{Value, json};

use crate::explain::Explainer;
use crate::fixture::{RequestSpec, Texts, load_gate};
use crate::output::say;

/// Policies by their digest, as far as the cases have come.
#[derive(Default)]
pub(crate) struct Coverage {
    policies: BTreeMap<[u8; 32], Seen>,
}

/// One policy.
struct Seen {
    name: String,
    rules: Vec<String>,
    reached_rules: BTreeSet<String>,
    groups: Vec<String>,
    reached_groups: BTreeSet<String>,
    /// For the source of the case before, one gate a group that is not reached yet.
    probes: Option<(Texts, Vec<(String, Gate)>)>,
}

/// What is reported of a policy.
#[derive(Serialize)]
pub(crate) struct PolicyCoverage {
    policy: String,
    rules: Part,
    groups: Part,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    total: usize,
    not_reached: Vec<String>,
}

impl Coverage {
    /// Notes which rules match a request (deciding or not) and which groups its caller is in.
    pub(crate) fn record(&mut self, documents: &Texts, gate: &Gate, request: &RequestSpec, now: i64) {
        let seen = self.policies.entry(gate.policy_sha256()).or_insert_with(|| Seen {
            name: gate.policy_name().to_owned(),
            rules: gate.rule_names().map(str::to_owned).collect(),
            reached_rules: BTreeSet::new(),
            groups: group_names(documents),
            reached_groups: BTreeSet::new(),
            probes: None,
        });
        let rules = rules_of(gate, request, now);
        seen.reached_rules.extend(rules.filter(|rule| rule.matched()).map(|rule| rule.name));
        if seen.groups.len() > seen.reached_groups.len() {
            seen.probe_groups(documents, request, now);
        }
    }

    /// The report, policy by policy.
    pub(crate) fn finish(self) -> Vec<PolicyCoverage> {
        let part = |all: Vec<String>, reached: &BTreeSet<String>| Part {
            total: all.len(),
            not_reached: all.into_iter().filter(|name| !reached.contains(name)).collect(),
        };
        self.policies
            .into_values()
            .map(|seen| PolicyCoverage {
                policy: seen.name,
                rules: part(seen.rules, &seen.reached_rules),
                groups: part(seen.groups, &seen.reached_groups),
            })
            .collect()
    }
}

impl Seen {
    /// Asks, with the source of the case, one policy a group whose only rule is about that group:
    /// whether its `from` holds says whether the caller is in the group.
    fn probe_groups(&mut self, documents: &Texts, request: &RequestSpec, now: i64) {
        let (of, probes) = match self.probes.take() {
            Some((of, probes)) if of == *documents => (of, probes),
            _ => {
                let wanted = self.groups.iter().filter(|group| !self.reached_groups.contains(*group));
                (documents.clone(), probes(documents, wanted))
            }
        };
        for (group, gate) in &probes {
            if rules_of(gate, request, now).any(|rule| rule.from) {
                self.reached_groups.insert(group.clone());
            }
        }
        self.probes = Some((of, probes));
    }
}

fn rules_of(
    gate: &Gate,
    request: &RequestSpec,
    now: i64,
) -> impl Iterator<Item = crate::explain::Rule> + use<> {
    let mut watcher = Explainer::default();
    request.with(Some(now), |request| {
        gate.decide_traced(request, &mut watcher);
    });
    watcher.rules.into_iter()
}

/// For each group a gate whose policy denies exactly its members (a deny rule is the wider reading).
/// A group for which the source cannot carry what it asks has none: then nobody is in it.
fn probes<'a>(documents: &Texts, groups: impl Iterator<Item = &'a String>) -> Vec<(String, Gate)> {
    let Some(policy) = policy_of(documents) else { return Vec::new() };
    let source = match documents {
        Texts::Parts { source, .. } => source.clone(),
        Texts::Deployment { text, .. } => serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|deployment| deployment.get("source").map(Value::to_string)),
    };
    groups
        .filter_map(|group| {
            let policy = probe_policy(&policy, group)?.to_string();
            Some((group.clone(), load_gate(&Texts::Parts { policy, source: source.clone() }).ok()?))
        })
        .collect()
}

fn probe_policy(policy: &Value, group: &str) -> Option<Value> {
    let members = policy.get("groups")?.get(group)?;
    let mut probe = json!({
        "version": 1,
        "groups": {group: members},
        "deny": [{"name": "probe", "from": [format!("@{group}")]}],
        "allow": []
    });
    let fields = probe.as_object_mut()?;
    for key in ["trustDomains", "request"] {
        fields.extend(policy.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    Some(probe)
}

fn group_names(documents: &Texts) -> Vec<String> {
    let policy = policy_of(documents);
    let groups = policy.as_ref().and_then(|policy| policy.get("groups")?.as_object());
    groups.map(|groups| groups.keys().cloned().collect()).unwrap_or_default()
}

fn policy_of(documents: &Texts) -> Option<Value> {
    match documents {
        Texts::Parts { policy, .. } | Texts::Deployment { policy: Some(policy), .. } => {
            serde_json::from_str(policy).ok()
        }
        Texts::Deployment { text, policy: None } => {
            serde_json::from_str::<Value>(text).ok()?.get_mut("policy").map(Value::take)
        }
    }
}

impl PolicyCoverage {
    /// For people: what was not reached, and counts.
    pub(crate) fn tell(&self) {
        let parts = [("rule", &self.rules), ("group", &self.groups)];
        for (kind, part) in parts {
            for name in &part.not_reached {
                say(format_args!("not reached: {kind} {name} (policy {})", self.policy));
            }
        }
        let reached = |part: &Part| part.total.saturating_sub(part.not_reached.len());
        say(format_args!(
            "coverage of policy {}: {} of {} rules, {} of {} groups",
            self.policy,
            reached(&self.rules),
            self.rules.total,
            reached(&self.groups),
            self.groups.total
        ));
    }
}
