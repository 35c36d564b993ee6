"""Certificates that a lenient reader takes: each is refused, for each can be read in two ways.

They come as RFC 9440 byte sequences, so that nothing but the certificate is wrong.
"""

import hashlib

from . import certificates, der
from .cases import NOW, POLICY
from .certificates import FRONT
from .encodings import byte_sequence

ALT_NAMES = der.ALT_NAMES
GOOD = certificates.spec(certificates.cn("front"), [f"URI:{FRONT}", "DNS:front.web.td.example"], 0x2001)
OTHER = "spiffe://td.example/admin"
REFUSED = {"decision": "deny", "status": 403, "reason": "malformed_header", "rule": None, "identity": None, "identityType": None, "verified": None, "sha256": None}


def made(spec=None, after=b"", outer=der.ECDSA, **parts):
    """The good certificate with other parts."""
    return der.certificate({**der.parts({"label": "web", **(spec or GOOD)}), **parts}, outer=outer, after=after)


def names(*listed, **more):
    """The good certificate with these names, which may be bytes."""
    return made({**GOOD, "sans": list(listed), **more})


def raw_names(value, critical=None):
    """The good certificate with this value of the names' extension."""
    return made(extensions=[*others(), der.extension(ALT_NAMES, value, critical)])


def others():
    return der.extensions({**GOOD, "sans": []})


def alt_names(*listed):
    return der.alt_names(listed or GOOD["sans"])


def uri(text, tag=0x86):
    return der.der(tag, text.encode("latin-1"))


def dns(text):
    return der.der(0x82, text.encode("latin-1"))


def email(text):
    return der.der(0x81, text.encode("latin-1"))


def subject_value(element):
    """The good certificate with this element as the value of a subject's attribute."""
    attribute = der.sequence(der.oid("2.5.4.3"), element)
    return made(subject=der.sequence(der.set_of(attribute)))


def text_extension(value):
    return made({**GOOD, "extensions": [(certificates.TEXT_OID, value)]})


def lengths():
    good = made()
    parts = der.parts({"label": "web", **GOOD})
    san = der.extension(ALT_NAMES, alt_names())
    return [
        ("length-of-the-certificate-not-minimal", der.long_form(good, 3)),
        ("length-of-the-certificate-in-four-bytes", der.long_form(good, 4)),
        ("length-of-the-serial-not-minimal", made(serial=der.long_form(parts["serial"], 1))),
        ("length-of-the-issuer-not-minimal", made(issuer=der.long_form(parts["issuer"]))),
        ("length-of-the-subject-not-minimal", made(subject=der.long_form(parts["subject"]))),
        ("length-of-the-times-not-minimal", made(validity=der.long_form(parts["validity"], 1))),
        ("length-of-the-key-not-minimal", made(key=der.long_form(parts["key"]))),
        ("length-of-an-extension-not-minimal", made(extensions=[*others(), der.long_form(san, 2)])),
        ("length-of-the-names-not-minimal", raw_names(der.long_form(alt_names()))),
        ("length-of-a-uri-not-minimal", names(der.long_form(uri(FRONT), 1))),
        ("length-of-a-uri-in-two-bytes", names(der.long_form(uri(FRONT), 2))),
        ("length-of-a-dns-name-not-minimal", names(der.long_form(dns("a.td.example"), 1))),
        ("length-of-an-email-not-minimal", names(der.long_form(email("a@td.example"), 1))),
        ("length-of-a-text-not-minimal", text_extension(der.long_form(der.text("orders"), 1))),
        ("length-beyond-the-end", good[:2] + bytes([good[2], good[3] + 1]) + good[4:]),
        ("length-before-the-end", good[:2] + bytes([good[2], good[3] - 1]) + good[4:]),
        ("length-of-a-uri-beyond-the-names", raw_names(der.sequence(uri(FRONT)[:1] + bytes([len(FRONT) + 1]) + FRONT.encode()))),
        ("indefinite-certificate", der.indefinite(good)),
        ("indefinite-names", raw_names(der.indefinite(alt_names()))),
        ("indefinite-subject", made(subject=der.indefinite(parts["subject"]))),
        ("indefinite-directory-name", names(b"\xa4\x80" + parts["subject"] + b"\0\0")),
    ]


