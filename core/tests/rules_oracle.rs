//! The compiled tables against a naive reading of the same policy: for random policies and callers,
//! verdict, reason and rule must be those of someone who reads the file from top to bottom.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use peergate_core::limits::HostLimits;
use peergate_core::trace::Trace;
use peergate_core::{Documents, Gate, Request};
use serde_json::{Value, json};

struct Watched;

impl Trace for Watched {}

/// A small generator: the same seed, the same case, on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }

    fn some<T>(&mut self, at_most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..=self.roll(at_most)).map(|_| make(self)).collect()
    }
}

const IDS: &[&str] = &["spiffe://td/a", "spiffe://td/a/b", "spiffe://td/ab", "spiffe://other/a"];
const PREFIXES: &[&str] = &["spiffe://td", "spiffe://td/a", "spiffe://t", "spiffe://other"];
const NAMES: &[&str] = &["a.example", "b.a.example", "A.Example", "*.a.example", "example"];
const CNS: &[&str] = &["x", "y"];
const UNITS: &[&str] = &["u", "v"];
const HASHES: &[&str] = &["11", "22"];
const PATTERNS: &[&str] = &[
    "/", "/a", "/a/", "/A", "/a/*", "/*", "/{x}", "/a/{x}", "/{x}/b", "/{x}/*", "/a/b", "/%61/b", "/a/{x}/c",
    "/a!",
];
const PATHS: &[&str] =
    &["/", "/a", "/a/", "/A", "/a/b", "/a/B", "/%61/b", "/b", "/b/b", "/a/b/c", "/a/x/c", "/a%21", "/a!"];

/// One condition of a principal: key and value.
fn condition(dice: &mut Dice) -> (&'static str, Value) {
    match dice.roll(6) {
        0 => ("spiffe", json!(dice.pick(IDS))),
        1 => ("spiffeUnder", json!(dice.pick(PREFIXES))),
        2 => ("san", json!(format!("DNS:{}", dice.pick(NAMES)))),
        3 => ("dnsUnder", json!(dice.pick(&["example", "a.example"]))),
        4 => ("sha256", json!(dice.pick(HASHES).repeat(32))),
        _ => match dice.roll(3) {
            0 => ("subject", json!({ "cn": dice.pick(CNS) })),
            1 => ("subject", json!({ "ou": dice.pick(UNITS), "cn": [dice.pick(CNS), "z"] })),
            _ => ("subject", json!(format!("OU={},CN={}", dice.pick(UNITS), dice.pick(CNS)))),
        },
    }
}

fn principal(dice: &mut Dice) -> Value {
    let mut object = serde_json::Map::new();
    for (key, value) in dice.some(2, condition) {
        let value = match dice.roll(3) {
            0 if key != "subject" => {
                // An alternative of the same kind.
                let other =
                    std::iter::repeat_with(|| condition(dice)).find(|(other, _)| *other == key).unwrap().1;
                json!([value, other])
            }
            _ => value,
        };
        object.insert(key.into(), value);
    }
    Value::Object(object)
}

fn rule(dice: &mut Dice, name: String, groups: &[String]) -> Value {
    let from = match dice.roll(8) {
        0 => json!("anyone"),
        1 => json!("authenticated"),
        _ => json!(dice.some(2, |dice| match dice.roll(3) {
            0 if !groups.is_empty() => json!(groups[dice.roll(groups.len())]),
            _ => principal(dice),
        })),
    };
    let mut rule = json!({ "name": name, "from": from });
    if dice.roll(3) == 0 {
        rule["methods"] = json!(dice.some(1, |dice| dice.pick(&["GET", "POST", "OPTIONS"]).to_owned()));
    }
    if dice.roll(2) == 0 {
        rule["paths"] = json!(dice.some(2, |dice| dice.pick(PATTERNS).to_owned()));
    }
    if dice.roll(4) == 0 {
        rule["mode"] = json!("shadow");
    }
    rule
}

