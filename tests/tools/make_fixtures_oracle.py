"""A second, slow reader of x-forwarded-client-cert, written from the specification.

It answers for the generated fixtures only and shares nothing with the crates: where the two
disagree, one of them misreads the specification. Each step raises Refused(reason, detail) with the
first failure in the published order. A detail of None leaves the finer code open.
"""

import json
import re

KEYS = ["by", "hash", "cert", "chain", "subject", "uri", "dns"]
REPEATS = {"by", "uri", "dns"}
MAX_ELEMENTS, MAX_PAIRS, MAX_SANS, MAX_HEADER = 256, 512, 512, 65536


class Refused(Exception):
    """A refusal: its reason and, where the specification names one, its detail."""

    def __init__(self, reason, detail=None):
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def malformed(detail):
    return Refused("malformed_header", detail)


# --- text form -----------------------------------------------------------------------------------


def check_byte(byte):
    if byte >= 0x80:
        raise malformed("non_ascii_byte")
    if byte < 0x20 or byte == 0x7F:
        raise malformed("control_byte")


def read_quoted(data, at):
    """The text between the quotes, raw, and the position after the closing one."""
    at += 1
    start = at
    while at < len(data):
        check_byte(data[at])
        if data[at] == 0x5C:
            if at + 1 < len(data):
                check_byte(data[at + 1])
            at += 2
        elif data[at] == 0x22:
            return data[start:at].decode(), at + 1
        else:
            at += 1
    raise malformed("unclosed_quote")


def read_bare(data, at):
    start = at
    while at < len(data) and data[at] not in b",;":
        if data[at] in b" \t":
            # White space is legal only as the run that ends in a comma.
            if data[at:].lstrip(b" \t")[:1] == b",":
                break
            raise malformed("space_in_value" if data[at] == 0x20 else "control_byte")
        check_byte(data[at])
        if data[at] == 0x22:
            raise malformed("quote_in_bare_value")
        at += 1
    return data[start:at].decode(), at


def skip_ows(data, at):
    while at < len(data) and data[at] in b" \t":
        at += 1
    return at


def read_key(data, at):
    start = at
    while at < len(data) and data[at] not in b"=,;":
        check_byte(data[at])
        at += 1
    word = data[start:at].decode()
    if at == len(data) or data[at] != 0x3D:
        raise malformed("missing_equals")
    if not word:
        raise malformed("empty_key")
    if not re.fullmatch("[A-Za-z]+", word):
        raise malformed("bad_key")
    if word.lower() not in KEYS:
        raise malformed("unknown_key")
    return word.lower(), at + 1


def read_pair(data, at, element):
    if data[at : at + 1] == b";" or (element and data[at : at + 1] in (b"", b",")):
        raise malformed("empty_pair")
    key, at = read_key(data, at)
    if key not in REPEATS and any(key == other for other, _ in element):
        raise malformed("duplicate_key")
    if data[at : at + 1] == b'"':
        value, at = read_quoted(data, at)
        if key != "subject":
            value = re.sub(r'\\(["\\])', r"\1", value)
        end = skip_ows(data, at)
        if at < len(data) and data[at] not in b",;" and data[end : end + 1] != b",":
            raise malformed("text_after_quote")
    else:
        value, at = read_bare(data, at)
    element.append((key, value))
    return at


def parse_text(data):
    if data[:1] in (b"{", b"["):
        raise malformed("unexpected_format")
    elements, at = [], 0
    while data:
        if data[at : at + 1] in (b"", b","):
            raise malformed("empty_element")
        element = []
        at = read_pair(data, at, element)
        while data[at : at + 1] == b";":
            at = read_pair(data, at + 1, element)
        elements.append(element)
        at = skip_ows(data, at)
        if at == len(data):
            break
        at = skip_ows(data, at + 1)
    return elements


# --- JSON form -----------------------------------------------------------------------------------


class Twice(Exception):
    """A key of a JSON object came twice."""


