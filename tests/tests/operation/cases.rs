//! What an operator, and an attacker, can do to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::load::{CALLERS, Seen, deployment, refused_deployment};
use peergate_conformance::envoy::{
    Behind, HttpAnswer, Plaintext, Reply, SEEN, Taken, Upstream, WireRequest, binary, filter, http1, http2,
    loopback,
};
use peergate_conformance::wasm_host::module_path;
use serde_json::json;

const TRAP: &str = "x-peergate-trap";

fn edge(module: &Path, deployment: &str) -> Plaintext {
    Plaintext::start_with(module, deployment, Behind::Envoy).unwrap()
}

fn get(edge: &Plaintext, more: &[(&str, &str)]) -> HttpAnswer {
    let xfcc = format!("Hash={};Subject=\"\";URI={}", "0a".repeat(32), CALLERS[0]);
    let mut headers = vec![(b"x-forwarded-client-cert".to_vec(), xfcc.into_bytes())];
    headers.extend(more.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    let request = WireRequest { method: b"GET", target: b"/v1/orders/7", headers: &headers };
    http1::exchange(edge.address, &request).unwrap()
}

/// The sum of the metrics whose names match.
fn total(edge: &Plaintext, pattern: &str) -> u64 {
    edge.stats(pattern).unwrap().iter().map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// `make soak` asks a million times.
#[test]
fn rules_change_under_load_without_a_wrong_or_a_lost_answer() {
    let requests = number("PEERGATE_SOAK_REQUESTS", 10_000);
    let reloads = number("PEERGATE_SOAK_RELOADS", 6);
    let mut edge = edge(&module_path().unwrap(), &deployment(0));
    // Everything is in use once before memory is measured.
    let warm = crate::load::run(&mut edge, requests / 20, 2);
    let before = edge.server.resident_kib().unwrap();
    let started = std::time::Instant::now();
    let counts = crate::load::run(&mut edge, requests, reloads);
    let seconds = started.elapsed().as_secs_f64();
    let after = edge.server.resident_kib().unwrap();
    let vm_reloads = total(&edge, "vm_reload");
    println!(
        "soak: {} requests in {seconds:.1} s, {} allowed, {} refused, {} while rules changed; {} reloads, \
         {} refused documents; {} wrong, {} dropped, {vm_reloads} reloads of the VM; Envoy {before} KiB before, {after} KiB after",
        counts.asked,
        counts.allowed,
        counts.refused,
        counts.while_changing,
        counts.reloads,
        counts.refused_reloads,
        counts.wrong.0,
        counts.dropped.0
    );
    for counts in [&warm, &counts] {
        assert_eq!(counts.wrong.0, 0, "{:#?}", counts.wrong.1);
        assert_eq!(counts.dropped.0, 0, "{:#?}", counts.dropped.1);
    }
    assert_eq!(counts.asked, requests);
    assert_eq!(counts.reloads, reloads);
    assert!(counts.allowed > requests / 20 && counts.refused > requests / 20, "{counts:?}");
    assert_eq!(vm_reloads, 0);
    assert_eq!(total(&edge, "peergate_host_errors_total"), 0);
    // No answer counted twice or not at all; the first run counts as well.
    let counted = total(&edge, "wasmcustom.peergate_requests_total");
    assert_eq!(usize::try_from(counted).unwrap(), counts.asked + warm.asked);
    assert!(after < before + 16 * 1024, "memory grew from {before} to {after} KiB");
}

#[test]
fn a_refused_document_leaves_the_old_rules_and_says_why() {
    let mut edge = edge(&module_path().unwrap(), &deployment(0));
    assert_eq!(get(&edge, &[]).status, 200);
    let digest = |which: usize| {
        crate::load::gate(&deployment(which))
            .policy_sha256()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let in_force =
        |edge: &Plaintext, which: usize| total(edge, &format!("peergate_policy_info.*{}", digest(which)));
    assert_eq!((in_force(&edge, 0), in_force(&edge, 1)), (1, 0));
    assert_eq!(total(&edge, "peergate_config_refused_total"), 0);

    for (count, document) in (1_u64..).zip([refused_deployment(), "{".to_owned(), String::new()]) {
        let Taken::No(lines) = edge.deploy(&document).unwrap() else { panic!("taken: {document}") };
        let reasons: Vec<_> =
            lines.iter().filter(|line| line.contains("peergate: refused configuration: ")).collect();
        assert!(!reasons.is_empty(), "{lines:?}");
        if count == 1 {
            let [reason] = reasons.as_slice() else { panic!("{reasons:?}") };
            assert!(reason.contains("/policy/allow/1/form unknown_key: "), "{reason}");
        }
        assert_eq!(total(&edge, "peergate_config_refused_total"), count);
        assert_eq!((in_force(&edge, 0), in_force(&edge, 1)), (1, 0));
        assert_eq!(get(&edge, &[]).status, 200);
    }
    assert!(matches!(edge.deploy(&deployment(1)).unwrap(), Taken::Yes));
    assert_eq!((in_force(&edge, 0), in_force(&edge, 1)), (0, 1), "the predecessor's gauge is 0");
    let seen = Seen::of(&get(&edge, &[]));
    assert_eq!((seen.status, seen.details.as_deref()), (403, Some("peergate_denied{denied_by_rule}")));
}

#[test]
fn without_a_first_document_nobody_gets_through() {
    let module = module_path().unwrap();
    let mut discovered = edge(&module, &refused_deployment());
    for _ in 0..20 {
        assert_eq!(get(&discovered, &[]).status, 500);
    }
    assert!(matches!(discovered.deploy(&deployment(0)).unwrap(), Taken::Yes));
    assert_eq!(get(&discovered, &[]).status, 200);

    // Written into the bootstrap it keeps Envoy from starting, and Envoy says why.
    let manager = |document: &str| {
        json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "static",
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }] }] },
            "http_filters": [
                { "name": "peergate", "typed_config": filter(&module.canonicalize().unwrap(), "static", document) },
                { "name": "router", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                } }
            ]
        })
    };
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("envoy.json");
    let listener = json!({ "name": "static", "address": loopback(0),
        "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager(&refused_deployment()) }] }] });
    let bootstrap = json!({ "static_resources": { "listeners": [listener] } });
    std::fs::write(&config, bootstrap.to_string()).unwrap();
    let mut envoy = Command::new("timeout");
    envoy
        .arg("60")
        .arg(binary().unwrap())
        .args(["--concurrency", "1", "--use-dynamic-base-id", "-c"])
        .arg(config);
    let output = envoy.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("/policy/allow/1/form unknown_key"), "{log}");
    assert!(log.contains("Unable to create Wasm plugin"), "{log}");
}

