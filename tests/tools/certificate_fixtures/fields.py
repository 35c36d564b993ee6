"""Preset custom with fields in place of a certificate. What must come of them is said here by hand."""

import base64

from . import der
from .cases import NOW
from .certificates import FRONT, digest

HASH = digest("web")
ADMIN = "spiffe://td.example/admin"
HEADERS = {
    "sha256": {"header": "x-hash"},
    "subject": {"header": "x-subject"},
    "issuer": {"header": "x-issuer"},
    "spiffe": {"header": "x-spiffe"},
    "uri": {"header": "x-uri"},
    "dns": {"header": "x-dns"},
}
POLICY = {
    "version": 1,
    "deny": [
        {"name": "no-admin", "from": [{"spiffe": ADMIN}]},
        {"name": "no-admin-by-name", "from": [{"subject": {"cn": "admin"}}]},
    ],
    "allow": [
        {"name": "health", "from": "anyone", "paths": ["/healthz"]},
        {"name": "web", "from": [{"spiffe": FRONT}]},
        {"name": "dns", "from": [{"dnsUnder": "td.example"}]},
        {"name": "issued", "from": [{"issuer": "CN=Test CA 1,O=Test Authority,C=SE"}]},
        {"name": "subject", "from": [{"subject": {"cn": "front"}}]},
        {"name": "other-uri", "from": [{"san": "URI:https://svc.example/id"}]},
        {"name": "pinned", "from": [{"sha256": HASH}]},
        {"name": "others", "from": "authenticated", "paths": ["/others"]},
    ],
}
# The rules that a source without some fields can have.
ASKED = {"spiffe": ("uri", "spiffe"), "san": ("uri", "spiffe"), "dnsUnder": ("dns",), "issuer": ("issuer",), "subject": ("subject",), "sha256": ("sha256",)}


def in_base64(*values):
    return ",".join(base64.b64encode(value if isinstance(value, bytes) else value.encode("latin-1")).decode() for value in values)


def policy_for(fields):
    """The rules that ask for nothing but these fields."""
    def fits(rule):
        asked = rule["from"][0] if isinstance(rule["from"], list) else {}
        return all(set(ASKED[key]) & set(fields) for key in asked)

    return {"version": 1, "deny": list(filter(fits, POLICY["deny"])), "allow": list(filter(fits, POLICY["allow"]))}


def source(*names, verified="promise", **forms):
    fields = {name: {**HEADERS[name], **forms.get(name, {})} for name in [*names, *(form for form in forms if form not in names)]}
    return {"preset": "custom", "fields": fields, "verified": verified}


REFUSED = {"rule": None, "identity": None, "identityType": None}


def says(told, identity, kind, sha256, verified):
    if told in [rule["name"] for rule in POLICY["allow"]]:
        return {"decision": "allow", "status": None, "reason": "allowed", "detail": None, "rule": told, "identity": identity, "identityType": kind, "sha256": sha256, "verified": verified}
    if told == "no_certificate":
        return {"decision": "deny", "status": 401, "reason": told, **REFUSED, "sha256": None, "verified": None}
    if told == "no_rule":
        return {"decision": "deny", "status": 403, "reason": told, "rule": None, "identity": identity, "identityType": kind, "sha256": sha256, "verified": verified}
    if told.startswith("no-admin"):
        return {"decision": "deny", "status": 403, "reason": "denied_by_rule", "rule": told, "identity": identity, "identityType": kind, "sha256": sha256, "verified": verified}
    if told in ("ambiguous_identity", "unverified", "foreign_trust_domain"):
        return {"decision": "deny", "status": 403, "reason": told, **REFUSED, "sha256": sha256, "verified": verified}
    return {"decision": "deny", "status": 403, "reason": "malformed_header", "detail": told, **REFUSED, "sha256": None, "verified": None}


class Fields:
    """The cases."""

    def __init__(self):
        self.cases = []

    def add(self, name, given, sent, told, identity=None, kind=None, sha256=None, verified=True, path="/", policy=None):
        request = {"headers": [[header, value if value.isascii() else {"base64": base64.b64encode(value.encode("latin-1")).decode()}] for header, value in sent]}
        if path != "/":
            request["path"] = path
        expect = says(told, identity, kind, sha256, verified)
        self.cases.append({"name": name, "source": given, "policy": policy or policy_for(given["fields"]), "request": request, "now": NOW, "expect": expect})


