//! The one routine for every proxy that forwards a certificate, or its fields, in headers.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::certificates::{Certificates, Known};
use super::form::{Carried, CertificateForm, Dialect, FieldForms, Form, HashEncoding, List, Slot};
use super::lines::Value;
use super::{Needs, Refusal, decode, is_dns_name, signal, structured};
use crate::credential::{AltNames, Credential};
use crate::dn::NameText;
use crate::fingerprint::Fingerprint;
use crate::limits::SANS;
use crate::reason::{Detail, Reason};
use crate::spiffe::has_spiffe_scheme;

/// What the headers of a form gave.
#[derive(Debug)]
pub(crate) enum Presented<'v> {
    Certificate(Known, bool),
    Fields(Fields<'v>, bool),
}

/// Fields of a certificate, as headers gave them.
#[derive(Debug, Default)]
pub(crate) struct Fields<'v> {
    sha256: Option<[u8; 32]>,
    subject: Option<Cow<'v, str>>,
    issuer: Option<Cow<'v, str>>,
    uri: Vec<Cow<'v, str>>,
    dns: Vec<Cow<'v, str>>,
}

impl Presented<'_> {
    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Self::Certificate(known, verified) => known.credential(*verified),
            Self::Fields(fields, verified) => fields.credential(*verified),
        }
    }

    pub(crate) const fn is_certificate(&self) -> bool {
        matches!(self, Self::Certificate(..))
    }
}

/// Reads the values of a source's headers; `None` when there is no certificate.
///
/// # Errors
/// In the published order of details, then `hash_mismatch`.
pub(crate) fn read<'v>(
    form: &Form,
    needs: Needs,
    values: &'v [Value<'_>],
    certificates: &Certificates,
) -> Result<Option<Presented<'v>>, Refusal> {
    match &form.carried {
        Carried::Certificate(carried) => {
            let Some(Found { known, sha256 }) = certificate(carried, values, certificates)? else {
                let beside = [carried.chain, carried.sha256.map(|(slot, _)| slot)];
                if beside.into_iter().flatten().any(|slot| value(values, slot).is_some()) {
                    return Err(Refusal::malformed(Detail::ContradictoryHeaders));
                }
                return signal::without_certificate(&form.vouching, values).map(|()| None);
            };
            let verified = signal::with_certificate(&form.vouching, values)?;
            if sha256.is_some_and(|sha256| !bool::from(sha256.ct_eq(known.sha256()))) {
                return Err(Refusal::OTHER_HASH);
            }
            Ok(Some(Presented::Certificate(known, verified)))
        }
        Carried::Fields(carried) => match fields(carried, needs, values)? {
            Some(fields) => {
                let verified = signal::with_certificate(&form.vouching, values)?;
                Ok(Some(Presented::Fields(fields, verified)))
            }
            None => signal::without_certificate(&form.vouching, values).map(|()| None),
        },
    }
}

