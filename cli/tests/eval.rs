//! `peergate eval`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod common;

use common::{Folder, PAYMENTS, POLICY};
use serde_json::{Value, json};

const SHA256: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

fn request(method: &str) -> Value {
    json!({"method": method, "path": "/v1/orders/7", "headers": [["X-Forwarded-Client-Cert", PAYMENTS]]})
}

fn with_policy() -> Folder {
    let folder = Folder::new();
    folder.file("p.json", POLICY);
    folder
}

fn ask(folder: &Folder, arguments: &[&str], request: &Value) -> common::Run {
    folder.run_with(&[&["eval"], arguments].concat(), request.to_string().as_bytes())
}

#[test]
fn the_decision_is_one_line_of_json() {
    let folder = with_policy();
    let run = ask(&folder, &["--policy", "p.json"], &request("GET")).ended(0);
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(
        run.json(),
        json!({
            "decision": "allow", "status": null, "reason": "allowed", "detail": null,
            "rule": "orders-read", "identity": "spiffe://prod.example/ns/pay/sa/api",
            "identityType": "spiffe", "verified": true, "sha256": SHA256, "shadow": null
        })
    );
}

#[test]
fn a_denial_is_a_finding_only_on_request() {
    let folder = with_policy();
    let run = ask(&folder, &["--policy", "p.json"], &request("PUT")).ended(0);
    assert_eq!((&run.json()["status"], &run.json()["reason"]), (&json!(403), &json!("no_rule")));
    ask(&folder, &["--policy", "p.json", "--exit-code"], &request("PUT")).ended(1);
    ask(&folder, &["--policy", "p.json", "--exit-code"], &request("GET")).ended(0);
}

#[test]
fn a_request_comes_from_a_file_or_from_stdin() {
    let folder = with_policy();
    folder.file("r.json", &request("GET").to_string());
    let of_file = folder.run(&["eval", "--policy", "p.json", "--request", "r.json"]).ended(0);
    assert_eq!(of_file.json()["rule"], "orders-read");
    let of_stdin = ask(&folder, &["--policy", "p.json", "--request", "-"], &json!({})).ended(0);
    assert_eq!(of_stdin.json()["reason"], "no_certificate", "all of a request has a default");
}

#[test]
fn the_time_stands_inside_the_request_or_beside_it() {
    let folder = with_policy();
    let now = "2026-11-21T00:00:00Z";
    let mut inside = request("GET");
    inside["now"] = json!(now);
    let beside = json!({"request": request("GET"), "now": now});
    let twice = json!({"request": inside, "now": now});
    for good in [&inside, &beside, &json!({"request": {}})] {
        ask(&folder, &["--policy", "p.json"], good).ended(0);
    }
    let run = ask(&folder, &["--policy", "p.json"], &twice).ended(2);
    assert!(run.stderr.contains("stands both inside the request and beside it"), "{run:?}");
    let run = ask(&folder, &["--policy", "p.json"], &json!({"now": "yesterday"})).ended(2);
    assert!(run.stderr.contains("RFC 3339"), "{run:?}");
}

#[test]
fn a_request_that_is_none_is_unusable_and_says_where() {
    let folder = with_policy();
    for (request, part) in [
        ("", "stdin:1:0: "),
        ("[]", "stdin:1:"),
        ("{\n  \"verb\": \"GET\"\n}", "stdin:2:8: unknown field `verb`"),
        ("{\"path\": \"/ä\"}", "text must be ASCII"),
        ("{\"headers\": [[\"a\"]]}", "header line"),
        ("{\"headers\": [[\"a\", {\"base64\": \"?\"}]]}", "base64"),
        ("{} {}", "trailing characters"),
    ] {
        let run = folder.run_with(&["eval", "--policy", "p.json"], request.as_bytes()).ended(2);
        assert!(run.stderr.contains(part), "{part:?} is not in {run:?}");
        assert_eq!(run.stdout, "");
    }
    folder.run(&["eval", "--policy", "p.json", "--request", "none.json"]).ended(2);
}

#[test]
fn the_source_is_a_preset_or_a_file() {
    let folder = with_policy();
    folder.file("json.json", "{ \"preset\": \"envoy\", \"format\": \"json\" }");
    let run = ask(&folder, &["--policy", "p.json", "--source", "json.json"], &request("GET")).ended(0);
    assert_eq!(
        (&run.json()["reason"], &run.json()["detail"]),
        (&json!("malformed_header"), &json!("unexpected_format"))
    );
    let run = ask(&folder, &["--policy", "p.json", "--source", "envoy"], &request("GET")).ended(0);
    assert_eq!(run.json()["decision"], "allow");
    ask(&folder, &["--policy", "p.json", "--source", "none.json"], &request("GET")).ended(2);
}

