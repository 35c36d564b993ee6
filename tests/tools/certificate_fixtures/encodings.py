"""Encodings of a certificate, and each way in which they break."""

import base64
import urllib.parse

from .certificates import base64_of, certificate, pem, to_pem


def base64_faults(encoded):
    """Base64 that is not strict, of a certificate whose base64 ends with one `=` and has a `+`."""
    assert encoded.endswith("=") and encoded[-2] != "=" and "+" in encoded
    tail = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = tail[tail.index(encoded[-2]) | 1]
    return [
        ("padding-missing", encoded[:-1]),
        ("padding-too-much", encoded + "="),
        ("padding-in-the-middle", encoded[:4] + "==" + encoded[4:]),
        ("trailing-bits", encoded[:-2] + other + "="),
        ("cut-off", encoded[:-5]),
        ("space-for-plus", encoded.replace("+", " ")),
        ("url-alphabet", encoded.replace("+", "-").replace("/", "_")),
        ("foreign-byte", encoded[:100] + "*" + encoded[101:]),
        ("equals-alone", "="),
    ]


def garbage(cases, prefix, encode):
    """Well-encoded bytes that are no certificate that is read."""
    der = certificate("web")
    for name, data in [
        ("byte-after-it", der + b"\0"),
        ("last-byte-missing", der[:-1]),
        ("first-byte-missing", der[1:]),
        ("text", b"not a certificate"),
        ("one-byte", b"0"),
        ("empty-sequence", b"0\0"),
        ("itself-as-pem", pem("web").encode()),
        ("name-alone", bytes.fromhex("300d310b300906035504030c02") + b"ad"),
    ]:
        cases.add(f"{prefix}-{name}", encode(data), "bad_certificate")


def pem_faults(encoded):
    """PEM texts, and what must come of them."""
    good = pem("web")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    block = lambda body: f"{begin}\n{body}\n{end}\n"
    out = [(name, block(body), "bad_encoding") for name, body in base64_faults(encoded)]
    out += [
        ("without-a-final-line-break", good.rstrip("\n"), "web"),
        ("with-crlf", good.replace("\n", "\r\n"), "web"),
        ("in-one-line", block(encoded), "web"),
        ("in-lines-of-76", to_pem(certificate("web"), 76), "web"),
        ("with-white-space-around-it", " \t\r\n" + good + "\n \n", "web"),
        ("with-a-space-before-a-line-break", good.replace("\n", " \n"), "bad_encoding"),
        ("two-blocks", good + pem("pay"), "bad_certificate"),
        ("same-block-twice", good + good, "bad_certificate"),
        ("text-before", "x\n" + good, "bad_encoding"),
        ("text-after", good + "x", "bad_encoding"),
        ("text-between-two-blocks", good + "x\n" + good, "bad_encoding"),
        ("empty-block", f"{begin}\n{end}\n", "bad_encoding"),
        ("end-missing", good.replace(end, ""), "bad_encoding"),
        ("begin-missing", good.replace(begin, ""), "bad_encoding"),
        ("end-of-another-kind", good.replace(end, "-----END X509 CERTIFICATE-----"), "bad_encoding"),
        ("trusted-certificate", good.replace(" CERTIFICATE", " TRUSTED CERTIFICATE"), "bad_encoding"),
        ("public-key", good.replace(" CERTIFICATE", " PUBLIC KEY"), "bad_encoding"),
        ("lower-case", good.replace("BEGIN CERTIFICATE", "begin certificate"), "bad_encoding"),
        ("four-dashes", good.replace("-----BEGIN", "----BEGIN"), "bad_encoding"),
        ("header-lines", good.replace(f"{begin}\n", f"{begin}\nProc-Type: 4,ENCRYPTED\n\n"), "bad_encoding"),
        ("letters-of-a-line-break", good.replace("\n", "\\n"), "bad_encoding"),
        ("nul-in-it", good.replace("\n", "\0\n", 1), "bad_encoding"),
        ("line-breaks-of-cr", good.replace("\n", "\r"), "bad_encoding"),
        ("byte-order-mark", "\u00ef\u00bb\u00bf" + good, "bad_encoding"),
    ]
    return out


def percent(text, keep=""):
    """All but the unreserved bytes escaped, and those in `keep`."""
    return urllib.parse.quote(text.encode("latin-1"), safe=keep)


