//! What the lines of the examples are for: what comes of a request when one is missing or is another. The
//! examples themselves are asked the same.

use anyhow::{Context, Result};

use super::Question;
use super::attacks::{ATTACKS, Attack, HONEST};
use super::certificates::{API, EDGE, WEB};
use super::expect::{Expect, allowed, denied, refused};
use super::proxy::{EDGE_PORT, SIDECAR_PORT};
use super::setups::Setup;

type Variant = (&'static str, &'static str, Option<&'static str>, &'static str, Expect);

const ORDERS: &str = "/v1/orders";

/// Requests to edited examples.
pub(crate) fn all() -> Result<Vec<(Question, Expect)>> {
    let mut out = Vec::new();
    for (setup, attack, caller, path, expect) in edited() {
        out.push((question(setup, attack, caller, path, EDGE_PORT)?, expect));
    }
    for (setup, attack, caller, path, expect) in past_the_edge() {
        out.push((question(setup, attack, caller, path, SIDECAR_PORT)?, expect));
    }
    Ok(out)
}

fn question(
    setup: &str,
    attack: &str,
    caller: Option<&'static str>,
    path: &'static str,
    port: u16,
) -> Result<Question> {
    let attack = attack_named(attack).with_context(|| format!("no attack {attack}"))?;
    Ok(Question { attack, port, ..Question::new(Setup::named(setup)?, caller, path) })
}

fn attack_named(name: &str) -> Option<&'static Attack> {
    if name == HONEST.name { Some(&HONEST) } else { ATTACKS.iter().find(|attack| attack.name == name) }
}

fn edited() -> Vec<Variant> {
    let as_api = || allowed(Some(API), "orders-read");
    let unverified = || refused("unverified", None);
    let aliased = || refused("malformed_header", Some("aliased_header"));
    let stranger = Some("bad-foreign-ca");
    let mut all: Vec<Variant> = Vec::new();

    // Certificates that nobody vouches for get through the proxy, and its verdict with them. A client
    // can write a verdict, too; without the proxy's own it is the one that counts.
    for proxy in ["nginx: optional_no_ca", "haproxy: errors ignored", "httpd: optional_no_ca"] {
        all.push((proxy, "honest", Some("api"), ORDERS, as_api()));
        for attack in ["honest", "copies", "all but the certificate", "repeated"] {
            all.push((proxy, attack, stranger, ORDERS, unverified()));
        }
    }
    for caller in ["bad-expired", "bad-not-yet-valid"] {
        all.push(("haproxy: errors ignored", "honest", Some(caller), ORDERS, unverified()));
        all.push(("haproxy: errors ignored", "all but the certificate", Some(caller), ORDERS, unverified()));
    }
    for proxy in [
        "nginx: optional_no_ca, no verify header",
        "haproxy: errors ignored, no verify header",
        "httpd: optional_no_ca, no verify header",
    ] {
        all.push((proxy, "honest", stranger, ORDERS, unverified()));
        all.push((proxy, "all but the certificate", stranger, ORDERS, as_api()));
    }
    all.push(("caddy: request", "honest", stranger, ORDERS, as_api()));
    all.push(("caddy: request", "honest", Some("bad-expired"), ORDERS, refused("expired", None)));
    all.push(("envoy-text: ACCEPT_UNTRUSTED", "honest", stranger, ORDERS, as_api()));

    // Headers that are set in some cases only, or taken from the client.
    for caller in [None, Some("web")] {
        let proxy = "nginx: headers set in the server, others in the location";
        all.push((proxy, "copies", caller, ORDERS, as_api()));
    }
    for proxy in ["haproxy: set if there is a certificate", "httpd: set if there is a certificate"] {
        all.push((proxy, "copies", None, ORDERS, as_api()));
        all.push((proxy, "copies", Some("web"), ORDERS, denied(Some(WEB), 403, "no_rule")));
    }
    all.push(("caddy: nothing removed", "the certificate alone", None, ORDERS, as_api()));
    all.push(("envoy-text: FORWARD_ONLY", "copies", Some("web"), ORDERS, as_api()));
    all.push(("envoy-text: FORWARD_ONLY", "copies", None, ORDERS, denied(None, 401, "no_certificate")));
    all.push(("envoy-text: ALWAYS_FORWARD_ONLY", "copies", None, ORDERS, as_api()));

    // Who would rather be nobody takes its certificate off, and the deny rule that names it is gone.
    for proxy in ["httpd: nothing refused", "caddy: set by request_header"] {
        for attack in ["named in Connection", "named in a second Connection, upper case"] {
            all.push((proxy, attack, Some("old"), "/healthz", allowed(None, "health")));
            all.push((proxy, attack, Some("web"), ORDERS, denied(None, 401, "no_certificate")));
        }
    }

    // Aliases get through, and the middleware refuses what others would fold.
    for proxy in [
        "haproxy: odd names kept",
        "httpd: usual names",
        "caddy: nothing removed",
        "nginx: odd names kept",
        "envoy-text: odd names kept",
    ] {
        for attack in ["aliases with _", "aliases with .", "aliases, the last - is _"] {
            for caller in [None, Some("web")] {
                all.push((proxy, attack, caller, ORDERS, aliased()));
            }
        }
    }

    // The name of a placeholder in place of a certificate.
    let placeholder = refused("malformed_header", Some("bad_encoding"));
    all.push(("caddy: set without a certificate, too", "honest", None, "/healthz", placeholder));

    // The second Envoy's element names the first one, which then passes for the caller.
    let hops = "envoy-two-hops: no certificate needed";
    all.push((hops, "honest", None, "/whoami", allowed(Some(EDGE), "whoami")));
    all.push((hops, "honest", None, ORDERS, denied(Some(EDGE), 403, "no_rule")));
    all
}

/// Requests to the second of two Envoys, past the first.
fn past_the_edge() -> Vec<Variant> {
    let leftover = || refused("unexpected_element", None);
    vec![
        ("envoy-two-hops", "honest", None, ORDERS, Expect::Unseen(None)),
        ("envoy-two-hops", "honest", Some("web"), ORDERS, denied(Some(WEB), 403, "no_rule")),
        ("envoy-two-hops", "copies", None, ORDERS, Expect::Unseen(None)),
        ("envoy-two-hops", "copies", Some("web"), ORDERS, leftover()),
        ("envoy-two-hops", "repeated", Some("web"), ORDERS, leftover()),
        ("envoy-two-hops", "copies", Some("old"), "/healthz", leftover()),
    ]
}
