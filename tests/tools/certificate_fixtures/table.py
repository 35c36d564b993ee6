"""The oracle's table of presets, in the words of a custom source."""


def signal(header, accept, without, none=(), says="verified"):
    return {"header": header, "accept": list(accept), "none": list(none), "withoutCertificate": without, "says": says}


def preset(header, encoding, verified="promise", **more):
    return {"certificate": {"header": header, "encoding": encoding, **more}, "verified": verified}


NGINX = lambda prefix: preset(
    f"{prefix}ssl-client-cert",
    "pem",
    [signal(f"{prefix}ssl-client-verify", ["SUCCESS"], "none", ["NONE"])],
    percent="component",
)
RFC_9440 = preset("client-cert", "byte-sequence", chain={"header": "client-cert-chain"})
PRESETS = {
    "rfc9440": RFC_9440,
    "caddy": RFC_9440,
    "nginx": NGINX("x-"),
    "ingress-nginx": NGINX(""),
    "haproxy": preset("x-ssl-client-der", "base64", [signal("x-ssl-client-verify", ["0", "X509_V_OK"], "any")], quotes="optional", absent=['""']),
    "apache": preset(
        "x-ssl-client-cert", "pem-folded", [signal("x-ssl-client-verify", ["SUCCESS"], "not-accepted", ["NONE"])], absent=["(null)"]
    ),
    "traefik": preset("x-forwarded-tls-client-cert", "base64", percent="if-escaped", take="first"),
    "aws-alb": preset("x-amzn-mtls-clientcert-leaf", "pem", percent="literal"),
    "aws-alb-passthrough": preset("x-amzn-mtls-clientcert", "pem-chain", "never", percent="literal"),
    "gcp": preset(
        "x-client-cert-leaf",
        "byte-sequence",
        [
            signal("x-client-cert-present", ["true"], "not-accepted", says="present"),
            signal("x-client-cert-chain-verified", ["true"], "not-accepted"),
            signal("x-client-cert-error", [""], "any"),
        ],
        chain={"header": "x-client-cert-chain"},
    ),
    "cloudflare": preset(
        "cf-client-cert-der-base64",
        "base64",
        [
            signal("cf-cert-verified", ["true", "SUCCESS"], "not-accepted", ["NONE"]),
            signal("cf-cert-revoked", ["false", "0"], "any"),
        ],
        sha256={"header": "cf-client-cert-sha256", "encoding": "hex"},
    ),
    "azure-app-service": preset("x-arr-clientcert", "base64", "never"),
    "gorouter": preset("x-forwarded-client-cert", "base64"),
}
ROLES = {
    "gcp": ["present", "verify", "error"],
    "cloudflare": ["verify", "revoked"],
}


def described(source):
    """The source as a custom one would say it, its headers renamed."""
    if source["preset"] == "custom":
        defaults = {"none": [], "says": "verified", "withoutCertificate": "none"}
        verified = source["verified"]
        source = {**source, "certificate": {**source["certificate"], "header": source["certificate"]["header"].lower()}}
        return {**source, "verified": [{**defaults, **one} for one in verified] if isinstance(verified, list) else verified}
    row = PRESETS[source["preset"]]
    signals = row["verified"] if isinstance(row["verified"], list) else []
    held = row["certificate"]
    names = {"cert": held["header"]}
    names.update({role: held[role]["header"] for role in ("chain", "sha256") if role in held})
    names.update(zip(ROLES.get(source["preset"], ["verify"]), [one["header"] for one in signals]))
    renamed = {names[role]: name.lower() for role, name in source.get("headers", {}).items()}
    give = lambda name: renamed.get(name, name)
    held = {**held, "header": give(held["header"])}
    for role in ("chain", "sha256"):
        if role in held:
            held[role] = {**held[role], "header": give(held[role]["header"])}
    verified = [{**one, "header": give(one["header"])} for one in signals] or row["verified"]
    return {**source, "certificate": held, "verified": verified}