def percent_pem(cases, proxy, keep):
    """A percent-encoded PEM: nginx, ingress-nginx, AWS."""
    send = lambda value: proxy.send(value)
    good = percent(pem("web"), keep)
    for name, value, says in pem_faults(base64_of("web")):
        if proxy.preset == "aws-alb-passthrough":
            says = {"two-blocks": "web", "same-block-twice": "web"}.get(name, says)
        cases.add(f"pem-{name}", send(percent(value, keep)), says)
    assert "+" in pem("web") and "%2B" in percent(pem("web"))
    literals = {"plus": ("%2B", "+"), "slash": ("%2F", "/"), "equals": ("%3D", "=")}
    escaped = percent(pem("web"))
    for name, (escape, byte) in literals.items():
        says = "web" if byte in keep else "bad_encoding"
        cases.add(f"percent-literal-{name}", send(escaped.replace(escape, byte)), says)
        cases.add(f"percent-escaped-{name}", send(good.replace(byte, escape)), "web")
    # With a plus for a space the armour is not that of an escaped PEM any more.
    cases.add("percent-plus-for-space", send(good.replace("%20", "+")), "unexpected_format")
    cases.add("percent-plus-for-every-space-and-plus", send(good.replace("%20", "+").replace("%2B", "+")), "unexpected_format")
    cases.add("percent-plus-for-space-at-the-end", send(good.replace("END%20", "END+")), "bad_encoding")
    cases.add("percent-lower-case-escapes", send(good.replace("%0A", "%0a").replace("%2B", "%2b")), "web")
    cases.add("percent-all-escaped", send("".join(f"%{ord(byte):02X}" for byte in pem("web"))), "web")
    for name, bad in [
        ("escape-without-digits", good + "%"),
        ("escape-with-one-digit", good + "%0"),
        ("escape-of-other-letters", good.replace("%0A", "%0G", 1)),
        ("escape-of-a-sign", good.replace("%0A", "%+A", 1)),
        ("escape-with-a-space", good.replace("%0A", "% A", 1)),
        ("escape-of-an-escape", good.replace("%0A", "%250A", 1)),
        ("every-escape-escaped", good.replace("%", "%25")),
        ("escape-of-unicode", good.replace("%0A", "%u000A", 1)),
        ("escaped-nul", good.replace("%0A", "%00%0A", 1)),
        ("escaped-high-byte", good.replace("%0A", "%C3%A9%0A", 1)),
        ("literal-space-at-the-end", good.replace("END%20", "END ")),
        ("literal-tab", good.replace("%0A", "\t")),
        ("literal-comma", good + ","),
        ("literal-semicolon", good + ";"),
        ("literal-quote", f'"{good}"'),
        ("literal-colon", f"{good}:"),
        ("literal-high-byte", good + "\u00e9"),
        ("literal-asterisk", good + "*"),
    ]:
        cases.add(f"percent-{name}", send(bad), "bad_encoding")
    cases.add("format-pem-not-escaped", send(pem("web").replace("\n", " ").strip()), "unexpected_format")
    cases.add("format-pem-with-spaces", send(good.replace("%20", " ")), "unexpected_format")
    cases.add("format-byte-sequence", send(byte_sequence(certificate("web"))), "unexpected_format")
    cases.add("format-xfcc", send("Hash=" + "a" * 64), "unexpected_format")
    cases.add("format-base64", send(base64_of("web")), "unexpected_format")
    cases.add("format-base64-escaped", send(percent(base64_of("web"), keep)), "unexpected_format")
    garbage(cases, "der", lambda data: send(percent(to_pem(data), keep)))