def booleans():
    san = der.extension
    usage = der.extension(der.EXTENDED_USAGE, der.sequence(der.oid("1.3.6.1.5.5.7.3.2")))
    constraints = lambda value: made(extensions=[der.extension(der.CONSTRAINTS, value, der.TRUE), usage, san(ALT_NAMES, alt_names())])
    return [
        ("critical-is-one", raw_names(alt_names(), der.der(1, b"\1"))),
        ("critical-is-false", raw_names(alt_names(), der.FALSE)),
        ("critical-of-two-bytes", raw_names(alt_names(), der.der(1, b"\xff\xff"))),
        ("critical-of-no-bytes", raw_names(alt_names(), der.der(1))),
        ("authority-is-one", constraints(der.sequence(der.der(1, b"\1")))),
        ("authority-is-false", constraints(der.sequence(der.FALSE))),
        ("authority-of-a-negative-length", constraints(der.sequence(der.TRUE, der.der(2, b"\xff")))),
        ("authority-and-more", constraints(der.sequence(der.TRUE, der.integer(0), der.NULL))),
        ("authority-with-bytes-after-it", constraints(der.sequence() + der.NULL)),
    ]


def trailing():
    good = made()
    parts = der.parts({"label": "web", **GOOD})
    extensions = parts["extensions"]
    wrapped = der.der(0xA3, der.sequence(*extensions), der.NULL)
    return [
        ("bytes-after-the-certificate", good + b"\0\0"),
        ("another-certificate-after-it", good + made({**GOOD, "sans": [f"URI:{OTHER}"]})),
        ("element-in-the-certificate", made(after=der.NULL)),
        ("element-in-what-is-signed", der.certificate({**parts, "after": der.NULL})),
        ("element-after-the-version", made(version=der.der(0xA0, der.integer(2), der.NULL))),
        ("element-after-the-times", made(validity=parts["validity"][:1] + bytes([parts["validity"][1] + 2]) + parts["validity"][2:] + der.NULL)),
        ("element-after-the-extensions", made(extensions=wrapped)),
        ("element-after-the-names", raw_names(alt_names() + der.NULL)),
        ("second-list-after-the-names", raw_names(alt_names() + der.alt_names([f"URI:{OTHER}"]))),
        ("zeros-after-the-names", raw_names(alt_names() + b"\0\0")),
        ("element-in-the-extension-of-the-names", made(extensions=[*others(), der.sequence(der.oid(ALT_NAMES), der.octets(alt_names()), der.NULL)])),
        ("element-after-a-text", text_extension(der.text("orders") + der.NULL)),
        ("element-after-an-attribute", made(subject=der.sequence(der.set_of(der.sequence(der.oid("2.5.4.3"), der.text("front"), der.NULL))))),
        ("element-after-the-key", made(key=der.sequence(der.EC_KEY, der.ec_public_key("web")[-68:], der.NULL))),
    ]


def forms():
    pieces = der.der(0x2C, der.text("fro"), der.text("nt"))
    return [
        ("uri-with-the-tag-of-a-list", names(uri(FRONT, 0xA6))),
        ("uri-in-pieces", names(der.der(0xA6, uri(FRONT, 0x16)))),
        ("dns-name-in-pieces", names(der.der(0xA2, der.der(0x16, b"front.web.td.example")))),
        ("email-in-pieces", names(der.der(0xA1, der.der(0x16, b"a@td.example")))),
        ("uri-of-a-universal-type", names(uri(FRONT, 0x16))),
        ("name-of-an-unknown-kind", names(f"URI:{FRONT}", der.der(0x89, b"a"))),
        ("name-of-another-class", names(f"URI:{FRONT}", der.der(0xC6, FRONT.encode()))),
        ("name-of-a-long-tag", names(f"URI:{FRONT}", b"\x9f\x1f\x01a")),
        ("directory-name-in-no-form", names(f"URI:{FRONT}", der.der(0x84, der.sequence()))),
        ("address-of-five-bytes", names(f"URI:{FRONT}", der.der(0x87, b"\xc0\0\2\7\0"))),
        ("address-of-three-bytes", names(f"URI:{FRONT}", der.der(0x87, b"\xc0\0\2"))),
        ("address-with-a-mask", names(f"URI:{FRONT}", der.der(0x87, b"\xc0\0\2\7\xff\xff\xff\xff"))),
        ("address-of-no-bytes", names(f"URI:{FRONT}", der.der(0x87))),
        ("registered-id-of-no-bytes", names(f"URI:{FRONT}", der.der(0x88))),
        ("other-name-without-a-value", names(f"URI:{FRONT}", der.der(0xA0, der.oid("1.2.3")))),
        ("common-name-in-pieces", subject_value(pieces)),
        ("extension-in-pieces", made(extensions=[*others(), der.sequence(der.oid(ALT_NAMES), der.der(0x24, der.octets(alt_names())))])),
        ("names-as-a-set", raw_names(b"\x31" + alt_names()[1:])),
        ("no-names-in-the-list", raw_names(der.sequence())),
        ("no-list-of-names", raw_names(b"")),
        ("names-of-another-type", raw_names(uri(FRONT))),
        ("attribute-outside-a-set", made(subject=der.sequence(der.sequence(der.attribute("CN", "front"))))),
        ("rdn-without-an-attribute", made(subject=der.sequence(der.set_of()))),
        ("no-extension-in-the-list", made(extensions=[])),
        ("nested-a-thousand-deep", subject_value(nested(1000))),
    ]


