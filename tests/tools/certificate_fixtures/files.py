"""All files of certificates, by their paths below tests/fixtures."""

from . import captures, cases, certificates, connection, custom, envoy, fields, presets, principals, strictness


def documents():
    """{path: fixture}."""
    made = {**presets.files(), **custom.files(), **envoy.files(), **connection.files()}
    if cases.DIFFERENCES:
        raise SystemExit("a case and the oracle differ:\n" + "\n".join(cases.DIFFERENCES))
    out = {
        f"sources/{name}.json": {"about": about, "source": one.source, "policy": cases.POLICY, "cases": one.cases}
        for name, (about, one) in made.items()
    }
    out["sources/custom-fields.json"] = fields.document()
    out.update({f"captures/{name}.json": document for name, document in captures.files().items()})
    out.update({f"x509/{name}.json": document for name, document in strictness.files().items()})
    out.update({f"certificate-principals/{name}.json": document for name, document in principals.files().items()})
    return out


def pems():
    """{path: text}."""
    return {f"certificates/{name}.pem": certificates.pem(name) for name in certificates.SPECS}