def one_field(add):
    """Each field alone."""
    spiffe = source("spiffe")
    add("spiffe", spiffe, [("x-spiffe", FRONT)], "web", FRONT, "spiffe")
    add("spiffe-of-admin", spiffe, [("x-spiffe", ADMIN)], "no-admin", ADMIN, "spiffe")
    add("spiffe-of-nobody", spiffe, [], "no_certificate")
    add("spiffe-empty", spiffe, [("x-spiffe", "")], "no_certificate")
    add("spiffe-empty-where-anyone-may", spiffe, [("x-spiffe", "")], "health", verified=None, path="/healthz")
    for name, bad in [
        ("of-another-case", "SPIFFE://td.example/a"),
        ("without-a-path", "spiffe://td.example"),
        ("with-a-slash-at-the-end", FRONT + "/"),
        ("twice", f"{FRONT},{FRONT}"),
        ("with-another", f"{FRONT};URI={ADMIN}"),
        ("with-an-escape", "spiffe://td.example/%61"),
        ("with-a-space-in-it", "spiffe://td.example/a b"),
    ]:
        add(f"spiffe-{name}", spiffe, [("x-spiffe", bad)], "ambiguous_identity")
    add("spiffe-with-a-high-byte", spiffe, [("x-spiffe", FRONT + "\u00e9")], "bad_encoding")
    add("spiffe-repeated", spiffe, [("x-spiffe", FRONT), ("x-spiffe", FRONT)], "repeated_header")
    add("spiffe-aliased", spiffe, [("x-spiffe", FRONT), ("x_spiffe", FRONT)], "aliased_header")

    hexadecimal, in_64 = source("sha256"), source(sha256={"encoding": "base64"})
    add("hash", hexadecimal, [("x-hash", HASH)], "pinned", None, None, HASH)
    add("hash-in-capitals", hexadecimal, [("x-hash", HASH.upper())], "pinned", None, None, HASH)
    add("hash-of-another", hexadecimal, [("x-hash", "a" * 64)], "no_rule", None, None, "a" * 64)
    add("hash-in-base64", in_64, [("x-hash", in_base64(bytes.fromhex(HASH)))], "pinned", None, None, HASH)
    add("hash-in-the-other-encoding", in_64, [("x-hash", HASH)], "bad_hash")
    add("hash-in-base64-where-hexadecimal-is-due", hexadecimal, [("x-hash", in_base64(bytes.fromhex(HASH)))], "bad_hash")
    add("hash-too-short", hexadecimal, [("x-hash", HASH[:40])], "bad_hash")
    add("hash-of-31-bytes-in-base64", in_64, [("x-hash", in_base64(bytes(31)))], "bad_hash")

    subject, forward = source("subject"), source(subject={"dialect": "rfc4514-forward"})
    encoded = source(subject={"dialect": "der-base64"})
    add("subject", subject, [("x-subject", "CN=front,O=Acme")], "subject", "front", "cn")
    add("subject-of-admin", subject, [("x-subject", "CN=admin,O=Acme")], "no-admin-by-name", "admin", "cn")
    add("subject-of-two-names", subject, [("x-subject", "CN=front,CN=guest")], "no_rule")
    add("subject-of-two-names-one-denied", subject, [("x-subject", "CN=front,CN=admin")], "no-admin-by-name")
    add("subject-with-an-escape", subject, [("x-subject", "CN=front\\,CN\\=admin")], "no_rule", "front,CN=admin", "cn")
    add("subject-with-slashes", subject, [("x-subject", "/C=SE/CN=front")], "bad_name")
    add("subject-that-is-no-name", subject, [("x-subject", "front")], "bad_name")
    add("subject-with-spaces-between", subject, [("x-subject", "CN=front, O=Acme")], "bad_name")
    add("subject-of-nobody", subject, [], "no_certificate")
    add("subject-forward", forward, [("x-subject", "C=SE,O=Acme,CN=front")], "subject", "front", "cn")
    whole = {"version": 1, "allow": [{"name": "subject", "from": [{"subject": "CN=front,OU=a+OU=b,O=Acme"}]}]}
    add("subject-whole", subject, [("x-subject", "CN=front,OU=b+OU=a,O=Acme")], "subject", "front", "cn", policy=whole)
    add("subject-whole-in-the-wrong-direction", subject, [("x-subject", "O=Acme,OU=a+OU=b,CN=front")], "no_rule", "front", "cn", policy=whole)
    add("subject-forward-whole", forward, [("x-subject", "O=Acme,OU=a+OU=b,CN=front")], "subject", "front", "cn", policy=whole)
    add("subject-forward-whole-in-the-wrong-direction", forward, [("x-subject", "CN=front,OU=a+OU=b,O=Acme")], "no_rule", "front", "cn", policy=whole)
    name = der.name([[("O", "Acme")], [("OU", "a"), ("OU", "b")], [("CN", "front")]])
    add("subject-in-der", encoded, [("x-subject", in_base64(name))], "subject", "front", "cn")
    add("subject-in-der-whole", encoded, [("x-subject", in_base64(name))], "subject", "front", "cn", policy=whole)
    add("subject-in-der-of-nobody", encoded, [("x-subject", in_base64(der.sequence()))], "no_rule")
    for label, bad, why in [
        ("text", "CN=front", "bad_encoding"),
        ("without-padding", in_base64(name).rstrip("=") if in_base64(name).endswith("=") else in_base64(name)[:-1], "bad_encoding"),
        ("byte-after-it", in_base64(name + b"\0"), "bad_name"),
        ("cut-off", in_base64(name[:-1]), "bad_name"),
        ("length-not-minimal", in_base64(der.long_form(name, 1)), "bad_name"),
        ("of-another-type", in_base64(der.text("front")), "bad_name"),
        ("attribute-outside-a-set", in_base64(der.sequence(der.attribute("CN", "front"))), "bad_name"),
    ]:
        add(f"subject-in-der-{label}", encoded, [("x-subject", bad)], why)

    issuer = source("issuer")
    add("issuer", issuer, [("x-issuer", "CN=Test CA 1,O=Test Authority,C=SE")], "issued")
    add("issuer-in-the-wrong-direction", issuer, [("x-issuer", "C=SE,O=Test Authority,CN=Test CA 1")], "no_rule")
    add("issuer-forward", source(issuer={"dialect": "rfc4514-forward"}), [("x-issuer", "C=SE,O=Test Authority,CN=Test CA 1")], "issued")
    ca = der.name([[("C", "SE")], [("O", "Test Authority")], [("CN", "Test CA 1")]])
    add("issuer-in-der", source(issuer={"dialect": "der-base64"}), [("x-issuer", in_base64(ca))], "issued")

    uri, uris = source("uri"), source(uri={"list": "base64"})
    add("uri", uri, [("x-uri", "https://svc.example/id")], "other-uri")
    add("uri-spiffe", uri, [("x-uri", FRONT)], "web", FRONT, "spiffe")
    add("uri-with-a-comma-is-one", uri, [("x-uri", f"https://svc.example/id,{FRONT}")], "no_rule")
    add("uri-spiffe-with-a-comma", uri, [("x-uri", f"{FRONT},https://svc.example/id")], "ambiguous_identity")
    add("uris", uris, [("x-uri", in_base64("urn:a", "https://svc.example/id"))], "other-uri")
    add("uris-of-one", uris, [("x-uri", in_base64(FRONT))], "web", FRONT, "spiffe")
    add("uris-with-a-spiffe-id-among-them", uris, [("x-uri", in_base64("urn:a", FRONT))], "ambiguous_identity")
    add("uris-with-a-comma-in-one", uris, [("x-uri", in_base64(f"https://svc.example/id,{FRONT}"))], "no_rule")
    add("uris-not-encoded", uris, [("x-uri", "https://svc.example/id")], "bad_encoding")
    add("uris-with-a-space", uris, [("x-uri", in_base64("urn:a") + ", " + in_base64("urn:b"))], "bad_encoding")
    add("uris-with-a-comma-at-the-end", uris, [("x-uri", in_base64("urn:a") + ",")], "bad_encoding")
    add("uris-with-nul", uris, [("x-uri", in_base64("urn:a\0"))], "bad_encoding")
    add("uris-with-a-high-byte", uris, [("x-uri", in_base64("urn:\u00e9"))], "bad_encoding")
    add("uris-without-padding", uris, [("x-uri", in_base64("urn:a").rstrip("="))], "bad_encoding")

    dns, listed = source("dns"), source(dns={"list": "base64"})
    add("dns", dns, [("x-dns", "front.td.example")], "dns", "front.td.example", "dns")
    add("dns-in-capitals", dns, [("x-dns", "FRONT.TD.example")], "dns", "FRONT.TD.example", "dns")
    add("dns-outside", dns, [("x-dns", "td.example")], "no_rule", "td.example", "dns")
    add("dns-with-a-comma", dns, [("x-dns", "a.other.example,b.td.example")], "bad_dns_name")
    add("dns-with-a-slash", dns, [("x-dns", "a/b")], "bad_dns_name")
    add("dns-list", listed, [("x-dns", in_base64("a.other.example", "front.td.example"))], "dns", "a.other.example", "dns")
    add("dns-list-with-a-bad-name", listed, [("x-dns", in_base64("front.td.example", "a b"))], "bad_dns_name")
    add("dns-list-not-encoded", listed, [("x-dns", "front.td.example")], "bad_encoding")
    names = [f"n{at}" for at in range(513)]
    add("dns-list-of-512", listed, [("x-dns", in_base64("a.td.example", *names[:511]))], "dns", "a.td.example", "dns")
    add("dns-list-of-513", listed, [("x-dns", in_base64("a.td.example", *names[:512]))], "too_many_sans")


