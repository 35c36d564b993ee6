"""Sources that the document spells out: preset custom, with a certificate."""

import base64
import urllib.parse

from . import table
from .cases import Cases
from .certificates import base64_of, certificate, digest, pem, to_pem
from .encodings import byte_sequence, percent

HEADER = "x-cert"


def source(verified="promise", **certificate):
    return {"preset": "custom", "verified": verified, "certificate": {"header": HEADER, "encoding": "base64", **certificate}}


def without_defaults(one):
    """What a document need not write."""
    defaults = {"none": [], "says": "verified", "withoutCertificate": "none"}
    return {key: value for key, value in one.items() if defaults.get(key) != value}


def spelled_out():
    """Each preset as a custom source: the same headers, the same answers."""
    cases = Cases({"preset": "custom"})
    good = {
        "rfc9440": byte_sequence,
        "nginx": lambda der: percent(to_pem(der)),
        "ingress-nginx": lambda der: percent(to_pem(der)),
        "haproxy": lambda der: f'"{base64.b64encode(der).decode()}"',
        "apache": lambda der: to_pem(der).replace("\n", " ").strip(),
        "traefik": lambda der: urllib.parse.quote_plus(base64.b64encode(der).decode() + "," + base64_of("root")),
        "aws-alb": lambda der: percent(to_pem(der), "+=/"),
        "aws-alb-passthrough": lambda der: percent(to_pem(der) + pem("root"), "+=/"),
        "gcp": byte_sequence,
        "cloudflare": lambda der: base64.b64encode(der).decode(),
        "azure-app-service": lambda der: base64.b64encode(der).decode(),
    }
    for name, encode in good.items():
        row = table.PRESETS[name]
        vouching = row["verified"] if isinstance(row["verified"], list) else []
        said = [without_defaults(one) for one in vouching] or row["verified"]
        document = {"verified": said, "certificate": row["certificate"]}
        if said == "never":
            document["requireVerified"] = False
        header = row["certificate"]["header"]
        vouch = [(one["header"], one["accept"][0]) for one in vouching]
        add = lambda label, sent, says: cases.add(f"{name}-{label}", sent, says, **document)
        add("good", [(header, encode(certificate("web"))), *vouch], "web")
        add("somebody-else", [(header, encode(certificate("pay"))), *vouch], "no_rule")
        add("expired", [(header, encode(certificate("expired"))), *vouch], "expired")
        add("no-header", [], "no_certificate")
        add("broken", [(header, "*"), *vouch], "bad_encoding")
        add("repeated", [(header, "*"), (header, "*"), *vouch], "repeated_header")
        add("aliased", [(header.replace("-", "_"), "*")], "aliased_header")
        for at, (other, accepted) in enumerate(vouch):
            rest = [*vouch[:at], (other, "x"), *vouch[at + 1 :]]
            says = "contradictory_headers" if vouching[at]["says"] == "present" else "unverified"
            add(f"{other}-wrong", [(header, encode(certificate("web"))), *rest], says)
    return cases


