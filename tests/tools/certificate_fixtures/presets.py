"""The presets: what each proxy sends."""

import base64
import urllib.parse

from . import everywhere
from .cases import Cases, Proxy
from .certificates import EDGE, FRONT, base64_of, certificate, digest, pem, to_pem
from .encodings import base64_der, byte_sequence, garbage, pem_faults, percent, percent_pem, structured
from .everywhere import absent, chains, common, signals


def rfc9440(name):
    cases = Cases({"preset": name})
    proxy = Proxy(name, "client-cert", byte_sequence)
    common(cases, proxy)
    structured(cases, proxy)
    chains(cases, proxy, "client-cert-chain")
    absent(cases, proxy, [("no-header", []), ("empty", [("client-cert", "")])])
    return cases


def nginx(name, prefix):
    cases = Cases({"preset": name})
    verify = f"{prefix}ssl-client-verify"
    proxy = Proxy(name, f"{prefix}ssl-client-cert", lambda der: percent(to_pem(der)), [(verify, "SUCCESS")])
    common(cases, proxy)
    percent_pem(cases, proxy, "")
    signals(cases, proxy, verify, ["FAILED:certificate has expired", "FAILED", "", *everywhere.WRONG_WORDS], ["NONE"])
    absent(
        cases,
        proxy,
        [
            ("no-header", []),
            ("empty", [(proxy.header, "")]),
            ("both-empty", [(proxy.header, ""), (verify, "")]),
            ("verify-none", [(verify, "NONE")]),
            ("empty-and-verify-none", [(proxy.header, ""), (verify, "NONE")]),
        ],
    )
    for said in ["SUCCESS", "FAILED:certificate has expired", "none", "GENEROUS"]:
        label = said.split(":")[0]
        cases.add(f"verify-{label}-without-a-certificate", [(verify, said)], "contradictory_headers")
    cases.add("verify-success-without-a-certificate-where-anyone-may", [(verify, "SUCCESS")], "contradictory_headers", path="/healthz")
    cases.add("renamed-verify", [proxy.good()[0], ("x-v", "SUCCESS")], "web", headers={"verify": "x-v"})
    swapped = {"cert": verify, "verify": proxy.header}
    cases.add("renamed-to-each-other", [(verify, proxy.good()[0][1]), (proxy.header, "SUCCESS")], "web", headers=swapped)
    cases.add("renamed-to-each-other-and-sent-as-before", proxy.good(), "bad_encoding", headers=swapped)
    cases.add("renamed-verify-old-name-is-not-read", proxy.good(), "unverified", headers={"verify": "x-v"})
    return cases


def haproxy():
    cases = Cases({"preset": "haproxy"})
    verify = "x-ssl-client-verify"
    proxy = Proxy("haproxy", "x-ssl-client-der", lambda der: base64.b64encode(der).decode(), [(verify, "0")])
    common(cases, proxy)
    base64_der(cases, proxy)
    encoded = base64_of("web")
    cases.add("quoted", proxy.send(f'"{encoded}"'), "web")
    for name, bad in [
        ("quotes-around-a-space", '" "'),
        ("quotes-around-quotes", '""""'),
        ("one-quote", '"'),
        ("quote-in-front", f'"{encoded}'),
        ("quote-at-the-end", f'{encoded}"'),
        ("quoted-twice", f'""{encoded}""'),
        ("quote-in-it", f'{encoded[:8]}"{encoded[8:]}'),
        ("quoted-with-a-space", f'" {encoded}"'),
        ("escaped-plus", encoded.replace("+", "%2B")),
        ("two-certificates", f"{encoded},{encoded}"),
    ]:
        cases.add(name, proxy.send(bad), "bad_encoding")
    cases.add("verified-in-words", proxy.good(x_ssl_client_verify="X509_V_OK"), "web")
    wrong = ["10", "X509_V_ERR_CERT_HAS_EXPIRED", "", "20", "21", "23", "00", "+0", "-0", "0.0", "0x0", "0,0", '"0"', "1", "SUCCESS", "x509_v_ok", "X509_V_OK,0"]
    signals(cases, proxy, verify, wrong)
    absent(
        cases,
        proxy,
        [
            ("no-header", []),
            ("empty", [(proxy.header, "")]),
            # As `%{+Q}[…]` writes what is empty.
            ("quoted", [(proxy.header, '""'), (verify, "0")]),
            # 0 means both that the certificate is good and that there is none.
            ("verify-0", [(verify, "0")]),
            ("empty-and-verify-0", [(proxy.header, ""), (verify, "0")]),
            ("verify-words", [(verify, "X509_V_OK")]),
            ("verify-10", [(verify, "10")]),
            ("verify-any-text", [(verify, "x")]),
        ],
    )
    return cases


