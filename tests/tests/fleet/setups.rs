//! The set-ups: the examples, and what becomes of them when a line is missing or is another.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::proxy::Proxy;

/// An example in front of a service, perhaps with edits.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) proxy: Proxy,
    /// The configurations, in the order of the way to the service.
    pub(crate) files: &'static [&'static str],
    /// The service's deployment.
    pub(crate) deployment: &'static str,
    /// Text and what stands in its place. Without any it is the example.
    pub(crate) edits: &'static [(&'static str, &'static str)],
    /// The headers in which the proxy says who called, lower case, the certificate first.
    pub(crate) managed: &'static [&'static str],
    /// Whether callers speak HTTP/2.
    pub(crate) http2: bool,
}

const NGINX: Setup = Setup {
    name: "nginx",
    proxy: Proxy::Nginx,
    files: &["nginx/nginx.conf"],
    deployment: "nginx/deployment.json",
    edits: &[],
    managed: &["x-ssl-client-cert", "x-ssl-client-verify"],
    http2: false,
};
const HAPROXY: Setup = Setup {
    name: "haproxy",
    proxy: Proxy::Haproxy,
    files: &["haproxy/haproxy.cfg"],
    deployment: "haproxy/deployment.json",
    edits: &[],
    managed: &["x-ssl-client-der", "x-ssl-client-verify"],
    http2: false,
};
const HTTPD: Setup = Setup {
    name: "httpd",
    proxy: Proxy::Httpd,
    files: &["httpd/httpd.conf"],
    deployment: "httpd/deployment.json",
    edits: &[],
    managed: &["sslclientcert", "sslclientverify"],
    http2: false,
};
const CADDY: Setup = Setup {
    name: "caddy",
    proxy: Proxy::Caddy,
    files: &["caddy/Caddyfile"],
    deployment: "caddy/deployment.json",
    edits: &[],
    managed: &["client-cert", "client-cert-chain"],
    http2: false,
};
const ENVOY: Setup = Setup {
    name: "envoy-text",
    proxy: Proxy::Envoy,
    files: &["envoy/envoy-text.yaml"],
    deployment: "envoy/deployment-text.json",
    edits: &[],
    managed: &["x-forwarded-client-cert"],
    http2: false,
};
const TWO_ENVOYS: Setup = Setup {
    name: "envoy-two-hops",
    files: &["envoy/envoy-edge.yaml", "envoy/envoy-sidecar.yaml"],
    deployment: "envoy/deployment-two-hops.json",
    ..ENVOY
};

/// The examples as they are.
pub(crate) const EXAMPLES: &[&str] = &[
    "nginx",
    "haproxy",
    "httpd",
    "caddy",
    "caddy-http2",
    "envoy-text",
    "envoy-json",
    "envoy-certificate",
    "envoy-two-hops",
];