def together(add):
    """Several fields of one certificate."""
    every = source(*HEADERS, uri={"list": "base64"}, dns={"list": "base64"})
    good = {
        "x-hash": HASH,
        "x-subject": "CN=guest,O=Acme",
        "x-issuer": "CN=Other CA",
        "x-spiffe": FRONT,
        "x-uri": "",
        "x-dns": in_base64("front.web.other.example"),
    }
    sent = lambda **other: [(header, other.get(header[2:], value)) for header, value in good.items() if other.get(header[2:], value) is not None]
    add("all", every, sent(), "web", FRONT, "spiffe", HASH)
    add("all-in-another-order", every, list(reversed(sent())), "web", FRONT, "spiffe", HASH)
    add("all-but-the-hash", every, sent(hash=None), "missing_field")
    add("all-with-an-empty-hash", every, sent(hash=""), "missing_field")
    # Rules ask for subject and issuer, so they must be there.
    add("all-but-the-subject", every, sent(subject=None), "missing_field")
    add("all-but-the-issuer", every, sent(issuer=None), "missing_field")
    add("all-but-the-spiffe-id", every, sent(spiffe=None), "pinned", "front.web.other.example", "dns", HASH)
    add("all-but-the-names", every, sent(spiffe=None, dns=None), "pinned", "guest", "cn", HASH)
    add("all-empty", every, [(header, "") for header in good], "no_certificate")
    add("none", every, [], "no_certificate")
    add("only-the-hash", source("sha256", "spiffe"), [("x-hash", HASH)], "pinned", None, None, HASH)
    add("only-the-spiffe-id", source("sha256", "spiffe"), [("x-spiffe", FRONT)], "missing_field")
    # Google's list of URIs leaves the SPIFFE ID out; another one beside it is a second name.
    add("spiffe-id-and-a-uri", every, sent(uri=in_base64("urn:a")), "ambiguous_identity", sha256=HASH)
    add("spiffe-id-twice", every, sent(uri=in_base64(FRONT)), "ambiguous_identity", sha256=HASH)
    add("two-spiffe-ids", every, sent(uri=in_base64(ADMIN)), "ambiguous_identity", sha256=HASH)
    add("spiffe-header-with-a-uri", every, sent(spiffe="https://svc.example/id"), "bad_encoding")
    add("order-missing-before-bad-hash", every, sent(hash="x", subject=None), "missing_field")
    add("order-bad-hash-before-bad-dns", every, sent(hash="x", dns=in_base64("a b")), "bad_hash")
    add("order-bad-dns-before-bad-name", every, sent(subject="x", dns=in_base64("a b")), "bad_dns_name")
    add("order-bad-name-before-bad-encoding", every, sent(subject="x", uri="*"), "bad_name")
    trusted = {"version": 1, "trustDomains": ["other.example"], "allow": [{"name": "others", "from": "authenticated"}]}
    add("trust-domain-of-another", source("spiffe"), [("x-spiffe", FRONT)], "foreign_trust_domain", policy=trusted)
    add("no-window-is-known", {**source("spiffe"), "validity": "when-known"}, [("x-spiffe", FRONT)], "web", FRONT, "spiffe")