def certificates():
    cases = Cases(source())
    encoded, der = base64_of("web"), certificate("web")

    def add(name, value, says, beside=(), **given):
        verified = given.pop("verified", "promise")
        required = {"requireVerified": given.pop("requireVerified")} if "requireVerified" in given else {}
        sent = [] if value is None else [(HEADER, value)]
        cases.add(name, [*sent, *beside], says, **source(verified, **given), **required)

    add("defaults", encoded, "web")
    add("defaults-quoted", f'"{encoded}"', "bad_encoding")
    add("defaults-list", f"{encoded},{encoded}", "bad_encoding")
    add("defaults-escaped", encoded.replace("+", "%2B"), "bad_encoding")
    add("defaults-null", "(null)", "bad_encoding")
    add("defaults-absent", None, "no_certificate")
    add("header-in-capitals-in-the-document", encoded, "web", header="X-Cert")

    # percent, with PEM in it
    text = pem("web")
    dialects = {"component": percent(text), "literal": percent(text, "+=/"), "form": urllib.parse.quote_plus(text)}
    for dialect, value in dialects.items():
        add(f"percent-{dialect}", value, "web", percent=dialect, encoding="pem")
    add("percent-component-with-literals", dialects["literal"], "bad_encoding", percent="component", encoding="pem")
    add("percent-literal-with-escapes-of-all", dialects["component"], "web", percent="literal", encoding="pem")
    # Here a form's spaces are pluses, and so BEGIN CERTIFICATE is not one phrase.
    add("percent-literal-of-a-form", dialects["form"], "unexpected_format", percent="literal", encoding="pem")
    add("percent-form-of-a-component", dialects["component"], "web", percent="form", encoding="pem")
    add("percent-form-with-literals", dialects["literal"], "bad_encoding", percent="form", encoding="pem")
    add("percent-if-escaped", dialects["form"], "web", percent="if-escaped", encoding="pem")
    add("percent-if-escaped-with-nothing-escaped", encoded, "web", percent="if-escaped")
    add("percent-form-with-nothing-escaped", encoded, "bad_encoding", percent="form")
    add("percent-form-of-base64", urllib.parse.quote_plus(encoded), "web", percent="form")
    add("percent-component-of-base64", percent(encoded), "web", percent="component")
    add("percent-none-of-base64", percent(encoded), "bad_encoding")
    add("percent-component-of-a-byte-sequence", percent(byte_sequence(der)), "web", percent="component", encoding="byte-sequence")

    # quotes
    add("quotes-optional", f'"{encoded}"', "web", quotes="optional")
    add("quotes-optional-and-none", encoded, "web", quotes="optional")
    add("quotes-optional-one", f'"{encoded}', "bad_encoding", quotes="optional")
    folded = text.replace("\n", " ").strip()
    add("quotes-optional-around-pem", f'"{folded}"', "web", quotes="optional", encoding="pem-folded")

    # take
    add("take-first-of-one", encoded, "web", take="first")
    add("take-first-of-two", f"{encoded},{base64_of('root')}", "web", take="first")
    add("take-first-with-a-broken-second", f"{encoded},x", "bad_encoding", take="first")

    # absent
    words = ["(null)", "none", "-"]
    for word in words:
        add(f"absent-{word}", word, "no_certificate", absent=words)
    # Four letters are base64.
    add("absent-in-another-case", "NONE", "bad_certificate", absent=["none"])
    add("absent-empty", "", "no_certificate", absent=words)

    # encodings
    add("pem-of-one-block-in-a-chain", percent(text), "web", percent="component", encoding="pem-chain")
    add("pem-of-two-blocks-in-a-chain", percent(text + pem("root")), "web", percent="component", encoding="pem-chain")
    add("pem-of-two-blocks", percent(text + pem("root")), "bad_certificate", percent="component", encoding="pem")
    add("pem-folded", folded, "web", encoding="pem-folded")
    add("pem-folded-where-pem-is-due", folded, "bad_encoding", encoding="pem")
    add("byte-sequence", byte_sequence(der), "web", encoding="byte-sequence")
    add("base64-where-a-byte-sequence-is-due", encoded, "unexpected_format", encoding="byte-sequence")
    add("pem-where-base64-is-due", folded, "unexpected_format")

    # sha256
    right, other = digest("web"), digest("pay")
    in_base64 = lambda text: base64.b64encode(bytes.fromhex(text)).decode()
    for encoding, spell in [("hex", str), ("base64", in_base64)]:
        sha256 = {"header": "x-sha256", "encoding": encoding}
        add(f"sha256-{encoding}", encoded, "web", [("x-sha256", spell(right))], sha256=sha256)
        add(f"sha256-{encoding}-of-another", encoded, "hash_mismatch", [("x-sha256", spell(other))], sha256=sha256)
        add(f"sha256-{encoding}-missing", encoded, "web", sha256=sha256)
        add(f"sha256-{encoding}-alone", None, "contradictory_headers", [("x-sha256", spell(right))], sha256=sha256)
        add(f"sha256-{encoding}-broken", encoded, "bad_hash", [("x-sha256", spell(right)[1:])], sha256=sha256)
        add(f"sha256-{encoding}-repeated", encoded, "repeated_header", [("x-sha256", spell(right))] * 2, sha256=sha256)
        wrong = in_base64(right) if encoding == "hex" else right
        add(f"sha256-{encoding}-in-the-other-encoding", encoded, "bad_hash", [("x-sha256", wrong)], sha256=sha256)
    add("sha256-that-is-not-configured", encoded, "web", [("x-sha256", other)])

    # chain
    chain = {"header": "x-chain"}
    root = byte_sequence(certificate("root"))
    add("chain", encoded, "web", [("x-chain", root)], chain=chain)
    add("chain-of-two-lines", encoded, "web", [("x-chain", root), ("x-chain", root)], chain=chain)
    add("chain-broken", encoded, "bad_encoding", [("x-chain", "x")], chain=chain)
    add("chain-alone", None, "contradictory_headers", [("x-chain", root)], chain=chain)
    add("chain-that-is-not-configured", encoded, "web", [("x-chain", "x")])
    return cases