def nested(depth):
    out = b""
    for _ in range(depth):
        out = der.sequence(out)
    return out


def bytes_in_names():
    out = []
    for name, byte in [("nul", "\0"), ("line-feed", "\n"), ("carriage-return", "\r"), ("tab", "\t"), ("delete", "\x7f"), ("escape", "\x1b")]:
        out += [
            (f"uri-with-{name}", names(uri(f"{FRONT}{byte}"))),
            (f"uri-with-{name}-in-it", names(uri(f"spiffe://td.example/a{byte}b"))),
            (f"dns-name-with-{name}", names(dns(f"front.web.td.example{byte}.evil.example"))),
            (f"email-with-{name}", names(f"URI:{FRONT}", email(f"a@td.example{byte}"))),
        ]
    for name, text in [("utf-8", "\u00c3\u00a9"), ("latin-1", "\u00e9"), ("overlong-slash", "\u00c0\u00af"), ("byte-ff", "\u00ff")]:
        out += [
            (f"uri-with-{name}", names(uri(f"{FRONT}{text}"))),
            (f"dns-name-with-{name}", names(dns(f"{text}.td.example"))),
            (f"email-with-{name}", names(f"URI:{FRONT}", email(f"{text}@td.example"))),
        ]
    return out


def structure():
    parts = der.parts({"label": "web", **GOOD})
    san = der.extension(ALT_NAMES, alt_names())
    other = der.extension(ALT_NAMES, der.alt_names([f"URI:{OTHER}"]))
    text = der.extension(certificates.TEXT_OID, der.text("orders"))
    rsa = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
    return [
        ("names-twice", made(extensions=[*others(), san, other])),
        ("names-twice-in-the-other-order", made(extensions=[*others(), other, san])),
        ("names-twice-and-equal", made(extensions=[*others(), san, san])),
        ("names-twice-apart", made(extensions=[san, *others(), other])),
        ("text-twice", made(extensions=[*others(), san, text, text])),
        ("constraints-twice", made(extensions=[*others(), san, der.extension(der.CONSTRAINTS, der.sequence())])),
        ("version-1-with-extensions", made(version=b"")),
        ("version-1-written-out", made(version=der.der(0xA0, der.integer(0)))),
        ("version-2-with-extensions", made(version=der.der(0xA0, der.integer(1)))),
        ("version-4", made(version=der.der(0xA0, der.integer(3)))),
        ("version-1-with-a-unique-id", made(version=b"", extensions=b"", unique=der.der(0x81, b"\0a"))),
        ("serial-negative", made(serial=der.der(2, b"\x81"))),
        ("serial-with-a-zero-too-many", made(serial=der.der(2, b"\0\1"))),
        ("serial-with-a-sign-too-many", made(serial=der.der(2, b"\xff\x81"))),
        ("serial-of-no-bytes", made(serial=der.der(2))),
        ("serial-as-a-text", made(serial=der.text("1"))),
        ("algorithm-of-another-kind-outside", made(outer=rsa)),
        ("algorithm-of-another-kind-inside", made(algorithm=rsa)),
        ("algorithm-with-parameters-outside", made(outer=der.sequence(der.oid("1.2.840.10045.4.3.2"), der.NULL))),
        ("times-exchanged-for-numbers", made(validity=der.sequence(der.integer(1), der.integer(2)))),
        ("time-without-seconds", made(validity=der.sequence(der.der(0x17, b"2501010000Z"), der.time(certificates.UNTIL)))),
        ("time-with-a-zone", made(validity=der.sequence(der.der(0x17, b"250101000000+0100"), der.time(certificates.UNTIL)))),
        ("time-of-no-day", made(validity=der.sequence(der.der(0x17, b"250230000000Z"), der.time(certificates.UNTIL)))),
        ("time-with-a-fraction", made(validity=der.sequence(der.time(certificates.SINCE), der.der(0x18, b"20360101000000.5Z")))),
        ("one-time", made(validity=der.sequence(der.time(certificates.SINCE)))),
        ("signature-missing", der.sequence(*list(elements(made()))[:2])),
        ("parts-in-another-order", der.sequence(*[list(elements(made()))[at] for at in (0, 2, 1)])),
        ("oid-with-a-leading-zero", made(subject=der.sequence(der.set_of(der.sequence(b"\6\4\x55\x80\4\3", der.text("front")))))),
        ("oid-of-no-bytes", made(subject=der.sequence(der.set_of(der.sequence(b"\6\0", der.text("front")))))),
        ("text-that-is-not-utf-8", subject_value(der.der(0x0C, b"\xc3"))),
        ("ia5-with-a-high-byte", subject_value(der.der(0x16, b"\xe9"))),
        ("bmp-with-half-a-character", subject_value(der.der(0x1E, b"\0a\0"))),
        ("null-with-content", subject_value(der.der(0x05, b"\0"))),
        ("extension-text-that-is-not-utf-8", text_extension(der.der(0x0C, b"\xff"))),
        ("key-with-unused-bits-set", made(key=der.sequence(der.EC_KEY, der.der(0x03, b"\1\4\1")))),
        ("csr", der.sequence(der.sequence(der.integer(0), parts["subject"], parts["key"], b"\xa0\0"), der.ECDSA, der.bits(b"a"))),
        ("public-key", parts["key"]),
        ("what-is-signed-alone", list(elements(made()))[0]),
    ]