fn policy(dice: &mut Dice) -> Value {
    let groups: Vec<String> = (0..dice.roll(3)).map(|at| format!("@g{at}")).collect();
    let mut named = serde_json::Map::new();
    for group in &groups {
        named.insert(group[1..].into(), json!(dice.some(2, principal)));
    }
    let deny: Vec<Value> = (0..dice.roll(3)).map(|at| rule(dice, format!("d{at}"), &groups)).collect();
    let allow: Vec<Value> = (0..=dice.roll(4)).map(|at| rule(dice, format!("a{at}"), &groups)).collect();
    json!({ "version": 1, "groups": named, "deny": deny, "allow": allow })
}

/// What the header says, and the header.
struct Caller {
    spiffe: Option<&'static str>,
    dns: Vec<&'static str>,
    cns: Vec<&'static str>,
    unit: &'static str,
    hash: String,
}

impl Caller {
    fn roll(dice: &mut Dice) -> Self {
        Self {
            spiffe: (dice.roll(4) > 0).then(|| dice.pick(IDS)),
            dns: (0..dice.roll(3)).map(|_| dice.pick(NAMES)).collect(),
            cns: (0..1 + dice.roll(2)).map(|_| dice.pick(CNS)).collect(),
            unit: dice.pick(UNITS),
            hash: dice.pick(HASHES).repeat(32),
        }
    }

    fn subject(&self) -> String {
        let cns: Vec<String> = self.cns.iter().map(|cn| format!("CN={cn}")).collect();
        format!("OU={},{}", self.unit, cns.join(","))
    }

    fn header(&self) -> String {
        let mut header =
            format!("Hash={};Subject=\"{}\";URI={}", self.hash, self.subject(), self.spiffe.unwrap_or(""));
        for name in &self.dns {
            header.push_str(";DNS=");
            header.push_str(name);
        }
        header
    }

    /// Whether one condition holds; for a deny rule or not.
    fn meets(&self, key: &str, value: &Value, deny: bool) -> bool {
        if let (Value::Array(alternatives), true) = (value, key != "subject") {
            return alternatives.iter().any(|value| self.meets(key, value, deny));
        }
        if let Value::Object(attributes) = value {
            return attributes.iter().all(|(name, wanted)| {
                let wanted: Vec<&str> = match wanted {
                    Value::Array(list) => list.iter().map(|one| one.as_str().unwrap()).collect(),
                    one => vec![one.as_str().unwrap()],
                };
                match name.as_str() {
                    "ou" => wanted.contains(&self.unit),
                    _ => (deny || self.cns.len() == 1) && self.cns.iter().any(|cn| wanted.contains(cn)),
                }
            });
        }
        let text = value.as_str().unwrap();
        match key {
            "spiffe" => self.spiffe == Some(text),
            "spiffeUnder" => self.spiffe.is_some_and(|id| id == text || id.starts_with(&format!("{text}/"))),
            "san" => self.dns.iter().any(|name| name.eq_ignore_ascii_case(&text[4..])),
            "dnsUnder" => self.dns.iter().any(|name| {
                !name.contains('*') && name.to_lowercase().ends_with(&format!(".{}", text.to_lowercase()))
            }),
            "sha256" => self.hash == text,
            _ => self.subject() == text,
        }
    }
}

fn holds(
    rule: &Value,
    policy: &Value,
    caller: Option<&Caller>,
    method: &str,
    path: &str,
    deny: bool,
) -> bool {
    let principal = |principal: &Value| {
        caller.is_some_and(|caller| {
            principal.as_object().unwrap().iter().all(|(key, value)| caller.meets(key, value, deny))
        })
    };
    let from = match &rule["from"] {
        Value::String(text) if text == "anyone" => true,
        Value::String(_) => caller.is_some(),
        list => list.as_array().unwrap().iter().any(|one| match one.as_str() {
            Some(group) => policy["groups"][&group[1..]].as_array().unwrap().iter().any(principal),
            None => principal(one),
        }),
    };
    let listed = |key: &str, test: &dyn Fn(&str) -> bool| match rule.get(key) {
        None => true,
        Some(list) => list.as_array().unwrap().iter().any(|one| test(one.as_str().unwrap())),
    };
    from && listed("methods", &|one| one == method)
        && listed("paths", &|pattern| path_matches(pattern, path, deny))
}