def base64_der(cases, proxy):
    """Bare base64: HAProxy, Traefik, Cloudflare, Azure App Service, gorouter."""
    send = proxy.send
    encoded = base64_of("web")
    for name, bad in base64_faults(encoded):
        cases.add(f"base64-{name}", send(bad), "bad_encoding")
    for name, bad in [
        ("space-in-it", encoded[:64] + " " + encoded[64:]),
        ("tab-in-it", encoded[:64] + "\t" + encoded[64:]),
        ("high-byte", encoded[:64] + "\u00e9" + encoded[65:]),
        ("in-single-quotes", f"'{encoded}'"),
        ("in-angle-brackets", f"<{encoded}>"),
        ("semicolon-after-it", encoded + ";"),
        ("colon-after-it", f"{encoded}:"),
        ("word-none", "NONE"[:3]),
        ("word-null", "(null)"),
        ("dash", "-"),
    ]:
        cases.add(f"base64-{name}", send(bad), "bad_encoding")
    cases.add("format-byte-sequence", send(f":{encoded}:"), "unexpected_format")
    cases.add("format-json", send('[{"hash":"a"}]'), "unexpected_format")
    cases.add("format-xfcc", send("Hash=" + "a" * 64), "unexpected_format")
    cases.add("base64-with-plus-and-two-equals", proxy.good("pay"), "no_rule")
    cases.add("base64-without-padding", proxy.good("spiffe-beside"), "no_rule")
    cases.add("format-pem", send(pem("web").replace("\n", " ").strip()), "unexpected_format")
    cases.add("format-percent-encoded-pem", send(percent(pem("web"))), "unexpected_format")
    cases.add("format-percent-encoded-dashes", send(percent(pem("web")).replace("-", "%2D")), "unexpected_format")
    garbage(cases, "der", lambda data: send(base64.b64encode(data).decode()))


PARAMETERS = [
    ("boolean", ";a"),
    ("of-each-kind", ';a=1;b=-2.5;c="x \\" y";d=token/*;e=:AA==:;f=?0;*g'),
    ("with-spaces-before-them", ";  a=1; b"),
    ("twice", ";a=1;a=2"),
    ("empty-string", ';a=""'),
    ("empty-byte-sequence", ";a=::"),
]
BAD_PARAMETERS = [
    ("without-a-key", ";"),
    ("of-an-upper-case-key", ";A=1"),
    ("without-a-value", ";a="),
    ("of-a-key-of-a-digit", ";1=a"),
    ("of-an-unclosed-string", ';a="x'),
    ("of-a-space-before-the-semicolon", " ;a=1"),
    ("of-a-space-before-the-value", ";a= 1"),
    ("of-a-third-boolean", ";a=?2"),
    ("of-sixteen-digits", ";a=1234567890123456"),
    ("of-a-bad-escape", ';a="\\x"'),
    ("of-a-comma", ";a=1,b"),
]


def byte_sequence(data):
    return f":{base64.b64encode(data).decode()}:"


def structured(cases, proxy):
    """A byte sequence: RFC 9440, Caddy, Google."""
    send = proxy.send
    encoded = base64_of("web")
    for name, bad in base64_faults(encoded):
        cases.add(f"base64-{name}", send(f":{bad}:"), "bad_encoding")
    for name, bad in [
        ("empty", "::"),
        ("empty-with-a-parameter", "::;a"),
        ("lone-colon", ":"),
        ("not-closed", f":{encoded}"),
        ("text-after-it", f":{encoded}:x"),
        ("string", f'"{encoded}"'),
        ("twice", f":{encoded}:, :{encoded}:"),
        ("list-of-it", f"(:{encoded}:)"),
        ("space-in-it", f": {encoded} :"),
        ("quoted", f'":{encoded}:"'),
        ("boolean", "?1"),
        ("word-null", "(null)"),
    ]:
        cases.add(f"item-{name}", send(bad), "bad_encoding")
    for name, parameters in PARAMETERS:
        cases.add(f"parameters-{name}", send(f":{encoded}:{parameters}"), "web")
    for name, parameters in BAD_PARAMETERS:
        cases.add(f"bad-parameters-{name}", send(f":{encoded}:{parameters}"), "bad_encoding")
    cases.add("format-pem", send(pem("web").replace("\n", " ").strip()), "unexpected_format")
    cases.add("format-percent-encoded-pem", send(percent(pem("web"))), "unexpected_format")
    cases.add("format-percent-encoded-dashes", send(percent(pem("web")).replace("-", "%2D")), "unexpected_format")
    cases.add("format-base64", send(encoded), "unexpected_format")
    garbage(cases, "der", lambda data: send(byte_sequence(data)))
    fill = 65536 - len(encoded) - 7
    cases.add("length-65536", send(f':{encoded}:;a="{"x" * fill}"'), "web")
    cases.add("length-65537", send(f':{encoded}:;a="{"x" * (fill + 1)}"'), "header_too_long")