/// A build of its own that traps on a header (`make filter-trap`).
fn trapping_module() -> PathBuf {
    let path = module_path().unwrap().parent().unwrap().join("../debug/peergate.wasm");
    assert!(path.is_file(), "no filter at {}: `make filter-trap` builds it", path.display());
    path
}

fn holds(module: &Path, text: &str) -> bool {
    std::fs::read(module).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_trap_costs_one_request_and_lets_nobody_in() {
    let edge = edge(&trapping_module(), &deployment(0));
    for round in 1..=5_u64 {
        assert_eq!(get(&edge, &[]).status, 200);
        assert_eq!(get(&edge, &[(TRAP, "1")]).status, 503, "the request that trapped");
        // The next sandbox comes with the next request, once the back-off is over.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let mut stranger = 0;
        loop {
            let foreign = WireRequest { method: b"GET", target: b"/v1/orders/7", headers: &[] };
            stranger = http1::exchange(edge.address, &foreign).map_or(stranger, |answer| answer.status);
            assert!(matches!(stranger, 401 | 503), "{stranger}");
            let status = get(&edge, &[]).status;
            if status == 200 && stranger == 401 {
                break;
            }
            assert!(matches!(status, 200 | 503), "{status}");
            assert!(std::time::Instant::now() < deadline, "no new sandbox");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(total(&edge, "vm_reload_success"), round);
        // The policy is the same as before, without a word from anybody.
        assert_eq!(total(&edge, "peergate_policy_info"), 1);
    }
}

#[test]
fn the_release_cannot_be_made_to_trap() {
    let release = module_path().unwrap();
    assert!(holds(&trapping_module(), TRAP), "the name is to be found where it is");
    assert!(!holds(&release, TRAP));
    let edge = edge(&release, &deployment(0));
    for _ in 0..3 {
        assert_eq!(get(&edge, &[(TRAP, "1")]).status, 200);
    }
    assert_eq!(total(&edge, "vm_reload"), 0);
}

/// Names that some service reads as the identity header.
const FORGERIES: &[&[&str]] = &[
    &["x-client-identity"],
    &["X-CLIENT-IDENTITY"],
    &["x-client-identity", "x-client-identity"],
    &["x-client-identity", "X-Client-Identity", "x-client-identity"],
    &["x_client_identity"],
    &["X_Client-identity", "x-client_identity"],
    &["x.client.identity"],
    &["x_client.identity", "x-client-identity", "x.client-identity", "X.CLIENT_IDENTITY"],
];

/// Path, XFCC, and what the service is told when the rules are enforced (`None`: nothing goes on), and in
/// shadow.
type Forged<'a> = (&'a str, Option<String>, Option<Option<&'a str>>, Option<&'a str>);

#[test]
fn nobody_but_the_filter_sets_the_identity_header() {
    let service = Upstream::start().unwrap();
    let mut edge =
        Plaintext::start_with(&module_path().unwrap(), &deployment(0), Behind::Service(service.address))
            .unwrap();
    let known = format!("URI:{}", CALLERS[0]);
    let mut shadow: serde_json::Value = serde_json::from_str(&deployment(0)).unwrap();
    shadow["policy"]["mode"] = json!("shadow");
    let xfcc = |caller: &str| format!("Hash={};Subject=\"\";URI={caller}", "0a".repeat(32));
    let requests: [Forged<'_>; 5] = [
        ("/v1/orders/7", Some(xfcc(CALLERS[0])), Some(Some(&known)), Some(&known)),
        ("/healthz", None, Some(None), None),
        ("/v1/orders/7", None, None, None),
        ("/v1/other", Some(xfcc(CALLERS[0])), None, Some(&known)),
        ("/v1/orders/7", Some("nonsense".into()), None, None),
    ];
    for in_shadow in [false, true] {
        let document = if in_shadow { shadow.to_string() } else { deployment(0) };
        assert!(matches!(edge.deploy(&document).unwrap(), Taken::Yes));
        std::thread::sleep(std::time::Duration::from_millis(150));
        for (target, header, enforced, shadowed) in &requests {
            for names in FORGERIES {
                let mut headers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
                for (index, name) in names.iter().enumerate() {
                    headers.push((
                        name.as_bytes().to_vec(),
                        format!("URI:spiffe://forged/{index}").into_bytes(),
                    ));
                }
                if let Some(header) = header {
                    headers.push((b"x-forwarded-client-cert".to_vec(), header.clone().into_bytes()));
                }
                // One behind the last line as well.
                headers.push((names[0].as_bytes().to_vec(), b"URI:spiffe://forged/last".to_vec()));
                let request = WireRequest { method: b"GET", target: target.as_bytes(), headers: &headers };
                for protocol in ["HTTP/1.1", "HTTP/2"] {
                    let what = format!("{protocol} {target} {names:?} shadow {in_shadow}");
                    drop(service.take());
                    let answer = match protocol {
                        "HTTP/1.1" => http1::exchange(edge.address, &request).unwrap(),
                        _ => match http2::exchange(edge.address, &request).unwrap() {
                            Reply::Answer(answer) => answer,
                            Reply::Reset => panic!("{what}: reset"),
                        },
                    };
                    let expected = if in_shadow { Some(*shadowed) } else { *enforced };
                    let arrived = service.take();
                    let Some(expected) = expected else {
                        assert!(matches!(answer.status, 401 | 403), "{what}: {}", answer.status);
                        assert!(arrived.is_empty(), "{what}: a refused request went on");
                        continue;
                    };
                    assert_eq!(answer.status, 200, "{what}");
                    let [lines] = arrived.as_slice() else { panic!("{what}: {} requests", arrived.len()) };
                    let told: Vec<String> = lines
                        .iter()
                        .filter(|(name, _)| {
                            name.len() == SEEN.len() && name.starts_with(b"x") && name.ends_with(b"identity")
                        })
                        .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()))
                        .collect();
                    let wanted: Vec<String> =
                        expected.iter().map(|value| format!("{SEEN}: {value}")).collect();
                    assert_eq!(told, wanted, "{what}");
                    assert!(
                        !lines.iter().any(|(_, value)| value.windows(6).any(|part| part == b"forged")),
                        "{what}"
                    );
                }
            }
        }
    }
}