def vouched(add):
    signal = [{"header": "x-verify", "accept": ["yes"], "none": ["none"]}]
    asked = source("spiffe", verified=signal)
    sent = lambda word: [("x-spiffe", FRONT), ("x-verify", word)]
    add("verified", asked, sent("yes"), "web", FRONT, "spiffe")
    add("verified-no", asked, sent("no"), "unverified", verified=False)
    add("verified-missing", asked, [("x-spiffe", FRONT)], "unverified", verified=False)
    add("verified-none", asked, sent("none"), "contradictory_headers")
    add("verified-no-and-not-required", {**asked, "requireVerified": False}, sent("no"), "web", FRONT, "spiffe", verified=False)
    add("verified-without-a-field", asked, [("x-verify", "yes")], "contradictory_headers")
    add("none-without-a-field", asked, [("x-verify", "none")], "no_certificate")
    add("nothing", asked, [], "no_certificate")
    add("never-verified", {**source("spiffe", verified="never"), "requireVerified": False}, [("x-spiffe", FRONT)], "web", FRONT, "spiffe", verified=False)


def document():
    fields = Fields()
    one_field(fields.add)
    together(fields.add)
    vouched(fields.add)
    policy = {"version": 1, "allow": []}
    return {"about": "Preset custom: fields of a certificate.", "source": source("spiffe"), "policy": policy, "cases": fields.cases}