def folded_pem(der, blank=" "):
    """As Apache's mod_headers writes it: each line break is a space, the last one too."""
    return to_pem(der).replace("\n", blank)


def apache():
    cases = Cases({"preset": "apache"})
    verify = "x-ssl-client-verify"
    # HTTP/1 readers drop white space at the end of a value, so the good value has none there.
    proxy = Proxy("apache", "x-ssl-client-cert", lambda der: folded_pem(der).strip(), [(verify, "SUCCESS")])
    common(cases, proxy)
    send, encoded = proxy.send, base64_of("web")
    one_line = lambda text: text.replace("\r\n", " ").replace("\n", " ").strip()
    for name, value, says in pem_faults(encoded):
        if name == "nul-in-it" or name == "space-for-plus" or "\r" in value:
            continue
        # Without its first line what is left looks like bare base64, and spaces are what folds it.
        says = {"begin-missing": "unexpected_format", "with-a-space-before-a-line-break": "web"}.get(name, says)
        cases.add(f"pem-{name}", send(one_line(value)), says)
    cases.add("folded-by-tabs", send(folded_pem(certificate("web"), "\t").strip()), "web")
    cases.add("folded-by-runs", send(folded_pem(certificate("web"), " \t ").strip()), "web")
    cases.add("folded-with-a-plus-lost", send(one_line(pem("web")).replace("+", "%2B")), "bad_encoding")
    cases.add("without-a-space-after-begin", send(one_line(pem("web")).replace("----- MII", "-----MII")), "web")
    cases.add("format-base64", send(encoded), "unexpected_format")
    cases.add("null-in-lower-case-only", send("(NULL)"), "bad_encoding")
    cases.add("null-without-brackets", send("null"), "bad_encoding")
    garbage(cases, "der", lambda data: send(folded_pem(data).strip()))
    signals(cases, proxy, verify, ["GENEROUS", "FAILED:certificate has expired", "", "(null)", *everywhere.WRONG_WORDS[:8]], ["NONE"])
    absent(
        cases,
        proxy,
        [
            ("no-header", []),
            ("empty", [(proxy.header, "")]),
            ("null", [(proxy.header, "(null)"), (verify, "NONE")]),
            ("null-twice", [(proxy.header, "(null)"), (verify, "(null)")]),
            ("null-alone", [(proxy.header, "(null)")]),
            ("verify-generous", [(proxy.header, "(null)"), (verify, "GENEROUS")]),
            ("verify-failed", [(proxy.header, "(null)"), (verify, "FAILED:no certificate")]),
            ("verify-none", [(verify, "NONE")]),
        ],
    )
    for name, headers in [("null", [(proxy.header, "(null)")]), ("empty", [(proxy.header, "")]), ("no-header", [])]:
        cases.add(f"verify-success-with-{name}", [*headers, (verify, "SUCCESS")], "contradictory_headers")
    return cases


