#!/usr/bin/env python3
"""Writes tests/fixtures/generated/ from tests/fixtures/vectors/ and from the published limits, and
captures/, certificates/, certificate-principals/, sources/ and x509/ beside it from certificate_fixtures/.

    make-fixtures.py            writes the files
    make-fixtures.py --check    exits 1 when a file is not what would be written

What is expected comes from the vectors' own data, from make_fixtures_oracle.py and from
certificate_fixtures/oracle.py, never from the crates under test. Python's standard library only.
"""

import base64
import hashlib
import json
import pathlib
import sys

from certificate_fixtures import files as certificate_files
from make_fixtures_oracle import decide, parse_text, spiffe_id

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
# Folders in which every file of these kinds is written by this script.
OWN = {
    "generated": "*.json",
    "captures": "*.json",
    "certificates": "*.pem",
    "certificate-principals": "*.json",
    "sources": "*.json",
    "x509": "*.json",
}
HEADER = "x-forwarded-client-cert"
A, B = "a" * 64, "b" * 64
ANYONE_WITH_A_CERTIFICATE = {"version": 1, "allow": [{"name": "any-certificate", "from": "authenticated"}]}
# The same policy, as the oracle reads it.
ANY = {"needs": set(), "rules": [("allow", "any-certificate", lambda uris, dns: True)]}


def vectors(name):
    return json.loads((FIXTURES / "vectors" / name).read_text())


def text(data):
    """A value of a fixture: ASCII as it is, anything else in base64."""
    if all(0x20 <= byte < 0x7F for byte in data):
        return data.decode()
    return {"base64": base64.b64encode(data).decode()}


def case(name, data, expect, connection=None):
    request = {"headers": [[HEADER, text(data)]]} if data is not None else {}
    if connection:
        request["connection"] = connection
    return {"name": name, "request": request, "expect": expect}


def fixture(about, cases, **documents):
    names = [one["name"] for one in cases]
    assert len(names) == len(set(names)), "two cases of one name"
    return {"about": about, **documents, "cases": cases}


def render(document):
    """One case a line: the files are read by machines and compared by line."""
    head = {key: value for key, value in document.items() if key != "cases"}
    lines = [f"  {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}," for key, value in head.items()]
    cases = [f"    {json.dumps(one)}" for one in document["cases"]]
    return "\n".join(["{", *lines, '  "cases": [', ",\n".join(cases), "  ]", "}"]) + "\n"


# --- header vectors ------------------------------------------------------------------------------


def agree(entry, expect):
    """What the vector says and what the oracle says are one."""
    said = entry["expect"]
    if "error" in said:
        label = "unexpected_format" if said["error"] == "json" else said["error"]
        return expect["reason"] == "malformed_header" and expect["detail"] == label
    if said.get("accept") == "structure-only":
        return expect["detail"] == "unknown_key"
    if said.get("json"):
        return expect["detail"] == "unexpected_format"
    spelled = {"by": "By", "hash": "Hash", "cert": "Cert", "chain": "Chain", "subject": "Subject", "uri": "URI", "dns": "DNS"}
    parsed = parse_text(entry["header"].encode("latin-1"))
    return said["elements"] == [[[spelled[key], value] for key, value in one] for one in parsed]


def header_vectors(source):
    cases = []
    for entry in vectors("xfcc.json"):
        data = entry["header"].encode("latin-1")
        expect = decide(data, source, ANY)
        assert source.get("format") == "json" or agree(entry, expect), entry["name"]
        cases.append(case(entry["name"], data, expect))
    return cases


# --- SPIFFE vectors ------------------------------------------------------------------------------


def spiffe_name(index, entry):
    return f"{index:03d}-{entry['rule'].replace('_', '-')}" if "rule" in entry else f"{index:03d}"


def spiffe_bytes(identifier):
    """Code points up to U+00FF as one byte each, others as UTF-8: both are refused."""
    try:
        return identifier.encode("latin-1")
    except UnicodeEncodeError:
        return identifier.encode()