def unique(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise Twice
    return dict(pairs)


def parse_json(data):
    if data[:1] != b"[":
        raise malformed("unexpected_format")
    if any(byte < 0x20 for byte in data):
        raise malformed("control_byte")
    try:
        value = json.loads(data.decode(), object_pairs_hook=unique)
    except Twice:
        raise malformed("duplicate_key") from None
    except (ValueError, RecursionError):
        raise malformed("bad_json") from None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise malformed("bad_json")
    return [json_element(one) for one in value]


def json_element(one):
    element = []
    for key, value in one.items():
        if key.lower() in KEYS and key not in KEYS:
            raise malformed(None)
        if key not in KEYS:
            raise malformed("unknown_key")
        values = value if key in REPEATS or key == "chain" else [value]
        if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
            raise malformed("bad_json")
        for text in values:
            if key not in ("cert", "chain"):
                for byte in text.encode("utf-8", "surrogatepass"):
                    check_byte(byte)
            element.append((key, text))
    return element


# --- what an element holds -----------------------------------------------------------------------


def values(element, key):
    return [value for other, value in element if other == key]


def in_order(element):
    ranks = [KEYS.index(key) for key, _ in element]
    return ranks == sorted(ranks)


TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
ESCAPE = re.compile(r"""\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\])""")


def read_value(text, at):
    """The raw value that starts here, up to an unescaped separator or the end."""
    start, blank = at, False
    if text[at : at + 1] == " ":
        raise malformed("bad_name")
    while at < len(text) and text[at] not in ",+":
        escape = ESCAPE.match(text, at)
        if not escape and text[at] in '";<>\\\0':
            raise malformed("bad_name")
        blank = not escape and text[at] == " "
        at = escape.end() if escape else at + 1
    raw = text[start:at]
    if blank or raw[:1] == "#" and not re.fullmatch("#(?:[0-9A-Fa-f]{2})+", raw):
        raise malformed("bad_name")
    return raw, at


def parse_name(text):
    """RFC 4514 to a list of (type, raw value)."""
    out, at = [], 0
    while text:
        kind = TYPE.match(text, at)
        if not kind or text[kind.end() : kind.end() + 1] != "=":
            raise malformed("bad_name")
        raw, at = read_value(text, kind.end() + 1)
        try:
            decode_value(raw)
        except UnicodeDecodeError:
            raise malformed("bad_name") from None
        out.append((kind.group().lower(), raw))
        if at == len(text):
            break
        at += 1
    return out


def decode_value(raw):
    data, at = b"", 0
    while at < len(raw):
        if raw[at] == "\\":
            if re.match("[0-9A-Fa-f]{2}", raw[at + 1 :]):
                data, at = data + bytes.fromhex(raw[at + 1 : at + 3]), at + 3
            else:
                data, at = data + raw[at + 1].encode(), at + 2
        else:
            data, at = data + raw[at].encode(), at + 1
    return data.decode()


def spiffe_id(text):
    """Whether the text is a SPIFFE ID with a path."""
    match = re.fullmatch(r"spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]+)+)", text)
    return bool(match) and len(text) <= 2048 and not {".", ".."} & set(match.group(2).split("/"))


# --- the steps of a decision ---------------------------------------------------------------------


def check_elements(elements, source, policy):
    """Details of malformed_header after the grammar, in their order, each over all elements."""
    text = source.get("format", "text") == "text"
    names = [values(element, "uri") + values(element, "dns") for element in elements]
    if len(elements) > MAX_ELEMENTS:
        raise malformed("too_many_elements")
    if text and any(len(element) > MAX_PAIRS for element in elements):
        raise malformed("too_many_pairs")
    if any(len(one) > MAX_SANS for one in names):
        raise malformed("too_many_sans")
    if text and source.get("keyOrder") != "any" and not all(map(in_order, elements)):
        raise malformed("key_order")
    if not all(values(element, "hash") for element in elements):
        raise malformed("missing_field")
    # What the policy needs, it needs of the caller, where the walk finds one.
    try:
        called = caller(elements, source)
    except Refused:
        called = None
    if called and text and not all(values(called, key) for key in policy["needs"]):
        raise malformed("missing_field")
    if any(not re.fullmatch("[0-9A-Fa-f]{64}", values(element, "hash")[0]) for element in elements):
        raise malformed("bad_hash")
    if any(not re.fullmatch(r"[A-Za-z0-9._*-]+", name) for element in elements for name in values(element, "dns")):
        raise malformed("bad_dns_name")
    for element in elements:
        for subject in values(element, "subject"):
            parse_name(subject)


def caller(elements, source):
    """The walk from the right."""
    trusted = set(source["trustedProxies"]) if "trustedProxies" in source else None
    if trusted is None:
        if len(elements) != 1:
            raise Refused("unexpected_element")
        return elements[0]
    at, seen = len(elements) - 1, set()
    while True:
        by = values(elements[at], "by")
        if not by or not set(by) <= trusted or set(by) & seen:
            raise Refused("untrusted_proxy")
        if at + 1 < len(elements) and values(elements[at + 1], "uri")[0] not in by:
            raise Refused("untrusted_proxy")
        seen |= set(by)
        uri = values(elements[at], "uri")
        if at == 0 or len(uri) != 1 or uri[0] not in trusted:
            break
        at -= 1
    if at:
        raise Refused("unexpected_element")
    return elements[0]


def authenticate(uris, dns, subject):
    """Identity shape and the name for people."""
    if any(re.match("(?i)spiffe:", uri) for uri in uris):
        if len(uris) != 1 or not spiffe_id(uris[0]):
            raise Refused("ambiguous_identity")
        return uris[0], "spiffe"
    if dns:
        return dns[0], "dns"
    common = [raw for kind, raw in parse_name(subject) if kind == "cn"]
    return (decode_value(common[0]), "cn") if len(common) == 1 and common[0] else (None, None)


def rule(policy, uris, dns):
    """policy["rules"] is a list of (effect, name, test over URI and DNS names)."""
    hits = [(effect, name) for effect, name, test in policy["rules"] if test(uris, dns)]
    denied = [name for effect, name in hits if effect == "deny"]
    allowed = [name for effect, name in hits if effect == "allow"]
    if denied:
        return "denied_by_rule", denied[0]
    return ("allowed", allowed[0]) if allowed else ("no_rule", None)


def expectation(reason, detail, name, identity, digest, verified):
    allowed = reason == "allowed"
    status = {"no_certificate": 401}.get(reason, 403)
    out = {"decision": "allow" if allowed else "deny", "status": None if allowed else status, "reason": reason}
    if reason != "malformed_header" or detail is not None:
        out["detail"] = detail
    out.update(rule=name, identity=identity[0], identityType=identity[1], verified=verified, sha256=digest)
    return out


def decide(data, source, policy, peer=None):
    """The expected decision about one joined header value; `peer` is the connection's digest."""
    digest = verified = None
    nobody = (None, None)
    try:
        if len(data) > source.get("maxHeaderBytes", MAX_HEADER):
            raise malformed("header_too_long")
        elements = (parse_json if source.get("format") == "json" else parse_text)(data) if data else []
        if not elements:
            return expectation("no_certificate", None, None, nobody, None, None)
        check_elements(elements, source, policy)
        element = caller(elements, source)
        if peer and values(elements[-1], "hash")[0].lower() != peer:
            raise Refused("hash_mismatch", "other_connection_certificate")
        digest, verified = values(element, "hash")[0].lower(), True
        uris, dns = values(element, "uri"), values(element, "dns")
        identity = authenticate(uris, dns, (values(element, "subject") or [""])[0])
    except Refused as refused:
        return expectation(refused.reason, refused.detail, None, nobody, digest, verified)
    reason, name = rule(policy, uris, dns)
    return expectation(reason, None, name, identity, digest, verified)
