"""Principals against certificates: each in an allow rule and in a deny rule, met and nearly met.

Whether one is met is said here by hand: an oracle would only be another evaluator.
"""

import base64

from .cases import NOW
from .certificates import BRANCH, FRONT, PAY, TEXT_OID, certificate, digest
from .encodings import byte_sequence

ISSUER = "CN=Test CA 1,O=Test Authority,C=SE"
WEB_SERIAL = "0x8A0102030405060708"


def spaced(text, by):
    return by.join(text[at : at + 2] for at in range(0, len(text), 2))


def names():
    """(name, principal, certificate, whether an allow rule matches, whether a deny rule does)."""
    ca, other = {"issuer": ISSUER}, "issuer-other"
    return [
        # issuer, whole
        ("issuer", ca, "web", True),
        ("issuer-of-another-authority", ca, other, False),
        ("issuer-with-spaces-and-another-case-of-types", {"issuer": "cn=Test CA 1,o=Test Authority,c=SE"}, "web", True),
        ("issuer-with-types-as-oids", {"issuer": "2.5.4.3=Test CA 1,2.5.4.10=Test Authority,2.5.4.6=SE"}, "web", True),
        ("issuer-with-escapes", {"issuer": "CN=Test\\20CA\\201,O=\\54est Authority,C=SE"}, "web", True),
        ("issuer-in-another-case", {"issuer": "CN=test ca 1,O=Test Authority,C=SE"}, "web", False),
        ("issuer-in-the-other-direction", {"issuer": "C=SE,O=Test Authority,CN=Test CA 1"}, "web", False),
        ("issuer-without-one-rdn", {"issuer": "CN=Test CA 1,O=Test Authority"}, "web", False),
        ("issuer-with-one-rdn-more", {"issuer": ISSUER + ",DC=example"}, "web", False),
        ("issuer-of-one-rdn", {"issuer": "CN=Test CA 1"}, other, True),
        ("issuer-that-is-the-subject", {"issuer": "CN=front,O=Acme"}, "web", False),
        ("issuer-of-several-rdns", {"issuer": BRANCH}, "issuer-rdns", True),
        ("issuer-of-several-rdns-with-a-set-in-another-order", {"issuer": "CN=Branch CA,OU=Keys+CN=Issuing,O=Acme\\, Inc.,DC=example"}, "issuer-rdns", True),
        ("issuer-of-several-rdns-with-the-set-taken-apart", {"issuer": "CN=Branch CA,CN=Issuing,OU=Keys,O=Acme\\, Inc.,DC=example"}, "issuer-rdns", False),
        ("issuer-of-several-rdns-in-the-other-direction", {"issuer": "DC=example,O=Acme\\, Inc.,CN=Issuing+OU=Keys,CN=Branch CA"}, "issuer-rdns", False),
        ("issuer-second-of-two", {"issuer": ["CN=x", ISSUER]}, "web", True),
        ("issuer-none-of-two", {"issuer": ["CN=x", "CN=y"]}, "web", False),
        ("issuer-of-the-published-example", {"issuer": "CN=LA Intermediate CA,O=Let's Authenticate"}, "rfc9440", True),
        # issuer, attributes
        ("issuer-attribute-cn", {"issuer": {"cn": "Test CA 1"}}, "web", True),
        ("issuer-attribute-cn-of-another-authority", {"issuer": {"cn": "Test CA 1"}}, other, True),
        ("issuer-attributes", {"issuer": {"cn": "Test CA 1", "o": "Test Authority", "c": "SE"}}, "web", True),
        ("issuer-attributes-of-another-authority", {"issuer": {"cn": "Test CA 1", "o": "Test Authority"}}, other, False),
        ("issuer-attribute-in-another-case", {"issuer": {"o": "test authority"}}, "web", False),
        ("issuer-attribute-that-is-the-subjects", {"issuer": {"o": "Acme"}}, "web", False),
        ("issuer-attribute-with-a-comma", {"issuer": {"o": "Acme, Inc."}}, "issuer-rdns", True),
        ("issuer-attribute-of-a-set", {"issuer": {"ou": "Keys"}}, "issuer-rdns", True),
        ("issuer-attribute-dc", {"issuer": {"dc": "example"}}, "issuer-rdns", True),
        # Two common names: no one name, so nobody is let in by one, and everybody is kept out by either.
        ("issuer-attribute-cn-first-of-two", {"issuer": {"cn": "Issuing"}}, "issuer-rdns", False, True),
        ("issuer-attribute-cn-second-of-two", {"issuer": {"cn": "Branch CA"}}, "issuer-rdns", False, True),
        ("issuer-attribute-cn-neither-of-two", {"issuer": {"cn": "Test CA 1"}}, "issuer-rdns", False),
        # serial
        ("serial", {**ca, "serial": WEB_SERIAL}, "web", True),
        ("serial-in-small-letters", {**ca, "serial": WEB_SERIAL.lower()}, "web", True),
        ("serial-with-leading-zeros", {**ca, "serial": "0x0000" + WEB_SERIAL[2:]}, "web", True),
        ("serial-with-colons", {**ca, "serial": "0x" + spaced(WEB_SERIAL[2:], ":")}, "web", True),
        ("serial-with-colons-and-the-zero-of-der", {**ca, "serial": "0x00:" + spaced(WEB_SERIAL[2:], ":")}, "web", True),
        ("serial-of-the-same-number-by-another-authority", {**ca, "serial": WEB_SERIAL}, other, False),
        ("serial-by-the-authority-of-another", {"issuer": "CN=Test CA 1", "serial": WEB_SERIAL}, other, True),
        ("serial-one-more", {**ca, "serial": "0x8A0102030405060709"}, "web", False),
        ("serial-without-its-first-byte", {**ca, "serial": "0x0102030405060708"}, "web", False),
        ("serial-with-a-byte-more", {**ca, "serial": WEB_SERIAL + "00"}, "web", False),
        ("serial-of-one-digit", {**ca, "serial": "0x2"}, "pay", True),
        ("serial-of-two-digits", {**ca, "serial": "0x02"}, "pay", True),
        ("serial-of-another-digit", {**ca, "serial": "0x20"}, "pay", False),
        ("serial-that-is-hexadecimal", {**ca, "serial": "0x12"}, "ca-by-name", False),
        ("serial-zero", {**ca, "serial": "0x0"}, "serial-zero", True),
        ("serial-zeros", {**ca, "serial": "0x0000"}, "serial-zero", True),
        ("serial-zero-and-another", {**ca, "serial": "0x00"}, "web", False),
        ("serial-one-where-zero-is", {**ca, "serial": "0x01"}, "serial-zero", False),
        ("serial-longest", {**ca, "serial": "0x7F" + "F" * 38}, "serial-longest", True),
        ("serial-longest-less-one", {**ca, "serial": "0x7F" + "F" * 37 + "E"}, "serial-longest", False),
        ("serial-second-of-two", {**ca, "serial": ["0x1", WEB_SERIAL]}, "web", True),
        ("serial-none-of-two", {**ca, "serial": ["0x1", "0x3"]}, "web", False),
        ("serial-with-an-attribute-of-the-issuer", {"issuer": {"o": "Test Authority"}, "serial": WEB_SERIAL}, "web", True),
        # extension
        ("extension", {"extension": {"oid": TEXT_OID, "value": "orders"}}, "extension", True),
        ("extension-that-is-not-there", {"extension": {"oid": TEXT_OID, "value": "orders"}}, "web", False),
        ("extension-of-another-value", {"extension": {"oid": TEXT_OID, "value": "order"}}, "extension", False),
        ("extension-in-another-case", {"extension": {"oid": TEXT_OID, "value": "Orders"}}, "extension", False),
        ("extension-of-another-oid", {"extension": {"oid": TEXT_OID[:-1] + "2", "value": "orders"}}, "extension", False),
        ("extension-ia5", {"extension": {"oid": "1.3.6.1.4.1.99999.2", "value": "ia5"}}, "extension", True),
        ("extension-printable", {"extension": {"oid": "1.3.6.1.4.1.99999.3", "value": "printable"}}, "extension", True),
        ("extension-wrapped-in-octets", {"extension": {"oid": "1.3.6.1.4.1.99999.4", "value": "wrapped"}}, "extension", False),
        ("extension-of-bare-bytes", {"extension": {"oid": "1.3.6.1.4.1.99999.5", "value": "orders"}}, "extension", False),
        ("extension-of-a-number", {"extension": {"oid": "1.3.6.1.4.1.99999.6", "value": "7"}}, "extension", False),
        ("extension-beyond-ascii", {"extension": {"oid": "1.3.6.1.4.1.99999.8", "value": "\u00e9-orders"}}, "extension", True),
        ("extension-of-another-string-type", {"extension": {"oid": "1.3.6.1.4.1.99999.10", "value": "orders"}}, "extension", False),
        ("extension-and-issuer", {**ca, "extension": {"oid": TEXT_OID, "value": "orders"}}, "extension", True),
        ("extension-and-another-name", {"san": "DNS:front.web.td.example", "extension": {"oid": TEXT_OID, "value": "orders"}}, "extension", False),
        # san
        ("email", {"san": "email:Ops@acme.example"}, "kinds", True),
        ("email-as-it-stands", {"san": "email:Ops@Acme.Example"}, "kinds", True),
        ("email-domain-in-capitals", {"san": "email:Ops@ACME.EXAMPLE"}, "kinds", True),
        ("email-local-part-in-another-case", {"san": "email:ops@acme.example"}, "kinds", False),
        ("email-of-another-domain", {"san": "email:Ops@example"}, "kinds", False),
        ("email-of-a-subdomain", {"san": "email:Ops@mail.acme.example"}, "kinds", False),
        ("email-that-is-a-dns-name", {"san": "DNS:acme.example"}, "kinds", False),
        ("email-of-the-published-example", {"san": "email:bdc@example.com"}, "rfc9440", True),
        ("email-in-the-subject-only", {"san": "email:a@td.example"}, "name-types", False),
        ("ip-4", {"san": "IP:192.0.2.7"}, "kinds", True),
        ("ip-4-of-a-neighbour", {"san": "IP:192.0.2.8"}, "kinds", False),
        ("ip-6", {"san": "IP:2001:db8::7"}, "kinds", True),
        ("ip-6-in-full", {"san": "IP:2001:0DB8:0000:0000:0000:0000:0000:0007"}, "kinds", True),
        ("ip-6-of-a-neighbour", {"san": "IP:2001:db8::8"}, "kinds", False),
        ("ip-that-is-not-there", {"san": "IP:192.0.2.7"}, "web", False),
        ("uri", {"san": "URI:https://svc.example/id"}, "kinds", True),
        ("uri-in-another-case", {"san": "URI:HTTPS://svc.example/id"}, "kinds", False),
        ("uri-of-another-host-case", {"san": "URI:https://Svc.example/id"}, "kinds", False),
        ("uri-with-a-slash-more", {"san": "URI:https://svc.example/id/"}, "kinds", False),
        ("uri-below", {"san": "URI:https://svc.example"}, "kinds", False),
        ("uri-that-is-a-spiffe-id", {"san": f"URI:{FRONT}"}, "web", True),
        ("uri-of-another-spiffe-id", {"san": f"URI:{PAY}"}, "web", False),
        ("san-last-of-four", {"san": ["DNS:a", "IP:10.0.0.1", "email:a@b", "URI:https://svc.example/id"]}, "kinds", True),
        ("san-none-of-three", {"san": ["DNS:a", "IP:10.0.0.1", "email:a@b"]}, "kinds", False),
        ("dns", {"san": "DNS:front.web.td.example"}, "web", True),
        ("dns-in-another-case", {"san": "DNS:API.partner.EXAMPLE"}, "dns-only", True),
        ("dns-second", {"san": "DNS:b.api.partner.example"}, "dns-only", True),
        ("dns-of-a-parent", {"san": "DNS:partner.example"}, "dns-only", False),
        ("dns-that-a-wildcard-covers", {"san": "DNS:a.partner.example"}, "dns-wildcard", False),
        ("dns-wildcard-literally", {"san": "DNS:*.partner.example"}, "dns-wildcard", True),
        ("dns-that-is-the-common-name", {"san": "DNS:front"}, "web", False),
        # dnsUnder
        ("dns-under", {"dnsUnder": "td.example"}, "web", True),
        ("dns-under-one-label", {"dnsUnder": "web.td.example"}, "web", True),
        ("dns-under-itself", {"dnsUnder": "front.web.td.example"}, "web", False),
        ("dns-under-in-capitals", {"dnsUnder": "TD.Example"}, "web", True),
        ("dns-under-part-of-a-label", {"dnsUnder": "d.example"}, "web", False),
        ("dns-under-a-top-label", {"dnsUnder": "example"}, "web", True),
        ("dns-under-by-a-wildcard", {"dnsUnder": "partner.example"}, "dns-wildcard", False),
        ("dns-under-by-a-name-beside-a-wildcard", {"dnsUnder": "pay.td.example"}, "pay", True),
        ("dns-under-second-name", {"dnsUnder": "api.partner.example"}, "dns-only", True),
        # spiffe
        ("spiffe", {"spiffe": FRONT}, "web", True),
        ("spiffe-of-one-below", {"spiffe": FRONT}, "spiffe-below", False),
        ("spiffe-of-one-beside", {"spiffe": FRONT}, "spiffe-beside", False),
        ("spiffe-under-itself", {"spiffeUnder": FRONT}, "web", True),
        ("spiffe-under-one-below", {"spiffeUnder": FRONT}, "spiffe-below", True),
        ("spiffe-under-one-beside", {"spiffeUnder": FRONT}, "spiffe-beside", False),
        ("spiffe-under-the-trust-domain", {"spiffeUnder": "spiffe://td.example"}, "web", True),
        ("spiffe-under-another-trust-domain", {"spiffeUnder": "spiffe://td.example"}, "spiffe-foreign", False),
        # sha256
        ("sha256", {"sha256": digest("web")}, "web", True),
        ("sha256-in-capitals-with-colons", {"sha256": spaced(digest("web").upper(), ":")}, "web", True),
        ("sha256-with-spaces", {"sha256": spaced(digest("web"), " ")}, "web", True),
        ("sha256-in-base64", {"sha256": base64.b64encode(bytes.fromhex(digest("web"))).decode()}, "web", True),
        ("sha256-of-another", {"sha256": digest("pay")}, "web", False),
        ("sha256-of-the-same-names-by-another-authority", {"sha256": digest("web")}, other, False),
        ("sha256-of-a-nameless", {"sha256": digest("nameless")}, "nameless", True),
        # subject
        ("subject", {"subject": "CN=front,O=Acme"}, "web", True),
        ("subject-in-the-other-direction", {"subject": "O=Acme,CN=front"}, "web", False),
        ("subject-attributes", {"subject": {"cn": "front", "o": "Acme"}}, "web", True),
        ("subject-cn-that-is-a-san", {"subject": {"cn": "front.web.td.example"}}, "web", False),
        ("subject-cn-first-of-two", {"subject": {"cn": "admin"}}, "many-cns", False, True),
        ("subject-cn-second-of-two", {"subject": {"cn": "front"}}, "many-cns", False, True),
        ("subject-cn-neither-of-two", {"subject": {"cn": "Acme"}}, "many-cns", False),
        ("subject-of-two-cns-whole", {"subject": "CN=front,CN=admin,O=Acme"}, "many-cns", True),
        ("subject-o-beside-two-cns", {"subject": {"o": "Acme"}}, "many-cns", True),
        ("subject-hostile-whole", {"subject": "CN=svc-pay\\;URI=spiffe://td/admin,OU=a/CN=admin,O=Acme\\, Inc. Ops\\; R\\+D,C=SE"}, "hostile", True),
        ("subject-hostile-cn", {"subject": {"cn": "svc-pay;URI=spiffe://td/admin"}}, "hostile", True),
        ("subject-hostile-cn-before-the-semicolon", {"subject": {"cn": "svc-pay"}}, "hostile", False),
        ("subject-hostile-cn-in-the-ou", {"subject": {"cn": "admin"}}, "hostile", False),
        ("subject-hostile-ou", {"subject": {"ou": "a/CN=admin"}}, "hostile", True),
        ("subject-hostile-o", {"subject": {"o": "Acme, Inc. Ops; R+D"}}, "hostile", True),
        ("subject-hostile-o-before-the-comma", {"subject": {"o": "Acme"}}, "hostile", False),
        ("subject-teletex", {"subject": {"l": "Malm\u00f6"}}, "name-types", True),
        ("subject-bmp", {"subject": {"o": "Acme"}}, "name-types", True),
        ("subject-in-a-set", {"subject": {"st": "Sk\u00e5ne", "c": "SE"}}, "name-types", True),
        ("subject-first-of-two-ous", {"subject": {"ou": "a"}}, "name-types", True),
        ("subject-second-of-two-ous", {"subject": {"ou": "b"}}, "name-types", True),
        ("subject-uid", {"subject": {"uid": "u-1"}}, "name-types", True),
        ("subject-serial-number", {"subject": {"serialNumber": "S-1"}}, "name-types", True),
        ("subject-email-address", {"subject": {"emailAddress": "a@td.example"}}, "name-types", True),
        ("subject-dc-first", {"subject": {"dc": "example"}}, "name-types", True),
        ("subject-dc-second", {"subject": {"dc": "td"}}, "name-types", True),
        ("subject-own-type", {"subject": {"1.3.6.1.4.1.99999.7": "own"}}, "name-types", True),
        ("subject-own-type-of-another-value", {"subject": {"1.3.6.1.4.1.99999.7": "#0C036F776E"}}, "name-types", False),
        ("subject-not-text-compared-whole", {"subject": "CN=types,emailAddress=a@td.example,serialNumber=S-1,UID=u-1,1.3.6.1.4.1.99999.7=own,OU=a+OU=b,O=Acme,L=Malm\u00f6,C=SE+ST=Sk\u00e5ne,DC=td,DC=example"}, "name-types", True),
        ("subject-of-nobody", {"subject": {"o": "Acme"}}, "nameless", False),
        # several keys
        ("all-keys", {**ca, "serial": WEB_SERIAL, "spiffe": FRONT, "san": "DNS:front.web.td.example", "dnsUnder": "td.example", "sha256": digest("web"), "subject": {"cn": "front"}}, "web", True),
        ("all-keys-but-one", {**ca, "serial": WEB_SERIAL, "spiffe": FRONT, "san": "DNS:front.web.td.example", "dnsUnder": "td.example", "sha256": digest("web"), "subject": {"cn": "other"}}, "web", False),
        ("all-keys-by-another-authority", {**ca, "serial": WEB_SERIAL, "spiffe": FRONT}, other, False),
        ("two-cns-and-a-name-that-is-met", {"issuer": {"o": "Test Authority"}, "subject": {"cn": "admin", "o": "Acme"}}, "many-cns", False, True),
    ]


