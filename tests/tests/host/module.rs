//! The module itself: what it asks of a proxy, its size, and what requests cost in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peergate_conformance::wasm_host::{Action, Exchange, Limits, Vm, module_path};
use serde_json::{Value, json};

use crate::support::{self, CALLER, Setup, XFCC, deployment, lines, ok_request};

/// What the module's file may take; what it takes is a little less.
const MODULE_BYTES: usize = 340_000;

/// What a proxy must offer, or it does not start the filter: what `interface.txt` lists, no file, no
/// clock of WASI, and no random number, which the hash tables of a library would want for their seed.
#[test]
fn the_module_imports_no_more_than_every_proxy_has() {
    let listed = include_str!("../../../envoy-filter/interface.txt").lines();
    let mut listed: Vec<_> = listed.filter_map(|line| line.strip_prefix("import ")).collect();
    listed.sort_unstable();
    let imports = support::filter().imports();
    assert_eq!(imports, listed);
    assert!(imports.iter().any(|name| name == "env.proxy_send_local_response"));
}

/// What is not exported is not called, and a body would pass after a refusal.
#[test]
fn the_module_exports_every_callback_that_the_filter_has() {
    let listed: Vec<_> = include_str!("../../../envoy-filter/interface.txt")
        .lines()
        .filter_map(|line| line.strip_prefix("export "))
        .collect();
    let sources = [
        include_str!("../../../envoy-filter/src/plugin.rs"),
        include_str!("../../../envoy-filter/src/stream.rs"),
    ];
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

/// A panic names its source file: by the same name wherever the module was built.
#[test]
fn the_module_is_the_same_on_every_machine() {
    let bytes = std::fs::read(module_path().unwrap()).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("proxy-wasm-0."), "source files are named");
    for folder in ["/registry/src/", "/toolchains/", env!("CARGO_MANIFEST_DIR")] {
        assert!(!has(folder), "{folder}");
    }
}

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
    let mut other = ok_request();
    for (_, value) in other.headers.iter_mut().filter(|(name, _)| name == b"x-forwarded-client-cert") {
        *value = XFCC.replacen("Hash=d3", "Hash=00", 1).into_bytes();
    }
    let new = setup.vm.request(setup.root, &other).unwrap();
    assert_eq!((new.action, new.fuel > usual), (Action::Continue, true));
    let new = new.fuel;
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
    println!(
        "fuel: usual {usual}, new caller {new}, logged {logged}, worst header {worst}, long path {path}"
    );
    // A unit is about one instruction, the same on every machine.
    assert!(usual < 50_000, "{usual}");
    assert!(new < 80_000, "{new}");
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

/// A real certificate for a caller of this name, as nginx writes it. Nobody here verifies its signature.
fn certificate(name: &[u8; 8]) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/envoy-captures.json");
    let shared: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let pem = shared["certs"]["client-a"].as_str().unwrap();
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = STANDARD.decode(text).unwrap();
    for at in 0..der.len() - name.len() {
        if der[at..].starts_with(b"payments") {
            der[at..at + name.len()].copy_from_slice(name);
        }
    }
    let escaped = |byte: u8| match byte {
        b'+' | b'/' | b'=' | b'\n' | b' ' => format!("%{byte:02X}"),
        byte => char::from(byte).to_string(),
    };
    peergate_core::pem::encode(&der).bytes().map(escaped).collect::<String>().into_bytes()
}

#[test]
fn a_new_certificate_is_cheap_and_one_that_comes_again_is_cheaper() {
    let policy = json!({
        "version": 1,
        "allow": [{"name": "team", "from": [{"spiffeUnder": "spiffe://lab.test/ns/prod"}]}],
    });
    let documents = json!({"source": {"preset": "nginx"}, "log": "denied", "policy": policy});
    let mut setup = Setup::with(&documents);
    let mut cost = |name: &[u8; 8]| {
        let lines =
            lines(&[(b"x-ssl-client-cert", &certificate(name)), (b"x-ssl-client-verify", b"SUCCESS")]);
        let observed = setup.vm.request(setup.root, &Exchange::new(b"GET", b"/v1/orders", &lines)).unwrap();
        assert_eq!(observed.action, Action::Continue);
        observed.fuel
    };
    cost(b"payments");
    let new = cost(b"accounts");
    cost(b"accounts");
    let again = cost(b"accounts");
    println!("fuel: new certificate {new}, again {again}");
    assert!(new < 160_000, "{new}");
    assert!(again < 40_000, "{again}");
}
