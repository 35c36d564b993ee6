//! `peergate test`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod common;

use common::{Folder, PAYMENTS, POLICY, shared_fixtures};
use serde_json::{Value, json};

fn case(name: &str, method: &str, expect: &Value) -> Value {
    json!({
        "name": name,
        "request": {"method": method, "path": "/v1/orders/7", "headers": [["x-forwarded-client-cert", PAYMENTS]]},
        "expect": expect
    })
}

/// A folder with a policy and a fixture of one good and one wrong case.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("policies/orders.json", POLICY);
    let good = case("reads", "GET", &json!({"decision": "allow", "rule": "orders-read"}));
    let wrong = case("writes", "PUT", &json!({"status": 401, "rule": null, "shadow": {"reason": "x"}}));
    let file = |cases: &[&Value]| json!({"policy": "policies/orders.json", "cases": cases}).to_string();
    folder.file("good.json", &file(&[&good]));
    folder.file("mixed.json", &file(&[&good, &wrong]));
    folder
}

#[test]
fn what_passes_is_only_counted() {
    let run = folder().run(&["test", "good.json"]).ended(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", "1 case in 1 file: 1 passed, 0 failed\n"));
}

#[test]
fn a_failure_shows_both_values() {
    let run = folder().run(&["test", "mixed.json", "good.json"]).ended(1);
    assert_eq!(
        run.stderr,
        "FAIL mixed/writes (mixed.json)\n     \
         /shadow: expected {\"reason\":\"x\"}, got null\n     \
         /status: expected 401, got 403\n\
         3 cases in 2 files: 2 passed, 1 failed\n"
    );
}

#[test]
fn a_refused_document_fails_its_cases_and_passes_where_it_is_wanted() {
    let folder = Folder::new();
    let bad = json!({"version": 1, "allow": [], "rules": []});
    folder.file("a.json", &json!({"policy": bad, "cases": [case("c", "GET", &json!({}))]}).to_string());
    let run = folder.run(&["test", "a.json"]).ended(1);
    assert!(run.stderr.contains("\"code\":\"unknown_key\",\"pointer\":\"/policy/rules\""), "{run:?}");

    let refused = |expect: Value| json!({"policy": bad, "expectError": expect}).to_string();
    for (expect, code) in [
        (json!({}), 0),
        (json!({"code": "unknown_key", "pointer": "/policy/rules"}), 0),
        (json!({"code": "missing_key"}), 1),
        (json!({"pointer": "/policy"}), 1),
    ] {
        folder.file("b.json", &refused(expect.clone()));
        let run = folder.run(&["test", "b.json"]).ended(code);
        assert_eq!(run.stderr.contains("FAIL b (b.json)"), code == 1, "{expect}: {run:?}");
    }

    folder.file("c.json", &json!({"policy": {"version": 1, "allow": []}, "expectError": {}}).to_string());
    let run = folder.run(&["test", "c.json"]).ended(1);
    assert!(run.stderr.contains("the documents were accepted"), "{run:?}");
}

#[test]
fn json_has_every_case() {
    let run = folder().run(&["test", "--json", "mixed.json"]).ended(1);
    assert_eq!(run.stderr, "");
    let report = run.json();
    assert_eq!((&report["passed"], &report["failed"], &report["files"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(
        report["cases"][0],
        json!({"id": "mixed/reads", "file": "mixed.json", "ok": true, "mismatches": []})
    );
    assert_eq!(
        report["cases"][1]["mismatches"][1],
        json!({"pointer": "/status", "expected": 401, "got": 403})
    );
    assert!(report.get("coverage").is_none());
}

#[test]
fn coverage_lists_what_no_case_reached() {
    let folder = folder();
    let run = folder.run(&["test", "--coverage", "good.json"]).ended(0);
    assert_eq!(
        run.stderr,
        "not reached: rule no-admin (policy orders-api)\n\
         not reached: rule health (policy orders-api)\n\
         not reached: group partners (policy orders-api)\n\
         coverage of policy orders-api: 1 of 3 rules, 1 of 2 groups\n\
         1 case in 1 file: 1 passed, 0 failed\n"
    );
    let run = folder.run(&["test", "--coverage", "--json", "good.json"]).ended(0);
    assert_eq!(
        run.json()["coverage"],
        json!([{
            "policy": "orders-api",
            "rules": {"total": 3, "notReached": ["no-admin", "health"]},
            "groups": {"total": 2, "notReached": ["partners"]}
        }])
    );
}

#[test]
fn coverage_adds_up_over_files_and_sources() {
    let folder = folder();
    let partner = "[{\"hash\": \"468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688\", \
                   \"dns\": [\"api.partner.example\"]}]";
    let request = |path: &str| json!({"path": path, "headers": [["x-forwarded-client-cert", partner]]});
    let rest = json!({
        "deployment": {"source": {"preset": "envoy", "format": "json"}, "policy": "policies/orders.json"},
        "cases": [
            {"name": "admin", "request": request("/admin/x"), "expect": {"rule": "no-admin"}},
            {"name": "health", "request": {"path": "/healthz"}, "expect": {"rule": "health"}}
        ]
    });
    folder.file("rest.json", &rest.to_string());
    let run = folder.run(&["test", "--coverage", "good.json", "rest.json"]).ended(0);
    assert_eq!(
        run.stderr,
        "coverage of policy orders-api: 3 of 3 rules, 2 of 2 groups\n3 cases in 2 files: 3 passed, 0 failed\n"
    );
}

#[test]
fn a_folder_is_searched_but_for_policies_and_vectors() {
    let folder = folder();
    folder.file("all/good.json", &json!({"policy": {"version": 1, "allow": []}, "cases": []}).to_string());
    let fixture = std::fs::read_to_string(folder.path().join("good.json")).unwrap();
    folder.file("all/deep/er.json", &fixture);
    folder.file("all/deep/policies/orders.json", POLICY);
    folder.file("all/vectors/any.json", "[]");
    folder.file("all/README.md", "no fixture");
    let run = folder.run(&["test", "--json", "all"]).ended(0);
    assert_eq!(run.json()["files"], 2);
    assert_eq!(run.json()["cases"][0]["id"], "deep/er/reads");

    folder.file("all/stray.json", POLICY);
    let run = folder.run(&["test", "all"]).ended(2);
    assert!(run.stderr.contains("stray.json:2:11: unknown field `version`"), "{run:?}");
    folder.file("all/stray.json", "{\"about\": \"nothing\"}");
    let run = folder.run(&["test", "all"]).ended(2);
    assert!(run.stderr.contains("neither `cases` nor `expectError`"), "{run:?}");
}

#[test]
fn what_cannot_be_read_is_two_and_the_rest_is_run() {
    let folder = folder();
    folder.file("broken.json", "{\n  \"cases\": [\n    { \"nome\": 1 }\n  ]\n}");
    let run = folder.run(&["test", "none.json", "broken.json", "mixed.json"]).ended(2);
    for part in
        ["peergate: none.json: ", "peergate: broken.json:3:12: unknown field `nome`", "1 passed, 1 failed"]
    {
        assert!(run.stderr.contains(part), "{part:?} is not in {run:?}");
    }
    folder.file("empty/x.txt", "");
    let run = folder.run(&["test", "empty"]).ended(2);
    assert!(run.stderr.contains("no cases to run"), "{run:?}");
}

#[test]
fn the_shared_fixtures_pass() {
    let run = Folder::new().run(&["test", shared_fixtures().to_str().unwrap()]).ended(0);
    assert!(run.stderr.ends_with(" 0 failed\n"), "{}", run.stderr);
}
