//! The filter in a hostile proxy: any bytes, failing calls, floods, reloads.
#![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

#[cfg(test)]
mod connection;
#[cfg(test)]
mod support;

use peergate_conformance::wasm_host::{Action, Exchange, Fault, Limits, MetricKind, Vm, encode_map};
use serde_json::json;
use support::{CALLER, Setup, XFCC, deployment, lines, ok_request, record};

/// What the module's file may take; what it takes is a little less.
const MODULE_BYTES: usize = 460_000;

// === bytes ===

#[test]
fn every_byte_in_every_place_gets_core_s_answer() {
    let mut setup = Setup::with(&deployment());
    for byte in 0..=255_u8 {
        let value = [&XFCC.as_bytes()[..90], &[byte], &XFCC.as_bytes()[90..]].concat();
        let quoted = [XFCC.replace("CN=client", "CN=cli").as_bytes(), &[byte]].concat();
        let places = [
            lines(&[(b"x-forwarded-client-cert", &value)]),
            lines(&[(b"x-forwarded-client-cert", &quoted)]),
            lines(&[(b"x-forwarded-client-cert", &[byte])]),
            lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes()), (b"x-other", &[b'a', byte])]),
            lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes()), (b"x-client-identity", &[byte])]),
            lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes()), (&[b'x', byte], b"v")]),
            lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes()), (&[byte], b"v")]),
            lines(&[(&[b"x-forwarded-client-cert".as_slice(), &[byte]].concat(), XFCC.as_bytes())]),
            lines(&[(&[b"x-forwarded", &[byte][..], b"client-cert"].concat(), XFCC.as_bytes())]),
            lines(&[(&[b"x-client", &[byte][..], b"identity"].concat(), b"root")]),
        ];
        for place in places {
            setup.agrees(b"GET", b"/v1/orders", &place);
        }
        setup.agrees(&[b'G', byte], b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes())]));
        let target = [b"/v1/or", &[byte][..], b"ders"].concat();
        setup.agrees(b"GET", &target, &lines(&[(b"x-forwarded-client-cert", XFCC.as_bytes())]));
    }
}

#[test]
fn chance_gets_core_s_answer() {
    // A fixed seed: the same bytes on every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap() % below
    };
    let parts: &[&[u8]] = &[
        b"By=",
        b"Hash=",
        b"URI=",
        b"DNS=",
        b"Subject=\"",
        b"\"",
        b"\\",
        b",",
        b";",
        b"=",
        b" ",
        b"\xff",
        b"\0",
        b"spiffe://lab.test/ns/prod/sa/payments",
        b"spiffe://lab.test/x",
        XFCC.as_bytes(),
        b"[{\"hash\":\"",
        b"%2C",
        b"d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0",
        b"CN=a",
        b"O=b",
        b"\n",
        b"\xc3\xa9",
    ];
    let mut setup = Setup::with(&deployment());
    for _ in 0..5_000 {
        let mut headers = Vec::new();
        for _ in 0..next(3) {
            let value: Vec<u8> = (0..next(12)).flat_map(|_| parts[next(parts.len())].to_vec()).collect();
            headers.push((b"x-forwarded-client-cert".to_vec(), value));
        }
        setup.agrees(b"GET", b"/v1/orders", &headers);
    }
}

