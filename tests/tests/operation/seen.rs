//! What an operator sees: metrics by switch, the access log, and records that nobody can forge.

use std::time::{Duration, Instant, SystemTime};

use peergate_cli::dev_ca::{self, Leaf, Plan, San};
use peergate_conformance::envoy::{Behind, KeepAlive, LOGGED, Plaintext, Taken, WireRequest, http1};
use peergate_conformance::record;
use peergate_conformance::wasm_host::module_path;
use serde_json::{Value, json};

const API: &str = "spiffe://lab.test/ns/default/sa/api";
const HASH: &str = "d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0";

fn edge(deployment: &Value) -> Plaintext {
    Plaintext::start_with(&module_path().unwrap(), &deployment.to_string(), Behind::Envoy).unwrap()
}

fn get(edge: &Plaintext, target: &str, xfcc: Option<&str>) -> u16 {
    let mut headers = vec![(LOGGED.as_bytes().to_vec(), b"1".to_vec())];
    if let Some(xfcc) = xfcc {
        headers.push((b"x-forwarded-client-cert".to_vec(), xfcc.as_bytes().to_vec()));
    }
    let request = WireRequest { method: b"GET", target: target.as_bytes(), headers: &headers };
    http1::exchange(edge.address, &request).unwrap().status
}

