//! The fixture format, read through the library.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod common;

use common::Folder;
use peergate_cli::fixture::{ConnectionSpec, Fixture, FixtureError, Outcome, Texts, load, load_dir, run};
use serde_json::json;

fn read(text: &str) -> Result<Fixture, FixtureError> {
    let folder = Folder::new();
    load(&folder.file("f.json", text))
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn everything_has_its_default() {
    let fixture = read(r#"{"policy": {"a": 1}, "cases": [{"name": "c", "expect": {}}]}"#).unwrap();
    assert_eq!(fixture.about, "");
    let case = &fixture.cases[0];
    assert_eq!(case.id, "f/c");
    assert_eq!(case.documents, Texts::Parts { policy: "{\"a\": 1}".into(), source: None });
    assert_eq!((case.request.method.as_slice(), case.request.target.as_slice()), (&b"GET"[..], &b"/"[..]));
    assert!(case.request.headers.is_empty() && case.request.connection.is_none() && case.now.is_none());
}

#[test]
fn a_request_keeps_its_bytes() {
    let case = read(
        r#"{"policy": {}, "cases": [{
            "name": "c",
            "request": {
                "method": {"base64": "R0VU"}, "path": {"base64": "L/8="},
                "headers": [["A", "1"], ["a", {"base64": "AAEK/w=="}], ["x", "\n"]],
                "connection": {"certificatePem": "PEM", "verified": true}
            },
            "now": "2026-11-21T01:00:00.5+01:00",
            "expect": {"status": null}
        }]}"#,
    )
    .unwrap()
    .cases
    .remove(0);
    assert_eq!(case.request.method, b"GET");
    assert_eq!(case.request.target, b"/\xff");
    let lines: Vec<(&[u8], &[u8])> = vec![(b"A", b"1"), (b"a", b"\x00\x01\x0a\xff"), (b"x", b"\n")];
    let got: Vec<_> = case.request.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
    assert_eq!(got, lines);
    let connection = ConnectionSpec { certificate_pem: Some(b"PEM".to_vec()), verified: true };
    assert_eq!(case.request.connection, Some(connection));
    assert_eq!(case.now, Some(1_795_219_200));
    assert_eq!(case.expect, json!({"status": null}));
}

#[test]
fn documents_are_kept_as_they_were_written() {
    let fixture = read(
        r#"{"policy": {"version": 1.0, "version": 1, "x": "\ud800"},
            "source": null,
            "cases": [{"name": "c", "expect": {}}]}"#,
    )
    .unwrap();
    let policy = "{\"version\": 1.0, \"version\": 1, \"x\": \"\\ud800\"}".to_owned();
    assert_eq!(fixture.cases[0].documents, Texts::Parts { policy, source: Some("null".into()) });
}

#[test]
fn a_case_may_have_documents_of_its_own() {
    let fixture = read(
        r#"{"policy": {"p": 0}, "source": {"s": 0}, "cases": [
            {"name": "none", "expect": {}},
            {"name": "policy", "policy": {"p": 1}, "expect": {}},
            {"name": "source", "source": {"s": 1}, "expect": {}},
            {"name": "deployment", "deployment": {"policy": {"p": 2}}, "expect": {}}
        ], "refused": [
            {"policyText": "{", "expectError": {"code": "c", "pointer": "/policy"}},
            {"name": "named", "source": {"s": 2}, "about": "text", "expectError": {}}
        ]}"#,
    )
    .unwrap();
    let parts =
        |policy: &str, source: &str| Texts::Parts { policy: policy.into(), source: Some(source.into()) };
    let documents: Vec<_> = fixture.cases.iter().map(|case| case.documents.clone()).collect();
    assert_eq!(
        documents,
        [
            parts("{\"p\": 0}", "{\"s\": 0}"),
            parts("{\"p\": 1}", "{\"s\": 0}"),
            parts("{\"p\": 0}", "{\"s\": 1}"),
            Texts::Deployment { text: "{\"policy\": {\"p\": 2}}".into(), policy: None },
        ]
    );
    assert_eq!(fixture.refused[0].id, "f/0");
    assert_eq!(fixture.refused[0].documents, parts("{", "{\"s\": 0}"));
    assert_eq!(fixture.refused[0].expect.pointer.as_deref(), Some("/policy"));
    assert_eq!(fixture.refused[1].id, "f/named");
    assert_eq!(fixture.refused[1].documents, parts("{\"p\": 0}", "{\"s\": 2}"));
    assert_eq!(fixture.refused[1].expect.code, None);
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let folder = Folder::new();
    folder.file("d/conf/gate.json", r#"{"policy": "policies/p.json"}"#);
    folder.file("d/conf/policies/p.json", "P");
    folder.file("d/source.json", "S");
    let path = folder.file(
        "d/f.json",
        r#"{"policy": "conf/policies/p.json", "source": "source.json", "cases": [
            {"name": "a", "expect": {}},
            {"name": "b", "deployment": "conf/gate.json", "expect": {}},
            {"name": "c", "deployment": {"policy": "conf/policies/p.json"}, "expect": {}}
        ]}"#,
    );
    let fixture = load(&path).unwrap();
    assert_eq!(fixture.cases[0].documents, Texts::Parts { policy: "P".into(), source: Some("S".into()) });
    for case in &fixture.cases[1..] {
        let Texts::Deployment { policy, .. } = &case.documents else { panic!("{}", case.id) };
        assert_eq!(policy.as_deref(), Some("P"), "{}", case.id);
    }
    let path = folder.file("d/g.json", r#"{"policy": "none.json", "cases": [{"name": "a", "expect": {}}]}"#);
    assert!(load(&path).unwrap_err().path.ends_with("d/none.json"));
}