fn value<'v>(values: &'v [Value<'_>], slot: Slot) -> Option<&'v [u8]> {
    values.get(usize::from(slot.0)).and_then(Value::bytes)
}

/// A certificate, and the fingerprint beside it.
struct Found {
    known: Known,
    sha256: Option<[u8; 32]>,
}

fn certificate(
    form: &CertificateForm,
    values: &[Value<'_>],
    certificates: &Certificates,
) -> Result<Option<Found>, Refusal> {
    let text = value(values, form.header).filter(|value| !form.absent.contains(value));
    let known = text.map(|text| certificates.read(text, |text| decode::certificate(form, text))).transpose();
    let hash = match form.sha256.filter(|_| text.is_some()) {
        Some((slot, encoding)) => hash(values, slot, encoding),
        None => Ok(None),
    };
    let chain = match form.chain.and_then(|slot| value(values, slot)) {
        Some(chain) => check_chain(chain),
        None => Ok(()),
    };
    match (known, hash, chain) {
        (Ok(known), Ok(sha256), Ok(())) => Ok(known.map(|known| Found { known, sha256 })),
        (known, hash, chain) => {
            // In the published order of details, whichever header they are of.
            let faults = [known.err(), hash.err(), chain.err()];
            Err(Refusal::malformed(faults.into_iter().flatten().min().unwrap_or(Detail::BadEncoding)))
        }
    }
}

/// An RFC 9440 list, without a member that is empty.
fn check_chain(value: &[u8]) -> Result<(), Detail> {
    let members = structured::byte_sequences(value).ok_or(Detail::BadEncoding)?;
    if members.iter().any(Vec::is_empty) { Err(Detail::BadEncoding) } else { Ok(()) }
}

fn hash(values: &[Value<'_>], slot: Slot, encoding: HashEncoding) -> Result<Option<[u8; 32]>, Detail> {
    let Some(text) = value(values, slot) else { return Ok(None) };
    let hash = match encoding {
        HashEncoding::Hex => super::hex_sha256(text),
        HashEncoding::Base64 => STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()),
    };
    hash.map(Some).ok_or(Detail::BadHash)
}

/// `None` when none of them is there.
fn fields<'v>(
    forms: &FieldForms,
    needs: Needs,
    values: &'v [Value<'_>],
) -> Result<Option<Fields<'v>>, Refusal> {
    let slots = [
        forms.sha256.map(|(slot, _)| slot),
        forms.subject.map(|(slot, _)| slot),
        forms.issuer.map(|(slot, _)| slot),
        forms.spiffe,
        forms.uri.map(|(slot, _)| slot),
        forms.dns.map(|(slot, _)| slot),
    ];
    if slots.into_iter().flatten().all(|slot| value(values, slot).is_none()) {
        return Ok(None);
    }
    let list = |form: Option<(Slot, List)>| {
        form.and_then(|(slot, list)| value(values, slot).map(|text| names(list, text)))
            .transpose()
            .map(Option::unwrap_or_default)
    };
    let is_missing = |form: Option<Slot>| form.is_some_and(|slot| value(values, slot).is_none());
    let spiffe = forms.spiffe.and_then(|slot| value(values, slot));
    let (uri, dns) = (list(forms.uri), list(forms.dns));

    // In the published order of details; a name that is no text counts as none until its turn comes.
    let count = |names: &Result<Vec<Cow<'v, str>>, Detail>| names.as_ref().map_or(0, Vec::len);
    let sans = count(&uri).saturating_add(count(&dns)).saturating_add(usize::from(spiffe.is_some()));
    if sans > SANS {
        return Err(Refusal::malformed(Detail::TooManySans));
    }
    let name_slot =
        |form: Option<(Slot, Dialect)>, needed: bool| form.filter(|_| needed).map(|(slot, _)| slot);
    if is_missing(forms.sha256.map(|(slot, _)| slot))
        || is_missing(name_slot(forms.subject, needs.subject))
        || is_missing(name_slot(forms.issuer, needs.issuer))
    {
        return Err(Refusal::malformed(Detail::MissingField));
    }
    let sha256 = forms.sha256.map(|(slot, encoding)| hash(values, slot, encoding)).transpose();
    let sha256 = sha256.map_err(Refusal::malformed)?.flatten();
    if dns.as_ref().is_ok_and(|names| names.iter().any(|name| !is_dns_name(name))) {
        return Err(Refusal::malformed(Detail::BadDnsName));
    }
    let name = |form: Option<(Slot, Dialect)>| {
        form.and_then(|(slot, dialect)| value(values, slot).map(|text| name(dialect, text))).transpose()
    };
    let spiffe = spiffe.map(spiffe_id).transpose();
    match (name(forms.subject), name(forms.issuer), spiffe, uri, dns) {
        (Ok(subject), Ok(issuer), Ok(spiffe), Ok(mut uri), Ok(dns)) => {
            if let Some(spiffe) = spiffe {
                uri.insert(0, Cow::Borrowed(spiffe));
            }
            Ok(Some(Fields { sha256, subject, issuer, uri, dns }))
        }
        (subject, issuer, spiffe, uri, dns) => {
            let faults = [subject.err(), issuer.err(), spiffe.err(), uri.err(), dns.err()];
            Err(Refusal::malformed(faults.into_iter().flatten().min().unwrap_or(Detail::BadEncoding)))
        }
    }
}

