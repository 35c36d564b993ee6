//! What the examples say must be true.

use std::path::Path;

use peergate_core::limits::HostLimits;
use peergate_core::{Documents, Gate};

/// The text of the block `value: |`, without its indentation.
fn deployment_in(yaml: &str) -> Option<String> {
    let (before, rest) = yaml.split_once("value: |\n")?;
    let indent = before.len().checked_sub(before.rfind('\n')?)?.checked_add(1)?;
    let lines = rest.lines().take_while(|line| line.starts_with(&" ".repeat(indent)));
    Some(lines.filter_map(|line| line.get(indent..)).collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_deployment_of_the_envoy_example_is_taken_but_for_the_text_form() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy/peergate.yaml");
    let text = deployment_in(&std::fs::read_to_string(path).unwrap()).unwrap();
    let documents = Documents::Deployment { text: text.as_bytes(), policy: None };
    let gate = Gate::load(documents, HostLimits::FILTER).unwrap();
    assert_eq!(gate.policy_name(), "orders-api");
    // The example is as safe as the text form is: the one warning that every text source gets.
    let warnings: Vec<_> = gate.warnings().iter().map(|warning| warning.code.code()).collect();
    assert_eq!(warnings, ["text_form_unsafe"], "{text}");
}

#[test]
fn the_examples_never_open_on_failure() {
    for file in ["envoy.yaml", "peergate.yaml", "two-hops/edge.yaml", "two-hops/sidecar.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let settings = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert!(!settings.clone().any(|line| line.contains("FAIL_OPEN")), "{file}");
        assert!(!settings.clone().any(|line| line.contains("ACCEPT_UNTRUSTED")), "{file}");
    }
}
