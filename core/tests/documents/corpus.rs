//! The corpus of documents in `tests/corpus`, shared by the tests of parser and schema.

use std::collections::BTreeMap;

use peergate_core::Documents;
use peergate_core::deployment::{self, Deployment};
use peergate_core::limits::HostLimits;
use peergate_core::load::LoadErrors;
use serde_json::value::RawValue;

/// Which of the two schemas a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Policy,
    Source,
    Deployment,
}

/// One document of the corpus, in the text in which it is written there.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) about: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) code: Option<String>,
    pub(crate) pointer: Option<String>,
    /// Why a schema may accept what the parser refuses.
    pub(crate) schema_accepts: Option<String>,
}

pub(crate) const LEAST_POLICY: &str = r#"{"version":1,"allow":[]}"#;

/// A policy with one rule.
pub(crate) fn with_rule(rule: &str) -> String {
    format!(r#"{{"version":1,"allow":[{rule}]}}"#)
}

/// A policy with one principal in one rule.
pub(crate) fn with_principal(principal: &str) -> String {
    with_rule(&format!(r#"{{"name":"r","from":[{principal}]}}"#))
}

pub(crate) fn refused() -> Vec<Entry> {
    entries(include_str!("../corpus/refused.json"))
}

pub(crate) fn accepted() -> Vec<Entry> {
    entries(include_str!("../corpus/accepted.json"))
}

fn entries(text: &str) -> Vec<Entry> {
    let rows: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(text).unwrap();
    rows.into_iter().map(entry).collect()
}

fn entry(row: BTreeMap<String, Box<RawValue>>) -> Entry {
    let string = |key: &str| row.get(key).map(|raw| serde_json::from_str::<String>(raw.get()).unwrap());
    let document = |(key, value): (&str, &RawValue)| {
        Some(match key {
            "policy" => (Kind::Policy, value.get().to_owned()),
            "policyText" => (Kind::Policy, string("policyText")?),
            "rule" => (Kind::Policy, with_rule(value.get())),
            "principal" => (Kind::Policy, with_principal(value.get())),
            "source" => (Kind::Source, value.get().to_owned()),
            "deployment" => (Kind::Deployment, value.get().to_owned()),
            _ => return None,
        })
    };
    let mut documents: Vec<_> =
        row.iter().map(|(key, value)| (key.as_str(), &**value)).filter_map(document).collect();
    assert_eq!(documents.len(), 1, "one document an entry: {:?}", string("about"));
    let (kind, text) = documents.remove(0);
    Entry {
        about: string("about").unwrap(),
        kind,
        text,
        code: string("code"),
        pointer: string("pointer"),
        schema_accepts: string("schemaAccepts"),
    }
}

/// Loads a document of a kind, with the least of everything else.
pub(crate) fn load(kind: Kind, text: &str) -> Result<Deployment, LoadErrors> {
    let documents = match kind {
        Kind::Policy => Documents::Parts { policy: text.as_bytes(), source: None },
        Kind::Source => Documents::Parts { policy: LEAST_POLICY.as_bytes(), source: Some(text.as_bytes()) },
        Kind::Deployment => Documents::Deployment { text: text.as_bytes(), policy: None },
    };
    deployment::parse(documents, HostLimits::NATIVE)
}

/// Loads a policy that must be good.
pub(crate) fn policy(text: &str) -> peergate_core::policy::document::PolicyDocument {
    load(Kind::Policy, text).unwrap_or_else(|errors| panic!("{text}: {errors:#?}")).policy
}
