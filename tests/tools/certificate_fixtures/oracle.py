"""A second, slow reader of certificates in headers, written from the specification.

It shares nothing with the crates. It knows certificates only by their bytes: what they say comes from
the lines that they were made of. Bytes that are no such certificate are, to it, no certificate at all.
"""

import base64
import datetime
import re

from make_fixtures_oracle import (
    Refused,
    authenticate,
    check_byte,
    expectation,
    in_order,
    malformed,
    parse_json,
    parse_text,
    rule,
    values,
)

from . import certificates
from .decoding import Broken, another_format, check_chain, decode, pem_blocks, strict_base64, unquoted
from .table import described

# --- header lines --------------------------------------------------------------------------------


def lines(headers):
    """[(name, bytes)] of a fixture's headers."""
    return [(name, value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])) for name, value in headers]


def folded(name):
    return re.sub("[_.]", "-", name.lower())


def read_headers(source):
    """The headers that the source reads: those that come once, and those whose lines are joined."""
    if source["preset"] == "envoy":
        return [], ["x-forwarded-client-cert"]
    held = source["certificate"]
    single = [held["header"]]
    if "sha256" in held:
        single.append(held["sha256"]["header"])
    if isinstance(source["verified"], list):
        single += [one["header"] for one in source["verified"]]
    return single, [held["chain"]["header"]] if "chain" in held else []


def collect(source, headers):
    """The value of each header that the source reads: bytes, empty where there is none."""
    single, joined = read_headers(source)
    present = lines(headers)
    found = {name: [value for other, value in present if other.lower() == name] for name in single + joined}
    if any(len(found[name]) > 1 for name in single):
        raise malformed("repeated_header")
    for other, _ in present:
        if other.lower() not in found and folded(other) in map(folded, found):
            raise malformed("aliased_header")
    out = {name: b",".join(filter(None, found[name])) for name in found}
    if any(len(value) > source.get("maxHeaderBytes", 65536) for value in out.values()):
        raise malformed("header_too_long")
    return out


def known(data):
    """The certificate with these bytes."""
    name = certificates.name_of(data)
    if name is None:
        raise Broken("bad_certificate")
    return name


def check_names(names):
    """Details that come of what certificates say."""
    if any(len(certificates.SPECS[name]["sans"]) > 512 for name in names):
        raise malformed("too_many_sans")
    for name in names:
        if any(not re.fullmatch("[A-Za-z0-9._*-]+", dns) for dns in certificates.sans(name, "DNS")):
            raise malformed("bad_dns_name")


def read_all(readers):
    """What they read, and the details of those that fail."""
    read, broken = [], []
    for reader in readers:
        try:
            read.append(reader())
        except Broken as one:
            broken.append(one.detail)
    return read, broken


def refuse_broken(details):
    for detail in ("bad_encoding", "bad_certificate"):
        if detail in details:
            raise malformed(detail)


# --- who vouches ---------------------------------------------------------------------------------


def without_certificate(source, found):
    """Absent, contradictory, or unverified."""
    held, signals = source["certificate"], source["verified"] if isinstance(source["verified"], list) else []
    text = {one["header"]: found[one["header"]].decode("latin-1") for one in signals}
    for role in ("chain", "sha256"):
        if role in held and found[held[role]["header"]]:
            raise malformed("contradictory_headers")
    accepted = {one["header"]: text[one["header"]] in one["accept"] for one in signals}

    def stands(one):
        said = text[one["header"]]
        if one["withoutCertificate"] == "none":
            return not said or said in one["none"]
        return one["withoutCertificate"] == "any" or not accepted[one["header"]]

    if all(map(stands, signals)):
        return
    announced = any(accepted[one["header"]] for one in signals if one["says"] == "present")
    if announced and not all(accepted.values()):
        raise Refused("unverified")
    raise malformed("contradictory_headers")