def traefik():
    cases = Cases({"preset": "traefik"})
    proxy = Proxy("traefik", "x-forwarded-tls-client-cert", lambda der: base64.b64encode(der).decode())
    common(cases, proxy)
    base64_der(cases, proxy)
    encoded, root = base64_of("web"), base64_of("root")
    send = proxy.send
    cases.add("chain-of-two", send(f"{encoded},{root}"), "web")
    cases.add("chain-of-three", send(f"{encoded},{base64_of('ca')},{root}"), "web")
    cases.add("chain-in-another-order", send(f"{root},{encoded}"), "no_rule")
    cases.add("chain-in-another-order-names-nobody", send(f"{base64_of('pay')},{encoded}"), "no_rule")
    # As versions 2.8 to 2.9.3 wrote it.
    cases.add("escaped", send(urllib.parse.quote_plus(encoded)), "web")
    cases.add("escaped-chain", send(urllib.parse.quote_plus(f"{encoded},{root}")), "web")
    cases.add("escaped-members", send(f"{urllib.parse.quote_plus(encoded)},{urllib.parse.quote_plus(root)}"), "web")
    assert "+" in encoded and "%" in urllib.parse.quote_plus(encoded)
    for name, bad in [
        ("chain-with-a-comma-at-the-end", f"{encoded},"),
        ("chain-with-a-comma-in-front", f",{encoded}"),
        ("chain-with-two-commas", f"{encoded},,{root}"),
        ("chain-with-a-space", f"{encoded}, {root}"),
        ("chain-with-a-broken-second", f"{encoded},{root[:-1]}"),
        ("chain-with-text", f"{encoded},x"),
        ("comma-alone", ","),
        # Once there is an escape, plus is a space and no other byte stands for itself.
        ("escaped-with-a-plus", urllib.parse.quote_plus(encoded).replace("%2B", "+")),
        ("escaped-with-an-equals-sign", urllib.parse.quote_plus(encoded).replace("%3D", "=")),
        ("escaped-leaf-beside-a-plain-one", f"{urllib.parse.quote_plus(encoded)},{root}="),
        ("escaped-badly", urllib.parse.quote_plus(encoded) + "%2"),
        ("escaped-twice", urllib.parse.quote_plus(urllib.parse.quote_plus(encoded))),
        ("escaped-line-break", encoded + "%0A"),
    ]:
        cases.add(name, send(bad), "bad_encoding")
    absent(cases, proxy, [("no-header", []), ("empty", [(proxy.header, "")])])
    # The header of the certificate's details is never read: neither identity nor absence.
    info = ("x-forwarded-tls-client-cert-info", urllib.parse.quote_plus(f'Subject="CN=front";SAN="{FRONT}"'))
    cases.add("details-alone", [info], "no_certificate")
    cases.add("details-of-somebody-else", [*proxy.good("pay"), info], "no_rule")
    return cases


def aws(name, header):
    cases = Cases({"preset": name} if name == "aws-alb" else {"preset": name, "requireVerified": False})
    keep = "+=/"
    proxy = Proxy(name, header, lambda der: percent(to_pem(der), keep))
    common(cases, proxy)
    percent_pem(cases, proxy, keep)
    absent(cases, proxy, [("no-header", []), ("empty", [(header, "")])])
    if name == "aws-alb-passthrough":
        chain = lambda *names: proxy.send(percent("".join(map(pem, names)), keep))
        cases.add("chain-of-two", chain("web", "root"), "web")
        cases.add("chain-of-three", chain("web", "ca", "root"), "web")
        cases.add("chain-in-another-order", chain("pay", "web"), "no_rule")
        cases.add("chain-with-text-between", proxy.send(percent(pem("web") + "x\n" + pem("root"), keep)), "bad_encoding")
        broken = pem("root").replace("MII", "M*I")
        cases.add("chain-with-a-broken-second", proxy.send(percent(pem("web") + broken, keep)), "bad_encoding")
        cases.add("header-of-the-verify-mode", [("x-amzn-mtls-clientcert-leaf", percent(pem("web"), keep))], "no_certificate")
    else:
        cases.add("header-of-the-pass-through-mode", [("x-amzn-mtls-clientcert", percent(pem("web"), keep))], "no_certificate")
    return cases


