"""Envoy's header, read by its `Cert`."""

import base64
import hashlib
import json

from .cases import Cases
from .certificates import EDGE, FRONT, INNER, certificate, digest, pem, sans, to_pem
from .encodings import pem_faults, percent
from .everywhere import WHO

HEADER = "x-forwarded-client-cert"


def element(name, by=None, cert=None, **more):
    """An element of the text form: `by` and what follows `Cert`, raw; None leaves a key out."""
    given = {"Hash": digest(name), "Cert": f'"{percent(pem(name))}"' if cert is None else cert, **more}
    pairs = [("By", one) for one in ([by] if isinstance(by, str) else by or [])]
    pairs += [(key, value) for key, value in given.items() if value is not None]
    return ";".join(f"{key}={value}" for key, value in pairs)


def as_envoy_writes(name, by=EDGE):
    """All details, names raw."""
    out = [f"By={by}", f"Hash={digest(name)}", f'Cert="{percent(pem(name))}"', 'Subject="CN=a"']
    out += [f"URI={uri}" for uri in sans(name, "URI")] or ["URI="]
    return ";".join(out + [f"DNS={dns}" for dns in sans(name, "DNS")])


def json_element(name, by=None, **more):
    one = {"by": [by] if isinstance(by, str) else by, "hash": digest(name), "cert": pem(name), **more}
    return {key: value for key, value in one.items() if value is not None}


def as_json(*elements):
    return json.dumps(elements, separators=(",", ":"))


class Header:
    """Adds cases of one header value."""

    def __init__(self, source):
        self.cases = Cases({"preset": "envoy", "read": "certificate", **source})

    def add(self, name, value, says, /, **more):
        sent = [(HEADER, one) for one in ([value] if isinstance(value, str) else value)]
        self.cases.add(name, sent, says, **more)


def times(add, value):
    add("time-last-second-of-the-skew", value("web"), "web", now="2036-01-01T00:01:00Z")
    add("time-second-after-the-skew", value("web"), "expired", now="2036-01-01T00:01:01Z")
    add("time-first-second-of-the-skew", value("web"), "web", now="2024-12-31T23:59:00Z")
    add("time-second-before-the-skew", value("web"), "not_yet_valid", now="2024-12-31T23:58:59Z")
    add("time-required", value("web"), "web", validity="required")
    add("time-expired-is-ignored", value("expired"), "web", validity="ignore")


def hashes(add, value):
    """`value` makes a header of one element, with this hash."""
    add("hash-in-capitals", value(digest("web").upper()), "web")
    add("hash-of-another-certificate", value(digest("pay")), "hash_mismatch")
    add("hash-of-another-certificate-where-anyone-may", value(digest("pay")), "hash_mismatch", path="/healthz")
    add("hash-with-its-last-digit-changed", value(digest("web")[:-1] + ("0" if digest("web")[-1] != "0" else "1")), "hash_mismatch")
    add("hash-too-short", value(digest("web")[:-1]), "bad_hash")
    add("hash-missing", value(None), "missing_field")


BROKEN_BY_RAW_NAMES = {
    "forged-sans": "missing_field",
    "bad-dns": "key_order",
    "sans-512": "too_many_pairs",
    "sans-513": "too_many_pairs",
}


