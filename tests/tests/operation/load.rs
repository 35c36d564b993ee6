//! A load whose every answer is computed beforehand with core, while the rules change under it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use peergate_conformance::envoy::{HttpAnswer, KeepAlive, Line, Plaintext, Taken};
use peergate_core::limits::HostLimits;
use peergate_core::{Documents, Gate, Header, Request};
use serde_json::{Value, json};

pub(crate) const CALLERS: [&str; 2] =
    ["spiffe://lab.test/ns/prod/sa/pay", "spiffe://lab.test/ns/prod/sa/batch"];
const HASH: &str = "d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0";

/// A deployment that lets one caller in, and refuses the other by a rule: no answer to either can come
/// of parts of both.
pub(crate) fn deployment(lets_in: usize) -> String {
    let rule =
        |name: &str, caller: usize| json!({ "name": name, "from": [{ "spiffe": CALLERS[caller % 2] }] });
    let mut orders = rule("orders", lets_in);
    orders["paths"] = json!(["/v1/orders/{id}"]);
    let deployment = json!({
        "identityHeader": "x-client-identity",
        "log": "none",
        "policy": {
            "version": 1, "name": "load", "deny": [rule("not-now", lets_in + 1)],
            "allow": [{ "name": "health", "from": "anyone", "paths": ["/healthz"] }, orders]
        }
    });
    deployment.to_string()
}

/// A deployment that reads well up to its last rule.
pub(crate) fn refused_deployment() -> String {
    let mut value: Value = serde_json::from_str(&deployment(0)).unwrap();
    value["policy"]["allow"][1]["form"] = json!("a misspelt key");
    value.to_string()
}

pub(crate) fn gate(deployment: &str) -> Gate {
    let documents = Documents::Deployment { text: deployment.as_bytes(), policy: None };
    Gate::load(documents, HostLimits::FILTER).unwrap()
}

/// What a client and the access log can see of a decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) details: Option<String>,
    pub(crate) identity: Option<String>,
}