def spiffe_cases(entries, valid, as_json):
    cases = []
    for index, entry in enumerate(entries):
        identifier = entry["id"]
        if as_json:
            data = json.dumps([{"hash": A, "uri": [identifier]}], separators=(",", ":")).encode()
            expect = decide(data, {"format": "json"}, ANY)
        else:
            data = f"Hash={A};URI=".encode() + spiffe_bytes(identifier)
            expect = decide(data, {}, ANY)
        with_path = valid and identifier.count("/") > 2
        assert spiffe_id(identifier) == with_path, identifier
        if with_path:
            assert (expect["decision"], expect["identity"]) == ("allow", identifier), identifier
        else:
            assert expect["identity"] is None, identifier
        cases.append(case(spiffe_name(index, entry), data, expect))
    return cases


# --- captures of a real Envoy --------------------------------------------------------------------

EDGE = "spiffe://lab.test/ns/edge/sa/"
LAB = {
    "version": 1,
    "deny": [{"name": "no-admin", "from": [{"spiffe": ["spiffe://lab.test/admin", "spiffe://evil/admin"]}]}],
    "allow": [
        {"name": "payments", "from": [{"spiffe": "spiffe://lab.test/ns/prod/sa/payments"}]},
        {"name": "prod", "from": [{"spiffeUnder": "spiffe://lab.test/ns/prod"}]},
        {"name": "dns", "from": [{"dnsUnder": "example.com"}]},
        {"name": "others", "from": "authenticated"},
    ],
}


def below_example_com(name):
    return name.lower().endswith(".example.com") and "*" not in name


LAB_RULES = {
    "needs": {"uri"},
    "rules": [
        ("deny", "no-admin", lambda uris, dns: bool({"spiffe://lab.test/admin", "spiffe://evil/admin"} & set(uris))),
        ("allow", "payments", lambda uris, dns: "spiffe://lab.test/ns/prod/sa/payments" in uris),
        ("allow", "prod", lambda uris, dns: any((uri + "/").startswith("spiffe://lab.test/ns/prod/") for uri in uris)),
        ("allow", "dns", lambda uris, dns: any(map(below_example_com, dns))),
        ("allow", "others", lambda uris, dns: True),
    ],
}


def true_names(recorded, certificate):
    names = recorded["sans"][certificate]
    return [name for name in names["uri"] if isinstance(name, str)], names["dns"]


def honest(recorded, capture, expect):
    """Whoever is let in by Envoy's own element is named by a name that the certificate truly holds."""
    uris, dns = true_names(recorded, capture["client_cert"])
    kind, name = expect["identityType"], expect["identity"]
    if expect["decision"] != "allow":
        # Refused is right where the names are no one identity, or Envoy was not told to send them.
        return len(uris) != 1 or not spiffe_id(uris[0]) or "uri" not in capture["details"]
    if kind == "spiffe":
        return uris == [name]
    return not any(spiffe_id(uri) for uri in uris) and (kind != "dns" or dns[0] == name)


def digest(pem):
    return hashlib.sha256(base64.b64decode("".join(pem.strip().split("\n")[1:-1]))).hexdigest()


def captured(recorded, source, wanted=lambda capture: True, bound=False):
    cases = []
    for capture in filter(wanted, recorded["captures"]):
        encoded = capture["xfcc_base64"]
        data = base64.b64decode(encoded) if encoded is not None else None
        peer = connection = None
        if bound:
            pem = recorded["certs"][capture.get("hop2_client_cert") or capture["client_cert"]]
            peer, connection = digest(pem), {"certificatePem": pem, "verified": True}
        expect = decide(data or b"", source, LAB_RULES, peer)
        if capture["mode"] == "SANITIZE_SET" and capture["by_cert_uris"] and capture["format"] == source.get("format", "text"):
            assert honest(recorded, capture, expect), capture["name"]
        cases.append(case(capture["name"], data, expect, connection))
    return cases


def form(name):
    return lambda capture: capture["format"] in (name, None)


def worth_binding(capture):
    """Forward modes, and names that forge fields or elements."""
    told = capture["name"].startswith(("mode-", "hops2-")) or "injection" in capture["name"]
    return told and capture["format"] == "text" and capture["client_cert"] is not None


# --- limits --------------------------------------------------------------------------------------


