//! Envoy's `x-forwarded-client-cert`, read by its fields or by its certificates.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;

use super::certificates::{Certificates, Known};
use super::chain::{self, Hop, Trusted};
use super::document::{EnvoyOptions, XfccFormat};
use super::element::Fields;
use super::form::{CertificateForm, Encoding, Percent, Slot, Texts};
use super::{Needs, Refusal, connection, decode, hex_sha256, is_dns_name};
use crate::credential::{AltName, Credential};
use crate::dn::NameText;
use crate::limits::{SANS, XFCC_ELEMENTS, XFCC_PAIRS};
use crate::reason::{Detail, Reason};
use crate::request::Peer;
use crate::trace::{Event, Trace};
use crate::xfcc::{XfccError, json, text};

/// How this deployment's Envoy writes the header, and what is expected of it.
#[derive(Debug)]
pub(crate) struct Envoy {
    pub(crate) format: XfccFormat,
    ordered_keys: bool,
    /// Whether the identity is read from `Cert`.
    certificate: bool,
    subject: bool,
    uri: bool,
    dns: bool,
    trusted_proxies: Trusted,
    pub(crate) bind_connection: Option<bool>,
    needs: Needs,
}

/// Who called, as one element tells it.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one lives at a time, and a box would allocate for each request"
)]
pub(crate) enum Caller<'h> {
    /// Nobody: there is no element.
    None,
    /// By the fields of an element, and the hash in the last one, which is that of the connection.
    Fields(Credential<'h>, [u8; 32]),
    /// By a certificate, and the same hash.
    Certificate(Known, [u8; 32]),
}

/// What the reading of a header needs besides its value.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) connection: Option<Peer<'a>>,
    pub(crate) certificates: &'a Certificates,
}

impl Envoy {
    pub(crate) fn new(options: &EnvoyOptions, needs: Needs) -> Self {
        Self {
            format: options.format,
            ordered_keys: options.ordered_keys,
            certificate: options.read_certificate,
            subject: options.has_subject,
            uri: options.has_uri,
            dns: options.has_dns,
            trusted_proxies: Trusted::new(&options.trusted_proxies),
            bind_connection: options.bind_connection,
            needs,
        }
    }