impl Seen {
    pub(crate) fn of(answer: &HttpAnswer) -> Self {
        let text = |name| {
            let value = answer.header(name).filter(|value| *value != b"-" && !value.is_empty())?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let status = answer.status;
        // Envoy adds it to what it lets through; on a refusal the request did not go on.
        let identity = if status == 200 { text("x-seen") } else { None };
        Self { status, details: text("x-details"), identity }
    }

    /// What it must be, as core says.
    fn expected(gate: &Gate, asked: &Asked) -> Self {
        let headers: Vec<Header<'_>> =
            asked.headers.iter().map(|(a, b)| (a.as_slice(), b.as_slice())).collect();
        let (method, target) = (asked.method.as_bytes(), asked.target.as_slice());
        let decision =
            gate.decide(&Request { method, target, headers: &headers, connection: None, now: None });
        match gate.response(&decision) {
            Some(response) => {
                let details = format!("peergate_denied{{{}}}", decision.reason.code());
                Self { status: response.status, details: Some(details), identity: None }
            }
            None => {
                let set = gate.upstream(&decision, &headers).set;
                Self { status: 200, details: None, identity: set.map(|(_, value)| value) }
            }
        }
    }
}

/// A request.
struct Asked {
    method: &'static str,
    target: Vec<u8>,
    headers: Vec<Line>,
}

impl Asked {
    fn wire(&self) -> Vec<u8> {
        let mut out = self.method.as_bytes().to_vec();
        out.push(b' ');
        out.extend_from_slice(&self.target);
        out.extend_from_slice(b" HTTP/1.1\r\nhost: lab.test\r\n");
        for (name, value) in &self.headers {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Half of all requests are good ones; the rest carry what an attacker might try.
    fn request(&mut self) -> Asked {
        let caller = CALLERS[self.below(2)];
        let element = format!("Hash={HASH};Subject=\"CN=a,O=Lab\";URI={caller}");
        let mut headers: Vec<Line> = Vec::new();
        let xfcc = |headers: &mut Vec<Line>, value: Vec<u8>| {
            headers.push((b"x-forwarded-client-cert".to_vec(), value));
        };
        match self.below(12) {
            0 => {}
            1 => xfcc(&mut headers, format!("{element},By=spiffe://lab.test/x;{element}").into_bytes()),
            2 => xfcc(&mut headers, format!("{element};URI={caller}/admin").into_bytes()),
            3 => xfcc(&mut headers, format!("Hash={HASH};Subject=\"CN=\\\"x\\\";URI={caller}").into_bytes()),
            4 | 5 => {
                // Bytes of every kind that HTTP/1.1 carries, in the middle of a header that is good.
                let mut value = element.into_bytes();
                for _ in 0..=self.below(4) {
                    let at = 1 + self.below(value.len() - 2);
                    let hostile =
                        *self.one_of(&[b'"', b'\\', b',', b';', b'=', b'%', b'\t', 0x80, 0xc0, 0xff, b'{']);
                    value[at] = if self.below(2) == 0 {
                        hostile
                    } else {
                        0x80 | u8::try_from(self.below(128)).unwrap()
                    };
                }
                xfcc(&mut headers, value);
            }
            6 => {
                xfcc(&mut headers, element.clone().into_bytes());
                xfcc(&mut headers, element.into_bytes());
            }
            _ => xfcc(&mut headers, element.into_bytes()),
        }
        if self.below(4) == 0 {
            let name = *self.one_of(&[
                "x-client-identity",
                "X-Client-Identity",
                "x_client_identity",
                "X-CLIENT.IDENTITY",
            ]);
            for _ in 0..=self.below(2) {
                headers.push((name.as_bytes().to_vec(), b"URI:spiffe://lab.test/admin".to_vec()));
            }
        }
        let targets = [
            "/v1/orders/7",
            "/v1/orders/7",
            "/v1/orders/7?a=b",
            "/healthz",
            "/v1/other",
            "/v1/orders/../x",
            "/v1/orders/%2e%2e/x",
            "/v1//orders/7",
        ];
        Asked {
            method: ["GET", "GET", "POST"][self.below(3)],
            target: self.one_of(&targets).as_bytes().to_vec(),
            headers,
        }
    }
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) asked: usize,
    pub(crate) allowed: usize,
    pub(crate) refused: usize,
    pub(crate) while_changing: usize,
    /// The first of each, for people; and how many.
    pub(crate) wrong: (usize, Vec<String>),
    pub(crate) dropped: (usize, Vec<String>),
    pub(crate) reloads: usize,
    pub(crate) refused_reloads: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.allowed += other.allowed;
        self.refused += other.refused;
        self.while_changing += other.while_changing;
        for (own, other) in [(&mut self.wrong, other.wrong), (&mut self.dropped, other.dropped)] {
            own.0 += other.0;
            own.1.extend(other.1);
        }
    }
}

fn note(of: &mut (usize, Vec<String>), text: impl FnOnce() -> String) {
    of.0 += 1;
    if of.1.len() < 3 {
        of.1.push(text());
    }
}

/// Shared by the load and the one who changes the rules: an even epoch is a time in which the rules of
/// `epoch / 2 % 2` are in force, an odd one a change from those to the others.
#[derive(Default)]
struct Clock {
    epoch: AtomicUsize,
    asked: AtomicUsize,
    stop: AtomicBool,
}

/// Asks `requests` times on four connections, and changes the rules `reloads` times meanwhile. A refused
/// document is tried at every fifth change, and must change nothing for an instant. The edge must have
/// been started with `deployment(0)`.
pub(crate) fn run(edge: &mut Plaintext, requests: usize, reloads: usize) -> Counts {
    let gates = [gate(&deployment(0)), gate(&deployment(1))];
    let (clock, address) = (Clock::default(), edge.address);
    let mut counts = Counts::default();
    thread::scope(|scope| {
        let load = |seed: u64| {
            let (gates, clock) = (&gates, &clock);
            scope.spawn(move || ask(seed, requests, address, gates, clock))
        };
        let threads: Vec<_> = (1..=4).map(load).collect();
        let reloaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for reload in 1..=reloads {
                while clock.asked.load(SeqCst) < requests * reload / (reloads + 1) {
                    thread::sleep(Duration::from_millis(1));
                }
                if reload % 5 == 0 {
                    assert!(matches!(edge.deploy(&refused_deployment()).unwrap(), Taken::No(_)));
                    counts.refused_reloads += 1;
                }
                clock.epoch.fetch_add(1, SeqCst);
                assert!(matches!(edge.deploy(&deployment(reload % 2)).unwrap(), Taken::Yes));
                // Workers follow the main thread within milliseconds.
                thread::sleep(Duration::from_millis(100));
                clock.epoch.fetch_add(1, SeqCst);
                counts.reloads += 1;
            }
        }));
        if reloaded.is_err() {
            clock.stop.store(true, SeqCst);
        }
        for thread in threads {
            counts.add(thread.join().unwrap());
        }
        if let Err(panic) = reloaded {
            std::panic::resume_unwind(panic);
        }
    });
    counts
}

fn ask(seed: u64, requests: usize, address: SocketAddr, gates: &[Gate; 2], clock: &Clock) -> Counts {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
    let mut client = KeepAlive::new(address);
    let mut counts = Counts::default();
    while clock.asked.fetch_add(1, SeqCst) < requests && !clock.stop.load(SeqCst) {
        let asked = dice.request();
        let before = clock.epoch.load(SeqCst);
        let answer = client.ask(&asked.wire());
        let after = clock.epoch.load(SeqCst);
        counts.asked += 1;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                note(&mut counts.dropped, || error.to_string());
                client = KeepAlive::new(address);
                continue;
            }
        };
        let seen = Seen::of(&answer);
        if seen.status == 200 {
            counts.allowed += 1
        } else {
            counts.refused += 1
        }
        let steady = before == after && before.is_multiple_of(2);
        let expected = |own: usize| Seen::expected(&gates[own % 2], &asked);
        let right = if steady {
            seen == expected(before / 2)
        } else {
            counts.while_changing += 1;
            seen == expected(0) || seen == expected(1)
        };
        if !right {
            let wire = asked.wire();
            note(&mut counts.wrong, || {
                format!("{before}-{after}: {seen:?}, not {:?}: {}", expected(before / 2), wire.escape_ascii())
            });
        }
    }
    counts
}