#[test]
fn a_deployment_stands_in_place_of_policy_and_source() {
    let folder = Folder::new();
    folder.file("conf/policies/p.json", POLICY);
    folder.file("conf/gate.json", "{ \"policy\": \"policies/p.json\", \"responses\": {\"forbidden\": 404} }");
    let run = ask(&folder, &["--config", "conf/gate.json"], &request("PUT")).ended(0);
    assert_eq!(run.json()["status"], 404);
}

#[test]
fn refused_documents_are_a_finding_and_give_no_decision() {
    let folder = Folder::new();
    folder.file("p.json", "{ \"version\": 1 }");
    let run = ask(&folder, &["--policy", "p.json"], &request("GET")).ended(1);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("p.json:1:1 missing_key: "), "{run:?}");
}

#[test]
fn documents_are_named_once() {
    let folder = with_policy();
    let unusable: [&[&str]; 4] = [
        &["eval"],
        &["eval", "--source", "envoy"],
        &["eval", "--policy", "p.json", "--config", "p.json"],
        &["eval", "--config", "p.json", "--source", "envoy"],
    ];
    for arguments in unusable {
        let run = folder.run(arguments).ended(2);
        assert!(run.stderr.contains("Usage: peergate eval"), "{run:?}");
    }
    folder.run(&["eval", "--policy", "none.json"]).ended(2);
}

#[test]
fn an_explanation_goes_to_stderr_beside_the_decision() {
    let folder = with_policy();
    let plain = ask(&folder, &["--policy", "p.json"], &request("PUT")).ended(0);
    let run = ask(&folder, &["--policy", "p.json", "--explain"], &request("PUT")).ended(0);
    assert_eq!(run.stdout, plain.stdout, "to watch a decision does not change it");
    for part in [
        "request   PUT /v1/orders/7\n",
        "source    envoy, header x-forwarded-client-cert (1 line)\n",
        "element   1 of 1, from the left, is the caller's\n",
        "uri      spiffe://prod.example/ns/pay/sa/api (from header)\n",
        "caller    spiffe://prod.example/ns/pay/sa/api (by its spiffe name), verified\n",
        "deny  no-admin: does not match: from, paths\n",
        "allow health: does not match: methods, paths\n",
        "allow orders-read: does not match: methods\n",
        "verdict   deny with 403: no_rule\n",
        "Rule orders-read would match but for its methods.\n",
    ] {
        assert!(run.stderr.contains(part), "{part:?} is not in\n{}", run.stderr);
    }
}

#[test]
fn a_refused_header_is_explained_without_rules() {
    let folder = with_policy();
    let request = json!({"headers": [["x-forwarded-client-cert", "Hash=\"ab"]]});
    let run = ask(&folder, &["--policy", "p.json", "--explain"], &request).ended(0);
    for part in [
        "caller    no certificate was accepted\n",
        "rules     none was looked at\n",
        "verdict   deny with 403: malformed_header\n          detail unclosed_quote\n",
        "close every quote",
    ] {
        assert!(run.stderr.contains(part), "{part:?} is not in\n{}", run.stderr);
    }
}

#[test]
fn the_connection_of_a_request_gives_its_fingerprint() {
    let folder = Folder::new();
    let made = folder.run(&["dev-ca", "ca"]).ended(0).json();
    let api = made.as_array().unwrap().iter().find(|made| made["name"] == "api").unwrap();
    let sha256 = api["sha256"].as_str().unwrap();
    folder.file(
        "p.json",
        &json!({"version": 1, "allow": [{"name": "pinned", "from": [{"sha256": sha256}]}]}).to_string(),
    );
    folder.file("source.json", "{ \"preset\": \"connection\" }");
    let pem = std::fs::read_to_string(folder.path().join("ca/api.cert.pem")).unwrap();
    let arguments = ["--policy", "p.json", "--source", "source.json"];
    let request = json!({"connection": {"certificatePem": pem, "verified": true}});
    let run = ask(&folder, &arguments, &request).ended(0);
    assert_eq!((&run.json()["decision"], &run.json()["sha256"]), (&json!("allow"), &json!(sha256)));
    let request = json!({"connection": {"certificatePem": pem}});
    let run = ask(&folder, &arguments, &request).ended(0);
    assert_eq!(run.json()["reason"], "unverified", "who does not say verified does not get it");
}
