//! Real mutual TLS: Envoy writes the XFCC header from real certificates, hostile ones among them,
//! and the filter binds it to the live connection. One Envoy, one listener for each way of forwarding.
//!
//! The client is `openssl s_client`, so that nothing stands between the test and the bytes.

#[cfg(test)]
mod lab;

use serde_json::{Value, json};

use lab::{API, LAB, WEB};

fn refused(reason: &str, detail: Option<&str>) -> Value {
    json!({ "decision": "deny", "reason": reason, "detail": detail, "rule": null })
}

#[test]
fn envoys_own_element_names_the_caller() {
    for listener in ["sanitize-set", "sanitize-set-bound", "sanitize-set-json", "append-forward"] {
        let allowed = json!({
            "decision": "allow", "reason": "allowed", "rule": "orders", "identity": API,
            "verified": true, "sha256": LAB.sha256("api")
        });
        LAB.expect(listener, Some("api"), "", 200, &allowed);
        let other = json!({ "reason": "no_rule", "identity": WEB, "sha256": LAB.sha256("web") });
        LAB.expect(listener, Some("web"), "", 403, &other);
        LAB.expect(listener, None, "", 401, &refused("no_certificate", None));
    }
}

#[test]
fn a_forged_header_is_thrown_away_or_refused() {
    let stolen = LAB.stolen_header("api", API);
    for listener in ["sanitize-set", "sanitize-set-bound", "sanitize-set-json"] {
        LAB.expect(listener, Some("web"), &stolen, 403, &json!({ "reason": "no_rule", "identity": WEB }));
        LAB.expect(listener, None, &stolen, 401, &refused("no_certificate", None));
    }
    LAB.expect("append-forward", Some("web"), &stolen, 403, &refused("unexpected_element", None));
    // Envoy puts its element behind whatever came, here inside a quote that does not end.
    let open = format!("x-forwarded-client-cert: Hash={};URI={API};Subject=\"\r\n", LAB.sha256("api"));
    let (status, record) = LAB.ask("append-forward", Some("web"), &open);
    assert_eq!(status, Some(403));
    assert_eq!(record.unwrap()["reason"], "malformed_header");
}

#[test]
fn a_header_is_bound_to_the_connection() {
    // A listener that forwards what clients send: the header is well-formed, of a real certificate,
    // and sent by somebody else.
    let stolen = LAB.stolen_header("api", API);
    let other = refused("hash_mismatch", Some("other_connection_certificate"));
    LAB.expect("forward-only", Some("web"), &stolen, 403, &other);
    LAB.expect("forward-only", Some("api"), &stolen, 200, &json!({ "decision": "allow", "rule": "orders" }));
    // Whoever turns the binding off on such a listener believes every client.
    let believed = json!({ "decision": "allow", "identity": API });
    LAB.expect("forward-only-unbound", Some("web"), &stolen, 200, &believed);
}

#[test]
fn hostile_names_in_certificates_get_nobody_in() {
    // The JSON form keeps a name one string, and no such string is a SPIFFE ID.
    let in_json = refused("ambiguous_identity", None);
    let line_feed = refused("malformed_header", Some("control_byte"));
    let hostile = [
        ("bad-comma", refused("unexpected_element", None), &in_json),
        ("bad-semicolon", refused("ambiguous_identity", None), &in_json),
        ("bad-quote", refused("malformed_header", Some("quote_in_bare_value")), &in_json),
        ("bad-line-feed", line_feed.clone(), &line_feed),
        ("bad-two-uris", refused("ambiguous_identity", None), &in_json),
    ];
    for (caller, in_text, in_json) in hostile {
        LAB.expect("sanitize-set", Some(caller), "", 403, &in_text);
        LAB.expect("sanitize-set-bound", Some(caller), "", 403, &in_text);
        LAB.expect("sanitize-set-json", Some(caller), "", 403, in_json);
    }
}

#[test]
fn certificates_that_envoy_refuses_never_reach_the_filter() {
    for caller in ["bad-expired", "bad-not-yet-valid", "bad-foreign-ca"] {
        assert_eq!(LAB.ask("sanitize-set", Some(caller), ""), (None, None), "{caller}");
    }
}