def read_text():
    header = Header({})
    add = header.add
    for name, says in WHO:
        add(f"certificate-{name}", element(name), says)
    add("certificate-nameless-is-authenticated", element("nameless"), "others", path="/others")
    for name, says in WHO:
        # A name with a comma or a semicolon breaks the text, and where it does not, the fields are not read.
        add(f"as-envoy-writes-{name}", as_envoy_writes(name), BROKEN_BY_RAW_NAMES.get(name, says))
    times(add, element)
    hashes(add, lambda digest: element("web", Hash=digest))

    # What the fields say is not looked at.
    lies = {"URI": "spiffe://td.example/admin", "DNS": "a.partner.example"}
    add("fields-that-lie", element("web", Subject='"CN=admin"', **lies), "web")
    add("fields-that-lie-for-another", element("pay", URI=FRONT), "no_rule")
    add("fields-that-name-the-rule-of-a-nameless", element("nameless", Subject='"CN=front"', URI=FRONT), "no_rule")
    add("fields-that-deny", element("web", URI="spiffe://td.example/admin"), "web")
    add("subject-that-is-no-name", element("web", Subject='"a"'), "web")
    add("dns-that-is-no-name", element("web", DNS="a/b"), "web")
    add("two-uris-in-the-fields", element("web") + f";URI={FRONT};URI=urn:a", "web")
    add("uri-of-another-case-in-the-fields", element("web", URI="SPIFFE://td.example/a"), "web")
    # Grammar and order hold all the same.
    add("grammar-space", element("web", URI="a b"), "space_in_value")
    add("grammar-unknown-key", element("web", SAN="a"), "unknown_key")
    add("grammar-cert-twice", element("web") + f';Cert="{percent(pem("web"))}"', "duplicate_key")
    add("grammar-unclosed-cert", element("web", cert=f'"{percent(pem("web"))}'), "unclosed_quote")
    add("grammar-empty-element", element("web") + ",", "empty_element")
    add("order-cert-last", f'Hash={digest("web")};URI={FRONT};Cert="{percent(pem("web"))}"', "key_order")
    add("order-any", f'Hash={digest("web")};URI={FRONT};Cert="{percent(pem("web"))}"', "web", keyOrder="any")
    add("format-json", as_json(json_element("web")), "unexpected_format")

    # The certificate
    add("cert-missing", f"Hash={digest('web')};URI={FRONT}", "missing_field")
    add("cert-missing-where-anyone-may", f"Hash={digest('web')};URI={FRONT}", "missing_field", path="/healthz")
    add("cert-empty", element("web", cert='""'), "missing_field")
    add("cert-bare-and-empty", element("web", cert=""), "missing_field")
    add("cert-bare", element("web", cert=percent(pem("web"))), "web")
    add("cert-missing-comes-before-a-bad-hash", f"Hash=x;URI={FRONT}", "missing_field")
    add("bad-hash-comes-before-the-encoding", element("web", cert="x", Hash="x"), "bad_hash")
    add("encoding-comes-before-the-hash", element("web", cert="x", Hash=digest("pay")), "bad_encoding")
    for name, value, says in pem_faults(base64.b64encode(certificate("web")).decode()):
        add(f"cert-pem-{name}", element("web", cert=f'"{percent(value)}"'), says)
    for name, value in [
        ("literal-plus", percent(pem("web"), "+")),
        ("literal-slash", percent(pem("web"), "/")),
        ("literal-equals", percent(pem("web"), "=")),
        ("bad-escape", percent(pem("web")).replace("%0A", "%0G", 1)),
        ("cut-off-escape", percent(pem("web"))[:-1]),
        ("escaped-twice", percent(percent(pem("web")))),
    ]:
        add(f"cert-{name}", element("web", cert=f'"{value}"'), "bad_encoding")
    add("cert-literal-space", element("web", cert=f'"{percent(pem("web"), " ")}"'), "unexpected_format")
    add("cert-bare-base64", element("web", cert=f'"{base64.b64encode(certificate("web")).decode()}"'), "unexpected_format")
    for name, data in [("byte-after-it", certificate("web") + b"\0"), ("cut-off", certificate("web")[:-1]), ("text", b"not a certificate")]:
        given = hashlib.sha256(data).hexdigest()
        add(f"cert-{name}", element("web", cert=f'"{percent(to_pem(data))}"', Hash=given), "bad_certificate")
    chain = f'"{percent(pem("web") + pem("root"))}"'
    add("chain", element("web", Chain=chain), "web")
    add("chain-in-place-of-the-certificate", element("web", cert=chain), "bad_certificate")
    add("chain-alone", f"Hash={digest('web')};Chain={chain}", "missing_field")

    # Lines
    add("no-header", [], "no_certificate")
    add("no-header-where-anyone-may", [], "health", path="/healthz")
    add("empty", "", "no_certificate")
    add("empty-line-beside-it", ["", element("web"), ""], "web")
    add("two-lines", [element("pay"), element("web")], "unexpected_element")
    add("two-elements", f"{element('web')},{element('pay')}", "unexpected_element")
    add("two-equal-elements", f"{element('web')},{element('web')}", "unexpected_element")
    add("second-element-without-a-certificate", f"{element('web')},Hash={digest('pay')}", "missing_field")
    add("first-element-without-a-certificate", f"Hash={digest('pay')},{element('web')}", "missing_field")
    value = element("web")
    add("length-at-the-limit", value, "web", maxHeaderBytes=len(value))
    add("length-past-the-limit", value, "header_too_long", maxHeaderBytes=len(value) - 1)
    header.cases.add("aliased", [(HEADER, value), ("x_forwarded_client_cert", value)], "aliased_header")
    header.cases.add("aliased-alone", [("X.Forwarded-Client-Cert", value)], "aliased_header")
    header.cases.add("in-another-case", [("X-Forwarded-Client-Cert", value)], "web")
    add("not-required", value, "web", requireVerified=False)
    return header.cases