def limit_cases():
    """Each limit of a header: at it, and one past it."""
    one = f"Hash={A}"
    cases = []

    def add(name, data, source=None):
        cases.append((name, data.encode(), source or {}))

    add("elements-256", ",".join([one] * 256))
    add("elements-257", ",".join([one] * 257))
    add("pairs-512", "By=a;" * 511 + one)
    add("pairs-513", "By=a;" * 512 + one)
    add("pairs-512-with-names", one + ";URI=urn:a" * 2 + ";DNS=a" * 509)
    add("pairs-513-with-names", one + ";URI=urn:a" * 2 + ";DNS=a" * 510)
    add("pairs-512-in-each-of-two-elements", ",".join(["By=a;" * 511 + one] * 2))
    add("pairs-513-in-the-second-element", one + "," + "By=a;" * 512 + one)
    names = lambda uris, dns: json.dumps([{"hash": A, "uri": ["urn:a"] * uris, "dns": ["a"] * dns}], separators=(",", ":"))
    for uris, dns in [(0, 512), (256, 256), (511, 1)]:
        add(f"sans-{uris}-and-{dns}", names(uris, dns), {"format": "json"})
        add(f"sans-{uris}-and-{dns + 1}", names(uris, dns + 1), {"format": "json"})
    fill = lambda length: f"{one};Subject=\"CN={'a' * (length - len(one) - 14)}\""
    add("header-65536-bytes", fill(65536))
    add("header-65537-bytes", fill(65537))
    add("attack-19-commas", "," * 60000)
    add("attack-19-backslashes-in-an-open-quote", f'{one};Subject="CN=' + "\\" * 60000)
    add("attack-19-backslashes-in-a-closed-quote", f'{one};Subject="CN=' + "\\\\" * 30000 + '"')
    add("attack-19-open-brackets-in-json", "[" * 60000, {"format": "json"})
    return cases


def limit_fixture():
    cases = []
    for name, data, source in limit_cases():
        expect = decide(data, source, ANY)
        # Names of many kilobytes are compared by the fields beside them.
        if expect["identityType"] == "cn":
            del expect["identity"]
        if name.startswith("header-"):
            assert f"-{len(data)}-" in name
        one = case(name, data, expect)
        if source:
            one["source"] = {"preset": "envoy", **source}
        cases.append(one)
    return cases


def target_limits():
    """Bytes and segments of a path: at the limit and one past it."""
    inside = {"decision": "allow", "status": None, "reason": "allowed", "rule": "open"}
    outside = {"decision": "deny", "status": 400, "reason": "ambiguous_request", "rule": None}
    too_long = {**outside, "detail": "path_too_long"}
    too_many = {**outside, "detail": "too_many_segments"}
    paths = [
        ("path-8192-bytes", "/" + "a" * 8191, inside),
        ("path-8193-bytes", "/" + "a" * 8192, too_long),
        ("path-8192-bytes-and-a-query", "/" + "a" * 8191 + "?" + "b" * 2000, inside),
        ("path-8192-bytes-of-escapes", "/a" + "%20" * 2730, inside),
        ("path-128-segments", "/a" * 128, inside),
        ("path-129-segments", "/a" * 129, too_many),
    ]
    return [{"name": name, "request": {"path": path}, "expect": expect} for name, path, expect in paths]


def rules(count):
    """The last rule is the only one that lets the request in."""
    deny = [{"name": f"r{index}", "from": "anyone", "methods": ["PUT"]} for index in range(count - 1)]
    return {"version": 1, "deny": deny, "allow": [{"name": "last", "from": "anyone", "methods": ["GET"]}]}


def rule_limits():
    at_limit = {"decision": "allow", "reason": "allowed", "rule": "last"}
    pattern = {"version": 1, "allow": [{"name": "deep", "from": "anyone", "paths": ["/a" * 32]}]}
    return [
        {"name": "rules-4096", "request": {}, "expect": at_limit},
        {"name": "rules-4096-and-the-first-deny-rule", "request": {"method": "PUT"},
         "expect": {"decision": "deny", "reason": "denied_by_rule", "rule": "r0"}},
        {"name": "pattern-32-segments", "policy": pattern, "request": {"path": "/a" * 32},
         "expect": {"decision": "allow", "reason": "allowed", "rule": "deep"}},
    ]


def rules_past_the_limit():
    head = '{\n  "about": "One rule past the limit of 4,096.",\n  "policy": '
    tail = ',\n  "expectError": { "code": "too_many_rules" }\n}\n'
    return head + json.dumps(rules(4097), separators=(",", ":")) + tail