#[test]
fn the_whole_certificate_decides() {
    // Envoy's properties of the connection, and the certificate in the header in both its forms.
    for listener in ["connection", "certificate", "certificate-json"] {
        for (caller, rule, identity) in
            [("api", "by-spiffe", API), ("batch", "by-dns", "batch.lab.test"), ("host", "by-ip", "host")]
        {
            let allowed = json!({
                "decision": "allow", "rule": rule, "identity": identity, "verified": true,
                "sha256": LAB.sha256(caller)
            });
            LAB.expect(listener, Some(caller), "", 200, &allowed);
        }
        let other = json!({ "reason": "no_rule", "identity": WEB, "sha256": LAB.sha256("web") });
        LAB.expect(listener, Some("web"), "", 403, &other);
        LAB.expect(listener, None, "", 401, &refused("no_certificate", None));
        // Who may sign certificates is nobody's caller.
        let authority = json!({
            "reason": "ambiguous_identity", "detail": null, "identity": null, "sha256": LAB.sha256("authority")
        });
        LAB.expect(listener, Some("authority"), "", 403, &authority);
        // Whatever a client writes into the header.
        let stolen = LAB.stolen_header("api", API);
        LAB.expect(listener, Some("web"), &stolen, 403, &other);
        LAB.expect(listener, None, &stolen, 401, &refused("no_certificate", None));
    }
}

#[test]
fn hostile_names_in_a_certificate_stay_one_name_each() {
    let ambiguous = refused("ambiguous_identity", None);
    let unreadable = refused("malformed_header", Some("bad_certificate"));
    for listener in ["connection", "certificate-json"] {
        for caller in ["bad-comma", "bad-semicolon", "bad-quote", "bad-two-uris", "bad-borrowed"] {
            LAB.expect(listener, Some(caller), "", 403, &ambiguous);
        }
    }
    LAB.expect("connection", Some("bad-line-feed"), "", 403, &unreadable);
    // In the text form what stands beside the certificate must keep the header's grammar.
    for caller in ["bad-comma", "bad-semicolon", "bad-quote", "bad-two-uris", "bad-borrowed", "bad-line-feed"]
    {
        let (status, record) = LAB.ask("certificate", Some(caller), "");
        assert_eq!(status, Some(403), "{caller}: {record:?}");
    }
}

#[test]
fn a_window_is_checked_where_envoy_was_told_not_to() {
    for listener in ["connection-any-time", "certificate-any-time"] {
        for (caller, reason) in [("bad-expired", "expired"), ("bad-not-yet-valid", "not_yet_valid")] {
            let known = json!({
                "decision": "deny", "reason": reason, "identity": null, "sha256": LAB.sha256(caller)
            });
            LAB.expect(listener, Some(caller), "", 403, &known);
        }
        LAB.expect(listener, Some("api"), "", 200, &json!({ "rule": "by-spiffe" }));
    }
}

/// A session that is taken up again is the caller's who began it, certificate and all.
#[test]
fn a_resumed_session_keeps_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        for (caller, status, expected) in [
            (Some("api"), 200, json!({ "rule": "by-spiffe", "sha256": LAB.sha256("api") })),
            (Some("web"), 403, json!({ "reason": "no_rule", "sha256": LAB.sha256("web") })),
            (None, 401, json!({ "reason": "no_certificate", "sha256": null })),
        ] {
            let session = folder.path().join("session");
            drop(std::fs::remove_file(&session));
            let before = LAB.resumptions();
            for flag in ["-sess_out", "-sess_in"] {
                let arguments = [version.as_ref(), flag.as_ref(), session.as_os_str()];
                let (got, record) = LAB.ask_with("connection", caller, "", &arguments);
                let record = record.unwrap_or_else(|| panic!("{version} {flag} {caller:?}: no record"));
                assert_eq!(got, Some(status), "{version} {flag} {caller:?}: {record}");
                for (key, value) in expected.as_object().unwrap() {
                    assert_eq!(record.get(key), Some(value), "{version} {flag} {caller:?}: {record}");
                }
            }
            assert_eq!(LAB.resumptions(), before + 1, "{version} {caller:?}");
        }
    }
}

/// No filter can tell a verified certificate from one that Envoy was told to accept anyway: neither
/// the header nor a property of the connection says so. This is why the documentation forbids it.
#[test]
fn a_listener_that_accepts_untrusted_certificates_vouches_for_strangers() {
    let stranger = json!({ "decision": "allow", "identity": API, "verified": true });
    LAB.expect("accept-untrusted", Some("bad-foreign-ca"), "", 200, &stranger);
    // There the rule asks for the issuer's name as well, which this stranger did not copy.
    let uncopied = json!({ "reason": "no_rule", "identity": API, "verified": true });
    LAB.expect("connection-accept-untrusted", Some("bad-foreign-ca"), "", 403, &uncopied);
}
