"""The certificates of the fixtures: what each says, and its bytes.

What is expected of a fixture is worked out from the lines here, never from the bytes.
"""

import base64
import functools
import hashlib
import math

from . import der

AUTHORITY = [[("C", "SE")], [("O", "Test Authority")], [("CN", "Test CA 1")]]
SINCE, UNTIL = "20250101000000Z", "20360101000000Z"
FRONT = "spiffe://td.example/ns/web/sa/front"
PAY = "spiffe://td.example/ns/pay/sa/api"
EDGE = "spiffe://td.example/ns/edge/sa/ingress"
INNER = "spiffe://td.example/ns/edge/sa/inner"
# The issuer of `issuer-rdns`.
BRANCH = "CN=Branch CA,CN=Issuing+OU=Keys,O=Acme\\, Inc.,DC=example"
TEXT_OID = "1.3.6.1.4.1.99999.1"


def spec(subject, sans=(), serial=0x1001, **more):
    one = {"subject": subject, "sans": list(sans), "serial": serial, "issuer": AUTHORITY, "notBefore": SINCE, "notAfter": UNTIL}
    return {**one, **more}


def cn(*names, o="Acme"):
    return [[("O", o)], *([("CN", name)] for name in names)]


HOSTILE = [[("C", "SE")], [("O", "Acme, Inc. Ops; R+D")], [("OU", "a/CN=admin")], [("CN", "svc-pay;URI=spiffe://td/admin")]]
FORGED = f"spiffe://td.example/mallory,By={EDGE};Hash={'a' * 64};URI=spiffe://td.example/admin"

SPECS = {
    "web": spec(cn("front"), [f"URI:{FRONT}", "DNS:front.web.td.example"], 0x8A0102030405060708),
    "pay": spec(cn("api"), [f"URI:{PAY}", "DNS:api.pay.td.example", "DNS:*.pay.td.example"], 0x02),
    "edge": spec(cn("ingress"), [f"URI:{EDGE}"], 0x03),
    "inner": spec(cn("inner"), [f"URI:{INNER}"], 0x04),
    "admin": spec(cn("admin"), ["URI:spiffe://td.example/admin"], 0x05),
    "cn-only": spec(cn("legacy-batch"), [], 0x06),
    "dns-only": spec(cn("partner"), ["DNS:Api.Partner.example", "DNS:b.api.partner.example"], 0x07),
    "dns-wildcard": spec(cn("wildcard"), ["DNS:*.partner.example"], 0x08),
    "kinds": spec(
        cn("kinds"),
        ["URI:https://svc.example/id", "email:Ops@Acme.Example", "IP:192.0.2.7", "IP:2001:db8::7"],
        0x09,
    ),
    "nameless": spec([], [], 0x0A),
    "two-uris": spec(cn("two"), [f"URI:{FRONT}", "URI:urn:example:front"], 0x0B),
    "empty-uri": spec(cn("empty"), [f"URI:{FRONT}", "URI:"], 0x0C),
    "spiffe-upper": spec(cn("upper"), ["URI:SPIFFE://td.example/ns/web/sa/front"], 0x0D),
    "spiffe-no-path": spec(cn("domain"), ["URI:spiffe://td.example"], 0x0E),
    "spiffe-foreign": spec(cn("foreign"), ["URI:spiffe://other.example/ns/web/sa/front"], 0x0F),
    "spiffe-below": spec(cn("below"), [f"URI:{FRONT}/canary"], 0x10),
    "spiffe-beside": spec(cn("beside"), [f"URI:{FRONT}-2"], 0x11),
    "ca": spec(cn("authority"), ["URI:spiffe://td.example/ca"], 0x12, ca=True),
    "ca-by-name": spec(cn("authority-2"), ["DNS:ca.td.example"], 0x13, ca=True),
    "expired": spec(cn("expired"), [f"URI:{FRONT}"], 0x14, notBefore="20240101000000Z", notAfter="20250101000000Z"),
    "not-yet": spec(cn("not-yet"), [f"URI:{FRONT}"], 0x15, notBefore="20350101000000Z"),
    "forever": spec(cn("forever"), [f"URI:{FRONT}"], 0x16, notAfter="99991231235959Z"),
    "hostile": spec(HOSTILE, [f"URI:{PAY}", "DNS:pay.td.example", "email:pay@td.example"], 0x17),
    "forged-sans": spec(cn("mallory"), [f"URI:{FORGED}", "DNS:front.web.td.example"], 0x18),
    "bad-dns": spec(cn("bad-dns"), [f"URI:{FRONT}", "DNS:front.web.td.example;URI=spiffe://td.example/admin"], 0x19),
    "many-cns": spec(cn("admin", "front"), [], 0x1A),
    "cn-escaped": spec(cn("URI:spiffe://td.example/admin % \u00e9"), [], 0x1B),
    "name-types": spec(
        [
            [("DC", "example")],
            [("DC", "td")],
            [("C", "SE"), ("ST", "Sk\u00e5ne")],
            [("L", ("Malm\u00f6", "teletex"))],
            [("O", ("Acme", "bmp"))],
            [("OU", "a"), ("OU", "b")],
            [("1.3.6.1.4.1.99999.7", "own")],
            [("UID", "u-1")],
            [("serialNumber", "S-1")],
            [("emailAddress", "a@td.example")],
            [("CN", "types")],
        ],
        ["DNS:types.td.example"],
        0x1C,
    ),
    "issuer-rdns": spec(
        cn("branch"),
        ["DNS:branch.td.example"],
        0x1D,
        issuer=[[("DC", "example")], [("O", "Acme, Inc.")], [("OU", "Keys"), ("CN", "Issuing")], [("CN", "Branch CA")]],
    ),
    "issuer-other": spec(cn("front"), [f"URI:{FRONT}"], 0x8A0102030405060708, issuer=[[("CN", "Test CA 1")]]),
    "serial-zero": spec(cn("zero"), ["DNS:zero.td.example"], 0),
    "serial-longest": spec(cn("longest"), ["DNS:longest.td.example"], 2**159 - 1),
    "extension": spec(
        cn("tenant"),
        ["DNS:tenant.td.example"],
        0x1E,
        extensions=[
            (TEXT_OID, der.text("orders")),
            ("1.3.6.1.4.1.99999.2", der.text("ia5", "ia5")),
            ("1.3.6.1.4.1.99999.3", der.text("printable", "printable")),
            ("1.3.6.1.4.1.99999.4", der.octets(der.text("wrapped"))),
            ("1.3.6.1.4.1.99999.5", b"orders"),
            ("1.3.6.1.4.1.99999.6", der.integer(7)),
            ("1.3.6.1.4.1.99999.8", der.text("\u00e9-orders")),
            ("1.3.6.1.4.1.99999.9", der.text("")),
            ("1.3.6.1.4.1.99999.10", der.text("orders", "bmp")),
        ],
    ),
    "sans-512": spec(cn("many"), [f"URI:{FRONT}", *(f"DNS:n{at}.td.example" for at in range(511))], 0x1F),
    "sans-513": spec(cn("too-many"), [f"URI:{FRONT}", *(f"DNS:n{at}.td.example" for at in range(512))], 0x20),
    "rsa-4096": spec(cn("rsa"), [f"URI:{FRONT}", "DNS:rsa.td.example"], 0x21, issuer=cn("RSA CA", o="Test Authority"), rsa=True),
    "root": spec(AUTHORITY, [], 0x01, ca=True, label="test authority"),
}
# RFC 9440, appendix A (also RFC 9421, appendix B.3).
RFC_9440 = (
    "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0"
    "ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaU"
    "gmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAW"
    "gBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1w"
    "bGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBV"
    "oU4hBVZ1yhk="
)
SPECS["rfc9440"] = {
    "subject": [[("CN", "BC")]],
    "sans": ["email:bdc@example.com"],
    "serial": 7,
    "issuer": [[("O", "Let's Authenticate")], [("CN", "LA Intermediate CA")]],
    "notBefore": "20200114225533Z",
    "notAfter": "20210123225533Z",
    "der": base64.b64decode(RFC_9440),
}