def gcp():
    cases = Cases({"preset": "gcp"})
    present, verify, error = "x-client-cert-present", "x-client-cert-chain-verified", "x-client-cert-error"
    proxy = Proxy("gcp", "x-client-cert-leaf", byte_sequence, [(present, "true"), (verify, "true"), (error, "")])
    common(cases, proxy)
    structured(cases, proxy)
    chains(cases, proxy, "x-client-cert-chain")
    cases.add("without-the-error-header", proxy.good(x_client_cert_error=None), "web")
    signals(cases, proxy, verify, ["false", "", "True", "TRUE", "1", "true,true", "true;", "SUCCESS", "yes"])
    for said in ["client_cert_chain_exceeded_size_limit", "x", "0", "none", "false"]:
        cases.add(f"error-{said}", proxy.good(x_client_cert_error=said), "unverified")
    cases.add("error-not-required", proxy.good(x_client_cert_error="x"), "web", requireVerified=False)
    for said in ["false", "", "True", "1", None]:
        label = "missing" if said is None else said or "empty"
        cases.add(f"present-{label.lower()}-{len(cases.cases)}", proxy.good(x_client_cert_present=said), "contradictory_headers")
    cases.add("present-false-not-required", proxy.good(x_client_cert_present="false"), "contradictory_headers", requireVerified=False)
    leaf, none = proxy.header, lambda *said: [(header, value) for header, value in zip([present, verify, error], said) if value is not None]
    absent(
        cases,
        proxy,
        [
            ("no-header", []),
            ("present-false", none("false", "false", "")),
            ("present-false-and-empty", [(leaf, ""), *none("false", "", "")]),
            ("all-empty", [(leaf, ""), *none("", "", "")]),
            ("present-false-alone", none("false")),
            ("present-false-with-an-error", none("false", "false", "client_cert_not_provided")),
            ("present-in-another-spelling", none("TRUE", "false", "")),
        ],
    )
    # A certificate that was emptied on the way: too large, or not good.
    for name, said, says in [
        ("all-good", none("true", "true", ""), "contradictory_headers"),
        ("all-good-without-an-error-header", none("true", "true"), "contradictory_headers"),
        ("too-large", none("true", "true", "client_cert_leaf_exceeded_size_limit"), "unverified"),
        ("not-verified", none("true", "false", ""), "unverified"),
        ("not-verified-and-an-error", none("true", "false", "client_cert_validation_failed"), "unverified"),
        ("verify-missing", none("true"), "unverified"),
        ("verified-and-not-present", none("false", "true", ""), "contradictory_headers"),
        ("verified-alone", none(None, "true", None), "contradictory_headers"),
    ]:
        cases.add(f"no-leaf-{name}", said, says)
        cases.add(f"no-leaf-{name}-where-anyone-may", said, says, path="/healthz")
        cases.add(f"empty-leaf-{name}", [(leaf, ""), *said], says)
    roles = {"cert": "x-c", "chain": "x-n", "present": "x-p", "verify": "x-v", "error": "x-e"}
    renamed = [("x-c", byte_sequence(certificate("web"))), ("x-p", "true"), ("x-v", "true"), ("x-e", "")]
    cases.add("all-renamed", renamed, "web", headers=roles)
    cases.add("all-renamed-and-an-error", [*renamed[:3], ("x-e", "x")], "unverified", headers=roles)
    cases.add("all-renamed-with-a-chain", [*renamed, ("x-n", byte_sequence(certificate("root")))], "web", headers=roles)
    return cases


def cloudflare():
    cases = Cases({"preset": "cloudflare"})
    verify, revoked, sha256 = "cf-cert-verified", "cf-cert-revoked", "cf-client-cert-sha256"
    proxy = Proxy("cloudflare", "cf-client-cert-der-base64", lambda der: base64.b64encode(der).decode(), [(verify, "true"), (revoked, "false")])
    common(cases, proxy)
    base64_der(cases, proxy)
    signals(cases, proxy, verify, ["false", "FAILED:certificate has expired", "", "True", "TRUE", "1", "success", "true,true", "SUCCESS,NONE", "none"], ["NONE"])
    for said in ["true", "1", "", "False", "FALSE", "00", "no", "0,0", None]:
        label = "missing" if said is None else said or "empty"
        cases.add(f"revoked-{label}-{len(cases.cases)}", proxy.good(cf_cert_revoked=said), "unverified")
    cases.add("revoked-not-required", proxy.good(cf_cert_revoked="true"), "web", requireVerified=False)
    cases.add("revoked-where-anyone-may", proxy.good(cf_cert_revoked="true"), "unverified", path="/healthz")
    cases.add("words-of-workers", proxy.good(cf_cert_verified="SUCCESS", cf_cert_revoked="0"), "web")
    cases.add("words-of-workers-revoked", proxy.good(cf_cert_verified="SUCCESS", cf_cert_revoked="1"), "unverified")
    with_hash = lambda value, **vouch: [*proxy.good(**vouch), (sha256, value)]
    right = digest("web")
    cases.add("hash-right", with_hash(right), "web")
    cases.add("hash-right-in-capitals", with_hash(right.upper()), "web")
    cases.add("hash-empty", with_hash(""), "web")
    cases.add("hash-of-another-certificate", with_hash(digest("pay")), "hash_mismatch")
    cases.add("hash-of-another-certificate-where-anyone-may", with_hash(digest("pay")), "hash_mismatch", path="/healthz")
    cases.add("hash-of-another-certificate-not-required", with_hash(digest("pay")), "hash_mismatch", requireVerified=False)
    cases.add("hash-with-its-last-digit-changed", with_hash(right[:-1] + ("0" if right[-1] != "0" else "1")), "hash_mismatch")
    for name, bad in [
        ("too-short", right[:-1]),
        ("too-long", right + "0"),
        ("with-colons", ":".join(right[at : at + 2] for at in range(0, 64, 2))),
        ("in-base64", base64.b64encode(bytes.fromhex(right)).decode()),
        ("of-sha-1", right[:40]),
        ("of-other-letters", right[:-1] + "g"),
        ("with-a-prefix", "0x" + right),
        ("with-a-space", right[:32] + " " + right[32:]),
    ]:
        cases.add(f"hash-{name}", with_hash(bad), "bad_hash")
    cases.add("hash-bad-comes-before-the-encoding", [*proxy.send("*"), (sha256, "x")], "bad_hash")
    cases.add("format-comes-before-a-bad-hash", [*proxy.send("-----BEGIN"), (sha256, "x")], "unexpected_format")
    cases.add("hash-bad-comes-before-unverified", with_hash("x", cf_cert_verified="false"), "bad_hash")
    cases.add("hash-repeated", [*with_hash(right), (sha256, right)], "repeated_header")
    cases.add("hash-aliased", [*proxy.good(), ("cf_client_cert_sha256", right)], "aliased_header")
    cases.add("hash-alone", [(sha256, right)], "contradictory_headers")
    cases.add("hash-without-a-certificate", [(proxy.header, ""), (verify, "NONE"), (sha256, right)], "contradictory_headers")
    absent(
        cases,
        proxy,
        [
            ("no-header", []),
            ("empty", [(proxy.header, "")]),
            ("verify-false", [(verify, "false"), (revoked, "false")]),
            ("verify-none", [(verify, "NONE"), (revoked, "0")]),
            ("all-empty", [(proxy.header, ""), (verify, ""), (revoked, ""), (sha256, "")]),
            ("revoked-true", [(revoked, "true")]),
            ("verify-failed", [(verify, "FAILED:x")]),
        ],
    )
    for said in ["true", "SUCCESS"]:
        cases.add(f"verify-{said}-without-a-certificate", [(verify, said), (revoked, "false")], "contradictory_headers")
    roles = {"cert": "x-c", "sha256": "x-s", "verify": "x-v", "revoked": "x-r"}
    renamed = [("x-c", base64_of("web")), ("x-s", right), ("x-v", "true"), ("x-r", "false")]
    cases.add("all-renamed", renamed, "web", headers=roles)
    cases.add("all-renamed-and-revoked", [*renamed[:3], ("x-r", "true")], "unverified", headers=roles)
    return cases


