//! Calls of the proxy that fail, and configurations that are none.

use peergate_conformance::wasm_host::{Action, Exchange, Fault, Limits, encode_map};
use serde_json::json;

use crate::support::{self, Setup, deployment, ok_request};

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
