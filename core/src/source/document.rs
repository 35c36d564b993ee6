//! The `source` object of a deployment, as written.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::read;
use crate::json::Text;
use crate::limits::HostLimits;
use crate::load::{Document, LoadErrors, Place, Warning};
use crate::policy::principal::Atom;
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
}

/// A source as written, checked for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDocument {
    /// `preset`. Today always [`Preset::Envoy`] or [`Preset::Connection`].
    pub preset: Preset,
    /// The headers that are read: role and lower-case name, after `headers` renamed them.
    /// Envoy's one header has the role `cert`; a connection has none.
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
    };
}

impl SourceDocument {
    /// Reads a source that stands alone.
    ///
    /// # Errors
    /// Every fault, in the order of the text.
    pub fn parse(text: &[u8], limits: HostLimits) -> Result<(Self, Vec<Warning>), LoadErrors> {
        let text =
            Text::parse(text, Document::Source, limits.document_bytes).map_err(|error| Vec::from([error]))?;
        let mut reader = Reader::new(text);
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
}