/// The names in a value, which is not empty.
fn names(list: List, text: &[u8]) -> Result<Vec<Cow<'_, str>>, Detail> {
    match list {
        List::Single => printable(text).map(|name| Vec::from([Cow::Borrowed(name)])),
        List::Base64 => text
            .split(|byte| *byte == b',')
            .map(|member| {
                let name = STANDARD.decode(member).ok().filter(|name| !name.is_empty());
                let name = name.ok_or(Detail::BadEncoding)?;
                let name = String::from_utf8(name).map_err(|_| Detail::BadEncoding)?;
                printable(name.as_bytes())?;
                Ok(Cow::Owned(name))
            })
            .collect(),
    }
}

/// A name as a certificate may hold it.
fn printable(text: &[u8]) -> Result<&str, Detail> {
    let name = core::str::from_utf8(text).map_err(|_| Detail::BadEncoding)?;
    if name.bytes().all(|byte| matches!(byte, 0x20..=0x7E)) { Ok(name) } else { Err(Detail::BadEncoding) }
}

/// What claims to be a SPIFFE ID, in any case of the scheme: whether it is one is for step 3 to say.
/// Another value, such as a proxy's word for nothing, is nobody.
fn spiffe_id(text: &[u8]) -> Result<&str, Detail> {
    let name = printable(text)?;
    if has_spiffe_scheme(name) { Ok(name) } else { Err(Detail::BadEncoding) }
}

/// A name as RFC 4514 text that has been checked.
fn name(dialect: Dialect, text: &[u8]) -> Result<Cow<'_, str>, Detail> {
    match dialect {
        Dialect::Rfc4514 => {
            NameText::parse(text).map(|name| Cow::Borrowed(name.as_str())).map_err(|_| Detail::BadName)
        }
        Dialect::Rfc4514Forward => {
            NameText::parse(text).map(|name| Cow::Owned(name.reversed())).map_err(|_| Detail::BadName)
        }
        Dialect::DerBase64 => {
            let der = STANDARD.decode(text).map_err(|_| Detail::BadEncoding)?;
            name_from_der(&der).map(Cow::Owned).ok_or(Detail::BadName)
        }
    }
}

#[cfg(feature = "x509")]
fn name_from_der(der: &[u8]) -> Option<String> {
    crate::x509::Name::from_der(der).ok().map(|name| name.as_str().into())
}

/// Documents that ask for it are refused.
#[cfg(not(feature = "x509"))]
fn name_from_der(_der: &[u8]) -> Option<String> {
    None
}

impl Fields<'_> {
    fn credential(&self, verified: bool) -> Credential<'_> {
        Credential {
            sha256: self.sha256.map(Fingerprint::from),
            verified,
            window: None,
            is_ca: false,
            subject: self.subject.as_deref().map(NameText::from_valid),
            issuer: self.issuer.as_deref().map(NameText::from_valid),
            serial: None,
            names: AltNames::Lists {
                uri: self.uri.iter().map(|name| Cow::Borrowed(&**name)).collect(),
                dns: self.dns.iter().map(|name| Cow::Borrowed(&**name)).collect(),
            },
            extensions: &[],
        }
    }
}

impl Refusal {
    /// The certificate is not the one that a hash beside it names.
    pub(crate) const OTHER_HASH: Self =
        Self { reason: Reason::HashMismatch, detail: Some(Detail::OtherCertificateHash) };
}