#[test]
fn what_is_no_fixture_is_refused_with_its_place() {
    for (text, part) in [
        ("", "f.json:1:0: EOF"),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "expect": {}, "polcy": {}}]}"#,
            ":1:60: unknown field `polcy`",
        ),
        (r#"{"policy": {}, "cases": [{"name": "c", "name": "d", "expect": {}}]}"#, "duplicate field `name`"),
        (r#"{"policy": {}, "cases": [{"name": "c"}]}"#, "missing field `expect`"),
        (r#"{"policy": {}, "cases": [{"name": "c", "expect": {"reson": 1}}]}"#, "unknown field `reson`"),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "expect": {"rule": 1, "rule": 2}}]}"#,
            "duplicate field `rule`",
        ),
        (r#"{"policy": {}, "cases": [{"name": "", "expect": {}}]}"#, "a name must be one line"),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "expect": {}}, {"name": "c", "expect": {}}]}"#,
            "two cases are named `c`",
        ),
        (r#"{"policy": {}, "cases": [{"name": "c", "now": 0, "expect": {}}]}"#, "invalid type: integer"),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "now": "2026-11-21", "expect": {}}]}"#,
            "must be RFC 3339",
        ),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "request": {"path": "/é"}, "expect": {}}]}"#,
            "text must be ASCII",
        ),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "request": {"headers": {"a": "b"}}, "expect": {}}]}"#,
            "invalid type: map",
        ),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "request": {"headers": [["a", "b", "c"]]}, "expect": {}}]}"#,
            "header line",
        ),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "request": {"path": {"base64": "Lw==", "x": 1}}, "expect": {}}]}"#,
            "unknown field `x`",
        ),
        (
            r#"{"policy": {}, "cases": [{"name": "c", "request": {"path": {}}, "expect": {}}]}"#,
            "missing field `base64`",
        ),
        (r#"{"cases": [{"name": "c", "expect": {}}]}"#, "/cases/0: `policy` is missing"),
        (
            r#"{"policy": {}, "deployment": {}, "cases": [{"name": "c", "expect": {}}]}"#,
            "`deployment` stands in place of",
        ),
        (r#"{"policy": {}, "policyText": "", "expectError": {}}"#, "`policyText` stands in place of"),
        (r#"{"policy": {}, "expectError": {}, "cases": []}"#, "`expectError` stands in place of"),
        (r#"{"policy": {}}"#, "neither `cases` nor `expectError`"),
        (r#"{"policy": {}, "expectError": {"message": ""}}"#, "unknown field `message`"),
        (r#"{"policy": {}, "cases": []} x"#, "trailing characters"),
    ] {
        let message = message(text);
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn one_bad_file_in_a_folder_is_an_error_of_the_folder() {
    let folder = Folder::new();
    folder.file("a/one.json", r#"{"policy": {}, "cases": [{"name": "c", "expect": {}}]}"#);
    folder.file("a/b/two.json", r#"{"policy": {}, "expectError": {}}"#);
    let fixtures = load_dir(folder.path()).unwrap();
    assert_eq!(fixtures.len(), 2);
    assert_eq!(fixtures[0].refused[0].id, "a/b/two");
    assert_eq!(fixtures[1].cases[0].id, "a/one/c");
    folder.file("a/b/three.json", "[]");
    assert!(load_dir(folder.path()).unwrap_err().path.ends_with("a/b/three.json"));
}

#[test]
fn upstream_is_what_goes_on_to_the_service() {
    let deployment = r#"{
        "identityHeader": "X-Client-Identity",
        "policy": {"version": 1, "allow": [{"name": "all", "from": "authenticated"}]}
    }"#;
    let fixture = read(&format!(
        r#"{{"deployment": {deployment}, "cases": [{{"name": "c", "request": {{"headers": [
            ["X_Client_Identity", "a"], ["x-client-identity", "b"], ["X-CLIENT-IDENTITY", "c"], ["accept", "d"],
            ["x-forwarded-client-cert", "{}"]
        ]}}, "expect": {{}}}}]}}"#,
        common::PAYMENTS.replace('"', "\\\"")
    ))
    .unwrap();
    let case = &fixture.cases[0];
    let Outcome::Decided { decision, upstream } = run(&case.documents, &case.request, 0) else {
        panic!("the deployment was refused");
    };
    assert_eq!(decision["decision"], "allow", "{decision}");
    assert_eq!(
        upstream,
        Some(json!({
            "set": {"x-client-identity": "URI:spiffe://prod.example/ns/pay/sa/api"},
            "removed": ["x_client_identity", "x-client-identity"]
        }))
    );
}
