//! Keys and certificates, on rcgen. ECDSA P-256 throughout.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use super::{DevCaError, Leaf, San};

/// Certificates are valid from this long ago, so that clocks need not agree to the second.
const BACKDATED: Duration = Duration::HOUR;
/// Authorities are valid for ten years.
const AUTHORITY_DAYS: i64 = 3652;

/// A certificate and its key, PEM.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    pub(super) pem: String,
    pub(super) key_pem: String,
    pub(super) der: Vec<u8>,
}

/// Something that signs.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certified: Certified,
}

/// A leaf to be signed.
pub(super) struct LeafPlan<'a> {
    pub(super) leaf: &'a Leaf,
    /// Its subject; empty for the usual one.
    pub(super) subject: &'a [(DnType, &'a str)],
    pub(super) server: bool,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
}

impl<'a> LeafPlan<'a> {
    pub(super) fn new(leaf: &'a Leaf, server: bool, days: u16) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            leaf,
            subject: &[],
            server,
            not_before: now.saturating_sub(BACKDATED),
            not_after: now.saturating_add(Duration::days(days.into())),
        }
    }
}

impl Authority {
    pub(super) fn root(name: &str) -> Result<Self, DevCaError> {
        Self::make(name, BasicConstraints::Unconstrained, None)
    }

    pub(super) fn intermediate(&self, name: &str) -> Result<Self, DevCaError> {
        Self::make(name, BasicConstraints::Constrained(0), Some(self))
    }

    pub(super) const fn certified(&self) -> &Certified {
        &self.certified
    }

    pub(super) fn pem(&self) -> &str {
        &self.certified.pem
    }

    pub(super) fn leaf(&self, plan: &LeafPlan<'_>) -> Result<Certified, DevCaError> {
        let failed = |error| DevCaError::Issue(plan.leaf.name.clone(), error);
        let sign = || -> Result<Certified, Error> {
            let mut params = params(&plan.leaf.name);
            if !plan.subject.is_empty() {
                params.distinguished_name = DistinguishedName::new();
            }
            for (kind, value) in plan.subject {
                params.distinguished_name.push(kind.clone(), *value);
            }
            params.not_before = plan.not_before;
            params.not_after = plan.not_after;
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            // A server is a client, too, where it is a proxy that calls on.
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            if plan.server {
                params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
            }
            params.subject_alt_names = plan.leaf.names.iter().map(san).collect::<Result<Vec<_>, _>>()?;
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &self.issuer)?;
            Ok(Certified::new(&certificate, &key))
        };
        sign().map_err(failed)
    }

    fn make(name: &str, basic: BasicConstraints, above: Option<&Self>) -> Result<Self, DevCaError> {
        let sign = || -> Result<Self, Error> {
            let now = OffsetDateTime::now_utc();
            let mut params = params(name);
            params.not_before = now.saturating_sub(BACKDATED);
            params.not_after = now.saturating_add(Duration::days(AUTHORITY_DAYS));
            params.is_ca = IsCa::Ca(basic);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let key = KeyPair::generate()?;
            let certificate = match above {
                Some(above) => params.signed_by(&key, &above.issuer)?,
                None => params.self_signed(&key)?,
            };
            let certified = Certified::new(&certificate, &key);
            Ok(Self { issuer: Issuer::new(params, key), certified })
        };
        sign().map_err(|error| DevCaError::Issue(name.to_owned(), error))
    }
}

impl Certified {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().as_ref().to_vec(),
        }
    }
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Peergate development");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn san(name: &San) -> Result<SanType, Error> {
    Ok(match name {
        San::Uri(uri) => SanType::URI(uri.as_str().try_into()?),
        San::Dns(dns) => SanType::DnsName(dns.as_str().try_into()?),
        San::Ip(address) => SanType::IpAddress(*address),
    })
}