def elements(data):
    """The elements in a DER list."""
    def body(at):
        size = data[at + 1]
        if size < 0x80:
            return at + 2, size
        count = size & 0x7F
        return at + 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")

    at, size = body(0)
    end = at + size
    while at < end:
        start, (at, size) = at, body(at)
        at += size
        yield data[start:at]


def of_size(size):
    """A good certificate of so many bytes."""
    # Signatures differ by a byte or two with what is signed, so the fill varies.
    fill = size - len(text_extension(der.octets(bytes(16000)))) + 16000
    for mark in range(100):
        for count in range(fill - 3, fill + 4):
            out = text_extension(der.octets(bytes([mark]) * count))
            if len(out) == size:
                return out
    raise AssertionError(size)


def refused(listed, detail="bad_certificate"):
    return [case(name, data, {**REFUSED, "detail": detail}) for name, data in listed]


def accepted(listed):
    """Odd, but with one reading only."""
    out = []
    for name, data in listed:
        expect = {"decision": "allow", "reason": "allowed", "rule": "web", "identity": FRONT, "verified": True}
        out.append(case(name, data, {**expect, "sha256": hashlib.sha256(data).hexdigest()}))
    return out


def case(name, data, expect):
    return {"name": name, "request": {"headers": [["client-cert", byte_sequence(data)]]}, "now": NOW, "expect": expect}


def odd():
    parts = der.parts({"label": "web", **GOOD})
    return [
        ("as-it-should-be", made()),
        ("no-subject", made(subject=der.sequence())),
        ("names-critical", raw_names(alt_names(), der.TRUE)),
        ("names-first", made(extensions=[der.extension(ALT_NAMES, alt_names()), *others()])),
        ("names-alone", made(extensions=[der.extension(ALT_NAMES, alt_names())])),
        ("other-kinds-of-names", names(f"URI:{FRONT}", der.der(0x88, b"\x2a\3"), der.der(0xA4, parts["subject"]), der.der(0xA0, der.oid("1.3.6.1.4.1.311.20.2.3"), der.der(0xA0, der.text("a@b"))))),
        ("unknown-critical-extension", made(extensions=[*others(), der.extension(ALT_NAMES, alt_names()), der.extension("1.3.6.1.4.1.99999.77", b"x", der.TRUE)])),
        ("unique-ids", made(unique=der.der(0x81, b"\0a") + der.der(0x82, b"\0b"))),
        ("generalized-time-before-2050", made(validity=der.sequence(der.der(0x18, b"20250101000000Z"), der.der(0x18, b"20360101000000Z")))),
        ("serial-of-40-bytes", made(serial=der.der(2, b"\1" * 40))),
        ("signature-of-one-byte", der.sequence(*list(elements(made()))[:2], der.bits(b"a"))),
        ("16384-bytes", of_size(16384)),
    ]


def files():
    past = [("16385-bytes", of_size(16385))]
    listed = {
        "lengths": ("Lengths that are not minimal, indefinite or wrong.", refused(lengths())),
        "booleans": ("BOOLEANs other than 0xFF, and defaults that are written out.", refused(booleans())),
        "trailing": ("Bytes and elements where there should be no more.", refused(trailing())),
        "forms": ("Tags and forms of names and values.", refused(forms())),
        "bytes-in-names": ("Control and non-ASCII bytes in alternative names.", refused(bytes_in_names())),
        "structure": ("Parts of a certificate that are there twice, missing, or not of its version.", refused(structure())),
        "size": ("The largest certificate, and one byte more.", refused(past)),
        "accepted": ("Certificates that are odd, and have one reading only.", accepted(odd())),
    }
    return {name: {"about": about, "source": {"preset": "rfc9440"}, "policy": POLICY, "cases": cases} for name, (about, cases) in listed.items()}
