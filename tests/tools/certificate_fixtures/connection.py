"""The certificate of the host's own connection, decoded."""

from .cases import Cases
from .certificates import certificate, pem, to_pem
from .everywhere import WHO


def connection():
    cases = Cases({"preset": "connection", "verifiedBy": "listener"})

    def add(name, text, says, verified=True, sent=(), **more):
        peer = {"verified": verified} if text is None else {"certificatePem": text, "verified": verified}
        cases.add(name, list(sent), says, connection=peer, **more)

    for name, says in WHO:
        add(f"certificate-{name}", pem(name), says)
    add("certificate-nameless-is-authenticated", pem("nameless"), "others", path="/others")
    add("certificate-where-anyone-may", pem("pay"), "health", path="/healthz")
    add("expired-where-anyone-may", pem("expired"), "expired", path="/healthz")
    add("two-uris-where-anyone-may", pem("two-uris"), "ambiguous_identity", path="/healthz")
    cases.add("plaintext", [], "no_certificate")
    cases.add("plaintext-where-anyone-may", [], "health", path="/healthz")
    add("no-certificate", None, "no_certificate", verified=False)
    add("no-certificate-that-is-verified", None, "no_certificate")
    add("time-last-second-of-the-skew", pem("web"), "web", now="2036-01-01T00:01:00Z")
    add("time-second-after-the-skew", pem("web"), "expired", now="2036-01-01T00:01:01Z")
    add("time-first-second-of-the-skew", pem("web"), "web", now="2024-12-31T23:59:00Z")
    add("time-second-before-the-skew", pem("web"), "not_yet_valid", now="2024-12-31T23:58:59Z")
    add("time-last-second-without-skew", pem("web"), "web", now="2036-01-01T00:00:00Z", clockSkewSeconds=0)
    add("time-second-after-without-skew", pem("web"), "expired", now="2036-01-01T00:00:01Z", clockSkewSeconds=0)
    add("time-required", pem("web"), "web", validity="required")
    add("time-expired-where-it-is-required", pem("expired"), "expired", validity="required")
    add("time-expired-is-ignored", pem("expired"), "web", validity="ignore")
    add("unverified", pem("web"), "unverified", verified=False)
    add("unverified-where-anyone-may", pem("web"), "unverified", verified=False, path="/healthz")
    add("unverified-comes-before-expired", pem("expired"), "unverified", verified=False)
    add("unverified-comes-before-the-identity", pem("two-uris"), "unverified", verified=False)
    add("unverified-comes-after-a-bad-name", pem("bad-dns"), "bad_dns_name", verified=False)
    add("unverified-and-not-required", pem("web"), "web", verified=False, requireVerified=False)
    add("expired-and-not-required", pem("expired"), "expired", verified=False, requireVerified=False)
    header = [("client-cert", "x"), ("x-forwarded-client-cert", ";;"), ("x_forwarded_client_cert", "x")]
    add("headers-are-not-read", pem("web"), "web", sent=header)
    add("headers-are-not-read-without-a-certificate", None, "no_certificate", verified=False, sent=header)
    der = certificate("web")
    for name, text in [
        ("byte-after-it", to_pem(der + b"\0")),
        ("cut-off", to_pem(der[:-1])),
        ("text", to_pem(b"not a certificate")),
        ("two-blocks", pem("web") + pem("root")),
        ("nothing", ""),
        ("no-pem", "web"),
        ("public-key", pem("web").replace(" CERTIFICATE", " PUBLIC KEY")),
    ]:
        add(f"broken-{name}", text, "bad_certificate")
        add(f"broken-{name}-where-anyone-may", text, "bad_certificate", path="/healthz")
    return cases


def files():
    return {"connection": ("Preset connection: the certificate of the host's own connection.", connection())}
