//! `peergate parse`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on panics"
)]

mod common;

use std::fs;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{peergate, shared_fixtures};
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let path = shared_fixtures().join("vectors").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn xfcc_prints_elements_in_order() {
    let value = r#"by=a;Hash=b;subject="CN=x\"y,O=z";uri=u,hash=c;DNS="q\"r""#;
    let run = peergate(&["parse", "xfcc", "--value", value], b"").ended(0);
    assert_eq!(
        run.stdout,
        "{\"format\":\"text\",\"elements\":[\
         [[\"By\",\"a\"],[\"Hash\",\"b\"],[\"Subject\",\"CN=x\\\\\\\"y,O=z\"],[\"URI\",\"u\"]],\
         [[\"Hash\",\"c\"],[\"DNS\",\"q\\\"r\"]]]}\n"
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn an_empty_value_has_no_elements() {
    for arguments in [&["parse", "xfcc"][..], &["parse", "xfcc", "--format", "json"]] {
        for stdin in [&b""[..], b"\n"] {
            assert_eq!(peergate(arguments, stdin).ended(0).stdout, "{\"elements\":[]}\n");
        }
    }
}

#[test]
fn one_trailing_newline_is_dropped_and_no_more() {
    assert_eq!(
        peergate(&["parse", "xfcc"], b"Hash=a\n").ended(0).json()["elements"],
        json!([[["Hash", "a"]]])
    );
    let run = peergate(&["parse", "xfcc"], b"Hash=a\n\n").ended(1);
    assert_eq!(run.stdout, "{\"error\":{\"code\":\"control_byte\",\"offset\":6}}\n");
    let run = peergate(&["parse", "xfcc", "--value", "Hash=a\n"], b"").ended(1);
    assert_eq!(run.json()["error"]["code"], "control_byte", "a value on the command line is taken as it is");
}

#[test]
fn bad_xfcc_prints_code_and_offset() {
    let run = peergate(&["parse", "xfcc", "--value", "Subject=\"ab"], b"").ended(1);
    assert_eq!(run.stdout, "{\"error\":{\"code\":\"unclosed_quote\",\"offset\":8}}\n");
    let run = peergate(&["parse", "xfcc"], b"URI=\xff").ended(1);
    assert_eq!(run.stdout, "{\"error\":{\"code\":\"non_ascii_byte\",\"offset\":4}}\n");
}

#[test]
fn every_shared_xfcc_vector_reads_as_it_says() {
    let vectors = vectors("xfcc.json");
    let mut counts = [0_usize; 4];
    for vector in vectors.as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        // A code point stands for a byte.
        let header: Vec<u8> =
            vector["header"].as_str().unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect();
        let run = peergate(&["parse", "xfcc"], &[&header[..], b"\n"].concat());
        let expect = &vector["expect"];
        let refused_as = |code: &str| {
            assert_eq!((run.code, &run.json()["error"]["code"]), (1, &json!(code)), "{name}: {run:?}");
        };
        if let Some(elements) = expect.get("elements") {
            assert_eq!((run.code, &run.json()["elements"]), (0, elements), "{name}: {run:?}");
            counts[0] += 1;
        } else if expect.get("error").is_some() {
            assert_eq!(run.code, 1, "{name}: {run:?}");
            assert!(run.json()["error"]["code"].is_string(), "{name}: {run:?}");
            counts[1] += 1;
        } else if expect.get("accept").is_some() {
            refused_as("unknown_key");
            counts[2] += 1;
        } else if expect.get("json").is_some() {
            refused_as("unexpected_format");
            counts[3] += 1;
        } else {
            panic!("{name}: an expectation that this test does not know");
        }
    }
    assert!(counts.iter().all(|count| *count > 0), "a kind of vector is missing: {counts:?}");
}

/// What Envoy passes on and no reader may take: what a client put in front of Envoy's own element,
/// and names that hold a line feed or bytes that are not UTF-8.
const CAPTURES_REFUSED: &[(&str, &str)] = &[
    ("json-append-client-sends-broken-json-2", "bad_json"),
    ("json-append-client-sends-json-array", "unknown_key"),
    ("json-uri-lf", "control_byte"),
    ("json-uri-non-utf8", "non_ascii_byte"),
];

#[test]
fn what_envoy_sends_in_json_reads_in_that_form_only() {
    let captures = vectors("envoy-captures.json");
    let mut read_in = 0_usize;
    for capture in captures["captures"].as_array().unwrap() {
        let name = capture["name"].as_str().unwrap();
        if capture["format"] != "json" {
            continue;
        }
        let value = BASE64_STANDARD.decode(capture["xfcc_base64"].as_str().unwrap()).unwrap();
        peergate(&["parse", "xfcc"], &value).ended(1);
        let run = peergate(&["parse", "xfcc", "--format", "json"], &value);
        if let Some((_, code)) = CAPTURES_REFUSED.iter().find(|(refused, _)| *refused == name) {
            assert_eq!((run.code, &run.json()["error"]["code"]), (1, &json!(code)), "{name}: {run:?}");
            continue;
        }
        let elements = run.ended(0).json()["elements"].as_array().unwrap().clone();
        let sent: Value = serde_json::from_slice(&value).unwrap();
        assert_eq!(elements.len(), sent.as_array().unwrap().len(), "{name}");
        for (read, sent) in elements.iter().zip(sent.as_array().unwrap()) {
            let first = |key: &str| {
                read.as_array().unwrap().iter().find(|pair| pair[0] == key).map(|pair| pair[1].clone())
            };
            assert_eq!(first("Hash").as_ref(), sent.get("hash"), "{name}");
            assert_eq!(first("Subject").as_ref(), sent.get("subject"), "{name}");
        }
        read_in += 1;
    }
    assert!(read_in > 20, "only {read_in} captures of the JSON form were found");
}

#[test]
fn json_form_prints_the_same_shape() {
    let value = r#"[{"hash":"h","uri":["u","v"],"by":["b"],"subject":"CN=a","dns":[]}]"#;
    let run = peergate(&["parse", "xfcc", "--format", "json", "--value", value], b"").ended(0);
    assert_eq!(
        run.stdout,
        "{\"format\":\"json\",\"elements\":[[[\"By\",\"b\"],[\"Hash\",\"h\"],[\"Subject\",\"CN=a\"],\
         [\"URI\",\"u\"],[\"URI\",\"v\"]]]}\n"
    );
    let run = peergate(&["parse", "xfcc", "--format", "json", "--value", "[{\"hush\":\"h\"}]"], b"").ended(1);
    assert!(run.json()["error"]["offset"].is_u64(), "{run:?}");
}

#[test]
fn spiffe_prints_trust_domain_and_path() {
    let run = peergate(&["parse", "spiffe", "--value", "spiffe://td/a/b"], b"").ended(0);
    assert_eq!(run.stdout, "{\"trustDomain\":\"td\",\"path\":\"/a/b\"}\n");
    let run = peergate(&["parse", "spiffe"], b"spiffe://td\n").ended(0);
    assert_eq!(run.stdout, "{\"trustDomain\":\"td\",\"path\":\"\"}\n");
    let run = peergate(&["parse", "spiffe", "--value", "spiffe://td/a//b"], b"").ended(1);
    assert_eq!(run.json()["error"]["code"], "empty_segment");
    assert!(run.json()["error"]["offset"].is_u64());
}

#[test]
fn every_shared_spiffe_vector_reads_as_it_says() {
    let vectors = vectors("spiffe.json");
    let valid = vectors["valid"].as_array().unwrap();
    let invalid = vectors["invalid"].as_array().unwrap();
    for id in valid {
        let id = id.as_str().unwrap();
        let read = peergate(&["parse", "spiffe"], format!("{id}\n").as_bytes()).ended(0).json();
        let written =
            format!("spiffe://{}{}", read["trustDomain"].as_str().unwrap(), read["path"].as_str().unwrap());
        assert_eq!(written, id);
    }
    for vector in invalid {
        let id = vector["id"].as_str().unwrap();
        let run = peergate(&["parse", "spiffe"], format!("{id}\n").as_bytes()).ended(1);
        assert_eq!(run.json()["error"]["code"], vector["rule"], "{id:?}");
    }
    assert!(!valid.is_empty() && !invalid.is_empty());
}

/// Certificates of the captures: name and PEM.
fn certificates() -> Vec<(String, String)> {
    let vectors = vectors("envoy-captures.json");
    let certificates = vectors["certs"].as_object().unwrap().iter();
    certificates.map(|(name, pem)| (name.clone(), pem.as_str().unwrap().to_owned())).collect()
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(body).unwrap()
}

#[test]
fn cert_prints_the_normalised_certificate() {
    let (_, pem) = certificates().into_iter().find(|(name, _)| name == "client-a").unwrap();
    let run = peergate(&["parse", "cert"], pem.as_bytes()).ended(0);
    assert_eq!(
        run.stdout,
        format!(
            concat!(
                r#"{{"subjectDn":"CN=client-a,OU=Payments,O=XFCC Lab,C=US","subjectCn":"client-a","#,
                r#""issuerDn":"CN=XFCC Lab Root CA,O=XFCC Lab","issuerCn":"XFCC Lab Root CA","#,
                r#""serialNumber":"0x7e82016ec697f7e0508023380986de0d59c96ef1","#,
                r#""fingerprint256":"D345F6DED74FF6C5E48DC7554E4341E5A5983203FA643D2CE6DF67D9C14F4DD0","#,
                r#""subjectAltNames":["URI:spiffe://lab.test/ns/prod/sa/payments","DNS:payments.prod.svc"],"#,
                r#""notBefore":"2025-01-01T00:00:00Z","notAfter":"2036-01-01T00:00:00Z","pem":{}}}"#,
                "\n"
            ),
            json!(pem)
        )
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn cert_reads_pem_and_der_alike() {
    let mut read = 0;
    for (name, pem) in certificates() {
        let from_pem = peergate(&["parse", "cert"], pem.as_bytes());
        let from_der = peergate(&["parse", "cert"], &der(&pem));
        assert_eq!((&from_pem.stdout, from_pem.code), (&from_der.stdout, from_der.code), "{name}");
        if from_pem.code == 0 {
            assert_eq!(from_pem.json()["pem"], pem, "{name}");
            assert!(from_pem.json().get("verified").is_none(), "nobody has verified it");
            read += 1;
        } else {
            assert_eq!(from_pem.json()["error"]["code"], "bad_name_byte", "{name}");
        }
    }
    assert!(read > 30, "only {read} certificates were read");
}

#[test]
fn bad_certificates_print_code_and_offset() {
    let (_, pem) = certificates().into_iter().find(|(name, _)| name == "client-a").unwrap();
    let der = der(&pem);
    let last = der.len();
    let longer = [&der[..], &[0]].concat();
    for (input, code, offset) in [
        (&b""[..], "bad_pem", 0),
        (b"no certificate", "bad_pem", 0),
        (format!("{pem}{pem}").as_bytes(), "bad_pem", 0),
        (&longer, "trailing_bytes", last),
        (&der[..last - 1], "truncated", 0),
        // Of DER no newline is dropped: it is no text.
        (&[&der[..], b"\n"].concat(), "trailing_bytes", last),
    ] {
        let run = peergate(&["parse", "cert"], input).ended(1);
        assert_eq!(run.json(), json!({ "error": { "code": code, "offset": offset } }));
    }
}

#[test]
fn every_code_of_a_certificate_is_on_the_page() {
    let page = fs::read_to_string(shared_fixtures().join("../../docs/cli.md")).unwrap();
    for code in peergate_core::x509::X509Code::ALL {
        let about = code.about().trim().trim_end_matches('.');
        let rest = about.char_indices().nth(1).map_or("", |(at, _)| &about[at..]);
        let row = format!("| `{code}` | {}{rest} |", about[..1].to_lowercase());
        assert!(page.contains(&row), "{row}");
    }
}
