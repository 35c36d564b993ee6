//! `peergate eval --explain` on sources that forward certificates: what was read and from where, and
//! what is behind a refusal.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on panics"
)]

mod common;

use common::{Folder, Run};
use serde_json::{Value, json};

const POLICY: &str = r#"{"version": 1, "allow": [{"name": "all", "from": "authenticated"}]}"#;

/// A folder with a policy and certificates, and the PEM of one caller.
fn lab() -> (Folder, String) {
    let folder = Folder::new();
    folder.file("p.json", POLICY);
    folder.run(&["dev-ca", "ca"]).ended(0);
    let pem = std::fs::read_to_string(folder.path().join("ca/api.cert.pem")).unwrap();
    (folder, pem)
}

fn explained(folder: &Folder, source: &Value, request: &Value) -> Run {
    folder.file("source.json", &source.to_string());
    let arguments = ["eval", "--policy", "p.json", "--source", "source.json", "--explain"];
    folder.run_with(&arguments, request.to_string().as_bytes()).ended(0)
}

fn has(run: &Run, parts: &[&str]) {
    for part in parts {
        assert!(run.stderr.contains(part), "{part:?} is not in\n{}", run.stderr);
    }
}

fn base64_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

fn escaped(pem: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    pem.bytes().map(escape).collect()
}

#[test]
fn every_field_says_where_it_came_from() {
    let (folder, pem) = lab();
    let connection = json!({"connection": {"certificatePem": pem, "verified": true}});
    let run = explained(&folder, &json!({"preset": "connection"}), &connection);
    has(
        &run,
        &[
            "source    connection (the request came over TLS)\n",
            "read      uri        spiffe://dev.example/ns/default/sa/api (from certificate)\n",
            "          subject    CN=api,O=Peergate development (from certificate)\n",
            "          issuer     CN=Peergate development intermediate,O=Peergate development (from certificate)\n",
            "          serial     0x",
            "          not_before 20",
            "          not_after  20",
            "          sha256     ",
            " (computed)\n",
        ],
    );

    let nginx =
        json!({"headers": [["x-ssl-client-cert", escaped(&pem)], ["X-SSL-Client-Verify", "SUCCESS"]]});
    let run = explained(&folder, &json!({"preset": "nginx"}), &nginx);
    has(
        &run,
        &[
            "source    nginx, headers x-ssl-client-cert (1 line), x-ssl-client-verify (1 line)\n",
            "subject    CN=api,O=Peergate development (from certificate)\n",
            "verdict   allow: allowed, rule all\n",
        ],
    );

    let fields = json!({
        "preset": "custom", "verified": "promise",
        "fields": {"subject": {"header": "x-subject", "dialect": "rfc4514"}, "dns": {"header": "x-dns", "list": "single"}}
    });
    let request = json!({"headers": [["x-subject", "CN=api"], ["x-dns", "api.example"]]});
    let run = explained(&folder, &fields, &request);
    has(
        &run,
        &[
            "source    custom, headers x-dns (1 line), x-subject (1 line)\n",
            "read      dns      api.example (from header)\n",
            "          subject  CN=api (from header)\n",
        ],
    );
}

#[test]
fn a_wrong_preset_is_told_from_what_the_value_looks_like() {
    let (folder, pem) = lab();
    let base64 = base64_of(&pem);
    let folded = pem.trim_end().replace('\n', " ");
    let forms = [
        (
            "rfc9440",
            "client-cert",
            escaped(&pem),
            "percent-encoded PEM, which preset nginx or ingress-nginx reads",
        ),
        (
            "traefik",
            "x-forwarded-tls-client-cert",
            format!(":{base64}:"),
            "a byte sequence (RFC 9440), which preset rfc9440, caddy or gcp reads",
        ),
        ("nginx", "x-ssl-client-cert", base64, "base64 of DER, which preset traefik, haproxy"),
        ("haproxy", "x-ssl-client-der", folded, "PEM with spaces for line breaks, which preset apache reads"),
        (
            "gorouter",
            "x-forwarded-client-cert",
            "Hash=00;URI=spiffe://a/b".to_owned(),
            "Envoy's text form, which preset envoy reads",
        ),
        (
            "envoy",
            "x-forwarded-client-cert",
            "[{\"hash\":\"\"}]".to_owned(),
            "Envoy's JSON form, which preset envoy with \"format\": \"json\" reads",
        ),
    ];
    for (preset, header, value, says) in forms {
        let run = explained(&folder, &json!({"preset": preset}), &json!({"headers": [[header, value]]}));
        assert_eq!(run.json()["detail"], "unexpected_format", "{preset}: {run:?}");
        has(&run, &[&format!("found     {header} looks like {says}")]);
    }
}