def plain(name, header):
    """A header and nothing beside it: azure-app-service, gorouter."""
    cases = Cases({"preset": name} if name == "gorouter" else {"preset": name, "requireVerified": False})
    proxy = Proxy(name, header, lambda der: base64.b64encode(der).decode())
    common(cases, proxy)
    base64_der(cases, proxy)
    encoded = base64_of("web")
    cases.add("two-certificates", proxy.send(f"{encoded},{base64_of('root')}"), "bad_encoding")
    cases.add("escaped-plus", proxy.send(encoded.replace("+", "%2B")), "bad_encoding")
    cases.add("quoted", proxy.send(f'"{encoded}"'), "bad_encoding")
    absent(cases, proxy, [("no-header", []), ("empty", [(header, "")])])
    if name == "gorouter":
        xfcc = f"By={EDGE};Hash={digest('web')};URI={FRONT}"
        for at, value in enumerate([xfcc, f"Hash={digest('web')}", f"hash={digest('web')};uri={FRONT}", f"URI={FRONT}", 'Subject="CN=front"', f"DNS=a,{xfcc}"]):
            cases.add(f"format-xfcc-{at}", proxy.send(value), "unexpected_format")
    return cases


def files():
    made = {
        "rfc9440": rfc9440("rfc9440"),
        "caddy": rfc9440("caddy"),
        "nginx": nginx("nginx", "x-"),
        "ingress-nginx": nginx("ingress-nginx", ""),
        "haproxy": haproxy(),
        "traefik": traefik(),
        "apache": apache(),
        "aws-alb": aws("aws-alb", "x-amzn-mtls-clientcert-leaf"),
        "aws-alb-passthrough": aws("aws-alb-passthrough", "x-amzn-mtls-clientcert"),
        "gcp": gcp(),
        "cloudflare": cloudflare(),
        "azure-app-service": plain("azure-app-service", "x-arr-clientcert"),
        "gorouter": plain("gorouter", "x-forwarded-client-cert"),
    }
    return {name: (f"Preset {name}.", cases) for name, cases in made.items()}
