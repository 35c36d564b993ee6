"""What real proxies sent (tests/fixtures/vectors/proxy-captures.json), and who the callers truly were."""

import hashlib
import json
import pathlib
import re

from . import decoding, table

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "vectors"
# Within the two days for which the recorded certificates were made.
NOW = "2026-11-23T00:00:00Z"
SA = "spiffe://prod.example/ns/default/sa/"
POLICY = {
    "version": 1,
    "name": "orders-api",
    "trustDomains": ["prod.example"],
    "groups": {"quarantined": [{"spiffe": SA + "old"}]},
    "deny": [{"name": "quarantine", "from": ["@quarantined"]}],
    "allow": [
        {"name": "health", "from": "anyone", "methods": ["GET", "HEAD"], "paths": ["/healthz"]},
        {"name": "orders-read", "from": [{"spiffe": SA + "api"}], "methods": ["GET"], "paths": ["/v1/orders", "/v1/orders/{id}"]},
        {"name": "whoami", "from": "authenticated", "methods": ["GET"], "paths": ["/whoami"]},
    ],
}
HTTPD = {"preset": "apache", "headers": {"cert": "sslclientcert", "verify": "sslclientverify"}}
EDGE, SIDECAR = "spiffe://prod.example/ns/edge/sa/ingress", "spiffe://prod.example/ns/orders/sa/sidecar"
SOURCES = {
    "nginx": {"preset": "nginx"},
    "haproxy": {"preset": "haproxy"},
    "httpd": HTTPD,
    "httpd: usual names": {"preset": "apache"},
    "caddy": {"preset": "caddy"},
    "envoy-text": {"preset": "envoy"},
    "envoy-json": {"preset": "envoy", "format": "json"},
    "envoy-certificate": {"preset": "envoy", "read": "certificate"},
    "envoy-two-hops": {"preset": "envoy", "trustedProxies": [EDGE, SIDECAR]},
}
# What the names of these callers' certificates do to Envoy's text form, which writes them as they are.
IN_TEXT = {
    "bad-comma": ("unexpected_element", None),
    "bad-quote": ("malformed_header", "quote_in_bare_value"),
}


def source(config):
    return SOURCES.get(config) or SOURCES[config.split(":")[0]]


def named(caller):
    return ("api.partner.example", "dns") if caller == "partner" else (SA + ("mallory" if caller == "bad-subject" else caller), "spiffe")


def refused(reason, detail=None, status=403):
    return {"decision": "deny", "status": status, "reason": reason, "detail": detail, "rule": None, "identity": None, "identityType": None}


def decided(caller, path):
    identity, kind = named(caller)
    who = {"identity": identity, "identityType": kind, "verified": True, "detail": None}
    if caller == "old":
        return {"decision": "deny", "status": 403, "reason": "denied_by_rule", "rule": "quarantine", **who}
    rule = {"/whoami": "whoami", "/healthz": "health"}.get(path, "orders-read" if caller == "api" else None)
    if rule:
        return {"decision": "allow", "status": None, "reason": "allowed", "rule": rule, **who}
    return {"decision": "deny", "status": 403, "reason": "no_rule", "rule": None, **who}


def expected(entry):
    """What must come of a request, by who sent it and not by its headers."""
    config, caller, path = entry["config"], entry["caller"], entry["path"]
    text = config in ("envoy-text", "envoy-two-hops")
    if any(re.search("[_.]", name) for name, _ in entry["headers"]):
        return refused("malformed_header", "aliased_header")
    if entry.get("attack"):
        # Elements that the client wrote stand in front of those of the proxies.
        return refused("unexpected_element")
    if "without a certificate, too" in config:
        return refused("malformed_header", "bad_encoding")
    if caller is None:
        if path == "/healthz":
            return {"decision": "allow", "reason": "allowed", "rule": "health", "identity": None, "verified": None}
        return refused("no_certificate", status=401)
    if caller == "bad-foreign-ca" or config.startswith("haproxy: errors ignored") and caller.startswith("bad"):
        return {**refused("unverified"), "verified": False}
    if caller == "bad-expired":
        return {**refused("expired"), "verified": True}
    if text and caller == "bad-borrowed":
        # The one that the text form cannot tell: its URI is written like the URI and the DNS name of another.
        return decided("api", path)
    if text and caller in IN_TEXT:
        reason, detail = IN_TEXT[caller]
        return refused("untrusted_proxy" if config == "envoy-two-hops" and caller == "bad-comma" else reason, detail)
    if caller == "bad-line-feed":
        return refused("malformed_header", "control_byte" if config == "envoy-json" else "bad_certificate")
    if caller in ("bad-two-uris", "bad-comma", "bad-semicolon", "bad-borrowed", "bad-quote"):
        return {**refused("ambiguous_identity"), "verified": True}
    return decided(caller, path)


def fingerprint(entry):
    """SHA-256 of the certificate in the headers, where the preset sends one."""
    if entry["config"].startswith("envoy"):
        return None
    held = table.described(source(entry["config"]))["certificate"]
    sent = dict(entry["headers"]).get(held["header"], "")
    if not sent or sent in held.get("absent", []):
        return None
    return hashlib.sha256(decoding.decode(sent.encode(), held)).hexdigest()


def case(entry):
    label = entry["caller"] or "nobody"
    parts = [label, entry["path"].strip("/").replace("/", "-")]
    if ":" in entry["config"]:
        parts.append(entry["config"].split(": ")[1])
    if entry.get("attack"):
        parts.append(entry["attack"])
    name = re.sub("-+", "-", re.sub("[^a-z0-9_.]", "-", "-".join(parts)))
    if label == "bad-borrowed" and entry["config"] in ("envoy-text", "envoy-two-hops"):
        name += "-which-the-text-form-cannot-tell"
    expect = expected(entry)
    if expect.get("verified") is not None and fingerprint(entry):
        expect["sha256"] = fingerprint(entry)
    one = {"name": name, "request": {"path": entry["path"], "headers": entry["headers"]}, "now": NOW, "expect": expect}
    if source(entry["config"]) != source(entry["config"].split(":")[0]):
        one["source"] = source(entry["config"])
    return one


def files():
    recorded = json.loads((VECTORS / "proxy-captures.json").read_text())
    out = {}
    for config in dict.fromkeys(entry["config"].split(":")[0] for entry in recorded):
        mine = [entry for entry in recorded if entry["config"].split(":")[0] == config]
        about = f"What {mine[0]['proxy']} sent ({config}), recorded in November 2026."
        out[config] = {"about": about, "source": source(config), "policy": POLICY, "cases": [case(entry) for entry in mine]}
    return out
