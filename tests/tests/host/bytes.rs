//! Whatever a client sends: the filter gives the answer of core.

use crate::support::{Setup, XFCC, deployment, lines};

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
