//! The presets as data: what each carries, under which header, and who vouches for it.

use alloc::borrow::Cow;

use super::document::Preset;
use super::form::{
    Carried, CertificateForm, Encoding, Form, HashEncoding, Percent, Says, Signal, Slot, Texts, Vouching,
    Without,
};

/// How a preset's identity travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Envoy's elements.
    Xfcc,
    /// The TLS connection of the host itself.
    Connection,
    /// Headers of a form.
    Headers(Form),
    /// Headers of a form that the document spells out.
    Custom,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which preset.
    pub preset: Preset,
    /// Default header names by role, in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// How its identity travels.
    pub carrier: Carrier,
}

/// Every preset.
pub const TABLE: &[Row] = &[
    Row { preset: Preset::Envoy, headers: &[("cert", "x-forwarded-client-cert")], carrier: Carrier::Xfcc },
    Row {
        preset: Preset::Rfc9440,
        headers: &[("cert", "client-cert"), ("chain", "client-cert-chain")],
        carrier: Carrier::Headers(RFC_9440),
    },
    Row {
        preset: Preset::Nginx,
        headers: &[("cert", "x-ssl-client-cert"), ("verify", "x-ssl-client-verify")],
        carrier: Carrier::Headers(NGINX),
    },
    Row {
        preset: Preset::IngressNginx,
        headers: &[("cert", "ssl-client-cert"), ("verify", "ssl-client-verify")],
        carrier: Carrier::Headers(NGINX),
    },
    Row {
        preset: Preset::Haproxy,
        headers: &[("cert", "x-ssl-client-der"), ("verify", "x-ssl-client-verify")],
        carrier: Carrier::Headers(Form {
            // `%{+Q}[…]` puts quotes around a value, also around an empty one.
            carried: Carried::Certificate(
                certificate(Percent::None, Encoding::Base64, &["\"\""]).in_quotes(),
            ),
            // 0 is said of a good certificate and of none.
            vouching: Vouching::Signals(Cow::Borrowed(&[verify(&["0", "X509_V_OK"], &[], Without::Any)])),
        }),
    },
    Row {
        preset: Preset::Traefik,
        headers: &[("cert", "x-forwarded-tls-client-cert")],
        carrier: Carrier::Headers(Form {
            // Versions 2.8 to 2.9.3 escaped it.
            carried: Carried::Certificate(
                certificate(Percent::IfEscaped, Encoding::Base64, &[]).first_of_list(),
            ),
            vouching: Vouching::Promise,
        }),
    },
    Row {
        preset: Preset::Apache,
        headers: &[("cert", "x-ssl-client-cert"), ("verify", "x-ssl-client-verify")],
        carrier: Carrier::Headers(Form {
            // mod_headers writes `(null)` for a variable that is not set, and a space for a line break.
            carried: Carried::Certificate(certificate(Percent::None, Encoding::PemFolded, &["(null)"])),
            // `GENEROUS` is a certificate that nobody verified.
            vouching: Vouching::Signals(Cow::Borrowed(&[verify(
                &["SUCCESS"],
                &["NONE"],
                Without::NotAccepted,
            )])),
        }),
    },
    Row {
        preset: Preset::Caddy,
        headers: &[("cert", "client-cert"), ("chain", "client-cert-chain")],
        carrier: Carrier::Headers(RFC_9440),
    },
    Row {
        preset: Preset::AwsAlb,
        headers: &[("cert", "x-amzn-mtls-clientcert-leaf")],
        carrier: Carrier::Headers(Form {
            carried: Carried::Certificate(certificate(Percent::Literal, Encoding::Pem, &[])),
            vouching: Vouching::Promise,
        }),
    },
    Row {
        preset: Preset::AwsAlbPassthrough,
        headers: &[("cert", "x-amzn-mtls-clientcert")],
        carrier: Carrier::Headers(Form {
            carried: Carried::Certificate(certificate(Percent::Literal, Encoding::PemChain, &[])),
            vouching: Vouching::Never,
        }),
    },
    Row {
        preset: Preset::Gcp,
        headers: &[
            ("cert", "x-client-cert-leaf"),
            ("present", "x-client-cert-present"),
            ("verify", "x-client-cert-chain-verified"),
            ("error", "x-client-cert-error"),
            ("chain", "x-client-cert-chain"),
        ],
        carrier: Carrier::Headers(Form {
            carried: Carried::Certificate(
                certificate(Percent::None, Encoding::ByteSequence, &[]).with_chain(Slot(4)),
            ),
            vouching: Vouching::Signals(Cow::Borrowed(&[
                signal(Slot(1), Says::Present, &["true"], &[], Without::NotAccepted),
                signal(Slot(2), Says::Verified, &["true"], &[], Without::NotAccepted),
                // Values that do not fit are emptied, and this says so.
                signal(Slot(3), Says::Verified, &[""], &[], Without::Any),
            ])),
        }),
    },
    Row {
        preset: Preset::Cloudflare,
        headers: &[
            ("cert", "cf-client-cert-der-base64"),
            ("verify", "cf-cert-verified"),
            ("revoked", "cf-cert-revoked"),
            ("sha256", "cf-client-cert-sha256"),
        ],
        carrier: Carrier::Headers(Form {
            carried: Carried::Certificate(
                certificate(Percent::None, Encoding::Base64, &[]).with_sha256(Slot(3)),
            ),
            // A revoked certificate is verified, too.
            vouching: Vouching::Signals(Cow::Borrowed(&[
                verify(&["true", "SUCCESS"], &["NONE"], Without::NotAccepted),
                signal(Slot(2), Says::Verified, &["false", "0"], &[], Without::Any),
            ])),
        }),
    },
    Row {
        preset: Preset::AzureAppService,
        headers: &[("cert", "x-arr-clientcert")],
        carrier: Carrier::Headers(Form {
            carried: Carried::Certificate(certificate(Percent::None, Encoding::Base64, &[])),
            vouching: Vouching::Never,
        }),
    },
    Row {
        preset: Preset::Gorouter,
        headers: &[("cert", "x-forwarded-client-cert")],
        carrier: Carrier::Headers(Form {
            carried: Carried::Certificate(certificate(Percent::None, Encoding::Base64, &[])),
            vouching: Vouching::Promise,
        }),
    },
    Row { preset: Preset::Connection, headers: &[], carrier: Carrier::Connection },
    Row { preset: Preset::Custom, headers: &[], carrier: Carrier::Custom },
];

