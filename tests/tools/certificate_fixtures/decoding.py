"""The oracle's decoders: percent-encodings, base64, PEM, byte sequences. Slow, and each a regular expression."""

import base64
import re

UNRESERVED = "A-Za-z0-9._~-"


class Broken(Exception):
    """bad_encoding or bad_certificate, once the details that come before have been looked for."""

    def __init__(self, detail="bad_encoding"):
        super().__init__(detail)
        self.detail = detail


def strict_base64(text):
    if not re.fullmatch("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text) or not text:
        raise Broken
    data = base64.b64decode(text)
    if base64.b64encode(data).decode() != text:
        raise Broken
    return data


def percent(text, dialect, more=""):
    """`more`: what stands for itself besides."""
    if dialect == "none" or dialect == "if-escaped" and "%" not in text:
        return text
    literal = more + {"component": "", "literal": "+/=", "form": "+", "if-escaped": "+"}[dialect]
    if not re.fullmatch(f"(?:[{literal}{UNRESERVED}]|%[0-9A-Fa-f]{{2}})*", text):
        raise Broken
    if dialect in ("form", "if-escaped"):
        text = text.replace("+", " ")
    return re.sub("%(..)", lambda escape: chr(int(escape[1], 16)), text)


BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def pem_blocks(text, white):
    """DER of each block; `white` is what may stand for a line break in one, and any white space around."""
    blocks = re.fullmatch(f"(?:[ \t\r\n\f]*{BEGIN}[A-Za-z0-9+/=\r\n\t ]*{END})+[ \t\r\n\f]*", text)
    if not blocks:
        raise Broken
    out = []
    for body in re.findall(f"{BEGIN}([^-]*){END}", text):
        if re.sub(white, "", body) != re.sub(r"\s", "", body):
            raise Broken
        out.append(strict_base64(re.sub(white, "", body)))
    return out


def skip_parameters(text):
    """RFC 9651, section 4.2.3.2, but for dates and display strings."""
    bare = r'-?\d{1,15}|-?\d{1,12}\.\d{1,3}|"(?:[ !#-\[\]-~]|\\["\\])*"|[A-Za-z*][!#$%&\'*+.^_`|~:/A-Za-z0-9-]*|:[A-Za-z0-9+/=]*:|\?[01]'
    match = re.fullmatch(rf"(?:;\ *[a-z*][a-z0-9_.*-]*(?:=(?:{bare}))?)*", text)
    if not match:
        raise Broken


def byte_sequence(text):
    match = re.fullmatch(r":([^:]*):((?:;.*)?)", text.strip(" "))
    if not match:
        raise Broken
    data = strict_base64(match[1])
    skip_parameters(match[2])
    return data


def check_chain(text):
    # No parameter of a fixture's chain holds a comma.
    for member in text.strip(" ").split(","):
        byte_sequence(member.strip(" \t"))


def another_format(text, held):
    """Whether the value is plainly what another proxy sends."""
    escaped = held.get("percent", "none") in ("component", "literal", "form")
    due = held["encoding"] if not held["encoding"].startswith("pem") else "escaped" if escaped else "pem"
    if text.startswith("-----BEGIN%") or re.match("%2[Dd]", text):
        seen = "escaped"
    elif text.startswith("-----BEGIN+") and held.get("percent") == "form":
        seen = "escaped"
    elif text.startswith("-----BEGIN"):
        seen = "pem"
    elif text.startswith(":"):
        seen = "byte-sequence"
    elif text.startswith("MII"):
        seen = "base64"
    elif re.match("(?i)(By|Hash|Cert|Chain|Subject|URI|DNS)=", text) or text.startswith("[{"):
        seen = "xfcc"
    else:
        return False
    return seen != due


def unquoted(text, held):
    return text[1:-1] if held.get("quotes") == "optional" and re.fullmatch('"[^"]*"', text) else text


def decode(value, held):
    """DER of the header's certificate."""
    encoding = held["encoding"]
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        raise Broken from None
    # Of a list, the commas may be escaped or not.
    comma = "," if held.get("take") == "first" else ""
    text = percent(unquoted(text, held), held.get("percent", "none"), comma)
    if held.get("take") == "first":
        text, *others = text.split(",")
        for other in others:
            strict_base64(other)
    if encoding == "base64":
        return strict_base64(text)
    if encoding == "byte-sequence":
        return byte_sequence(text)
    blocks = pem_blocks(text, "[ \t]" if encoding == "pem-folded" else "(?:\r?\n)")
    if len(blocks) > 1 and encoding != "pem-chain":
        raise Broken("bad_certificate")
    return blocks[0]
