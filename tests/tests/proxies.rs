//! Real proxies with mutual TLS in front of the Node middleware: callers of every kind, and each of them
//! with forged copies of the headers in which the proxy says who called.
//!
//! The proxies run the configurations of `examples/proxies`. Behind each of them the same caller must
//! get the same answer, and forged lines must change nothing. Then lines are taken out of those
//! configurations, or are changed, to show what they are for.
//!
//! A proxy that this machine has not, and cannot unpack, is left out and named at the end.
//! `PEERGATE_CAPTURES=FILE` writes what the services saw.

mod fleet;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};

use fleet::attacks::ATTACKS;
use fleet::certificates::API;
use fleet::expect::{Expect, allowed, refused};
use fleet::proxy::Proxy;
use fleet::report::{self, Row};
use fleet::setups::{EXAMPLES, Setup};
use fleet::{Fleet, Question, variants};

/// Who asks for what without forging anything.
const CALLERS: &[(Option<&str>, &str)] = &[
    (None, "/healthz"),
    (None, "/v1/orders"),
    (None, "/whoami"),
    (Some("api"), "/v1/orders"),
    (Some("web"), "/v1/orders"),
    (Some("web"), "/whoami"),
    (Some("partner"), "/whoami"),
    (Some("old"), "/healthz"),
    (Some("bad-subject"), "/v1/orders"),
    (Some("bad-two-uris"), "/v1/orders"),
    (Some("bad-comma"), "/v1/orders"),
    (Some("bad-semicolon"), "/v1/orders"),
    (Some("bad-borrowed"), "/v1/orders"),
    (Some("bad-quote"), "/v1/orders"),
    (Some("bad-line-feed"), "/v1/orders"),
    (Some("bad-expired"), "/v1/orders"),
    (Some("bad-not-yet-valid"), "/v1/orders"),
    (Some("bad-foreign-ca"), "/v1/orders"),
];

/// Who forges: somebody without a certificate, somebody with another one, and somebody whom a deny rule
/// names and who would rather be nobody.
const FORGERS: &[(Option<&str>, &str)] = &[
    (None, "/v1/orders"),
    (None, "/healthz"),
    (Some("web"), "/v1/orders"),
    (Some("web"), "/whoami"),
    (Some("old"), "/healthz"),
];

