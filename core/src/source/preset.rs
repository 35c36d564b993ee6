//! The presets as data: what each carries, under which header, and who vouches for it.

use super::document::Preset;
use crate::policy::principal::Attribute;

/// How a preset's identity travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Envoy's key-value elements.
    XfccFields,
    /// The TLS connection of the host itself.
    Connection,
}

/// Who says that the certificate was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouching {
    /// The proxy, by sending the header at all.
    Promise,
    /// The host's TLS layer.
    TlsLayer,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which preset.
    pub preset: Preset,
    /// How its identity travels.
    pub carrier: Carrier,
    /// Default header names by role, in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// Who vouches.
    pub vouching: Vouching,
    /// What a policy may ask of it.
    pub carries: &'static [Attribute],
}

/// Every preset that this build reads.
pub const TABLE: &[Row] = &[
    Row {
        preset: Preset::Envoy,
        carrier: Carrier::XfccFields,
        headers: &[("cert", "x-forwarded-client-cert")],
        vouching: Vouching::Promise,
        carries: &[Attribute::Sha256, Attribute::Subject, Attribute::Uri, Attribute::Dns],
    },
    Row {
        preset: Preset::Connection,
        carrier: Carrier::Connection,
        headers: &[],
        vouching: Vouching::TlsLayer,
        carries: &[Attribute::Sha256],
    },
];

impl Preset {
    /// The preset's row; `None` while this build cannot read it.
    #[must_use]
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.preset == self)
    }
}
