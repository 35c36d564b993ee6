//! What a client cannot say, and what it is told.

use peergate_conformance::wasm_host::{Action, Exchange};

use crate::support::{CALLER, Setup, XFCC, deployment, lines, ok_request};

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