/// A test: a request and what must come of it.
struct Case {
    question: Question,
    expect: Expect,
    /// Whether the service must see the same lines about the caller as when nothing is forged.
    leaves_no_trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut installed = BTreeMap::new();
    let mut missing = Vec::new();
    for proxy in Proxy::ALL {
        match proxy.install() {
            Ok(found) => drop(installed.insert(proxy, found)),
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    if installed.is_empty() {
        eprintln!("proxies: there is none to test");
        return ExitCode::FAILURE;
    }
    let (fleet, cases) = match (Fleet::start(installed), cases()) {
        (Ok(fleet), Ok(cases)) => (Arc::new(fleet), cases),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("proxies: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let rows: Arc<Mutex<Vec<Row>>> = Arc::default();
    let mut trials = Vec::new();
    for case in cases {
        if !fleet.has(case.question.setup.name) {
            continue;
        }
        let (fleet, rows) = (Arc::clone(&fleet), Arc::clone(&rows));
        trials.push(Trial::test(case.name(), move || case.run(&fleet, &rows).map_err(Failed::from)));
    }
    let list = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !list {
        let rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
        report::print(&rows, &fleet);
        for missing in &missing {
            println!("proxies: NOT TESTED: {missing}");
        }
        if let Some(file) = std::env::var_os("PEERGATE_CAPTURES").map(PathBuf::from)
            && let Err(error) = report::write_captures(&file, &rows, &fleet)
        {
            eprintln!("proxies: {}: {error:#}", file.display());
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

impl Case {
    fn name(&self) -> String {
        let Question { setup, attack, caller, path, .. } = self.question;
        format!("{}::{}::{} {path}", setup.name, attack.name, caller.unwrap_or("nobody"))
    }

    fn run(&self, fleet: &Fleet, rows: &Mutex<Vec<Row>>) -> Result<()> {
        let outcome = fleet.ask(&self.question)?;
        rows.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Row { question: self.question, outcome: outcome.clone() });
        self.expect.check(&self.question, &outcome, fleet.certificates())?;
        if let (true, Some(seen)) = (self.leaves_no_trace, &outcome.seen) {
            let managed = seen.managed(self.question.setup);
            let honest = fleet.honest(&self.question)?;
            ensure!(managed == honest, "forged lines get through: {managed:?}");
        }
        Ok(())
    }
}

fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for name in EXAMPLES {
        let setup = Setup::named(name)?;
        for (caller, path) in CALLERS {
            let question = Question::new(setup, *caller, path);
            cases.push(Case { question, expect: honest(&question)?, leaves_no_trace: false });
        }
        for attack in ATTACKS.iter().filter(|attack| !setup.http2 || attack.fits_http2()) {
            for (caller, path) in FORGERS {
                let question = Question { attack, ..Question::new(setup, *caller, path) };
                cases.push(Case { question, expect: forged(&question)?, leaves_no_trace: true });
            }
        }
    }
    for (question, expect) in variants::all()? {
        // The example that it is made of stands the same.
        let example = Question { setup: Setup::named(question.setup.example())?, ..question };
        if example.setup.name != question.setup.name && cases.iter().all(|case| case.question != example) {
            cases.push(Case { question: example, expect: forged(&example)?, leaves_no_trace: true });
        }
        cases.push(Case { question, expect, leaves_no_trace: false });
    }
    Ok(cases)
}

/// What comes of a request without forged lines. In all else the proxies are one as the other.
fn honest(question: &Question) -> Result<Expect> {
    let setup = question.setup.example();
    Ok(match (setup, question.caller) {
        // nginx answers over TLS what is wrong with a certificate.
        ("nginx", Some("bad-expired" | "bad-not-yet-valid" | "bad-foreign-ca")) => Expect::Unseen(Some(400)),
        // The first of two Envoys demands a certificate, since the second has one.
        ("envoy-two-hops", None) => Expect::Unseen(None),
        // A line feed in a name: Go's TLS refuses the certificate, Envoy cannot write it into a header,
        // and in JSON it is refused as text before it is refused as a name.
        ("caddy" | "caddy-http2", Some("bad-line-feed")) => Expect::Unseen(None),
        ("envoy-text", Some("bad-line-feed")) => Expect::Unseen(Some(503)),
        ("envoy-json", Some("bad-line-feed")) => refused("malformed_header", Some("control_byte")),
        (_, Some("bad-line-feed")) => refused("malformed_header", Some("bad_certificate")),
        // The text form is not what Envoy meant to write.
        ("envoy-text", Some("bad-comma")) => refused("unexpected_element", None),
        ("envoy-text", Some("bad-quote")) => refused("malformed_header", Some("quote_in_bare_value")),
        // No reader of the text form can tell this from an honest certificate of the caller it names:
        // the reason for the JSON form, and for reading the certificate.
        ("envoy-text", Some("bad-borrowed")) => allowed(Some(API), "orders-read"),
        _ => Expect::usual(question)?,
    })
}

/// What comes of a request with forged lines: the same as without them, but for what a proxy refuses to
/// read.
fn forged(question: &Question) -> Result<Expect> {
    let nothing_forged = honest(question)?;
    if matches!(nothing_forged, Expect::Unseen(_)) {
        return Ok(nothing_forged);
    }
    Ok(match (question.attack.name, question.setup.name) {
        ("space before the colon" | "a carriage return in the names", _)
        | ("copies after a carriage return alone", "nginx" | "haproxy" | "httpd" | "caddy")
        | ("copies after a line feed alone", "httpd")
        | ("folded lines", "nginx") => Expect::Unseen(Some(400)),
        // By the example itself.
        (attack, "httpd") if attack.contains("named in") => Expect::Unseen(Some(403)),
        _ => nothing_forged,
    })
}