def walk(form, make):
    """The walk through proxies; `make` joins elements, given as (certificate, By)."""
    header = Header({**form, "trustedProxies": [EDGE, INNER]})
    add = lambda name, elements, says, **more: header.add(name, make(elements), says, **more)
    add("one-hop", [("web", EDGE)], "web")
    add("two-hops", [("web", EDGE), ("edge", INNER)], "web")
    add("two-hops-somebody-else", [("pay", EDGE), ("edge", INNER)], "no_rule")
    add("two-hops-in-another-order", [("edge", INNER), ("web", EDGE)], "unexpected_element")
    add("without-by", [("web", None)], "untrusted_proxy")
    add("by-another", [("web", "spiffe://td.example/ns/edge/sa/other")], "untrusted_proxy")
    add("by-a-trusted-one-and-another", [("web", [EDGE, "urn:a"])], "untrusted_proxy")
    add("two-hops-not-linked", [("web", INNER), ("edge", INNER)], "untrusted_proxy")
    add("two-hops-second-without-by", [("web", EDGE), ("edge", None)], "untrusted_proxy")
    add("two-hops-first-without-by", [("web", None), ("edge", INNER)], "untrusted_proxy")
    add("same-proxy-twice", [("web", EDGE), ("edge", EDGE)], "untrusted_proxy")
    add("proxy-calls-itself", [("edge", INNER)], "no_rule")
    add("client-in-front-of-the-caller", [("admin", EDGE), ("web", INNER)], "unexpected_element")
    add("three-hops-of-which-one-is-the-clients", [("admin", EDGE), ("web", EDGE), ("edge", INNER)], "unexpected_element")
    add("expired-caller", [("expired", EDGE), ("edge", INNER)], "expired")
    add("caller-of-two-uris", [("two-uris", EDGE), ("edge", INNER)], "ambiguous_identity")
    add("caller-with-a-bad-name", [("bad-dns", EDGE), ("edge", INNER)], "bad_dns_name")
    add("nameless-caller", [("nameless", EDGE), ("edge", INNER)], "no_rule")
    return header


def walk_text():
    make = lambda elements: ",".join(element(name, by) for name, by in elements)
    header = walk({}, make)
    add = header.add
    # Who calls is told by certificates, whatever the fields claim.
    claimed = f"{element('web', EDGE)},{element('pay', INNER, URI=EDGE)}"
    add("link-that-only-the-field-claims", claimed, "unexpected_element")
    denied = f"{element('web', EDGE)},{element('edge', INNER, URI='spiffe://td.example/other')}"
    add("link-that-the-field-denies", denied, "web")
    add("two-lines", [element("web", EDGE), element("edge", INNER)], "web")
    add("cert-missing-in-the-proxys-element", f"{element('web', EDGE)},By={INNER};Hash={digest('edge')};URI={EDGE}", "missing_field")
    add("cert-missing-in-the-callers-element", f"By={EDGE};Hash={digest('web')};URI={FRONT},{element('edge', INNER)}", "missing_field")
    add("hash-of-the-proxys-element-wrong", f"{element('web', EDGE)},{element('edge', INNER, Hash=digest('web'))}", "hash_mismatch")
    add("hash-of-the-callers-element-wrong", f"{element('web', EDGE, Hash=digest('pay'))},{element('edge', INNER)}", "hash_mismatch")
    add("cert-of-the-proxys-element-broken", f"{element('web', EDGE)},{element('edge', INNER, cert='x')}", "bad_encoding")
    return header.cases


