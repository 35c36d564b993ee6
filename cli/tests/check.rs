//! `peergate check`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod common;

use common::{Folder, POLICY, Run};
use serde_json::json;

const DEPLOYMENT: &str =
    r#"{ "source": { "preset": "envoy", "format": "json" }, "policy": "policies/orders.json" }"#;

/// A policy that Envoy's fields cannot serve.
const NEEDS_ISSUER: &str =
    r#"{ "version": 1, "allow": [{ "name": "a", "from": [{ "issuer": { "cn": "CA" } }] }] }"#;

fn lines(run: &Run) -> Vec<&str> {
    run.stderr.lines().collect()
}

#[test]
fn a_good_policy_is_good_without_a_source() {
    let folder = Folder::new();
    folder.file("p.json", POLICY);
    folder.file("issuer.json", NEEDS_ISSUER);
    let run = folder.run(&["check", "p.json", "issuer.json"]).ended(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.lines().next(), Some("p.json: ok, policy orders-api, 3 rules"));
    assert!(run.stderr.contains("issuer.json: ok"), "{run:?}");
}

#[test]
fn an_error_names_place_code_message_and_hint() {
    let folder = Folder::new();
    folder.file("bad.json", &POLICY.replace("\"orders-read\"", "\"Orders\"").replace("DNS:api", "api"));
    let run = folder.run(&["check", "bad.json"]).ended(1);
    assert_eq!(run.stdout, "");
    let lines = lines(&run);
    assert_eq!(lines.len(), 2, "{run:?}");
    assert!(lines[0].starts_with("bad.json:6:27 /groups/partners/0/san san_without_type: "), "{run:?}");
    assert!(lines[1].starts_with("bad.json:13:15 /allow/1/name bad_rule_name: "), "{run:?}");
    assert!(lines.iter().all(|line| line.contains(" (") && line.ends_with(')')), "{run:?}");
}

#[test]
fn what_is_not_json_is_a_finding() {
    let folder = Folder::new();
    for (name, text) in [("empty.json", ""), ("cut.json", "{\"version\": 1,"), ("list.json", "[]")] {
        folder.file(name, text);
        let run = folder.run(&["check", name]).ended(1);
        assert!(run.stderr.starts_with(&format!("{name}:1:")), "{run:?}");
    }
}

#[test]
fn a_warning_is_marked_and_no_finding() {
    let folder = Folder::new();
    folder.file("p.json", &POLICY.replace("\"@payments\", ", ""));
    let run = folder.run(&["check", "p.json"]).ended(0);
    assert!(lines(&run)[0].starts_with("p.json:5:17 /groups/payments warning unused_group: "), "{run:?}");
    assert!(lines(&run)[1].starts_with("p.json: ok"), "{run:?}");
}

#[test]
fn the_policy_of_a_deployment_is_found_beside_it() {
    let folder = Folder::new();
    folder.file("conf/gate.json", DEPLOYMENT);
    folder.file("conf/policies/orders.json", POLICY);
    let run = folder.run(&["check", "conf/gate.json"]).ended(0);
    assert_eq!(run.stderr, "conf/gate.json: ok, deployment of policy orders-api, 3 rules\n");

    folder.file("conf/policies/orders.json", &POLICY.replace("\"version\": 1", "\"version\": 9"));
    let run = folder.run(&["check", "conf/gate.json"]).ended(1);
    assert!(
        run.stderr.starts_with("conf/policies/orders.json:2:14 /version unsupported_version: "),
        "an error in the policy names the policy's file: {run:?}"
    );
}

#[test]
fn a_deployment_whose_policy_cannot_be_read_is_unusable() {
    let folder = Folder::new();
    folder.file("gate.json", DEPLOYMENT);
    let run = folder.run(&["check", "gate.json"]).ended(2);
    assert!(run.stderr.contains("gate.json: its policy policies/orders.json"), "{run:?}");
}

#[test]
fn a_deployment_holds_its_policy_too() {
    let folder = Folder::new();
    let text = format!("{{\"policy\": {POLICY}, \"identityHeader\": \"host\"}}");
    folder.file("gate.json", &text);
    let run = folder.run(&["check", "gate.json"]).ended(1);
    assert!(run.stderr.contains(" /identityHeader forbidden_header: "), "{run:?}");
}

#[test]
fn for_a_source_says_what_it_cannot_carry() {
    let folder = Folder::new();
    folder.file("p.json", NEEDS_ISSUER);
    folder.file("source.json", "{ \"preset\": \"envoy\", \"format\": \"json\" }");
    folder.file("odd.json", "{ \"preset\": \"envoy\", \"fields\": [\"colour\"] }");
    for source in ["envoy", "source.json"] {
        let run = folder.run(&["check", "p.json", "--for", source]).ended(1);
        assert!(run.stderr.contains(" attribute_not_carried: "), "{run:?}");
        assert!(lines(&run)[1].starts_with("p.json:1:"), "the rule is what has to change: {run:?}");
    }
    let run = folder.run(&["check", "p.json", "--for", "odd.json"]).ended(1);
    assert!(run.stderr.contains("odd.json:1:"), "{run:?}");
    let run = folder.run(&["check", "p.json", "--for", "custom"]).ended(1);
    assert!(run.stderr.contains("preset custom:1:1 missing_key: "), "{run:?}");
    let run = folder.run(&["check", "p.json", "--for", "nginx"]).ended(0);
    assert!(run.stderr.ends_with("p.json: ok, policy policy, 1 rule\n"), "{run:?}");
}

