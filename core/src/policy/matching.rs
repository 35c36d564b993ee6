//! What a caller's certificate says, compared with what principals ask.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::met::Met;
use super::principals::{Key, Kind, Principals};
use crate::credential::{AltName, Credential};
use crate::dn::NameText;

/// Whether a principal is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    No,
    /// Met as far as deny rules go: a common name of a subject that has several, an IPv4 address that
    /// is mapped into IPv6.
    DenyOnly,
    Yes,
}

/// An authenticated caller.
#[derive(Debug)]
pub(crate) struct Facts<'c, 'a> {
    /// The certificate.
    pub(crate) credential: &'c Credential<'a>,
    /// The SPIFFE ID: the only URI name, valid, with a path.
    pub(crate) spiffe: Option<&'c str>,
}

impl Facts<'_, '_> {
    /// Adds the rules that have a principal for this caller to `bits`.
    pub(super) fn look_up(&self, table: &Principals, deny: &[u64], bits: &mut [u64]) {
        let mut met = Met::new();
        let mut find = |kind: Kind, first: &[u8], second: &[u8], found: Match| {
            table.look_up(Key { kind, first, second }, found, &mut met);
        };
        let yes = Match::Yes;
        if let Some(sha256) = self.credential.sha256.as_ref().filter(|_| table.has(Kind::Sha256)) {
            find(Kind::Sha256, sha256.bytes(), &[], yes);
        }
        if let Some(id) = self.spiffe {
            if table.has(Kind::Spiffe) {
                find(Kind::Spiffe, id.as_bytes(), &[], yes);
            }
            if table.has(Kind::SpiffeUnder) {
                for prefix in spiffe_prefixes(id) {
                    find(Kind::SpiffeUnder, prefix.as_bytes(), &[], yes);
                }
            }
        } else if table.has(Kind::Uri) {
            self.credential.names.uris().for_each(|uri| find(Kind::Uri, uri.as_bytes(), &[], yes));
        }
        if table.has(Kind::Dns) || table.has(Kind::DnsUnder) {
            let longest = table.longest_dns_under();
            for name in self.credential.names.dns() {
                let name = lower(&name);
                find(Kind::Dns, name.as_bytes(), &[], yes);
                // With the dot of the root it is the same host to a resolver: enough to deny.
                let (name, found) = match name.strip_suffix('.') {
                    Some(name) => (name, Match::DenyOnly),
                    None => (&*name, yes),
                };
                if found == Match::DenyOnly {
                    find(Kind::Dns, name.as_bytes(), &[], found);
                }
                if table.has(Kind::DnsUnder) {
                    let parents = dns_parents(name).filter(|parent| parent.len() <= longest);
                    parents.for_each(|parent| find(Kind::DnsUnder, parent.as_bytes(), &[], found));
                }
            }
        }
        if table.has(Kind::Ip) || table.has(Kind::Email) {
            for name in self.credential.names.whole() {
                match name {
                    AltName::Ip(IpAddr::V4(address)) => find(Kind::Ip, &address.octets(), &[], yes),
                    AltName::Ip(IpAddr::V6(address)) => {
                        find(Kind::Ip, &address.octets(), &[], yes);
                        // ::ffff:10.0.0.7 is 10.0.0.7 to many readers, and no policy can name it.
                        if let Some(mapped) = address.to_ipv4_mapped() {
                            find(Kind::Ip, &mapped.octets(), &[], Match::DenyOnly);
                        }
                    }
                    AltName::Email(address) => find(Kind::Email, lower_domain(address).as_bytes(), &[], yes),
                    AltName::Uri(_) | AltName::Dns(_) => {}
                }
            }
        }
        let Credential { subject, issuer, serial, extensions, .. } = self.credential;
        if table.has(Kind::Subject) || table.has(Kind::SubjectAttribute) {
            look_up_name(subject, table, Kind::Subject, Kind::SubjectAttribute, &mut find);
        }
        if table.has(Kind::Issuer) || table.has(Kind::IssuerAttribute) {
            look_up_name(issuer, table, Kind::Issuer, Kind::IssuerAttribute, &mut find);
        }
        if let Some(serial) = serial.filter(|_| table.has(Kind::Serial)) {
            find(Kind::Serial, serial, &[], yes);
        }
        if table.has(Kind::Extension) {
            for extension in *extensions {
                if let Some(text) = &extension.text {
                    find(Kind::Extension, extension.oid.as_bytes(), text.as_bytes(), yes);
                }
            }
        }
        table.add_rules(&mut met, deny, bits);
    }
}

/// Looks a name up, whole and by its attributes.
fn look_up_name(
    name: &Option<NameText<'_>>,
    table: &Principals,
    whole: Kind,
    attribute: Kind,
    find: &mut impl FnMut(Kind, &[u8], &[u8], Match),
) {
    let Some(name) = name else { return };
    if table.has(whole) {
        let mut canonical = Vec::new();
        name.write_canonical(&mut canonical);
        find(whole, &canonical, &[], Match::Yes);
    }
    if table.has(attribute) {
        let cn = common_name(name);
        for found in name.attributes().filter(|attribute| attribute.is_text) {
            let counts = if found.ty.is_common_name() { cn } else { Match::Yes };
            find(attribute, found.ty.oid().as_bytes(), found.value.as_bytes(), counts);
        }
    }
}

/// What a common name that is equal counts for.
fn common_name(name: &NameText<'_>) -> Match {
    match name.attributes().filter(|attribute| attribute.ty.is_common_name()).take(2).count() {
        1 => Match::Yes,
        _ => Match::DenyOnly,
    }
}

/// The trust domain, each `/` boundary, and the ID itself.
pub(crate) fn spiffe_prefixes(id: &str) -> impl Iterator<Item = &str> {
    // Eight bytes are `spiffe:/`, so the first boundary is the end of the trust domain.
    let boundaries = id.match_indices('/').map(|(at, _)| at).skip(2);
    boundaries.chain([id.len()]).filter_map(move |end| id.get(..end))
}

/// The names under which a DNS name stands: what follows each dot that has a label before it.
fn dns_parents(name: &str) -> impl Iterator<Item = &str> {
    let counts = !name.as_bytes().contains(&b'*') && !name.starts_with('.');
    name.match_indices('.').filter(move |_| counts).filter_map(|(at, _)| name.get(at.saturating_add(1)..))
}

/// A mail address with its domain in lower case, as a policy holds it.
fn lower_domain(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = address.rsplit_once('@') else { return Cow::Borrowed(address) };
    match lower(domain) {
        Cow::Borrowed(_) => Cow::Borrowed(address),
        Cow::Owned(domain) => Cow::Owned([local, "@", &domain].concat()),
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_an_id_end_at_boundaries() {
        let prefixes: Vec<_> = spiffe_prefixes("spiffe://td/a/b").collect();
        assert_eq!(prefixes, ["spiffe://td", "spiffe://td/a", "spiffe://td/a/b"]);
    }

    #[test]
    fn parents_of_a_dns_name() {
        assert_eq!(dns_parents("a.b.c").collect::<Vec<_>>(), ["b.c", "c"]);
        for none in ["a", "*.b.c", ".b.c", ""] {
            assert_eq!(dns_parents(none).count(), 0, "{none}");
        }
    }
}