def read_json():
    header = Header({"format": "json"})
    add = header.add
    one = lambda name, **more: as_json(json_element(name, **more))
    for name, says in WHO:
        add(f"certificate-{name}", one(name), says)
        names = {"uri": sans(name, "URI"), "dns": sans(name, "DNS")}
        many = name in ("sans-512", "sans-513")
        if not many:
            add(f"as-envoy-writes-{name}", one(name, by=EDGE, subject="CN=a", **names), says)
    times(add, one)
    hashes(add, lambda digest: one("web", hash=digest))
    add("fields-that-lie", one("web", subject="CN=admin", uri=["spiffe://td.example/admin"], dns=["a.partner.example"]), "web")
    add("fields-that-lie-for-another", one("pay", uri=[FRONT]), "no_rule")
    add("two-uris-in-the-fields", one("web", uri=[FRONT, "urn:a"]), "web")
    add("subject-that-is-no-name", one("web", subject="a"), "web")
    add("dns-that-is-no-name", one("web", dns=["a/b"]), "web")
    add("cert-missing", as_json({"hash": digest("web"), "uri": [FRONT]}), "missing_field")
    for name, value, says in pem_faults(base64.b64encode(certificate("web")).decode()):
        # Only line feeds stand in a value of the JSON form.
        says = "control_byte" if "\r" in value or "\0" in value else says
        says = "non_ascii_byte" if not value.isascii() else says
        add(f"cert-pem-{name}", one("web", cert=value), says)
    add("cert-percent-encoded", one("web", cert=percent(pem("web"))), "unexpected_format")
    add("cert-bare-base64", one("web", cert=base64.b64encode(certificate("web")).decode()), "unexpected_format")
    add("chain", one("web", chain=[pem("web"), pem("root")]), "web")
    add("chain-alone", as_json({"hash": digest("web"), "chain": [pem("web")]}), "missing_field")
    add("cert-empty", one("web", cert=""), "missing_field")
    add("cert-as-a-list", one("web", cert=[pem("web")]), "bad_json")
    add("cert-twice", as_json(json_element("web"))[:-2] + ',"cert":"x"}]', "duplicate_key")
    add("format-text", element("web"), "unexpected_format")
    add("empty-array", "[]", "no_certificate")
    add("empty", "", "no_certificate")
    add("no-header", [], "no_certificate")
    add("two-elements", as_json(json_element("web"), json_element("pay")), "unexpected_element")
    return header.cases


def walk_json():
    header = walk({"format": "json"}, lambda elements: as_json(*(json_element(name, by) for name, by in elements)))
    claimed = as_json(json_element("web", EDGE), json_element("pay", INNER, uri=[EDGE]))
    header.add("link-that-only-the-field-claims", claimed, "unexpected_element")
    return header.cases


def binding():
    """The last Hash against the certificate of the connection."""
    header = Header({"trustedProxies": [EDGE, INNER]})
    one, two = element("web", EDGE), f"{element('web', EDGE)},{element('edge', INNER)}"
    peer = lambda name: {"certificatePem": pem(name), "verified": True}
    add = header.add
    add("caller-on-the-connection", one, "web", connection=peer("web"))
    add("another-on-the-connection", one, "hash_mismatch", connection=peer("pay"))
    add("proxy-on-the-connection", two, "web", connection=peer("edge"))
    add("caller-on-the-connection-of-a-proxy", two, "hash_mismatch", connection=peer("web"))
    add("nobody-on-the-connection", one, "web", connection={"verified": False})
    add("nobody-on-the-connection-where-somebody-must-be", one, "hash_mismatch", connection={"verified": False}, bindConnection=True)
    add("plaintext-where-somebody-must-be", one, "hash_mismatch", bindConnection=True)
    add("another-on-the-connection-that-does-not-count", one, "web", connection=peer("pay"), bindConnection=False)
    add("another-on-the-connection-without-a-header", [], "no_certificate", connection=peer("pay"))
    return header.cases


def files():
    return {
        "envoy-certificate-bound": ("Preset envoy, read by its certificates, bound to the connection.", binding()),
        "envoy-certificate-text": ("Preset envoy, text form, read by its certificates.", read_text()),
        "envoy-certificate-text-proxies": ("Preset envoy, text form, certificates walked through trusted proxies.", walk_text()),
        "envoy-certificate-json": ("Preset envoy, JSON form, read by its certificates.", read_json()),
        "envoy-certificate-json-proxies": ("Preset envoy, JSON form, certificates walked through trusted proxies.", walk_json()),
    }
