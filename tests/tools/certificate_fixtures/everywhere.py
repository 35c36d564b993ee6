"""What is tried with every proxy: callers, times, header lines, chains, absence."""

from .cases import NOW
from .certificates import base64_of, certificate, pem
from .encodings import byte_sequence, percent

# Where a certificate alone decides.
WHO = [
    ("web", "web"),
    ("pay", "no_rule"),
    ("admin", "denied_by_rule"),
    ("cn-only", "no_rule"),
    ("dns-only", "partners"),
    ("dns-wildcard", "no_rule"),
    ("kinds", "no_rule"),
    ("nameless", "no_rule"),
    ("many-cns", "no_rule"),
    ("cn-escaped", "no_rule"),
    ("hostile", "no_rule"),
    ("forged-sans", "ambiguous_identity"),
    ("two-uris", "ambiguous_identity"),
    ("empty-uri", "ambiguous_identity"),
    ("spiffe-upper", "ambiguous_identity"),
    ("spiffe-no-path", "ambiguous_identity"),
    ("spiffe-foreign", "no_rule"),
    ("spiffe-below", "no_rule"),
    ("spiffe-beside", "no_rule"),
    ("ca", "ambiguous_identity"),
    ("ca-by-name", "no_rule"),
    ("expired", "expired"),
    ("not-yet", "not_yet_valid"),
    ("forever", "web"),
    ("bad-dns", "bad_dns_name"),
    ("sans-512", "web"),
    ("sans-513", "too_many_sans"),
    ("rsa-4096", "web"),
    ("rfc9440", "expired"),
]


# What it means when the proxy vouches and there is no certificate, unless that there is none.
WITHOUT = dict.fromkeys(["nginx", "ingress-nginx", "apache", "gcp", "cloudflare"], "contradictory_headers")


def who(cases, proxy):
    for name, says in WHO:
        cases.add(f"certificate-{name}", proxy.good(name), says)
    cases.add("certificate-nameless-is-authenticated", proxy.good("nameless"), "others", path="/others")
    cases.add("certificate-of-one-common-name-is-authenticated", proxy.good("cn-only"), "others", path="/others")
    cases.add("certificate-where-anyone-may", proxy.good("pay"), "health", path="/healthz")
    cases.add("bad-certificate-where-anyone-may", proxy.good("two-uris"), "ambiguous_identity", path="/healthz")
    cases.add("bad-spiffe-id-where-anyone-may", proxy.good("spiffe-upper"), "ambiguous_identity", path="/healthz")


def times(cases, proxy):
    """The window is inclusive at both ends and widened by the skew."""
    def at(name, certificate, now, says, **source):
        cases.add(f"time-{name}", proxy.good(certificate), says, now=now, **source)

    at("first-second", "web", "2025-01-01T00:00:00Z", "web", clockSkewSeconds=0)
    at("second-before", "web", "2024-12-31T23:59:59Z", "not_yet_valid", clockSkewSeconds=0)
    at("last-second", "web", "2036-01-01T00:00:00Z", "web", clockSkewSeconds=0)
    at("second-after", "web", "2036-01-01T00:00:01Z", "expired", clockSkewSeconds=0)
    at("first-second-of-the-default-skew", "web", "2024-12-31T23:59:00Z", "web")
    at("second-before-the-default-skew", "web", "2024-12-31T23:58:59Z", "not_yet_valid")
    at("last-second-of-the-default-skew", "web", "2036-01-01T00:01:00Z", "web")
    at("second-after-the-default-skew", "web", "2036-01-01T00:01:01Z", "expired")
    at("last-second-of-an-hour-of-skew", "web", "2036-01-01T01:00:00Z", "web", clockSkewSeconds=3600)
    at("second-after-an-hour-of-skew", "web", "2036-01-01T01:00:01Z", "expired", clockSkewSeconds=3600)
    at("expired-is-ignored", "expired", NOW, "web", validity="ignore")
    at("not-yet-valid-is-ignored", "not-yet", NOW, "web", validity="ignore")
    at("expired-where-it-is-required", "expired", NOW, "expired", validity="required")
    at("valid-where-it-is-required", "web", NOW, "web", validity="required")
    at("largest-skew", "expired", NOW, "web", clockSkewSeconds=4294967295)
    cases.add("time-expired-where-anyone-may", proxy.good("expired"), "expired", path="/healthz")
    cases.add("time-expired-comes-before-the-identity", proxy.good("rfc9440"), "expired")