    /// The caller of a header in the text form.
    pub(crate) fn read_text<'r, T: Trace>(
        &self,
        value: &'r [u8],
        around: Around<'_>,
        trace: &mut T,
    ) -> Result<Caller<'r>, Refusal> {
        let malformed = |error: XfccError| Refusal::malformed(error.code);
        let mut elements = text::Elements::new(value);
        let Some(first) = elements.next() else { return Ok(Caller::None) };
        let first = first.map_err(malformed)?;
        let Some(second) = elements.next() else {
            return self.read(&[&first], around, trace);
        };
        let mut all = alloc::vec![first, second.map_err(malformed)?];
        for element in elements {
            // A fault of the grammar comes before the limit, so the reader goes on to the end.
            let element = element.map_err(malformed)?;
            if all.len() <= XFCC_ELEMENTS {
                all.push(element);
            }
        }
        let hops: Vec<&text::Element<'r>> = all.iter().collect();
        self.read(&hops, around, trace)
    }

    /// The caller of a header in the JSON form, already parsed.
    pub(crate) fn read_json<'h, T: Trace>(
        &self,
        elements: &'h [json::Element<'h>],
        around: Around<'_>,
        trace: &mut T,
    ) -> Result<Caller<'h>, Refusal> {
        if elements.is_empty() {
            return Ok(Caller::None);
        }
        let hops: Vec<&'h json::Element<'h>> = elements.iter().collect();
        self.read(&hops, around, trace)
    }

    /// In the published order of details; then the walk, then the connection.
    fn read<'h, H: Fields<'h>, T: Trace>(
        &self,
        hops: &[H],
        around: Around<'_>,
        trace: &mut T,
    ) -> Result<Caller<'h>, Refusal> {
        let refuse_if = |bad: bool, detail| if bad { Err(Refusal::malformed(detail)) } else { Ok(()) };
        refuse_if(hops.len() > XFCC_ELEMENTS, Detail::TooManyElements)?;
        refuse_if(hops.iter().any(|hop| hop.pairs() > XFCC_PAIRS), Detail::TooManyPairs)?;
        refuse_if(hops.iter().any(|hop| hop.sans() > SANS), Detail::TooManySans)?;
        refuse_if(self.ordered_keys && hops.iter().any(|hop| !hop.is_ordered()), Detail::KeyOrder)?;
        if self.certificate {
            self.read_certificates(hops, around, trace)
        } else {
            self.read_fields(hops, around, trace)
        }
    }

    fn read_fields<'h, H: Fields<'h>, T: Trace>(
        &self,
        hops: &[H],
        around: Around<'_>,
        trace: &mut T,
    ) -> Result<Caller<'h>, Refusal> {
        let caller = chain::caller(hops, &self.trusted_proxies);
        let caller = caller.map(|at| hops.get(at).copied().map(|hop| (at, hop)));
        let lacks_needed = match caller {
            Ok(Some((_, hop))) if H::WRITES_EMPTY => {
                (self.needs.subject && hop.subject().is_none())
                    || (self.needs.uri && hop.uris().next().is_none())
            }
            _ => false,
        };
        if lacks_needed || hops.iter().any(|hop| hop.hash().is_none()) {
            return Err(Refusal::malformed(Detail::MissingField));
        }
        let is_caller = |at: usize| matches!(caller, Ok(Some((caller, _))) if caller == at);
        let mut last_hash = [0; 32];
        let mut caller_hash = [0; 32];
        for (at, hop) in hops.iter().enumerate() {
            last_hash = hash(hop).map_err(Refusal::malformed)?;
            if is_caller(at) {
                caller_hash = last_hash;
            }
        }
        let bad_dns = |hop: &H| self.dns && hop.dns().any(|name| !is_dns_name(&name));
        if hops.iter().any(bad_dns) {
            return Err(Refusal::malformed(Detail::BadDnsName));
        }
        let mut subject = None;
        for (at, hop) in hops.iter().enumerate() {
            if let Some(text) = hop.subject().filter(|_| self.subject) {
                let name = NameText::parse_str(text);
                let name = name.map_err(|_| Refusal::malformed(Detail::BadName))?;
                if is_caller(at) {
                    subject = Some(name);
                }
            }
        }
        let Some((at, hop)) = caller.map_err(Refusal::of)? else {
            return Err(Refusal::of(Reason::UnexpectedElement));
        };
        self.check_connection(&last_hash, around.connection)?;
        if T::WATCHES {
            trace.event(Event::Element { elements: hops.len(), caller: at });
        }
        let credential = Credential {
            sha256: Some(caller_hash.into()),
            // The proxy's promise: XFCC has no field that says so.
            verified: true,
            window: None,
            is_ca: false,
            subject,
            issuer: None,
            serial: None,
            names: hop.alt_names(self.uri, self.dns),
            extensions: &[],
        };
        Ok(Caller::Fields(credential, last_hash))
    }

    /// Every element's certificate is decoded, and is the one of its hash; the walk goes by the names
    /// in the certificates, which no text can forge.
    #[cfg_attr(
        not(feature = "x509"),
        expect(unreachable_code, reason = "a core that reads no certificates knows none")
    )]
    fn read_certificates<'h, H: Fields<'h>, T: Trace>(
        &self,
        hops: &[H],
        around: Around<'_>,
        trace: &mut T,
    ) -> Result<Caller<'h>, Refusal> {
        let (mut hashes, mut certificates) = (Vec::new(), Vec::new());
        // In the published order of details, whichever element they are of.
        let mut fault: Option<Detail> = None;
        let mut note = |detail: Detail| fault = Some(fault.map_or(detail, |first| first.min(detail)));
        for hop in hops {
            match hash(hop) {
                Ok(hash) => hashes.push(hash),
                Err(detail) => note(detail),
            }
            match certificate(hop, around.certificates) {
                Ok(known) => certificates.push(known),
                Err(detail) => note(detail),
            }
        }
        if let Some(detail) = fault {
            return Err(Refusal::malformed(detail));
        }
        let is_own = |(hash, known): (&[u8; 32], &Known)| bool::from(hash.ct_eq(known.sha256()));
        if !hashes.iter().zip(&certificates).all(is_own) {
            return Err(Refusal::OTHER_HASH);
        }
        let by: Vec<Vec<_>> = hops.iter().map(|hop| hop.by().collect()).collect();
        let certified = by.iter().zip(&certificates).map(|(by, known)| Certified { by, known });
        let certified: Vec<_> = certified.collect();
        let at = chain::caller(&certified, &self.trusted_proxies).map_err(Refusal::of)?;
        let (Some(known), Some(last_hash)) = (certificates.get(at), hashes.last()) else {
            return Err(Refusal::of(Reason::UnexpectedElement));
        };
        self.check_connection(last_hash, around.connection)?;
        if T::WATCHES {
            trace.event(Event::Element { elements: hops.len(), caller: at });
        }
        Ok(Caller::Certificate(known.clone(), *last_hash))
    }

    /// A SAN can forge an element, but no certificate contains its own hash.
    pub(crate) fn check_connection(
        &self,
        last_hash: &[u8; 32],
        peer: Option<Peer<'_>>,
    ) -> Result<(), Refusal> {
        let mismatch = |detail| Refusal { reason: Reason::HashMismatch, detail: Some(detail) };
        match (self.bind_connection, peer) {
            (Some(false), _) | (None, None) => Ok(()),
            (Some(true), None) => Err(mismatch(Detail::NoConnectionCertificate)),
            (None | Some(true), Some(peer)) => match connection::sha256(&peer) {
                Some(hash) if bool::from(hash.ct_eq(last_hash)) => Ok(()),
                _ => Err(mismatch(Detail::OtherConnectionCertificate)),
            },
        }
    }
}

fn hash<'h>(hop: &impl Fields<'h>) -> Result<[u8; 32], Detail> {
    let hash = hop.hash().ok_or(Detail::MissingField)?;
    hex_sha256(hash.as_bytes()).ok_or(Detail::BadHash)
}

fn certificate<'h, H: Fields<'h>>(hop: &H, certificates: &Certificates) -> Result<Known, Detail> {
    let cert = hop.cert().filter(|cert| !cert.is_empty()).ok_or(Detail::MissingField)?;
    let form = CertificateForm { percent: H::CERT_ESCAPES, ..CERT };
    certificates.read(cert.as_bytes(), |text| decode::certificate(&form, text))
}

/// `Cert`, but for its escapes.
const CERT: CertificateForm = CertificateForm {
    header: Slot(0),
    absent: Texts::NONE,
    quotes: false,
    percent: Percent::None,
    first_of_list: false,
    encoding: Encoding::Pem,
    sha256: None,
    chain: None,
};

/// An element whose client is known by its certificate.
#[derive(Clone, Copy)]
struct Certified<'k> {
    by: &'k [Cow<'k, str>],
    known: &'k Known,
}

impl<'k> Hop<'k> for Certified<'k> {
    fn by(self) -> impl Iterator<Item = Cow<'k, str>> {
        self.by.iter().cloned()
    }

    fn uris(self) -> impl Iterator<Item = Cow<'k, str>> {
        self.known.alt_names().whole().iter().filter_map(AltName::uri).map(Cow::Borrowed)
    }
}