def policy(principal, denies):
    rule = {"name": "it", "from": [principal]}
    if denies:
        return {"version": 1, "deny": [rule], "allow": [{"name": "others", "from": "authenticated"}]}
    return {"version": 1, "allow": [rule]}


def expectation(met, denies):
    if met:
        reason, name = ("denied_by_rule", "it") if denies else ("allowed", "it")
    else:
        reason, name = ("allowed", "others") if denies else ("no_rule", None)
    return {"decision": "allow" if reason == "allowed" else "deny", "reason": reason, "rule": name, "verified": True}


def document(about, denies):
    cases = []
    for name, principal, caller, allowed, *denied in names():
        met = denied[0] if denies and denied else allowed
        # The published example ran out long ago.
        now = "2020-06-01T00:00:00Z" if caller == "rfc9440" else NOW
        request = {"headers": [["client-cert", byte_sequence(certificate(caller))]]}
        expect = {**expectation(met, denies), "sha256": digest(caller)}
        cases.append({"name": name, "policy": policy(principal, denies), "request": request, "now": now, "expect": expect})
    return {"about": about, "source": {"preset": "rfc9440"}, "policy": {"version": 1, "allow": []}, "cases": cases}


def identities():
    """What names the caller: SPIFFE ID, first DNS name, only common name, nothing."""
    rows = [
        ("web", FRONT, "spiffe"),
        ("pay", PAY, "spiffe"),
        ("hostile", PAY, "spiffe"),
        ("forever", FRONT, "spiffe"),
        ("dns-only", "Api.Partner.example", "dns"),
        ("dns-wildcard", "*.partner.example", "dns"),
        ("ca-by-name", "ca.td.example", "dns"),
        ("cn-only", "legacy-batch", "cn"),
        ("kinds", "kinds", "cn"),
        ("cn-escaped", "URI:spiffe://td.example/admin % \u00e9", "cn"),
        ("many-cns", None, None),
        ("nameless", None, None),
        ("serial-zero", "zero.td.example", "dns"),
        ("issuer-rdns", "branch.td.example", "dns"),
        ("name-types", "types.td.example", "dns"),
        ("rsa-4096", FRONT, "spiffe"),
        ("sans-512", FRONT, "spiffe"),
    ]
    cases = []
    for name, identity, kind in rows:
        request = {"headers": [["client-cert", byte_sequence(certificate(name))]]}
        expect = {"decision": "allow", "reason": "allowed", "rule": "any", "identity": identity, "identityType": kind, "sha256": digest(name)}
        cases.append({"name": name, "request": request, "now": NOW, "expect": expect})
    return cases