/// The access log, once it has as many lines; Envoy writes it every now and then.
fn access_log(edge: &Plaintext, lines: usize) -> Vec<String> {
    for _ in 0..600 {
        let text = std::fs::read_to_string(edge.server.directory().join("access.log")).unwrap_or_default();
        if text.lines().count() >= lines {
            return text.lines().map(str::to_owned).collect();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the access log is not written")
}

fn metric(edge: &Plaintext, name: &str) -> Option<u64> {
    let all = edge.stats("wasmcustom.peergate_").unwrap();
    all.iter().find(|(own, _)| own == &format!("wasmcustom.{name}")).map(|(_, value)| value.parse().unwrap())
}

#[test]
fn switches_show_rules_expiry_and_the_decision() {
    let directory = tempfile::tempdir().unwrap();
    let leaf = |name: &str, id: &str| Leaf { name: name.into(), names: vec![San::Uri(id.into())] };
    let plan = Plan {
        trust_domain: "lab.test".into(),
        servers: Vec::new(),
        clients: vec![leaf("api", API)],
        days: 2,
        bad: false,
    };
    let written = dev_ca::write(&directory.path().join("certs"), &plan).unwrap();
    let api = written.iter().find(|written| written.name == "api").unwrap();
    let pem = std::fs::read_to_string(&api.cert).unwrap();
    let coded: String = pem
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let xfcc = format!("Hash={};Cert=\"{coded}\"", api.sha256);
    let mut deployment = json!({
        "source": { "preset": "envoy", "read": "certificate" },
        "log": "none",
        "metrics": { "rules": true, "expiry": true },
        "filterState": true,
        "policy": {
            "version": 1, "name": "seen",
            "deny": [{ "name": "closed", "from": "anyone", "paths": ["/closed"] },
                     { "name": "closing", "from": "anyone", "paths": ["/v1/old"], "mode": "shadow" }],
            "allow": [{ "name": "orders", "from": [{ "spiffe": API }], "paths": ["/v1/*"] }]
        }
    });
    let mut edge = edge(&deployment);
    let all = [("/v1/new", true), ("/v1/old", true), ("/closed", true), ("/other", true), ("/v1/new", false)];
    let ask = |edge: &Plaintext| all.map(|(target, known)| get(edge, target, known.then_some(xfcc.as_str())));
    assert_eq!(ask(&edge), [200, 200, 403, 403, 401]);

    assert_eq!(metric(&edge, "peergate_rules_total.decision=.=allow;.;rule=.=orders;.;"), Some(2));
    assert_eq!(metric(&edge, "peergate_rules_total.decision=.=deny;.;rule=.=closed;.;"), Some(1));
    assert_eq!(
        metric(&edge, "peergate_shadow_changes_total.decision=.=deny;.;reason=.=denied_by_rule;.;"),
        Some(1)
    );
    assert_eq!(metric(&edge, "peergate_shadow_total.decision=.=deny;.;reason=.=denied_by_rule;.;"), Some(2));
    let end = metric(&edge, "peergate_client_certificate_expiry_timestamp_seconds").unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((now + 86_400..now + 3 * 86_400).contains(&end), "{end} at {now}");

    let caller = format!("spiffe:{API}");
    let lines = access_log(&edge, 5);
    let expected = [
        format!("200 \"allow\" \"allowed\" \"orders\" \"{caller}\""),
        format!("200 \"allow\" \"allowed\" \"orders\" \"{caller}\""),
        format!("403 \"deny\" \"denied_by_rule\" \"closed\" \"{caller}\""),
        format!("403 \"deny\" \"no_rule\" \"-\" \"{caller}\""),
        "401 \"deny\" \"no_certificate\" \"-\" \"-\"".to_owned(),
    ];
    assert_eq!(lines, expected);

    // Without the switches nothing of it is there, and counters stand still.
    for key in ["metrics", "filterState"] {
        deployment.as_object_mut().unwrap().remove(key);
    }
    assert!(matches!(edge.deploy(&deployment.to_string()).unwrap(), Taken::Yes));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(ask(&edge), [200, 200, 403, 403, 401]);
    assert_eq!(metric(&edge, "peergate_rules_total.decision=.=allow;.;rule=.=orders;.;"), Some(2));
    let lines = access_log(&edge, 10);
    let nothing = "\"-\" \"-\" \"-\" \"-\"";
    assert_eq!(lines[5..], [200, 200, 403, 403, 401].map(|status| format!("{status} {nothing}")));
}

#[test]
fn names_with_line_feeds_and_quotes_write_no_line_of_their_own() {
    let deployment = json!({
        "log": "all", "filterState": true,
        "policy": { "version": 1, "name": "hostile", "allow": [{ "name": "any", "from": "authenticated" }] }
    });
    let edge = edge(&deployment);
    edge.server.skip_lines();
    let forged = "peergate {\\\"decision\\\":\\\"allow\\\"}";
    let hostile = [
        format!("Hash={HASH};Subject=\"CN=a\\0A{forged}\";URI="),
        format!("Hash={HASH};Subject=\"CN=a\\0D\\0A{forged}\";URI="),
        format!("Hash={HASH};Subject=\"CN=\\E2\\80\\A8x\\E2\\80\\AEy\\1B[2J\";URI="),
        format!("Hash={HASH};Subject=\"\";URI=spiffe://lab.test/\"{{}}"),
        format!("Hash={HASH};Subject=\"\";DNS=a\"b.example.com"),
    ];
    for xfcc in &hostile {
        get(&edge, "/", Some(xfcc));
    }
    let lines = edge.server.lines_until_quiet();
    assert_eq!(lines.len(), hostile.len(), "{lines:#?}");
    for line in &lines {
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        let record = record::decision(line).unwrap_or_else(|| panic!("no record: {line}"));
        assert_eq!(record["policy"], "hostile", "{line}");
    }
    let names: Vec<&str> = lines
        .iter()
        .filter(|line| line.contains("\\n") || line.contains("\\u202e"))
        .map(String::as_str)
        .collect();
    assert!(names.len() >= 3, "hostile names are in the records: {lines:#?}");
    let lines = access_log(&edge, hostile.len());
    assert_eq!(lines.len(), hostile.len(), "{lines:#?}");
    for line in &lines {
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        assert_eq!(line.matches('"').count(), 8, "{line}");
    }
    assert!(lines.iter().any(|line| line.contains("cn:a%0Apeergate%20{%22decision%22:")), "{lines:#?}");
}

/// All on one connection, so that one worker, whose sandbox has a limit of its own, sees them all.
#[test]
fn a_flood_fills_neither_the_log_nor_the_gap_in_it_unsaid() {
    const FLOOD: usize = 3_000;
    let deployment = json!({ "policy": { "version": 1, "name": "flood", "allow": [] } });
    let edge = edge(&deployment);
    edge.server.skip_lines();
    let mut connection = KeepAlive::new(edge.address);
    let mut ask = || {
        let answer = connection.ask(b"GET /v1/orders HTTP/1.1\r\nhost: lab.test\r\n\r\n").unwrap();
        assert_eq!(answer.status, 401);
    };
    let begun = Instant::now();
    (0..FLOOD).for_each(|_| ask());
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    // One more request after a pause is written, and says what was left out.
    std::thread::sleep(Duration::from_millis(1_100));
    ask();
    let records: Vec<_> =
        edge.server.lines_until_quiet().iter().filter_map(|line| record::decision(line)).collect();
    let dropped = |record: &Value| record.get("dropped").and_then(Value::as_u64).unwrap_or(0);
    assert!(records.len() <= 500 + 100 * seconds + 1, "{} lines in {seconds} s", records.len());
    assert!(records.len() < FLOOD, "this machine is too slow for a flood: {seconds} s");
    assert!(dropped(records.last().unwrap()) > 0, "{:?}", records.last());
    let said: u64 = records.iter().map(dropped).sum();
    assert_eq!(records.len() + usize::try_from(said).unwrap(), FLOOD + 1);
    let counted = metric(&edge, "peergate_requests_total.decision=.=deny;.;reason=.=no_certificate;.;");
    assert_eq!(counted, Some(FLOOD as u64 + 1), "the counters miss nothing");
}
