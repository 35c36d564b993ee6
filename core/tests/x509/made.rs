//! Certificates made for the tests.

use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, SanType, SerialNumber, date_time_ymd,
};

use super::tree::Node;

/// The OID of the extension with text.
pub(crate) const TEXT_EXTENSION: &[u64] = &[1, 3, 6, 1, 4, 1, 99999, 2];

/// A leaf with a name of each kind, usages, constraints and an extension with text.
pub(crate) static LEAF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut leaf = params(&[(DnType::OrganizationName, "Acme, Inc."), (DnType::CommonName, "leaf")]);
    leaf.serial_number = Some(SerialNumber::from(vec![0x8A, 0x01, 0x02]));
    leaf.subject_alt_names = vec![
        SanType::URI("spiffe://td.test/a".try_into().unwrap()),
        SanType::DnsName("a.td.test".try_into().unwrap()),
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::Rfc822Name("a@td.test".try_into().unwrap()),
        SanType::IpAddress([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into()),
    ];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    leaf.is_ca = IsCa::ExplicitNoCa;
    let text = [&[0x0C, 4][..], b"east"].concat();
    leaf.custom_extensions = vec![CustomExtension::from_oid_content(TEXT_EXTENSION, text)];
    signed(&leaf)
});

/// The certificate of an authority.
pub(crate) static AUTHORITY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut authority = params(&[(DnType::CommonName, "authority")]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    signed(&authority)
});

pub(crate) fn params(subject: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (ty, value) in subject {
        params.distinguished_name.push(ty.clone(), *value);
    }
    params.not_before = date_time_ymd(2026, 1, 2);
    params.not_after = date_time_ymd(2055, 12, 31);
    params
}

/// Signed by an authority of its own.
pub(crate) fn signed(params: &CertificateParams) -> Vec<u8> {
    static KEYS: LazyLock<(KeyPair, KeyPair)> =
        LazyLock::new(|| (KeyPair::generate().unwrap(), KeyPair::generate().unwrap()));
    let authority = self::params(&[(DnType::CountryName, "SE"), (DnType::CommonName, "test authority")]);
    let issuer = Issuer::new(authority, &KEYS.0);
    params.signed_by(&KEYS.1, &issuer).unwrap().der().to_vec()
}

/// The parts of what is signed, by their places in the leaf.
pub(crate) mod part {
    pub(crate) const SIGNED: usize = 0;
    pub(crate) const VERSION: &[usize] = &[SIGNED, 0];
    pub(crate) const SERIAL: &[usize] = &[SIGNED, 1];
    pub(crate) const ALGORITHM: &[usize] = &[SIGNED, 2];
    pub(crate) const VALIDITY: &[usize] = &[SIGNED, 4];
    pub(crate) const SUBJECT: &[usize] = &[SIGNED, 5];
    pub(crate) const PUBLIC_KEY: &[usize] = &[SIGNED, 6];
    pub(crate) const WRAPPED_EXTENSIONS: &[usize] = &[SIGNED, 7];
    pub(crate) const EXTENSIONS: &[usize] = &[SIGNED, 7, 0];
}

/// OIDs as they stand in DER.
pub(crate) const ALT_NAMES: &[u8] = &[0x55, 0x1D, 0x11];
pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x25];
pub(crate) const TEXT: &[u8] = &[0x2B, 6, 1, 4, 1, 0x86, 0x8D, 0x1F, 2];

/// An extension of a certificate.
pub(crate) fn extension<'a>(certificate: &'a mut Node, oid: &[u8]) -> &'a mut Node {
    let extensions = certificate.at(part::EXTENSIONS).nodes();
    let at = extensions.iter_mut().position(|extension| extension.at(&[0]).content() == oid);
    &mut extensions[at.expect("the extension")]
}

/// Changes the value of an extension as a tree.
pub(crate) fn change(certificate: &mut Node, oid: &[u8], change: impl FnOnce(&mut Node)) {
    let value = extension(certificate, oid).nodes().last_mut().unwrap().content();
    let mut tree = Node::read(value);
    change(&mut tree);
    *value = tree.write();
}
