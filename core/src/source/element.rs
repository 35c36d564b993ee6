//! What a source asks of an element of `x-forwarded-client-cert`, in either form of the header.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::chain::Hop;
use super::form::Percent;
use crate::credential::AltNames;
use crate::xfcc::text::{self, Values};
use crate::xfcc::{Key, json};

/// What a source needs of an element beyond what the walk needs.
pub(super) trait Fields<'h>: Hop<'h> {
    fn hash(self) -> Option<Cow<'h, str>>;
    /// The encoded certificate.
    fn cert(self) -> Option<Cow<'h, str>>;
    fn subject(self) -> Option<&'h str>;
    fn dns(self) -> impl Iterator<Item = Cow<'h, str>>;
    fn pairs(self) -> usize;
    fn sans(self) -> usize;
    fn is_ordered(self) -> bool;
    fn alt_names(self, uri: bool, dns: bool) -> AltNames<'h>;
    /// Whether the form always writes Subject and URI, so that their absence is a fault.
    const WRITES_EMPTY: bool;
    /// How the form escapes a certificate's PEM.
    const CERT_ESCAPES: Percent;
}

impl<'h> Hop<'h> for &text::Element<'h> {
    fn by(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.values(Key::By).map(|value| value.unquoted())
    }

    fn uris(self) -> impl Iterator<Item = Cow<'h, str>> {
        self.values(Key::Uri).map(|value| value.unquoted())
    }
}

impl<'h> Fields<'h> for &text::Element<'h> {
    const WRITES_EMPTY: bool = true;
    const CERT_ESCAPES: Percent = Percent::Component;

    fn hash(self) -> Option<Cow<'h, str>> {
        self.hash.map(|value| value.unquoted())
    }

    fn cert(self) -> Option<Cow<'h, str>> {
        self.cert.map(|value| value.unquoted())
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
        self.uri.count.saturating_add(self.dns.count)
    }

    fn is_ordered(self) -> bool {
        self.ordered
    }

    fn alt_names(self, uri: bool, dns: bool) -> AltNames<'h> {
        let values = |carried, key| if carried { self.values(key) } else { Values::NONE };
        AltNames::Xfcc { uri: values(uri, Key::Uri), dns: values(dns, Key::Dns) }
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
    const CERT_ESCAPES: Percent = Percent::None;

    fn hash(self) -> Option<Cow<'h, str>> {
        self.hash.as_deref().map(Cow::Borrowed)
    }

    fn cert(self) -> Option<Cow<'h, str>> {
        self.cert.as_deref().map(Cow::Borrowed)
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