def trust_domains():
    inside = {"decision": "allow", "reason": "allowed", "rule": "any", "detail": None}
    outside = {"decision": "deny", "status": 403, "reason": "foreign_trust_domain", "rule": None, "identity": None, "verified": True}
    rows = [
        ("of-the-list", "web", ["td.example"], inside),
        ("second-of-the-list", "web", ["other.example", "td.example"], inside),
        ("foreign", "spiffe-foreign", ["td.example"], outside),
        ("foreign-that-is-listed", "spiffe-foreign", ["other.example"], inside),
        ("below-that-of-the-list", "web", ["example"], outside),
        ("without-a-spiffe-id", "dns-only", ["td.example"], inside),
        ("without-any-name", "nameless", ["td.example"], inside),
    ]
    cases = []
    for name, caller, listed, expect in rows:
        policy = {"version": 1, "trustDomains": listed, "allow": [{"name": "any", "from": "authenticated"}]}
        request = {"headers": [["client-cert", byte_sequence(certificate(caller))]]}
        cases.append({"name": name, "policy": policy, "request": request, "now": NOW, "expect": {**expect, "sha256": digest(caller)}})
    return cases


def upstream():
    """What goes on to the service: the notation of `san`, or CN:, and nothing that could pass for another."""
    rows = [
        ("web", f"URI:{FRONT}"),
        ("dns-only", "DNS:Api.Partner.example"),
        ("dns-wildcard", "DNS:*.partner.example"),
        ("cn-only", "CN:legacy-batch"),
        ("cn-escaped", "CN:URI:spiffe://td.example/admin%20%25%20%C3%A9"),
        ("many-cns", None),
        ("nameless", None),
    ]
    cases = []
    for name, identity in rows:
        sent = [["client-cert", byte_sequence(certificate(name))], ["X_Caller", "URI:spiffe://td.example/admin"]]
        onward = {"set": {"x-caller": identity}, "removed": ["x_caller"]} if identity else {"removed": ["x_caller"]}
        cases.append({"name": name, "request": {"headers": sent}, "now": NOW, "expect": {"decision": "allow", "upstream": onward}})
    for name in ("expired", "two-uris", "bad-dns"):
        sent = [["client-cert", byte_sequence(certificate(name))]]
        cases.append({"name": name, "request": {"headers": sent}, "now": NOW, "expect": {"decision": "deny", "upstream": None}})
    policy = {"version": 1, "allow": [{"name": "any", "from": "authenticated"}]}
    deployment = {"source": {"preset": "rfc9440"}, "identityHeader": "x-caller", "policy": policy}
    return {"about": "The identity header of callers that came with a certificate.", "deployment": deployment, "cases": cases}


def files():
    anyone = {"source": {"preset": "rfc9440"}, "policy": {"version": 1, "allow": [{"name": "any", "from": "authenticated"}]}}
    return {
        "allow": document("Principals in allow rules, against certificates.", False),
        "deny": document("The same principals in deny rules.", True),
        "identity": {"about": "What names a caller that came with a certificate.", **anyone, "cases": identities()},
        "identity-header": upstream(),
        "trust-domains": {"about": "Trust domains of certificates.", **anyone, "cases": trust_domains()},
    }