def lines(cases, proxy):
    """Repeated headers, aliases, lengths."""
    good = proxy.good()
    for at, (header, value) in enumerate(good):
        cases.add(f"repeated-{header}", [*good, (header, value)], "repeated_header")
        cases.add(f"repeated-{header}-with-another-value", [*good, (header, "x")], "repeated_header")
        cases.add(f"repeated-{header}-first-empty", [(header, ""), *good], "repeated_header")
        cases.add(f"repeated-{header}-last-empty", [*good, (header, "")], "repeated_header")
        cases.add(f"repeated-{header}-in-another-case", [*good, (header.title(), value)], "repeated_header")
        cases.add(f"in-another-case-{header}", [*good[:at], (header.upper(), value), *good[at + 1 :]], "web")
        for mark in "_.":
            alias = header.replace("-", mark)
            cases.add(f"aliased-{header}-as-{alias}", [*good, (alias, value)], "aliased_header")
            cases.add(f"aliased-{header}-only-as-{alias}", [*good[:at], (alias, value), *good[at + 1 :]], "aliased_header")
        first = header.replace("-", "_", 1).title()
        cases.add(f"aliased-{header}-as-{first}-empty", [*good, (first, "")], "aliased_header")
    header, value = good[0]
    alias = header.replace("-", "_")
    cases.add("aliased-header-where-anyone-may", [(alias, "x")], "aliased_header", path="/healthz")
    cases.add("repeated-comes-before-aliased", [(alias, "x"), *good, good[-1]], "repeated_header")
    cases.add("aliased-comes-before-too-long", [(alias, "x"), *good], "aliased_header", maxHeaderBytes=len(value) - 1)
    cases.add("repeated-comes-before-too-long", [*good, good[0]], "repeated_header", maxHeaderBytes=len(value) - 1)
    cases.add("too-long-comes-before-the-format", proxy.send("-----BEGIN"), "header_too_long", maxHeaderBytes=9)
    cases.add("length-at-the-limit", good, "web", maxHeaderBytes=len(value))
    cases.add("length-past-the-limit", good, "header_too_long", maxHeaderBytes=len(value) - 1)
    for header, _ in proxy.vouch:
        long = {header.replace("-", "_"): "x" * (len(value) + 1)}
        cases.add(f"length-past-the-limit-{header}", proxy.good(**long), "header_too_long", maxHeaderBytes=len(value))
    names = {"cert": "X-Other-Cert"}
    renamed = [("x-other-cert", value), *good[1:]]
    cases.add("renamed-header", renamed, "web", headers=names)
    cases.add("renamed-header-old-name-is-not-read", good, WITHOUT.get(proxy.preset, "no_certificate"), headers=names)
    cases.add("renamed-header-old-name-beside-it", [*renamed, (proxy.header, "x")], "web", headers=names)
    cases.add("renamed-header-aliased", [*renamed, ("x_other_cert", "x")], "aliased_header", headers=names)
    cases.add("renamed-header-old-alias-is-not-looked-at", [*renamed, (alias, "x")], "web", headers=names)


def not_required(cases, proxy):
    cases.add("not-required-verified", proxy.good(), "web", requireVerified=False)
    cases.add("not-required-expired", proxy.good("expired"), "expired", requireVerified=False)
    cases.add("not-required-two-uris", proxy.good("two-uris"), "ambiguous_identity", requireVerified=False)
    cases.add("not-required-and-broken", proxy.send("*"), "bad_encoding", requireVerified=False)


def common(cases, proxy):
    who(cases, proxy)
    times(cases, proxy)
    lines(cases, proxy)
    not_required(cases, proxy)


def signals(cases, proxy, header, unverified, none=()):
    """Values of a header that do not vouch."""
    key = header.replace("-", "_")
    for value in unverified:
        label = (value or "empty").replace(" ", "-").replace(":", "-").lower()
        at = sum(one["name"].startswith(f"{header}-{label}") for one in cases.cases)
        name = f"{header}-{label}" + (f"-{at}" if at else "")
        cases.add(name, proxy.good(**{key: value}), "unverified")
    cases.add(f"{header}-missing", proxy.good(**{key: None}), "unverified")
    cases.add(f"{header}-not-required", proxy.good(**{key: unverified[0]}), "web", requireVerified=False)
    cases.add(f"{header}-missing-and-not-required", proxy.good(**{key: None}), "web", requireVerified=False)
    cases.add(f"{header}-unverified-comes-before-expired", proxy.good("expired", **{key: unverified[0]}), "unverified")
    cases.add(f"{header}-unverified-comes-before-the-identity", proxy.good("two-uris", **{key: unverified[0]}), "unverified")
    cases.add(f"{header}-unverified-comes-before-a-deny-rule", proxy.good("admin", **{key: unverified[0]}), "unverified")
    cases.add(f"{header}-unverified-where-anyone-may", proxy.good(**{key: unverified[0]}), "unverified", path="/healthz")
    cases.add(f"{header}-broken-certificate-comes-before-unverified", proxy.send("*", **{key: unverified[0]}), "bad_encoding")
    cases.add(f"{header}-high-byte", proxy.good(**{key: dict(proxy.vouch)[header] + "\u00e9"}), "unverified")
    for value in none:
        name = f"{header}-{value.lower()}-with-a-certificate"
        cases.add(name, proxy.good(**{key: value}), "contradictory_headers")
        cases.add(f"{name}-not-required", proxy.good(**{key: value}), "contradictory_headers", requireVerified=False)
        cases.add(f"{name}-where-anyone-may", proxy.good(**{key: value}), "contradictory_headers", path="/healthz")


