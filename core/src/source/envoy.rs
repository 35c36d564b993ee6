//! Envoy's `x-forwarded-client-cert`, read by its fields.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;

use super::chain::{self, Hop, Trusted};
use super::document::{SourceDocument, XfccFormat};
use super::{Needs, Refusal, connection};
use crate::credential::{AltNames, Credential};
use crate::dn::NameText;
use crate::limits::{SANS, XFCC_ELEMENTS, XFCC_PAIRS};
use crate::reason::{Detail, Reason};
use crate::request::Peer;
use crate::target::hex_digit;
use crate::trace::{Event, Trace};
use crate::xfcc::{Key, json, text};

/// How this deployment's Envoy writes the header, and what is expected of it.
#[derive(Debug)]
pub(crate) struct Envoy {
    pub(crate) format: XfccFormat,
    ordered_keys: bool,
    subject: bool,
    uri: bool,
    dns: bool,
    trusted_proxies: Trusted,
    pub(crate) bind_connection: Option<bool>,
    needs: Needs,
}

/// What a source needs of an element beyond what the walk needs.
trait Fields<'h>: Hop<'h> {
    fn hash(self) -> Option<Cow<'h, str>>;
    fn subject(self) -> Option<&'h str>;
    fn dns(self) -> impl Iterator<Item = Cow<'h, str>>;
    fn pairs(self) -> usize;
    fn sans(self) -> usize;
    fn is_ordered(self) -> bool;
    fn alt_names(self, uri: bool, dns: bool) -> AltNames<'h>;
    /// Whether the form always writes Subject and URI, so that their absence is a fault.
    const WRITES_EMPTY: bool;
}

impl Envoy {
    pub(crate) fn new(document: &SourceDocument, needs: Needs) -> Self {
        let options = &document.envoy;
        Self {
            format: options.format,
            ordered_keys: options.ordered_keys,
            subject: options.has_subject,
            uri: options.has_uri,
            dns: options.has_dns,
            trusted_proxies: Trusted::new(&options.trusted_proxies),
            bind_connection: options.bind_connection,
            needs,
        }
    }

    /// The caller of a header in the text form; `None` when it has no elements.
    pub(crate) fn read_text<'r, T: Trace>(
        &self,
        value: &'r [u8],
        connection: Option<Peer<'_>>,
        trace: &mut T,
    ) -> Result<Option<Credential<'r>>, Refusal> {
        let mut elements = text::Elements::new(value);
        let Some(first) = elements.next() else { return Ok(None) };
        let first = first.map_err(|error| Refusal::malformed(error.code))?;
        let Some(second) = elements.next() else {
            return self.read(&[first], connection, trace).map(Some);
        };
        let mut hops = alloc::vec![first, second.map_err(|error| Refusal::malformed(error.code))?];
        for element in elements {
            // A fault of the grammar comes before the limit, so the reader goes on to the end.
            let element = element.map_err(|error| Refusal::malformed(error.code))?;
            if hops.len() <= XFCC_ELEMENTS {
                hops.push(element);
            }
        }
        self.read(&hops, connection, trace).map(Some)
    }

    /// The caller of a header in the JSON form, already parsed.
    pub(crate) fn read_json<'h, T: Trace>(
        &self,
        elements: &'h [json::Element<'h>],
        connection: Option<Peer<'_>>,
        trace: &mut T,
    ) -> Result<Option<Credential<'h>>, Refusal> {
        if elements.is_empty() {
            return Ok(None);
        }
        let hops: Vec<&'h json::Element<'h>> = elements.iter().collect();
        self.read(&hops, connection, trace).map(Some)
    }

    /// In the published order of details; then the walk, then the connection.
    fn read<'h, H: Fields<'h>, T: Trace>(
        &self,
        hops: &[H],
        connection: Option<Peer<'_>>,
        trace: &mut T,
    ) -> Result<Credential<'h>, Refusal> {
        let refuse_if = |bad: bool, detail| if bad { Err(Refusal::malformed(detail)) } else { Ok(()) };
        refuse_if(hops.len() > XFCC_ELEMENTS, Detail::TooManyElements)?;
        refuse_if(hops.iter().any(|hop| hop.pairs() > XFCC_PAIRS), Detail::TooManyPairs)?;
        refuse_if(hops.iter().any(|hop| hop.sans() > SANS), Detail::TooManySans)?;
        refuse_if(self.ordered_keys && hops.iter().any(|hop| !hop.is_ordered()), Detail::KeyOrder)?;

        let caller = chain::caller(hops, &self.trusted_proxies);
        let caller = caller.map(|at| hops.get(at).copied().map(|hop| (at, hop)));
        let lacks_needed = match caller {
            Ok(Some((_, hop))) if H::WRITES_EMPTY => {
                (self.needs.subject && hop.subject().is_none())
                    || (self.needs.uri && hop.uris().next().is_none())
            }
            _ => false,
        };
        refuse_if(lacks_needed || hops.iter().any(|hop| hop.hash().is_none()), Detail::MissingField)?;

        let is_caller = |at: usize| matches!(caller, Ok(Some((caller, _))) if caller == at);
        let mut last_hash = [0; 32];
        let mut caller_hash = [0; 32];
        for (at, hop) in hops.iter().enumerate() {
            last_hash = hop
                .hash()
                .and_then(|hash| hex_sha256(hash.as_bytes()))
                .ok_or(Refusal::malformed(Detail::BadHash))?;
            if is_caller(at) {
                caller_hash = last_hash;
            }
        }
        let bad_dns = |hop: &H| self.dns && hop.dns().any(|name| !is_dns_name(&name));
        refuse_if(hops.iter().any(bad_dns), Detail::BadDnsName)?;
        let mut subject = None;
        for (at, hop) in hops.iter().enumerate() {
            if let Some(text) = hop.subject().filter(|_| self.subject) {
                let name = NameText::parse(text.as_bytes());
                let name = name.map_err(|_| Refusal::malformed(Detail::BadName))?;
                if is_caller(at) {
                    subject = Some(name);
                }
            }
        }

        let Some((at, hop)) = caller.map_err(Refusal::of)? else {
            return Err(Refusal::of(Reason::UnexpectedElement));
        };
        self.check_connection(&last_hash, connection)?;
        if T::WATCHES {
            trace.event(Event::Element { elements: hops.len(), caller: at });
        }
        Ok(Credential {
            sha256: caller_hash,
            // The proxy's promise: XFCC has no field that says so.
            verified: true,
            window: None,
            is_ca: false,
            subject,
            names: hop.alt_names(self.uri, self.dns),
        })
    }

    /// A SAN can forge an element, but no certificate contains its own hash.
    fn check_connection(&self, last_hash: &[u8; 32], peer: Option<Peer<'_>>) -> Result<(), Refusal> {
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

/// 64 hexadecimal digits in either case.
pub(crate) fn hex_sha256(digits: &[u8]) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
    }
    Some(hash)
}