def signals():
    cases = Cases(source())
    encoded = base64_of("web")

    def add(name, value, verify, says, required=True, **one):
        sent = [] if value is None else [(HEADER, value)]
        sent += [] if verify is None else [("x-verify", verify)]
        given = source([{"header": "x-verify", **one}])
        if not required:
            given["requireVerified"] = False
        cases.add(name, sent, says, **given)

    plain = {"accept": ["yes"]}
    add("accepted", encoded, "yes", "web", **plain)
    add("not-accepted", encoded, "no", "unverified", **plain)
    add("not-accepted-and-not-required", encoded, "no", "web", required=False, **plain)
    add("missing", encoded, None, "unverified", **plain)
    add("empty", encoded, "", "unverified", **plain)
    add("in-another-case", encoded, "Yes", "unverified", **plain)
    add("with-a-comma", encoded, "yes,yes", "unverified", **plain)
    add("second-of-two-values", encoded, "sure", "web", accept=["yes", "sure"])
    empty = {"accept": ["", "ok"]}
    add("empty-is-accepted", encoded, "", "web", **empty)
    add("missing-is-accepted-where-empty-is", encoded, None, "web", **empty)
    add("word-beside-empty", encoded, "ok", "web", **empty)
    add("another-word-beside-empty", encoded, "error", "unverified", **empty)
    none = {"accept": ["yes"], "none": ["NONE", "nobody"]}
    add("none-with-a-certificate", encoded, "NONE", "contradictory_headers", **none)
    add("second-none-with-a-certificate", encoded, "nobody", "contradictory_headers", **none)
    add("none-with-a-certificate-not-required", encoded, "NONE", "contradictory_headers", required=False, **none)
    add("none-in-another-case-with-a-certificate", encoded, "none", "unverified", **none)
    for value, label in [(None, "no-header"), ("", "empty")]:
        with_label = lambda name: f"{name}-{label}"
        for word in ["NONE", "nobody", "", None]:
            add(with_label(f"without-{'missing' if word is None else word or 'empty'}"), value, word, "no_certificate", **none)
        for word in ["yes", "no", "none"]:
            add(with_label(f"without-{word}"), value, word, "contradictory_headers", **none)
        any_of = {**none, "withoutCertificate": "any"}
        for word in ["NONE", "yes", "no", "", None]:
            add(with_label(f"without-any-{'missing' if word is None else word or 'empty'}"), value, word, "no_certificate", **any_of)
        unless = {**none, "withoutCertificate": "not-accepted"}
        for word, says in [("yes", "contradictory_headers"), ("no", "no_certificate"), ("NONE", "no_certificate"), (None, "no_certificate")]:
            add(with_label(f"without-unless-{word or 'missing'}"), value, word, says, **unless)

    present = {"header": "x-present", "accept": ["1"], "says": "present", "withoutCertificate": "not-accepted"}
    verify = {"header": "x-verify", "accept": ["yes"], "withoutCertificate": "not-accepted"}

    def both(name, value, shown, said, says, **more):
        sent = [(header, text) for header, text in [(HEADER, value), ("x-present", shown), ("x-verify", said)] if text is not None]
        cases.add(name, sent, says, **source([present, verify]), **more)

    both("present-and-verified", encoded, "1", "yes", "web")
    both("present-and-not-verified", encoded, "1", "no", "unverified")
    both("not-present-and-there", encoded, "0", "yes", "contradictory_headers")
    both("present-missing-and-there", encoded, None, "yes", "contradictory_headers")
    both("not-present-and-there-not-required", encoded, "0", "yes", "contradictory_headers", requireVerified=False)
    both("present-and-not-there", None, "1", "yes", "contradictory_headers")
    both("present-and-not-there-nor-verified", None, "1", "no", "unverified")
    both("verified-and-not-there", None, "0", "yes", "contradictory_headers")
    both("not-present", None, "0", "no", "no_certificate")
    both("nothing", None, None, None, "no_certificate")

    for verified, name, says in [("promise", "promise", "web"), ("never", "never", "web")]:
        more = {"requireVerified": False} if verified == "never" else {}
        cases.add(f"{name}", [(HEADER, encoded)], says, **source(verified), **more)
    three = [{"header": f"x-{at}", "accept": ["1"]} for at in range(3)]
    for at in range(4):
        sent = [(HEADER, encoded), *((f"x-{other}", "0" if other == at else "1") for other in range(3))]
        cases.add(f"three-of-which-{at}-is-wrong" if at < 3 else "three-good", sent, "unverified" if at < 3 else "web", **source(three))
    return cases


def files():
    return {
        "custom-presets": ("Preset custom: what other presets do, spelled out.", spelled_out()),
        "custom-certificate": ("Preset custom: a certificate in each encoding.", certificates()),
        "custom-verified": ("Preset custom: who vouches.", signals()),
    }