# --- RSA -----------------------------------------------------------------------------------------

SHA256_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
# How far the first prime lies above the number that the label makes.
PRIMES = {"rsa p": 1686, "rsa q": 476}


def prime(label):
    digits = b"".join(hashlib.sha256(f"{label} {at}".encode()).digest() for at in range(8))
    return (int.from_bytes(digits, "big") | 3 << 2046 | 1) + PRIMES[label]


def rsa_certificate(one):
    p, q = prime("rsa p"), prime("rsa q")
    key = der.sequence(der.integer(p * q), der.integer(65537))
    info = der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL), der.bits(key))
    parts = der.parts({**one, "key": info})
    parts["algorithm"] = SHA256_RSA
    body = der.sequence(*(parts[part] for part in parts if part not in ("extensions", "after")), der.der(0xA3, der.sequence(*parts["extensions"])))
    digest = der.sequence(der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL), der.octets(hashlib.sha256(body).digest()))
    padded = b"\0\1".ljust(511 - len(digest), b"\xff") + b"\0" + digest
    signature = pow(int.from_bytes(padded, "big"), pow(65537, -1, math.lcm(p - 1, q - 1)), p * q)
    return der.sequence(body, SHA256_RSA, der.bits(signature.to_bytes(512, "big")))


# --- bytes ---------------------------------------------------------------------------------------


@functools.cache
def certificate(name):
    one = SPECS[name]
    if "der" in one:
        return one["der"]
    if one.get("rsa"):
        return rsa_certificate(one)
    return der.certificate(der.parts({"label": name, **one}))


def to_pem(data, line=64, end="\n"):
    encoded = base64.b64encode(data).decode()
    lines = [encoded[at : at + line] for at in range(0, len(encoded), line)]
    return end.join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def pem(name):
    return to_pem(certificate(name))


def base64_of(name):
    return base64.b64encode(certificate(name)).decode()


def digest(name):
    return hashlib.sha256(certificate(name)).hexdigest()


def sans(name, kind):
    return [san.split(":", 1)[1] for san in SPECS[name]["sans"] if san.startswith(kind + ":")]


def common_names(name):
    return [value for rdn in SPECS[name]["subject"] for kind, value in rdn if kind == "CN"]


BY_DER = {}


def name_of(data):
    """The certificate with these bytes, or none."""
    if not BY_DER:
        BY_DER.update({certificate(name): name for name in SPECS})
    return BY_DER.get(data)