/// Letters, digits, `-`, `.`, `_`, `*`, and at least one of them.
fn is_dns_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*');
    !name.is_empty() && name.bytes().all(allowed)
}

impl<'h> Hop<'h> for text::Element<'h> {
    fn by(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.values(Key::By).map(|value| value.unquoted())
    }

    fn uris(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.values(Key::Uri).map(|value| value.unquoted())
    }
}

impl<'h> Fields<'h> for text::Element<'h> {
    const WRITES_EMPTY: bool = true;

    fn hash(self) -> Option<Cow<'h, str>> {
        self.hash.map(|value| value.unquoted())
    }

    fn subject(self) -> Option<&'h str> {
        // Its backslashes are RFC 4514's, not XFCC's.
        self.subject.map(|value| value.raw)
    }

    fn dns(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.values(Key::Dns).map(|value| value.unquoted())
    }

    fn pairs(self) -> usize {
        self.pairs
    }

    fn sans(self) -> usize {
        self.uri.saturating_add(self.dns)
    }

    fn is_ordered(self) -> bool {
        self.ordered
    }

    fn alt_names(self, uri: bool, dns: bool) -> AltNames<'h> {
        AltNames::Xfcc { element: self, uri, dns }
    }
}

impl<'h> Hop<'h> for &'h json::Element<'h> {
    fn by(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.by.iter().map(|value| Cow::Borrowed(&**value))
    }

    fn uris(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.uri.iter().map(|value| Cow::Borrowed(&**value))
    }
}

impl<'h> Fields<'h> for &'h json::Element<'h> {
    const WRITES_EMPTY: bool = false;

    fn hash(self) -> Option<Cow<'h, str>> {
        self.hash.as_deref().map(Cow::Borrowed)
    }

    fn subject(self) -> Option<&'h str> {
        self.subject.as_deref()
    }

    fn dns(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.dns.iter().map(|value| Cow::Borrowed(&**value))
    }

    /// Of what may repeat without being a name of the caller.
    fn pairs(self) -> usize {
        self.by.len().max(self.chain.len())
    }

    fn sans(self) -> usize {
        self.uri.len().saturating_add(self.dns.len())
    }

    /// The order of an object's keys says nothing.
    fn is_ordered(self) -> bool {
        true
    }

    fn alt_names(self, uri: bool, dns: bool) -> AltNames<'h> {
        AltNames::Lists {
            uri: if uri { self.uris().collect() } else { Vec::new() },
            dns: if dns { Fields::dns(self).collect() } else { Vec::new() },
        }
    }
}