/// All of them. What follows an example is the same with edits.
pub(crate) const SETUPS: &[Setup] = &[
    NGINX,
    Setup { name: "nginx: optional_no_ca", edits: &[("client optional;", "client optional_no_ca;")], ..NGINX },
    Setup {
        name: "nginx: optional_no_ca, no verify header",
        edits: &[
            ("client optional;", "client optional_no_ca;"),
            ("proxy_set_header X-SSL-Client-Verify $ssl_client_verify;", ""),
        ],
        ..NGINX
    },
    Setup {
        name: "nginx: headers set in the server, others in the location",
        edits: &[
            ("proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;", ""),
            ("proxy_set_header X-SSL-Client-Verify $ssl_client_verify;", ""),
            (
                "ssl_verify_depth 2;",
                "ssl_verify_depth 2;
                proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
                proxy_set_header X-SSL-Client-Verify $ssl_client_verify;",
            ),
        ],
        ..NGINX
    },
    Setup {
        name: "nginx: odd names kept",
        edits: &[
            ("underscores_in_headers off", "underscores_in_headers on"),
            ("ignore_invalid_headers on", "ignore_invalid_headers off"),
        ],
        ..NGINX
    },
    HAPROXY,
    Setup {
        name: "haproxy: errors ignored",
        edits: &[("verify optional", "verify optional ca-ignore-err all crt-ignore-err all")],
        ..HAPROXY
    },
    Setup {
        name: "haproxy: errors ignored, no verify header",
        edits: &[
            ("verify optional", "verify optional ca-ignore-err all crt-ignore-err all"),
            ("http-request set-header X-SSL-Client-Verify %[ssl_c_verify]", ""),
        ],
        ..HAPROXY
    },
    Setup {
        name: "haproxy: set if there is a certificate",
        edits: &[
            ("%[ssl_c_der,base64]", "%[ssl_c_der,base64] if { ssl_c_used }"),
            ("%[ssl_c_verify]", "%[ssl_c_verify] if { ssl_c_used }"),
        ],
        ..HAPROXY
    },
    Setup {
        name: "haproxy: odd names kept",
        edits: &[("option http-restrict-req-hdr-names delete", "")],
        ..HAPROXY
    },
    HTTPD,
    Setup { name: "httpd: optional_no_ca", edits: &[("Client optional\n", "Client optional_no_ca\n")], ..HTTPD },
    Setup {
        name: "httpd: optional_no_ca, no verify header",
        edits: &[
            ("Client optional\n", "Client optional_no_ca\n"),
            ("RequestHeader set SslClientVerify \"%{SSL_CLIENT_VERIFY}s\"", ""),
        ],
        ..HTTPD
    },
    Setup {
        name: "httpd: set if there is a certificate",
        edits: &[
            ("\"%{SSL_CLIENT_CERT}s\"", "\"%{SSL_CLIENT_CERT}s\" \"expr=-n %{SSL_CLIENT_CERT}\""),
            ("\"%{SSL_CLIENT_VERIFY}s\"", "\"%{SSL_CLIENT_VERIFY}s\" \"expr=-n %{SSL_CLIENT_CERT}\""),
        ],
        ..HTTPD
    },
    Setup {
        name: "httpd: nothing refused",
        edits: &[("Require not env forged", "")],
        ..HTTPD
    },
    Setup {
        name: "httpd: usual names",
        deployment: "../../tests/tests/fleet/usual-names.json",
        edits: &[("SslClientCert", "X-SSL-Client-Cert"), ("SslClientVerify", "X-SSL-Client-Verify")],
        managed: &["x-ssl-client-cert", "x-ssl-client-verify"],
        ..HTTPD
    },
    CADDY,
    // Caddy offers HTTP/2 without being asked.
    Setup { name: "caddy-http2", http2: true, ..CADDY },
    Setup {
        name: "caddy: request",
        edits: &[("mode verify_if_given", "mode request"), ("trusted_ca_cert_file /etc/peergate/ca.pem", "")],
        ..CADDY
    },
    Setup {
        name: "caddy: set without a certificate, too",
        edits: &[("reverse_proxy @certificate ", "reverse_proxy ")],
        ..CADDY
    },
    Setup {
        name: "caddy: nothing removed",
        edits: &[
            ("request_header -Client-Cert*", ""),
            ("request_header -Client_*", ""),
            ("request_header -Client.*", ""),
        ],
        ..CADDY
    },
    Setup {
        name: "caddy: set by request_header",
        edits: &[
            (
                "reverse_proxy @certificate 127.0.0.1:3000 {",
                "request_header @certificate Client-Cert \":{http.request.tls.client.certificate_der_base64}:\"
                reverse_proxy @certificate 127.0.0.1:3000 {",
            ),
            ("\t\t\theader_up Client-Cert \":{http.request.tls.client.certificate_der_base64}:\"", ""),
        ],
        ..CADDY
    },
    ENVOY,
    Setup { name: "envoy-text: FORWARD_ONLY", edits: &[("SANITIZE_SET", "FORWARD_ONLY")], ..ENVOY },
    Setup { name: "envoy-text: ALWAYS_FORWARD_ONLY", edits: &[("SANITIZE_SET", "ALWAYS_FORWARD_ONLY")], ..ENVOY },
    Setup {
        name: "envoy-text: ACCEPT_UNTRUSTED",
        edits: &[("validation_context: {", "validation_context: {trust_chain_verification: ACCEPT_UNTRUSTED, ")],
        ..ENVOY
    },
    Setup { name: "envoy-text: odd names kept", edits: &[("safe_regex: {regex: \"", "safe_regex: {regex: \"not-")], ..ENVOY },
    Setup {
        name: "envoy-json",
        files: &["envoy/envoy-json.yaml"],
        deployment: "envoy/deployment-json.json",
        ..ENVOY
    },
    Setup {
        name: "envoy-certificate",
        files: &["envoy/envoy-certificate.yaml"],
        deployment: "envoy/deployment-certificate.json",
        ..ENVOY
    },
    TWO_ENVOYS,
    Setup {
        name: "envoy-two-hops: no certificate needed",
        edits: &[("require_client_certificate: true", "require_client_certificate: false")],
        ..TWO_ENVOYS
    },
];

impl Setup {
    /// The set-up that stands at the head of the name.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        SETUPS.iter().find(|setup| setup.name == name).with_context(|| format!("no set-up {name}"))
    }

    /// The example that this is, or is made of.
    pub(crate) fn example(&self) -> &'static str {
        self.name.split_once(": ").map_or(self.name, |(example, _)| example)
    }

    pub(crate) fn deployment(&self) -> PathBuf {
        examples().join(self.deployment)
    }

    /// The configurations, edited.
    pub(crate) fn texts(&self) -> Result<Vec<String>> {
        let read = |file: &&str| {
            std::fs::read_to_string(examples().join(file)).with_context(|| format!("examples/proxies/{file}"))
        };
        let mut texts = self.files.iter().map(read).collect::<Result<Vec<_>>>()?;
        for (from, to) in self.edits {
            ensure!(texts.iter().any(|text| text.contains(from)), "{}: no text {from:?}", self.name);
            texts = texts.iter().map(|text| text.replace(from, to)).collect();
        }
        Ok(texts)
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/proxies")
}