#[test]
fn a_refused_certificate_names_the_rule_and_the_byte() {
    let (folder, pem) = lab();
    // The last byte of the signature cut off.
    let base64 = base64_of(&pem);
    let short = &base64[..base64.len() - 8];
    let says = "truncated at byte ";
    let sources = [
        ("traefik", json!([["x-forwarded-tls-client-cert", short]]), "x-forwarded-tls-client-cert"),
        ("rfc9440", json!([["client-cert", format!(":{short}:")]]), "client-cert"),
    ];
    for (preset, headers, name) in sources {
        let run = explained(&folder, &json!({"preset": preset}), &json!({"headers": headers}));
        assert_eq!(run.json()["detail"], "bad_certificate", "{run:?}");
        has(&run, &[&format!("found     The certificate of {name}: {says}"), "of its DER ("]);
    }
    let cut = format!("-----BEGIN CERTIFICATE-----\n{short}\n-----END CERTIFICATE-----\n");
    let connection = json!({"connection": {"certificatePem": cut, "verified": true}});
    let run = explained(&folder, &json!({"preset": "connection"}), &connection);
    has(&run, &[&format!("The certificate of the connection: {says}")]);

    let hash = "0".repeat(64);
    let element = format!("Hash={hash};Cert=\"{}\"", escaped(&cut));
    let source = json!({"preset": "envoy", "read": "certificate"});
    let run = explained(&folder, &source, &json!({"headers": [["x-forwarded-client-cert", element]]}));
    assert_eq!(run.json()["detail"], "bad_certificate", "{run:?}");
    has(&run, &[&format!("The certificate of x-forwarded-client-cert: {says}")]);
}

#[test]
fn who_does_not_vouch_is_named() {
    let (folder, pem) = lab();
    let cert = ["x-ssl-client-cert", &escaped(&pem)];
    let nginx = json!({"preset": "nginx"});
    let run =
        explained(&folder, &nginx, &json!({"headers": [cert, ["x-ssl-client-verify", "FAILED:expired"]]}));
    has(&run, &["found     x-ssl-client-verify is something else than \"SUCCESS\".\n"]);
    assert!(!run.stderr.contains("FAILED"), "a header's contents are not repeated: {run:?}");
    let run = explained(&folder, &nginx, &json!({"headers": [cert]}));
    has(&run, &["x-ssl-client-verify is absent or empty; with a certificate it has to be \"SUCCESS\".\n"]);
    let run = explained(&folder, &nginx, &json!({"headers": [["x-ssl-client-verify", "SUCCESS"]]}));
    has(
        &run,
        &[
            "detail contradictory_headers\n",
            "found     x-ssl-client-verify is \"SUCCESS\": accepted.\n",
            "          x-ssl-client-cert holds no certificate.\n",
        ],
    );
}

#[test]
fn lines_that_should_not_be_there_are_named() {
    let (folder, pem) = lab();
    let cert = escaped(&pem);
    let nginx = json!({"preset": "nginx", "maxHeaderBytes": 1024});
    let twice = json!({"headers": [["X-SSL-Client-Verify", "SUCCESS"], ["x-ssl-client-verify", "NONE"]]});
    has(&explained(&folder, &nginx, &twice), &["found     x-ssl-client-verify came 2 times.\n"]);
    let alias =
        json!({"headers": [["X_SSL_Client_Verify\u{7f}", "SUCCESS"], ["x_ssl.client-verify", "SUCCESS"]]});
    has(
        &explained(&folder, &nginx, &alias),
        &["found     x_ssl.client-verify is an alias of x-ssl-client-verify: many servers"],
    );
    let long = json!({"headers": [["x-ssl-client-cert", cert.repeat(2)]]});
    has(&explained(&folder, &nginx, &long), &["bytes; \"maxHeaderBytes\" is 1024.\n"]);
}