const RFC_9440: Form = Form {
    carried: Carried::Certificate(
        certificate(Percent::None, Encoding::ByteSequence, &[]).with_chain(Slot(1)),
    ),
    vouching: Vouching::Promise,
};

const NGINX: Form = Form {
    carried: Carried::Certificate(certificate(Percent::Component, Encoding::Pem, &[])),
    vouching: Vouching::Signals(Cow::Borrowed(&[verify(&["SUCCESS"], &["NONE"], Without::None)])),
};

const fn certificate(
    percent: Percent,
    encoding: Encoding,
    absent: &'static [&'static str],
) -> CertificateForm {
    CertificateForm {
        header: Slot(0),
        absent: Texts::Fixed(absent),
        quotes: false,
        percent,
        first_of_list: false,
        encoding,
        sha256: None,
        chain: None,
    }
}

impl CertificateForm {
    const fn in_quotes(mut self) -> Self {
        self.quotes = true;
        self
    }

    const fn first_of_list(mut self) -> Self {
        self.first_of_list = true;
        self
    }

    const fn with_chain(mut self, chain: Slot) -> Self {
        self.chain = Some(chain);
        self
    }

    const fn with_sha256(mut self, sha256: Slot) -> Self {
        self.sha256 = Some((sha256, HashEncoding::Hex));
        self
    }
}

/// The header after the certificate's, which says whether it was verified.
const fn verify(accept: &'static [&'static str], none: &'static [&'static str], without: Without) -> Signal {
    signal(Slot(1), Says::Verified, accept, none, without)
}

const fn signal(
    header: Slot,
    says: Says,
    accept: &'static [&'static str],
    none: &'static [&'static str],
    without: Without,
) -> Signal {
    Signal { header, accept: Texts::Fixed(accept), none: Texts::Fixed(none), says, without }
}

impl Preset {
    /// The preset's row.
    #[must_use]
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.preset == self)
    }
}