/// One of everything that a source may fail to carry, in groups, allow and deny rules, enforced and not.
const NEEDS_ALL: &str = r#"{
  "version": 1,
  "groups": { "machines": [{ "san": "IP:10.0.0.1" }] },
  "deny": [{ "name": "d", "from": [{ "san": "email:a@b.example" }] }],
  "allow": [
    { "name": "a", "from": ["@machines", { "issuer": { "cn": "CA" }, "serial": "0x01" }] },
    { "name": "b", "mode": "shadow", "from": [{ "extension": { "oid": "1.2.3", "value": "x" } }] },
    { "name": "c", "from": [{ "spiffe": "spiffe://a/b" }, { "sha256": "SHA256" }, { "dnsUnder": "b.example" }] }
  ]
}"#;

#[test]
fn for_a_source_lists_all_that_it_cannot_carry_and_what_it_does() {
    let folder = Folder::new();
    folder.file("p.json", &NEEDS_ALL.replace("SHA256", &"0".repeat(64)));
    let run = folder.run(&["check", "p.json", "--for", "envoy"]).ended(1);
    let lines = lines(&run);
    assert_eq!(
        lines[0],
        "preset envoy: carries uri, dns, subject, sha256; not ip, email, issuer, serial, extension, validity"
    );
    let places: Vec<_> = lines[1..].iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "p.json:3:37 /groups/machines/0/san attribute_not_carried",
            "p.json:4:45 /deny/0/from/0/san attribute_not_carried",
            "p.json:6:54 /allow/0/from/1/issuer attribute_not_carried",
            "p.json:6:80 /allow/0/from/1/serial attribute_not_carried",
            "p.json:7:62 /allow/1/from/0/extension attribute_not_carried",
        ]
    );
    folder.file(
        "fields.json",
        r#"{ "preset": "custom", "verified": "promise", "fields": { "spiffe": { "header": "x-spiffe" } } }"#,
    );
    let run = folder.run(&["check", "--json", "p.json", "--for", "fields.json"]).ended(1);
    let report = run.json();
    assert_eq!(report["source"]["name"], "fields.json");
    assert_eq!(report["source"]["carries"], json!(["uri"]));
    assert_eq!(report["source"]["doesNotCarry"].as_array().unwrap().len(), 9);
    let errors = report["files"][0]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 7, "{errors:?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_preset_that_never_verifies_is_checked_as_the_only_source_it_can_be() {
    let folder = Folder::new();
    folder.file("p.json", NEEDS_ISSUER);
    folder.file("source.json", "{ \"preset\": \"azure-app-service\" }");
    let run = folder.run(&["check", "p.json", "--for", "azure-app-service"]).ended(0);
    assert!(
        run.stderr.starts_with("preset azure-app-service (requireVerified false): carries uri"),
        "{run:?}"
    );
    assert!(run.stderr.contains(" warning verification_not_required: "), "{run:?}");
    // A file says what it says.
    let run = folder.run(&["check", "p.json", "--for", "source.json"]).ended(1);
    assert!(run.stderr.starts_with("source.json:1:13 /preset never_verified: "), "{run:?}");
}

#[test]
fn for_is_not_for_deployments_nor_for_what_is_no_source() {
    let folder = Folder::new();
    folder.file("gate.json", DEPLOYMENT);
    folder.file("policies/orders.json", POLICY);
    let run = folder.run(&["check", "gate.json", "--for", "envoy"]).ended(2);
    assert!(run.stderr.contains("--for is for policies"), "{run:?}");
    let run = folder.run(&["check", "gate.json", "--for", "envoi"]).ended(2);
    assert!(run.stderr.contains("nor is it a preset: envoy, "), "{run:?}");
}

#[test]
fn one_unreadable_file_does_not_hide_the_others() {
    let folder = Folder::new();
    folder.file("p.json", POLICY);
    folder.file("bad.json", "{}");
    let run = folder.run(&["check", "none.json", "bad.json", "p.json"]).ended(2);
    for part in ["none.json: ", "bad.json:1:1 missing_key: ", "p.json: ok"] {
        assert!(run.stderr.contains(part), "{part} is not in {run:?}");
    }
}

#[test]
fn json_has_all_of_it_on_stdout() {
    let folder = Folder::new();
    folder.file("p.json", &POLICY.replace("\"@payments\", ", ""));
    folder.file("bad.json", "{ \"version\": 1, \"allow\": [], \"allow\": [] }");
    let run = folder.run(&["check", "--json", "p.json", "bad.json"]).ended(1);
    assert_eq!(run.stderr, "");
    let files = &run.json()["files"];
    assert_eq!(files[0]["file"], "p.json");
    assert_eq!(files[0]["kind"], "policy");
    assert_eq!(files[0]["ok"], true);
    assert_eq!(files[0]["policy"], "orders-api");
    assert_eq!(files[0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(files[0]["errors"], json!([]));
    let warning = &files[0]["warnings"][0];
    assert_eq!((&warning["code"], &warning["line"]), (&json!("unused_group"), &json!(5)));
    assert_eq!(files[1]["ok"], false);
    assert!(files[1].get("policy").is_none());
    let error = &files[1]["errors"][0];
    assert_eq!(error["file"], "bad.json");
    assert_eq!(error["pointer"], "/allow");
    assert_eq!(error["code"], "duplicate_key");
    assert_eq!((&error["line"], &error["column"]), (&json!(1), &json!(30)));
    assert!(error["message"].as_str().unwrap().len() > 10 && error["hint"].as_str().unwrap().len() > 10);
}

#[test]
fn a_key_of_the_document_cannot_command_the_terminal() {
    let folder = Folder::new();
    folder.file("p.json", "{ \"version\": 1, \"allow\": [], \"\\u001b[2J\": 1 }");
    let run = folder.run(&["check", "p.json"]).ended(1);
    assert!(run.stderr.contains("/\\u{1b}[2J unknown_key: ") && !run.stderr.contains('\u{1b}'), "{run:?}");
}
