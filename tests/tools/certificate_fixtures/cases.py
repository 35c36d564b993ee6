"""Cases, and the proxies that send their headers.

A case says in a word what must come of it, and the oracle works out the whole answer; where the two
differ, nothing is written.
"""

import base64

from . import oracle
from .certificates import FRONT, certificate

NOW = "2026-11-21T00:00:00Z"
MALLORY = "spiffe://td.example/admin"
POLICY = {
    "version": 1,
    "deny": [{"name": "no-admin", "from": [{"spiffe": MALLORY}]}],
    "allow": [
        {"name": "health", "from": "anyone", "paths": ["/healthz"]},
        {"name": "web", "from": [{"spiffe": FRONT}]},
        {"name": "partners", "from": [{"dnsUnder": "partner.example"}]},
        {"name": "others", "from": "authenticated", "paths": ["/others"]},
    ],
}


def below_partner(name):
    return name.lower().endswith(".partner.example") and "*" not in name


def rules(path):
    """The same rules, as the oracle reads them."""
    listed = [
        ("deny", "no-admin", lambda uris, dns: uris == [MALLORY]),
        ("allow", "web", lambda uris, dns: uris == [FRONT]),
        ("allow", "partners", lambda uris, dns: any(map(below_partner, dns))),
        ("allow", "others", lambda uris, dns: path == "/others"),
    ]
    return {"rules": listed, "anyone": "health" if path == "/healthz" else None}


def text(data):
    if isinstance(data, str):
        data = data.encode("latin-1")
    if all(0x20 <= byte < 0x7F for byte in data):
        return data.decode()
    return {"base64": base64.b64encode(data).decode()}


# Where the case and the oracle say different things.
DIFFERENCES = []


class Cases:
    """The cases of one file."""

    def __init__(self, source):
        self.source, self.cases = source, []

    def add(self, name, sent, says, /, now=NOW, path="/", connection=None, **source):
        """`says` is the rule that allows, or the reason, or a detail of malformed_header."""
        source = {**self.source, **source}
        headers = [[header, text(value)] for header, value in sent]
        expect = oracle.decide(headers, source, rules(path), now, connection)
        told = expect["rule"] if expect["decision"] == "allow" else expect["reason"]
        if told == "malformed_header":
            told = expect.get("detail") or told
        if told != says:
            DIFFERENCES.append(f"{source['preset']}/{name}: {told}, not {says}")
        request = {"headers": headers}
        if path != "/":
            request["path"] = path
        if connection:
            request["connection"] = connection
        one = {"name": name, "request": request, "now": now, "expect": expect}
        if source != self.source:
            one["source"] = source
        assert all(other["name"] != name for other in self.cases), name
        self.cases.append(one)


class Proxy:
    """A proxy's headers: `cert` and those that vouch, with the values of a good request."""

    def __init__(self, name, header, encode, vouch=()):
        self.preset, self.header, self.encode, self.vouch = name, header, encode, list(vouch)

    def send(self, value=None, **vouch):
        """Headers with this value of the certificate; `vouch` replaces values by header, None drops."""
        out = [] if value is None else [(self.header, value)]
        for header, good in self.vouch:
            said = vouch.get(header.replace("-", "_"), good)
            if said is not None:
                out.append((header, said))
        return out

    def good(self, name="web", **vouch):
        return self.send(self.encode(certificate(name)), **vouch)

    def names(self):
        return [self.header, *(header for header, _ in self.vouch)]