#[test]
fn long_headers_get_core_s_answer() {
    let mut setup = Setup::with(&deployment());
    for length in [60 * 1024, 64 * 1024, 64 * 1024 + 1, 200 * 1024] {
        let sans = "DNS=a.example,".len();
        for value in [
            vec![b'a'; length],
            vec![b','; length],
            vec![b'"'; length],
            format!("{XFCC};{}", "DNS=a.example;".repeat(length / sans)).into_bytes(),
            format!("{XFCC},").repeat(length / XFCC.len()).into_bytes(),
            format!("Subject=\"{}\"", "\\".repeat(length)).into_bytes(),
        ] {
            setup.agrees(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", &value)]));
        }
    }
    let many: Vec<_> = (0..5_000).map(|n| (format!("x-{n}").into_bytes(), vec![b'v'])).collect();
    setup.agrees(b"GET", b"/healthz", &many);
}

// === what the client cannot say ===

#[test]
fn the_service_hears_about_the_caller_from_the_filter_only() {
    let mut setup = Setup::with(&deployment());
    let observed = setup.agrees(
        b"GET",
        b"/v1/orders",
        &lines(&[
            (b"x-client-identity", b"URI:spiffe://lab.test/admin"),
            (b"x-client_identity", b"URI:spiffe://lab.test/admin"),
            (b"x-forwarded-client-cert", XFCC.as_bytes()),
            (b"X-Client.Identity", b"URI:spiffe://lab.test/admin"),
            (b"x-kept", b"1"),
            (b"x-client-identity", b"again"),
        ]),
    );
    let text = |(name, value): &(Vec<u8>, Vec<u8>)| {
        format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
    };
    let rest: Vec<String> = observed.headers.iter().map(text).filter(|line| !line.starts_with(':')).collect();
    let xfcc = format!("x-forwarded-client-cert: {XFCC}");
    let identity = format!("x-client-identity: URI:{CALLER}");
    assert_eq!(rest, [xfcc.as_str(), "x-kept: 1", identity.as_str()]);
}

#[test]
fn an_anonymous_caller_leaves_no_identity_behind() {
    let mut setup = Setup::with(&deployment());
    let observed =
        setup.agrees(b"GET", b"/healthz", &lines(&[(b"x-client-identity", b"URI:spiffe://lab.test/admin")]));
    assert_eq!(observed.action, Action::Continue);
    assert!(observed.headers.iter().all(|(name, _)| name != b"x-client-identity"));
}

#[test]
fn a_request_line_that_is_not_there_once_is_ambiguous() {
    let mut setup = Setup::with(&deployment());
    let whole = ok_request();
    for name in [&b":path"[..], b":method"] {
        let mut missing = whole.clone();
        missing.headers.retain(|(own, _)| own != name);
        assert_eq!(setup.status(&missing), Some(400), "without one");
        let mut twice = whole.clone();
        let again = twice.headers.iter().find(|(own, _)| own == name).unwrap().clone();
        twice.headers.push(again);
        assert_eq!(setup.status(&twice), Some(400), "with two");
    }
    let mut neither = whole.clone();
    neither.headers.clear();
    assert_eq!(setup.status(&neither), Some(400), "with no header at all");
    assert_eq!(setup.status(&whole), None);
}

#[test]
fn a_refusal_says_nothing_about_its_reason() {
    let mut setup = Setup::with(&deployment());
    let unknown = XFCC.replace("payments", "front");
    let broken = format!("{XFCC};;");
    let mut bodies = Vec::new();
    for value in [unknown.as_bytes(), broken.as_bytes()] {
        let observed = setup.agrees(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", value)]));
        let reply = observed.answered().unwrap().unwrap().clone();
        assert_eq!(reply.status, 403);
        assert!(reply.headers.contains(&(b"content-type".to_vec(), b"application/problem+json".to_vec())));
        assert!(reply.headers.contains(&(b"cache-control".to_vec(), b"no-store".to_vec())));
        bodies.push((reply.headers, reply.body));
    }
    assert_eq!(bodies[0], bodies[1]);
    let observed = setup.agrees(b"GET", b"/v1/orders", &[]);
    let reply = observed.answered().unwrap().unwrap();
    assert_eq!(reply.status, 401);
    assert!(reply.headers.contains(&(b"www-authenticate".to_vec(), b"ClientCertificate".to_vec())));
    assert_eq!(reply.details, b"peergate_denied{no_certificate}");
}

#[test]
fn after_a_refusal_no_body_moves_on() {
    let mut setup = Setup::with(&deployment());
    let refused = Exchange { body: true, ..Exchange::new(b"POST", b"/v1/orders", &[]) };
    let observed = setup.vm.request(setup.root, &refused).unwrap();
    assert_eq!((observed.action, observed.body_action), (Action::Pause, Some(Action::Pause)));
    assert!(observed.answered().unwrap().is_some());
    let allowed = Exchange { body: true, ..ok_request() };
    let observed = setup.vm.request(setup.root, &allowed).unwrap();
    assert_eq!((observed.action, observed.body_action), (Action::Continue, Some(Action::Continue)));
}

// === calls that fail ===

/// Statuses of the ABI, and two that are none.
const FAILURES: [u32; 9] = [1, 2, 3, 4, 7, 8, 10, 12, 4_000_000_000];

#[test]
fn a_failing_call_on_the_way_to_a_decision_refuses() {
    for call in
        ["proxy_get_header_map_pairs", "proxy_replace_header_map_value", "proxy_remove_header_map_value"]
    {
        for status in FAILURES {
            let mut setup = Setup::with(&deployment());
            let mut request = ok_request();
            request.headers.push((b"x-client-identity".to_vec(), b"forged".to_vec()));
            setup.vm.state_mut().faults.insert(call, Fault::Once(status));
            let observed = setup.vm.request(setup.root, &request).unwrap();
            let reply = observed.answered().unwrap().expect("refused");
            assert_eq!(reply.status, 503, "{call} gave {status}");
            assert_eq!(reply.details, b"peergate_unavailable");
            let [line] = observed.logs.as_slice() else { panic!("{:?}", observed.logs) };
            assert_eq!(line.text(), format!("peergate: request refused: {call} gave {status}"));
            assert_eq!(setup.vm.state().metric("peergate_host_errors_total"), Some(1));
            assert_eq!(setup.status(&request), None, "the next request is fine");
        }
    }
}

#[test]
fn a_property_that_fails_refuses_and_one_that_is_absent_does_not() {
    let mut with = deployment();
    with["source"] = json!({"preset": "envoy", "bindConnection": true});
    let mut setup = Setup::with(&with);
    let property = b"connection\0sha256_peer_certificate_digest".to_vec();
    let hash = "d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0";
    assert_eq!(setup.status(&ok_request()), Some(403), "no digest to compare with");
    setup.vm.state_mut().properties.insert(property.clone(), hash.as_bytes().to_vec());
    assert_eq!(setup.status(&ok_request()), None);
    setup.vm.state_mut().properties.insert(property.clone(), hash.replace('d', "e").into_bytes());
    assert_eq!(setup.status(&ok_request()), Some(403), "another certificate");
    for value in [&b""[..], b"\xff", b"d345"] {
        setup.vm.state_mut().properties.insert(property.clone(), value.to_vec());
        assert_eq!(setup.status(&ok_request()), Some(403), "no digest: {value:?}");
    }
    setup.vm.state_mut().properties.insert(property, hash.as_bytes().to_vec());
    for status in FAILURES.into_iter().filter(|status| *status != 1) {
        setup.vm.state_mut().faults.insert("proxy_get_property", Fault::Once(status));
        assert_eq!(setup.status(&ok_request()), Some(503), "status {status}");
    }
    assert_eq!(setup.status(&ok_request()), None);
}

#[test]
fn a_malformed_header_map_refuses() {
    let mut setup = Setup::with(&deployment());
    let whole = encode_map(&ok_request().headers);
    let longer = [&whole[..], b"\0"].concat();
    let cuts = (1..whole.len()).map(|end| whole[..end].to_vec());
    let lies = (0..12).map(|at| {
        let mut map = whole.clone();
        map[at] ^= 0x80;
        map
    });
    for map in cuts.chain(lies).chain([longer, vec![0xff; 64]]) {
        setup.vm.state_mut().raw_headers = Some(map);
        assert_eq!(setup.status(&ok_request()), Some(503));
    }
    setup.vm.state_mut().raw_headers = Some(whole);
    assert_eq!(setup.status(&ok_request()), None);
}

#[test]
fn an_answer_that_fails_is_tried_once_more_and_never_becomes_a_pass() {
    for status in FAILURES {
        let mut setup = Setup::with(&deployment());
        let refused = Exchange { body: true, ..Exchange::new(b"GET", b"/v1/orders", &[]) };
        setup.vm.state_mut().faults.insert("proxy_send_local_response", Fault::Once(status));
        let observed = setup.vm.request(setup.root, &refused).unwrap();
        assert_eq!(observed.answered().unwrap().map(|reply| reply.status), Some(503));
        setup.vm.state_mut().faults.insert("proxy_send_local_response", Fault::Always(status));
        let observed = setup.vm.request(setup.root, &refused).unwrap();
        assert_eq!((observed.action, observed.body_action), (Action::Pause, Some(Action::Pause)));
        assert_eq!(observed.replies, []);
        assert_eq!(setup.vm.state().metric("peergate_host_errors_total"), Some(2));
    }
}

#[test]
fn logs_metrics_and_the_clock_never_decide() {
    for call in [
        "proxy_log",
        "proxy_define_metric",
        "proxy_increment_metric",
        "proxy_record_metric",
        "proxy_get_current_time_nanoseconds",
    ] {
        for status in FAILURES {
            let mut vm = support::vm(Limits::default());
            vm.state_mut().faults.insert(call, Fault::Always(status));
            let configured = vm.configure(deployment().to_string().as_bytes()).unwrap();
            assert!(configured.accepted, "{call} gave {status}");
            let allowed = vm.request(configured.root, &ok_request()).unwrap();
            assert_eq!(allowed.answered().unwrap(), None, "{call} gave {status}");
            let refused = Exchange::new(b"GET", b"/v1/orders", &[]);
            let observed = vm.request(configured.root, &refused).unwrap();
            assert_eq!(observed.answered().unwrap().map(|reply| reply.status), Some(401));
        }
    }
}

// === configuration ===

#[test]
fn only_json_text_is_a_configuration() {
    let mut vm = support::vm(Limits::default());
    let text = deployment().to_string();
    // A Struct {"version": 1.5}, an empty Struct, and what a YAML block makes of the text.
    let number = b"\x0a\x14\x0a\x07version\x12\x09\x11\0\0\0\0\0\0\xf8\x3f".to_vec();
    for (configuration, says) in [(number, "Struct"), (Vec::new(), "empty")] {
        let configured = vm.configure(&configuration).unwrap();
        assert!(!configured.accepted);
        let [line] = configured.logs.as_slice() else { panic!("{:?}", configured.logs) };
        assert!(line.text().contains(says) && line.text().contains("StringValue"), "{}", line.text());
        assert_eq!(line.level, 4);
    }
    assert!(vm.configure(format!("\n  {text}\n").as_bytes()).unwrap().accepted);
    for configuration in
        [&b"\xff\xfe{\0}\0"[..], b"null", b"[]", b"1", b"{", b"{}", b"{\"policy\":\"a.json\"}"]
    {
        let configured = vm.configure(configuration).unwrap();
        assert!(!configured.accepted, "{configuration:?}");
        let line = configured.logs.first().unwrap().text();
        assert!(line.starts_with("peergate: refused configuration: "), "{line}");
    }
}

#[test]
fn every_byte_of_a_configuration_is_taken_or_refused() {
    let mut vm = support::vm(Limits::default());
    let text = deployment().to_string().into_bytes();
    for at in 0..text.len() {
        for byte in [0_u8, b'"', b'{', b',', 0xff] {
            let mut bad = text.clone();
            bad[at] = byte;
            let configured = vm.configure(&bad).unwrap();
            assert!(!configured.logs.is_empty(), "neither taken nor refused with a word");
            vm.end(configured.root).unwrap();
        }
    }
}

#[test]
fn a_refused_configuration_leaves_the_one_in_force() {
    let mut setup = Setup::with(&deployment());
    let mut other = deployment();
    other["policy"]["allow"] = json!([]);
    let mut broken = other.clone();
    broken["policy"]["allow"] = json!([{"name": "x"}]);

    let refused = setup.vm.configure(broken.to_string().as_bytes()).unwrap();
    assert!(!refused.accepted);
    let line = refused.logs.first().unwrap().text();
    assert!(line.starts_with("peergate: refused configuration: /policy/allow/0"), "{line}");
    assert_eq!(setup.status(&ok_request()), None, "the first still decides");

    // A proxy does not send requests to a context that refused; if it did, they would be refused.
    let observed = setup.vm.request(refused.root, &ok_request()).unwrap();
    assert_eq!(observed.answered().unwrap().map(|reply| reply.status), Some(503));
    setup.vm.end(refused.root).unwrap();

    let second = setup.vm.configure(other.to_string().as_bytes()).unwrap();
    assert!(second.accepted);
    let observed = setup.vm.request(second.root, &ok_request()).unwrap();
    assert_eq!(observed.answered().unwrap().map(|reply| reply.status), Some(403), "the second decides");
    assert_eq!(setup.status(&ok_request()), None, "requests under the first end under the first");
    setup.vm.end(setup.root).unwrap();
    let observed = setup.vm.request(second.root, &ok_request()).unwrap();
    assert_eq!(observed.answered().unwrap().map(|reply| reply.status), Some(403));
}

#[test]
fn reloads_do_not_gather_memory() {
    let mut vm = support::vm(Limits::default());
    let text = deployment().to_string();
    let mut reload = || {
        let configured = vm.configure(text.as_bytes()).unwrap();
        assert!(configured.accepted);
        vm.request(configured.root, &ok_request()).unwrap();
        vm.end(configured.root).unwrap();
        vm.memory_bytes()
    };
    let warm = (0..50).map(|_| reload()).max().unwrap();
    let end = (0..500).map(|_| reload()).max().unwrap();
    assert_eq!(end, warm);
}

// === what operators see ===

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

// === the module ===

/// What a proxy must offer, or it does not start the filter: what `interface.txt` lists, no file, no
/// clock of WASI, and no random number, which the hash tables of a library would want for their seed.
#[test]
fn the_module_imports_no_more_than_every_proxy_has() {
    let listed = include_str!("../../envoy-filter/interface.txt").lines();
    let mut listed: Vec<_> = listed.filter_map(|line| line.strip_prefix("import ")).collect();
    listed.sort_unstable();
    let imports = support::filter().imports();
    assert_eq!(imports, listed);
    assert!(imports.iter().any(|name| name == "env.proxy_send_local_response"));
}

/// What is not exported is not called, and a body would pass after a refusal.
#[test]
fn the_module_exports_every_callback_that_the_filter_has() {
    let listed: Vec<_> = include_str!("../../envoy-filter/interface.txt")
        .lines()
        .filter_map(|line| line.strip_prefix("export "))
        .collect();
    let sources =
        [include_str!("../../envoy-filter/src/plugin.rs"), include_str!("../../envoy-filter/src/stream.rs")];
    let mut callbacks = 0;
    for line in sources.iter().flat_map(|source| source.lines()) {
        let Some((name, _)) = line.trim().strip_prefix("fn on_").and_then(|rest| rest.split_once('(')) else {
            continue;
        };
        let export = format!("proxy_on_{}", name.trim_start_matches("http_"));
        assert!(listed.contains(&&*export), "{export} is missing in interface.txt");
        callbacks += 1;
    }
    assert!(callbacks >= 4, "{callbacks}");
}

/// A proxy compiles the module once for each thread.
#[test]
fn the_module_is_small() {
    let bytes = support::filter().bytes();
    println!("the filter: {bytes} bytes");
    assert!(bytes <= MODULE_BYTES, "{bytes} bytes are more than the budget of {MODULE_BYTES}");
}

// === cost ===

#[test]
fn the_hot_path_makes_few_calls() {
    let mut with = deployment();
    with["log"] = json!("denied");
    let mut setup = Setup::with(&with);
    setup.vm.request(setup.root, &ok_request()).unwrap();
    setup.vm.state_mut().calls.clear();
    setup.vm.request(setup.root, &ok_request()).unwrap();
    let calls: Vec<_> = setup.vm.state().calls.iter().map(|(call, count)| (*call, *count)).collect();
    // The envoy source may bind the header to the connection, so it asks for the digest.
    assert_eq!(
        calls,
        [
            ("proxy_get_header_map_pairs", 1),
            ("proxy_get_property", 1),
            ("proxy_increment_metric", 1),
            ("proxy_replace_header_map_value", 1),
        ]
    );
    with["source"] = json!({"preset": "envoy", "bindConnection": false});
    drop(with.as_object_mut().unwrap().remove("identityHeader"));
    let mut setup = Setup::with(&with);
    setup.vm.request(setup.root, &ok_request()).unwrap();
    setup.vm.state_mut().calls.clear();
    setup.vm.request(setup.root, &ok_request()).unwrap();
    let calls: Vec<_> = setup.vm.state().calls.keys().copied().collect();
    assert_eq!(calls, ["proxy_get_header_map_pairs", "proxy_increment_metric"]);
}

#[test]
fn a_request_is_cheap_and_the_worst_is_bounded() {
    let mut quiet = deployment();
    quiet["log"] = json!("denied");
    let mut setup = Setup::with(&quiet);
    setup.vm.request(setup.root, &ok_request()).unwrap();
    let usual = setup.vm.request(setup.root, &ok_request()).unwrap().fuel;
    let mut setup = Setup::with(&deployment());
    setup.vm.request(setup.root, &ok_request()).unwrap();
    let logged = setup.vm.request(setup.root, &ok_request()).unwrap().fuel;
    let worst = [
        format!("{XFCC},").repeat(64 * 1024 / XFCC.len()).into_bytes(),
        format!("{XFCC}{}", ";DNS=a".repeat(10_000)).into_bytes(),
        format!("Hash=00;Subject=\"{}\"", "CN=a+".repeat(12_000)).into_bytes(),
        format!("{XFCC}{}", ";URI=spiffe://lab.test/a".repeat(2_500)).into_bytes(),
        vec![b'a'; 64 * 1024],
    ]
    .into_iter()
    .map(|value| {
        let request = Exchange::new(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", &value)]));
        setup.vm.request(setup.root, &request).unwrap().fuel
    })
    .max()
    .unwrap();
    let long = format!("/v1/{}", "a%41/".repeat(1_600));
    let path = setup
        .vm
        .request(setup.root, &Exchange::new(b"GET", long.as_bytes(), &ok_request().headers[4..]))
        .unwrap()
        .fuel;
    println!("fuel: usual {usual}, logged {logged}, worst header {worst}, long path {path}");
    // A unit is about one instruction, the same on every machine.
    assert!(usual < 50_000, "{usual}");
    assert!(logged < 80_000, "{logged}");
    assert!(worst < 8_000_000, "{worst}");
    assert!(path < 400_000, "{path}");
}

#[test]
fn the_largest_policy_fits_and_costs_a_request_nothing() {
    let with = |identities: usize| {
        let one = |n: usize| json!({"spiffe": format!("spiffe://lab.test/ns/a/sa/{n:06}")});
        let mut group: Vec<_> = (1..identities).map(one).collect();
        group.push(json!({"spiffe": CALLER}));
        let mut deployment = deployment();
        deployment["log"] = json!("denied");
        deployment["policy"]["groups"] = json!({"many": group});
        deployment["policy"]["allow"] = json!([{"name": "orders", "from": ["@many"], "paths": ["/v1/*"]}]);
        deployment
    };
    let mut usual = Vec::new();
    for identities in [1, 100_000] {
        let mut setup = Setup::with(&with(identities));
        setup.vm.request(setup.root, &ok_request()).unwrap();
        let observed = setup.vm.request(setup.root, &ok_request()).unwrap();
        assert_eq!(observed.answered().unwrap(), None);
        usual.push(observed.fuel);
        let memory = setup.vm.memory_bytes();
        println!("{identities} identities: {} fuel a request, {memory} bytes of memory", observed.fuel);
        assert!(memory < 192 * 1024 * 1024, "{memory}");
    }
    assert!(usual[1] < usual[0] * 2, "{usual:?}");
    let mut vm = support::vm(Limits::default());
    let configured = vm.configure(with(100_001).to_string().as_bytes()).unwrap();
    assert!(!configured.accepted);
    assert!(configured.logs[0].text().contains("too_many_identities"), "{:?}", configured.logs[0]);
}

#[test]
fn too_little_memory_is_no_way_in() {
    // The deployment fits, a header of a megabyte does not: the VM dies, and with it the request.
    let limits = Limits { memory: 3 * 1024 * 1024, ..Limits::default() };
    let mut vm = support::vm(limits);
    let configured = vm.configure(deployment().to_string().as_bytes()).unwrap();
    assert!(configured.accepted);
    assert_eq!(vm.request(configured.root, &ok_request()).unwrap().action, Action::Continue);
    let mut huge = ok_request();
    huge.headers.push((b"x-huge".to_vec(), vec![b'a'; 4 * 1024 * 1024]));
    assert!(vm.request(configured.root, &huge).is_err());
}

#[test]
fn memory_is_flat_over_a_hundred_thousand_requests() {
    let mut setup = Setup::with(&deployment());
    let mix: Vec<Exchange> = [
        XFCC.as_bytes().to_vec(),
        b"\xff\0\n".to_vec(),
        format!("{XFCC},").repeat(10).into_bytes(),
        vec![b'a'; 60 * 1024],
        format!("{XFCC}{}", ";DNS=a.example".repeat(600)).into_bytes(),
        Vec::new(),
        XFCC.replace("payments", "front").into_bytes(),
        XFCC.as_bytes().to_vec(),
    ]
    .iter()
    .map(|value| Exchange::new(b"GET", b"/v1/orders", &lines(&[(b"x-forwarded-client-cert", value)])))
    .collect();
    let round = |vm: &mut Vm, requests: usize| {
        for request in mix.iter().cycle().take(requests) {
            vm.request(setup.root, request).unwrap().answered().unwrap();
        }
        vm.memory_bytes()
    };
    let warm = round(&mut setup.vm, 1_000);
    let end = round(&mut setup.vm, 99_000);
    println!("linear memory: {warm} bytes after 1,000 requests, {end} after 100,000");
    assert_eq!(end, warm);
}