# --- files ---------------------------------------------------------------------------------------


def files():
    recorded = vectors("envoy-captures.json")
    spiffe = vectors("spiffe.json")
    valid = [{"id": identifier} for identifier in spiffe["valid"]]
    text_source, json_source = {}, {"preset": "envoy", "format": "json"}
    any_order = {"preset": "envoy", "keyOrder": "any"}
    proxies = {"preset": "envoy", "trustedProxies": [EDGE + name for name in ("ingress", "hop1", "first", "second")]}
    simple = {"policy": ANYONE_WITH_A_CERTIFICATE}
    lab = {"policy": LAB}
    opened = {"policy": {"version": 1, "allow": [{"name": "open", "from": "anyone", "paths": ["/*"]}]}}
    out = {
        "xfcc-text": fixture("Header vectors, read as text.", header_vectors(text_source), **simple),
        "xfcc-any-order": fixture("Header vectors, read as text in any key order.", header_vectors(any_order), source=any_order, **simple),
        "xfcc-json": fixture("Header vectors, sent to a reader of the JSON form.", header_vectors(json_source), source=json_source, **simple),
        "spiffe-valid-text": fixture("Valid SPIFFE IDs as URI names of the text form.", spiffe_cases(valid, True, False), **simple),
        "spiffe-valid-json": fixture("Valid SPIFFE IDs as URI names of the JSON form.", spiffe_cases(valid, True, True), source=json_source, **simple),
        "spiffe-invalid-text": fixture("Invalid SPIFFE IDs as URI names of the text form.", spiffe_cases(spiffe["invalid"], False, False), **simple),
        "spiffe-invalid-json": fixture("Invalid SPIFFE IDs as URI names of the JSON form.", spiffe_cases(spiffe["invalid"], False, True), source=json_source, **simple),
        "captures-text": fixture("What a real Envoy sent in the text form.", captured(recorded, text_source, form("text")), **lab),
        "captures-json": fixture("What a real Envoy sent in the JSON form.", captured(recorded, json_source, form("json")), source=json_source, **lab),
        "captures-json-to-text": fixture("The JSON form of a real Envoy, sent to a reader of the text form.", captured(recorded, text_source, lambda c: c["format"] == "json" and "cert" not in c["details"]), **lab),
        "captures-proxies": fixture("What a real Envoy sent, where its own names are trusted proxies.", captured(recorded, proxies, lambda c: c["format"] == "text" and "cert" not in c["details"] or c["name"].startswith("hops2-")), source=proxies, **lab),
        "captures-bound": fixture("What a real Envoy sent, compared with the certificate of the connection.", captured(recorded, text_source, worth_binding, True), **lab),
        "limits-header": fixture("Limits of a header: at each and one past it; attack 19, size.", limit_fixture(), **simple),
        "limits-target": fixture("Limits of a request target: at each and one past it.", target_limits(), **opened),
        "limits-rules": fixture("Limits of a policy, reached.", rule_limits(), policy=rules(4096)),
    }
    written = {f"generated/{name}.json": render(document) for name, document in out.items()}
    written["generated/limits-rules-exceeded.json"] = rules_past_the_limit()
    written.update({path: render(document) for path, document in certificate_files.documents().items()})
    written.update(certificate_files.pems())
    return written


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    wanted = files()
    found = [path for folder, kind in OWN.items() for path in (FIXTURES / folder).glob(kind)]
    present = {str(path.relative_to(FIXTURES)): path.read_text() for path in found}
    if sys.argv[1:]:
        stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
        for name in stale:
            print(f"tests/fixtures/{name} is not up to date: run tests/tools/make-fixtures.py", file=sys.stderr)
        sys.exit(1 if stale else 0)
    for name in present.keys() - wanted.keys():
        (FIXTURES / name).unlink()
    for name, body in wanted.items():
        (FIXTURES / name).parent.mkdir(parents=True, exist_ok=True)
        (FIXTURES / name).write_text(body)
    cases = sum(body.count('"expect":') for body in wanted.values())
    print(f"{len(wanted)} files, {cases} cases, {sum(map(len, wanted.values())) // 1024} KiB")


if __name__ == "__main__":
    main()
