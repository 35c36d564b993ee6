//! Metrics and records: what is in them, how many there are, and that no caller writes them.

use peergate_conformance::wasm_host::{Exchange, Fault, MetricKind};
use serde_json::json;

use crate::support::{CALLER, Setup, XFCC, deployment, lines, ok_request, record};

#[test]
fn metrics_have_their_labels_in_the_name() {
    let mut setup = Setup::with(&deployment());
    setup.vm.request(setup.root, &ok_request()).unwrap();
    setup.vm.request(setup.root, &ok_request()).unwrap();
    setup.vm.request(setup.root, &Exchange::new(b"GET", b"/v1/orders", &[])).unwrap();
    let state = setup.vm.state();
    let name = "peergate_requests_total.decision=.=allow;.;reason=.=allowed;.;";
    assert_eq!(state.metric(name), Some(2));
    assert_eq!(state.metric("peergate_requests_total.decision=.=deny;.;reason=.=no_certificate;.;"), Some(1));
    let fingerprint = state.metric("peergate_policy_fingerprint.policy=.=host-tests;.;").unwrap();
    let sha256 = setup.gate.policy_sha256();
    let expected = sha256[..6].iter().fold(0, |value, byte| value * 256 + u64::from(*byte));
    assert_eq!(fingerprint, expected);
    assert_eq!(
        state.metric("peergate_policy_loaded_timestamp_seconds.policy=.=host-tests;.;"),
        Some(1_790_000_000)
    );
    let counters = state.metrics.iter().filter(|metric| metric.kind == MetricKind::Counter);
    let (counted, zero): (Vec<_>, Vec<_>) = counters.partition(|counter| counter.value > 0);
    assert_eq!(counted.len(), 2, "nothing that did not happen");
    // Whoever waits for the first of them sees that there was none.
    let is_there = |name: &str| zero.iter().any(|counter| counter.name == name);
    for reason in ["no_rule", "malformed_header", "expired"] {
        assert!(
            is_there(&format!("peergate_requests_total.decision=.=deny;.;reason=.={reason};.;")),
            "{reason}"
        );
    }
    assert!(is_there("peergate_host_errors_total") && is_there("peergate_config_refused_total"));
    assert!(!zero.iter().any(|counter| counter.name.contains("shadow_total")), "nothing is in shadow");
}

#[test]
fn what_is_in_shadow_is_counted_apart() {
    let mut shadow = deployment();
    shadow["policy"]["mode"] = json!("shadow");
    let mut setup = Setup::with(&shadow);
    assert_eq!(setup.status(&Exchange::new(b"GET", b"/v1/orders", &[])), None);
    let state = setup.vm.state();
    assert_eq!(state.metric("peergate_requests_total.decision=.=allow;.;reason=.=shadow_mode;.;"), Some(1));
    assert_eq!(state.metric("peergate_shadow_total.decision=.=deny;.;reason=.=no_certificate;.;"), Some(1));
}

#[test]
fn the_log_holds_what_is_asked_for() {
    let refused = Exchange::new(b"GET", b"/v1/orders", &[]);
    for (mode, allowed_lines, refused_lines) in
        [(json!("all"), 1, 1), (json!("denied"), 0, 1), (json!(null), 0, 1), (json!("none"), 0, 0)]
    {
        let mut with = deployment();
        match &mode {
            serde_json::Value::Null => drop(with.as_object_mut().unwrap().remove("log")),
            mode => with["log"] = mode.clone(),
        }
        let mut setup = Setup::with(&with);
        let observed = setup.vm.request(setup.root, &ok_request()).unwrap();
        assert_eq!(observed.logs.len(), allowed_lines, "{mode}");
        let observed = setup.vm.request(setup.root, &refused).unwrap();
        assert_eq!(observed.logs.len(), refused_lines, "{mode}");
    }
}

#[test]
fn a_flood_of_one_reason_neither_fills_the_log_nor_hides_another() {
    let mut setup = Setup::with(&deployment());
    let anonymous = Exchange::new(b"GET", b"/v1/orders", &[]);
    let mut written = 0;
    for _ in 0..700 {
        written += setup.vm.request(setup.root, &anonymous).unwrap().logs.len();
    }
    assert_eq!(written, 500);
    let observed = setup.vm.request(setup.root, &Exchange::new(b"GET", b"//", &[])).unwrap();
    assert_eq!(record(&observed)["reason"], "ambiguous_request", "another reason has its own limit");
    setup.vm.state_mut().now_ns += 1_000_000_000;
    let observed = setup.vm.request(setup.root, &anonymous).unwrap();
    assert_eq!(record(&observed)["dropped"], 200);
    let mut written = 1;
    for _ in 0..300 {
        written += setup.vm.request(setup.root, &anonymous).unwrap().logs.len();
    }
    assert_eq!(written, 100, "a hundred a second");
    let name = "peergate_requests_total.decision=.=deny;.;reason=.=no_certificate;.;";
    assert_eq!(setup.vm.state().metric(name), Some(1_001), "the counters miss nothing");
}

#[test]
fn a_flood_of_host_errors_is_limited_too() {
    let mut setup = Setup::with(&deployment());
    setup.vm.state_mut().faults.insert("proxy_get_header_map_pairs", Fault::Always(10));
    let mut written = 0;
    for _ in 0..700 {
        written += setup.vm.request(setup.root, &ok_request()).unwrap().logs.len();
    }
    assert_eq!(written, 500);
    setup.vm.state_mut().now_ns += 1_000_000_000;
    let observed = setup.vm.request(setup.root, &ok_request()).unwrap();
    assert!(observed.logs[0].text().ends_with(", dropped 200"), "{}", observed.logs[0].text());
}

#[test]
fn a_caller_writes_no_lines_of_the_log() {
    let mut with = deployment();
    with["policy"]["allow"] = json!([{"name": "any", "from": "authenticated"}]);
    let mut setup = Setup::with(&with);
    let hash = "d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0";
    // Escapes of RFC 4514 that decode to LF, CR, quotes, a line separator and a turn of direction.
    let name = "a\\0Apeergate {\\\"decision\\\":\\\"allow\\\"}\\0D\\E2\\80\\A8\\E2\\80\\AEb\\\\";
    let value = format!("Hash={hash};Subject=\"CN={name}\";URI=");
    let observed =
        setup.agrees(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", value.as_bytes())]));
    let [line] = observed.logs.as_slice() else { panic!("{:?}", observed.logs) };
    assert!(line.text.iter().all(|byte| (0x20..0x7f).contains(byte)), "{}", line.text());
    let identity = record(&observed)["identity"].clone();
    assert_eq!(identity, "a\npeergate {\"decision\":\"allow\"}\r\u{2028}\u{202e}b\\");
}

#[test]
fn a_long_identity_is_cut_in_the_log_only() {
    let path = "a".repeat(1_000);
    let mut with = deployment();
    with["policy"]["allow"] = json!([{"name": "any", "from": "authenticated"}]);
    let mut setup = Setup::with(&with);
    let id = format!("spiffe://lab.test/{path}");
    let value = XFCC.replace(CALLER, &id);
    let observed =
        setup.agrees(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", value.as_bytes())]));
    let record = record(&observed);
    assert_eq!(record["identity"].as_str(), id.get(..256));
    assert_eq!(record["identityCut"], true);
    let sent = format!("URI:{id}").into_bytes();
    assert!(observed.headers.contains(&(b"x-client-identity".to_vec(), sent)));
}