def with_certificate(source, found):
    """Whether the certificate is verified."""
    if not isinstance(source["verified"], list):
        return source["verified"] == "promise"
    text = [(one, found[one["header"]].decode("latin-1")) for one in source["verified"]]
    for one, said in text:
        if said in one["none"] or one["says"] == "present" and said not in one["accept"]:
            raise malformed("contradictory_headers")
    # That there is a certificate does not say that anybody verified it.
    return all(said in one["accept"] for one, said in text) and any(one["says"] == "verified" for one, _ in text)


def fingerprint(text, encoding):
    """64 lower-case hexadecimal digits."""
    if encoding == "hex":
        if not re.fullmatch("[0-9A-Fa-f]{64}", text):
            raise malformed("bad_hash")
        return text.lower()
    try:
        data = strict_base64(text)
    except Broken:
        raise malformed("bad_hash") from None
    if len(data) != 32:
        raise malformed("bad_hash")
    return data.hex()


def presented(source, headers):
    """(certificate, verified), or None when there is none."""
    source = described(source)
    held = source["certificate"]
    found = collect(source, headers)
    value = found[held["header"]]
    chain = found[held["chain"]["header"]] if "chain" in held else b""
    said = found[held["sha256"]["header"]] if "sha256" in held else b""
    there = value and value.decode("latin-1") not in held.get("absent", [])
    if there and another_format(unquoted(value.decode("latin-1"), held), held):
        raise malformed("unexpected_format")
    given = fingerprint(said.decode("latin-1"), held["sha256"]["encoding"]) if there and said else None
    names, broken = read_all([lambda: known(decode(value, held))] if there else [])
    # In the published order: names, then encodings, then certificates.
    check_names(names)
    broken += read_all([lambda: check_chain(chain.decode("latin-1"))] if chain else [])[1]
    refuse_broken(broken)
    if not there:
        return without_certificate(source, found)
    name = names[0]
    verified = with_certificate(source, found)
    if given and given != certificates.digest(name):
        raise Refused("hash_mismatch", "other_certificate_hash")
    return name, verified


# --- Envoy's Cert --------------------------------------------------------------------------------


def envoy_certificates(elements, source):
    """The certificate of each element."""
    text = source.get("format", "text") == "text"
    if text and any(len(element) > 512 for element in elements):
        raise malformed("too_many_pairs")
    if text and source.get("keyOrder") != "any" and not all(map(in_order, elements)):
        raise malformed("key_order")
    if not all(values(element, "hash") and any(values(element, "cert")) for element in elements):
        raise malformed("missing_field")
    if any(not re.fullmatch("[0-9A-Fa-f]{64}", values(element, "hash")[0]) for element in elements):
        raise malformed("bad_hash")
    held = {"encoding": "pem", "percent": "component" if text else "none"}
    for element in elements if not text else []:
        for byte in values(element, "cert")[0].replace("\n", "").encode():
            check_byte(byte)
    if any(another_format(values(element, "cert")[0], held) for element in elements):
        raise malformed("unexpected_format")
    texts = [values(element, "cert")[0].encode() for element in elements]
    names, broken = read_all([lambda text=text: known(decode(text, held)) for text in texts])
    check_names(names)
    refuse_broken(broken)
    for element, name in zip(elements, names):
        if values(element, "hash")[0].lower() != certificates.digest(name):
            raise Refused("hash_mismatch", "other_certificate_hash")
    return names


def envoy_presented(source, headers):
    found = collect(source, headers)["x-forwarded-client-cert"]
    elements = (parse_json if source.get("format") == "json" else parse_text)(found) if found else []
    if not elements:
        return None
    names = envoy_certificates(elements, source)
    trusted = set(source.get("trustedProxies", []))
    if not trusted and len(elements) != 1:
        raise Refused("unexpected_element")
    at, seen = len(elements) - 1, set()
    while trusted:
        by = values(elements[at], "by")
        if not by or not set(by) <= trusted or set(by) & seen:
            raise Refused("untrusted_proxy")
        if at + 1 < len(elements) and certificates.sans(names[at + 1], "URI")[0] not in by:
            raise Refused("untrusted_proxy")
        seen |= set(by)
        uris = certificates.sans(names[at], "URI")
        if at == 0 or len(uris) != 1 or uris[0] not in trusted:
            break
        at -= 1
    if at:
        raise Refused("unexpected_element")
    return names[0], True


