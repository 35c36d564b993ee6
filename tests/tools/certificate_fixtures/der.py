"""Writes DER, strict or not, and certificates out of parts that can be replaced one by one.

Everything is computed from what stands here: keys come from their labels and signatures take no
random number (RFC 6979), so the same certificate is written each time. Such keys protect nothing.
"""

import functools
import hashlib
import hmac
import ipaddress

# --- elements ------------------------------------------------------------------------------------


def length(count):
    if count < 0x80:
        return bytes([count])
    digits = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def der(tag, *contents):
    content = b"".join(contents)
    return bytes([tag]) + length(len(content)) + content


def long_form(element, octets=2):
    """The element with its length in more bytes than it takes."""
    at = 1
    size = element[1] if element[1] < 0x80 else int.from_bytes(element[2 : 2 + (element[1] & 0x7F)], "big")
    at = 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)
    return element[:1] + bytes([0x80 | octets]) + size.to_bytes(octets, "big") + element[at:]


def indefinite(element):
    at = 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)
    return element[:1] + b"\x80" + element[at:] + b"\0\0"


def sequence(*contents):
    return der(0x30, *contents)


def set_of(*contents):
    return der(0x31, *sorted(contents))


def integer(value):
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = b""
    for arc in [first * 40 + second, *rest]:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        out += bytes(reversed(digits))
    return der(0x06, out)


def octets(content):
    return der(0x04, content)


def bits(content):
    return der(0x03, b"\0", content)


TRUE = der(0x01, b"\xff")
FALSE = der(0x01, b"\0")
NULL = der(0x05)


def text(value, kind="utf8"):
    tag, codec = {
        "utf8": (0x0C, "utf-8"),
        "printable": (0x13, "ascii"),
        "teletex": (0x14, "latin-1"),
        "ia5": (0x16, "ascii"),
        "bmp": (0x1E, "utf-16-be"),
    }[kind]
    return der(tag, value.encode(codec))


def time(value):
    """`YYYYMMDDHHMMSSZ`, in the type that RFC 5280 asks for."""
    return der(0x17, value[2:].encode()) if value < "2050" else der(0x18, value.encode())


# --- names ---------------------------------------------------------------------------------------

TYPES = {
    "CN": "2.5.4.3",
    "SN": "2.5.4.4",
    "serialNumber": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
    "emailAddress": "1.2.840.113549.1.9.1",
}


def attribute(kind, value):
    if isinstance(value, tuple):
        written = text(*value)
    else:
        written = text(value, {"C": "printable", "serialNumber": "printable", "DC": "ia5", "emailAddress": "ia5"}.get(kind, "utf8"))
    return sequence(oid(TYPES.get(kind, kind)), written)


def name(rdns):
    """RDNs in the order of the certificate, each a list of (type, value)."""
    return sequence(*(set_of(*(attribute(kind, value) for kind, value in rdn)) for rdn in rdns))


def general_name(text):
    """`URI:…`, `DNS:…`, `IP:…`, `email:…`, or bytes as they are."""
    if isinstance(text, bytes):
        return text
    kind, value = text.split(":", 1)
    if kind == "IP":
        return der(0x87, ipaddress.ip_address(value).packed)
    return der({"email": 0x81, "DNS": 0x82, "URI": 0x86}[kind], value.encode())


# --- keys and signatures -------------------------------------------------------------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(one, other):
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % P == 0:
        return None
    if one == other:
        slope = 3 * (one[0] * one[0] - 1) * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def multiply(scalar, point):
    out = None
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point, scalar = add(point, point), scalar >> 1
    return out


def secret(label):
    return int.from_bytes(hashlib.sha256(b"key of " + label.encode()).digest(), "big") % (N - 1) + 1


EC_KEY = sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
ECDSA = sequence(oid("1.2.840.10045.4.3.2"))


@functools.cache
def ec_public_key(label):
    x, y = multiply(secret(label), G)
    return sequence(EC_KEY, bits(b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")))


def ecdsa(label, message):
    digest = hashlib.sha256(message).digest()
    key, number = secret(label), int.from_bytes(digest, "big")
    seed = key.to_bytes(32, "big") + (number % N).to_bytes(32, "big")
    v, k = b"\1" * 32, b"\0" * 32
    for mark in b"\0\1":
        k = hmac.digest(k, v + bytes([mark]) + seed, "sha256")
        v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        nonce = int.from_bytes(v, "big")
        if 0 < nonce < N:
            break
        k = hmac.digest(k, v + b"\0", "sha256")
        v = hmac.digest(k, v, "sha256")
    r = multiply(nonce, G)[0] % N
    return sequence(integer(r), integer(pow(nonce, -1, N) * (number + r * key) % N))


# --- certificates --------------------------------------------------------------------------------

KEY_USAGE, ALT_NAMES, CONSTRAINTS, EXTENDED_USAGE = "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"


def extension(kind, value, critical=None):
    """`critical` is the BOOLEAN's element, or none."""
    return sequence(oid(kind), critical or b"", octets(value))


def alt_names(sans):
    return sequence(*map(general_name, sans))


def extensions(spec):
    out = [extension(CONSTRAINTS, sequence(TRUE) if spec.get("ca") else sequence(), TRUE)]
    if not spec.get("ca"):
        out.append(extension(EXTENDED_USAGE, sequence(oid("1.3.6.1.5.5.7.3.2"))))
    if spec.get("sans"):
        out.append(extension(ALT_NAMES, alt_names(spec["sans"]), None if spec["subject"] else TRUE))
    for kind, value in spec.get("extensions", []):
        out.append(extension(kind, value))
    return out


def parts(spec):
    """What is signed, part by part; replace one to get a certificate that is not strict."""
    return {
        "version": der(0xA0, integer(2)),
        "serial": integer(spec["serial"]),
        "algorithm": ECDSA,
        "issuer": name(spec["issuer"]),
        "validity": sequence(time(spec["notBefore"]), time(spec["notAfter"])),
        "subject": name(spec["subject"]),
        "key": spec.get("key") or ec_public_key(spec["label"]),
        "unique": b"",
        "extensions": extensions(spec),
        "after": b"",
    }


def certificate(signed, signer="test authority", outer=ECDSA, after=b""):
    """`extensions` is a list of elements, or the whole [3] element."""
    listed = signed["extensions"]
    wrapped = der(0xA3, sequence(*listed)) if isinstance(listed, list) else listed
    body = sequence(*(signed[part] for part in signed if part not in ("extensions", "after")), wrapped, signed["after"])
    return sequence(body, outer, bits(ecdsa(signer, body)), after)
