//! The `source` object of a deployment, as written.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::form::{Carried, Form};
use super::read;
use crate::limits::HostLimits;
use crate::load::{Document, LoadErrors, Place, Warning};
use crate::policy::principal::{Atom, Attribute};
use crate::reader::{Cursor, Reader};
use crate::reason::codes;

codes! {
    /// The presets.
    Preset {
        /// Envoy's XFCC.
        Envoy = "envoy",
        /// RFC 9440.
        Rfc9440 = "rfc9440",
        /// nginx.
        Nginx = "nginx",
        /// ingress-nginx.
        IngressNginx = "ingress-nginx",
        /// HAProxy.
        Haproxy = "haproxy",
        /// Traefik.
        Traefik = "traefik",
        /// Apache httpd.
        Apache = "apache",
        /// Caddy.
        Caddy = "caddy",
        /// AWS ALB, verify mode.
        AwsAlb = "aws-alb",
        /// AWS ALB, passthrough mode.
        AwsAlbPassthrough = "aws-alb-passthrough",
        /// Google Cloud load balancing.
        Gcp = "gcp",
        /// Cloudflare.
        Cloudflare = "cloudflare",
        /// Azure App Service.
        AzureAppService = "azure-app-service",
        /// Cloud Foundry's gorouter.
        Gorouter = "gorouter",
        /// The host's own TLS connection.
        Connection = "connection",
        /// Spelled out in the document.
        Custom = "custom",
    }
}

/// `validity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Checked when the source knows the window.
    WhenKnown,
    /// The source must know the window.
    Required,
    /// Never checked.
    Ignore,
}

/// `format` of the envoy preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XfccFormat {
    /// `key=value` text.
    Text,
    /// Envoy's JSON array.
    Json,
}

/// What only the envoy preset has.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvoyOptions {
    /// `format`.
    pub format: XfccFormat,
    /// `fields` holds "subject".
    pub has_subject: bool,
    /// `fields` holds "uri".
    pub has_uri: bool,
    /// `fields` holds "dns".
    pub has_dns: bool,
    /// `trustedProxies`: [`Atom::Spiffe`] and [`Atom::SpiffeUnder`] only; empty when absent.
    pub trusted_proxies: Vec<Atom>,
    /// `bindConnection`.
    pub bind_connection: Option<bool>,
    /// `keyOrder` is "envoy" (the default), not "any".
    pub ordered_keys: bool,
    /// `read` is "certificate".
    pub read_certificate: bool,
}

/// A source as written, checked for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDocument {
    /// `preset`.
    pub preset: Preset,
    /// How certificates are forwarded; `None` for Envoy's elements and for a connection.
    pub form: Option<Cow<'static, Form>>,
    /// The headers that are read: role and lower-case name, after `headers` renamed them. A
    /// [`Slot`](super::form::Slot) counts into them; a connection has none.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// `requireVerified`.
    pub require_verified: bool,
    /// `validity`.
    pub validity: Validity,
    /// Where `validity` stands, when it is there.
    pub validity_place: Option<Place>,
    /// `clockSkewSeconds`.
    pub clock_skew_seconds: u32,
    /// `maxHeaderBytes`.
    pub max_header_bytes: usize,
    /// `verifiedBy` is "listener" (only with `connection`).
    pub verified_by_listener: bool,
    /// What only the envoy preset has; its defaults for the others.
    pub envoy: EnvoyOptions,
    /// Where the source stands.
    pub place: Place,
    /// Where it is said who vouches: `verified` of a custom source, else `preset`.
    pub vouching_place: Place,
}

impl EnvoyOptions {
    /// What holds where the document says nothing.
    pub const DEFAULT: Self = Self {
        format: XfccFormat::Text,
        has_subject: true,
        has_uri: true,
        has_dns: true,
        trusted_proxies: Vec::new(),
        bind_connection: None,
        ordered_keys: true,
        read_certificate: false,
    };
}

impl SourceDocument {
    /// Reads a source that stands alone.
    ///
    /// # Errors
    /// Every fault, in the order of the text.
    pub fn parse(text: &[u8], limits: HostLimits) -> Result<(Self, Vec<Warning>), LoadErrors> {
        let mut reader = Reader::new(text, Document::Source, limits)?;
        let root = reader.root();
        let source = Self::read(&mut reader, &root);
        reader.result(source)
    }

    /// `{"preset": "envoy"}`, for documents that do not say, and what is odd about that.
    pub(crate) fn default_at(place: Place) -> (Self, Warning) {
        read::default_with_doubt(place)
    }

    /// Reads a source within a document.
    pub(crate) fn read<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Option<Self> {
        read::source(reader, at)
    }

    /// Whether a policy may ask for an attribute of the caller's certificate.
    #[must_use]
    pub fn carries(&self, attribute: Attribute) -> bool {
        match (self.form.as_deref(), self.preset) {
            (Some(Form { carried: Carried::Fields(fields), .. }), _) => match attribute {
                Attribute::Sha256 => fields.sha256.is_some(),
                Attribute::Subject => fields.subject.is_some(),
                Attribute::Issuer => fields.issuer.is_some(),
                Attribute::Uri => fields.spiffe.is_some() || fields.uri.is_some(),
                Attribute::Dns => fields.dns.is_some(),
                _ => false,
            },
            (None, Preset::Envoy) if !self.envoy.read_certificate => match attribute {
                Attribute::Sha256 => true,
                Attribute::Subject => self.envoy.has_subject,
                Attribute::Uri => self.envoy.has_uri,
                Attribute::Dns => self.envoy.has_dns,
                _ => false,
            },
            // What a core that reads no certificates knows of a connection.
            (None, Preset::Connection) if !cfg!(feature = "x509") => {
                matches!(attribute, Attribute::Sha256)
            }
            _ => true,
        }
    }
}