# --- the decision --------------------------------------------------------------------------------


def shape(name):
    """The identity: SPIFFE ID, first DNS name, only common name."""
    spec = certificates.SPECS[name]
    uris, dns = certificates.sans(name, "URI"), certificates.sans(name, "DNS")
    if any(re.match("(?i)spiffe:", uri) for uri in uris):
        identity = authenticate(uris, [], "")
        if spec.get("ca"):
            raise Refused("ambiguous_identity")
        return identity
    if dns:
        return dns[0], "dns"
    common = certificates.common_names(name)
    return (common[0], "cn") if len(common) == 1 else (None, None)


def seconds(text):
    """`YYYYMMDDHHMMSSZ` or RFC 3339 to seconds."""
    return datetime.datetime.strptime(re.sub("[^0-9]", "", text) + "+0000", "%Y%m%d%H%M%S%z").timestamp()


def window(name, source, now):
    if source.get("validity") == "ignore":
        return
    skew = source.get("clockSkewSeconds", 60)
    spec = certificates.SPECS[name]
    if seconds(now) < seconds(spec["notBefore"]) - skew:
        raise Refused("not_yet_valid")
    if seconds(now) > seconds(spec["notAfter"]) + skew:
        raise Refused("expired")


def pem_of_connection(text):
    """The certificate that a host hands over as PEM."""
    try:
        blocks = pem_blocks(text.strip(" \t\r\n"), "(?:\r?\n)")
        return known(blocks[0]) if len(blocks) == 1 else None
    except Broken:
        return None


def connection_presented(connection):
    if connection is None or "certificatePem" not in connection:
        return None
    name = pem_of_connection(connection["certificatePem"])
    if name is None:
        raise malformed("bad_certificate")
    check_names([name])
    return name, connection.get("verified", False)


def bound(headers, connection, source):
    """bindConnection: the last Hash is that of the connection's certificate."""
    peer = connection and "certificatePem" in connection
    if source.get("bindConnection") is False or not peer and source.get("bindConnection") is None:
        return
    if not peer:
        raise Refused("hash_mismatch", "no_connection_certificate")
    found = collect(source, headers)["x-forwarded-client-cert"]
    last = (parse_json if source.get("format") == "json" else parse_text)(found)[-1]
    if values(last, "hash")[0].lower() != certificates.digest(pem_of_connection(connection["certificatePem"])):
        raise Refused("hash_mismatch", "other_connection_certificate")


def read(headers, connection, source):
    """(certificate, verified), or None."""
    if source["preset"] == "connection":
        return connection_presented(connection)
    if source["preset"] != "envoy":
        return presented(source, headers)
    caller = envoy_presented(source, headers)
    if caller:
        bound(headers, connection, source)
    return caller


def decide(headers, source, policy, now, connection=None):
    """The expected decision. `policy["anyone"]` is a rule that lets everyone in."""
    anyone = policy.get("anyone")
    digest = verified = None
    nobody = (None, None)
    try:
        caller = read(headers, connection, source)
        if caller is None:
            reason = "allowed" if anyone else "no_certificate"
            return expectation(reason, None, anyone, nobody, None, None)
        name, verified = caller
        digest = certificates.digest(name)
        if not verified and source.get("requireVerified", True):
            raise Refused("unverified")
        window(name, source, now)
        identity = shape(name)
    except Refused as refused:
        return expectation(refused.reason, refused.detail, None, nobody, digest, verified)
    if anyone:
        return expectation("allowed", None, anyone, identity, digest, verified)
    reason, matched = rule(policy, certificates.sans(name, "URI"), certificates.sans(name, "DNS"))
    return expectation(reason, None, matched, identity, digest, verified)