/// One pattern, one path, segment by segment.
fn path_matches(pattern: &str, path: &str, deny: bool) -> bool {
    // The paths of this test escape nothing but these two.
    let decode = |text: &str| {
        let text = text.replace("%61", "a");
        if deny { text.replace("%21", "!").to_lowercase() } else { text }
    };
    let (pattern, path) = (decode(pattern), decode(path));
    let cut = |text: &str| -> Vec<String> {
        let text = text.strip_prefix('/').unwrap();
        let text = if deny { text.strip_suffix('/').unwrap_or(text) } else { text };
        if deny && text.is_empty() { Vec::new() } else { text.split('/').map(str::to_owned).collect() }
    };
    fn walk(pattern: &[String], path: &[String], deny: bool) -> bool {
        match (pattern, path) {
            ([star], rest) if star == "*" => deny || !rest.is_empty(),
            ([], []) => true,
            ([one], []) if deny && one.starts_with('{') => true,
            ([one, star], []) if deny && one.starts_with('{') && star == "*" => true,
            ([one, more @ ..], [segment, rest @ ..]) => {
                let same = if one.starts_with('{') { deny || !segment.is_empty() } else { one == segment };
                same && walk(more, rest, deny)
            }
            _ => false,
        }
    }
    walk(&cut(&pattern), &cut(&path), deny)
}

/// Reason and rule, reading from top to bottom.
fn expected(
    policy: &Value,
    caller: Option<&Caller>,
    method: &str,
    path: &str,
    shadow: bool,
) -> (&'static str, Option<String>) {
    for (list, deny, reason) in [("deny", true, "denied_by_rule"), ("allow", false, "allowed")] {
        for rule in policy[list].as_array().unwrap() {
            let counts = shadow || rule.get("mode").is_none();
            if counts && holds(rule, policy, caller, method, path, deny) {
                return (reason, Some(rule["name"].as_str().unwrap().to_owned()));
            }
        }
    }
    (if caller.is_some() { "no_rule" } else { "no_certificate" }, None)
}

#[test]
fn tables_decide_as_the_file_reads() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..4000 {
        let mut dice = Dice(seed);
        let policy = policy(&mut dice);
        let text = policy.to_string();
        let documents = Documents::Parts { policy: text.as_bytes(), source: None };
        let gate =
            Gate::load(documents, HostLimits::NATIVE).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        for _ in 0..20 {
            let caller = (dice.roll(6) > 0).then(|| Caller::roll(&mut dice));
            let header = caller.as_ref().map(Caller::header).unwrap_or_default();
            let (method, path) = (dice.pick(&["GET", "POST", "PUT"]), dice.pick(PATHS));
            let request = Request {
                method: method.as_bytes(),
                target: path.as_bytes(),
                headers: &[(b"x-forwarded-client-cert", header.as_bytes())],
                connection: None,
                now: None,
            };
            let decision = gate.decide(&request);
            assert_eq!(gate.decide(&request), decision, "a caller who comes again");
            assert_eq!(gate.decide_traced(&request, &mut Watched), decision, "and one who is watched");
            let (reason, rule) = expected(&policy, caller.as_ref(), method, path, false);
            let context = || format!("seed {seed}: {method} {path} {header}\n{text}");
            assert_eq!((decision.reason.code(), decision.rule), (reason, rule.as_deref()), "{}", context());
            if let Some(shadow) = decision.shadow {
                let (reason, rule) = expected(&policy, caller.as_ref(), method, path, true);
                assert_eq!(
                    (shadow.reason.code(), shadow.rule),
                    (reason, rule.as_deref()),
                    "shadow, {}",
                    context()
                );
            }
            *seen.entry(reason).or_insert(0_usize) += 1;
        }
    }
    // The test is worth something only if every outcome is common.
    assert!(seen.len() == 4 && seen.values().all(|count| *count > 1000), "{seen:?}");
}