WRONG_WORDS = ["success", "SUCCESS,SUCCESS", "SUCCESS;", "SUCCES", "OK", "0", "1", "true", "-", "(null)", "null"]


def chains(cases, proxy, chain):
    good = proxy.good()
    root = byte_sequence(certificate("root"))
    other = byte_sequence(certificate("ca"))

    def add(name, values, says, **source):
        cases.add(f"chain-{name}", [*good, *((chain, value) for value in values)], says, **source)

    add("of-one", [root], "web")
    add("of-two", [f"{other}, {root}"], "web")
    add("of-two-without-a-space", [f"{other},{root}"], "web")
    add("of-two-lines", [other, root], "web")
    add("of-two-equal-lines", [root, root], "web")
    add("with-parameters", [f"{other};a=1, {root};b"], "web")
    add("empty", [""], "web")
    add("with-the-certificate-itself", [good[0][1]], "web")
    add("base64", [base64_of("root")], "bad_encoding")
    add("not-closed", [root[:-1]], "bad_encoding")
    add("comma-at-the-end", [f"{root},"], "bad_encoding")
    add("comma-in-front", [f",{root}"], "bad_encoding")
    add("two-commas", [f"{root},,{other}"], "bad_encoding")
    add("empty-member", ["::"], "bad_encoding")
    add("string-member", [f'{root}, "a"'], "bad_encoding")
    add("inner-list", [f"({root} {other})"], "bad_encoding")
    add("broken-base64", [":AAA:"], "bad_encoding")
    add("percent-encoded-pem", [percent(pem("root"))], "bad_encoding")
    add("broken-second-line", [root, ":"], "bad_encoding")
    add("length-of-the-lines-at-the-limit", [other, root], "web", maxHeaderBytes=len(other) + 1 + len(root))
    add("length-of-the-lines-past-the-limit", [other, root], "header_too_long", maxHeaderBytes=len(other) + len(root))
    wrong = proxy.send("-----BEGIN")
    cases.add("chain-broken-comes-after-the-format", [*wrong, (chain, "x")], "unexpected_format")
    cases.add("chain-broken-comes-after-a-bad-name", [*proxy.good("bad-dns"), (chain, "x")], "bad_dns_name")
    cases.add("chain-broken-comes-after-too-many-names", [*proxy.good("sans-513"), (chain, "x")], "too_many_sans")
    garbled = proxy.send(byte_sequence(b"not a certificate"))
    cases.add("chain-broken-comes-before-a-bad-certificate", [*garbled, (chain, "x")], "bad_encoding")
    cases.add("chain-aliased", [*good, (chain.replace("-", "_"), root)], "aliased_header")
    cases.add("chain-renamed", [*good, ("x-chain", root)], "web", headers={"chain": "x-chain"})
    cases.add("chain-renamed-and-broken", [*good, ("x-chain", "x")], "bad_encoding", headers={"chain": "x-chain"})
    nobody = [] if proxy.preset != "gcp" else [("x-client-cert-present", "false")]
    cases.add("chain-without-a-certificate", [*nobody, (chain, root)], "contradictory_headers")
    cases.add("chain-without-a-certificate-where-anyone-may", [*nobody, (chain, root)], "contradictory_headers", path="/healthz")
    cases.add("chain-empty-without-a-certificate", [*nobody, (chain, "")], "no_certificate")
    cases.add("chain-broken-without-a-certificate", [*nobody, (chain, "x")], "bad_encoding")


def absent(cases, proxy, forms):
    """Each way of saying that there is no certificate."""
    for name, headers in forms:
        cases.add(f"absent-{name}", headers, "no_certificate")
        cases.add(f"absent-{name}-where-anyone-may", headers, "health", path="/healthz")
    cases.add("header-of-another-proxy", [("x-other-client-cert", base64_of("web"))], "no_certificate")
