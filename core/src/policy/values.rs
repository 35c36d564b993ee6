//! The texts of a policy, each turned into bytes that compare: names, numbers, fingerprints.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::principal::{Atom, NameRole};
use crate::bytes::contains;
use crate::dn::{AttributeType, NameText};
use crate::load::{Fault, LoadCode};
use crate::spiffe::{SpiffeId, has_spiffe_scheme, is_trust_domain};

/// A fault with its code's usual hint.
const fn plain(code: LoadCode) -> Fault {
    (code, code.hint())
}

/// `spiffe`: an ID with a path.
pub(crate) fn spiffe(text: &str) -> Result<Atom, Fault> {
    let id = spiffe_id(text)?;
    if id.path().is_empty() {
        return Err(plain(LoadCode::SpiffeIdWithoutPath));
    }
    Ok(Atom::Spiffe(text.into()))
}

/// `spiffeUnder`: an ID or a whole trust domain.
pub(crate) fn spiffe_under(text: &str) -> Result<Atom, Fault> {
    spiffe_id(text).map(|_| Atom::SpiffeUnder(text.into()))
}

fn spiffe_id(text: &str) -> Result<SpiffeId<'_>, Fault> {
    SpiffeId::parse(text.as_bytes()).map_err(|_| {
        let hint = if contains(text, "*") {
            "wildcards are not part of a value; for all IDs below one use spiffeUnder"
        } else if !has_spiffe_scheme(text) {
            "a SPIFFE ID starts with spiffe://"
        } else if text.ends_with('/') {
            "leave the slash at the end out"
        } else {
            LoadCode::BadSpiffeId.hint()
        };
        (LoadCode::BadSpiffeId, hint)
    })
}

/// The trust domain of a SPIFFE condition, of others nothing.
pub(crate) fn trust_domain_of(atom: &Atom) -> Option<&str> {
    let (Atom::Spiffe(id) | Atom::SpiffeUnder(id)) = atom else { return None };
    SpiffeId::parse(id.as_bytes()).ok().map(|id| id.trust_domain())
}

/// A name in `trustDomains`.
pub(crate) fn trust_domain(text: &str) -> Result<Box<str>, Fault> {
    if has_spiffe_scheme(text) {
        return Err((LoadCode::BadTrustDomain, "write the name alone, without spiffe://"));
    }
    if contains(text, "/") {
        return Err((LoadCode::BadTrustDomain, "write the trust domain alone, without a path"));
    }
    is_trust_domain(text.as_bytes()).map_err(|_| plain(LoadCode::BadTrustDomain))?;
    Ok(text.into())
}

/// `san`: `TYPE:value`.
pub(crate) fn san(text: &str) -> Result<Atom, Fault> {
    let typed = text.split_once(':');
    let atom = match typed {
        Some(("URI", value)) => uri(value),
        Some(("DNS", value)) => dns(value),
        Some(("IP", value)) => ip(value),
        Some(("email", value)) => email(value),
        _ => return Err(san_without_type(text)),
    };
    if matches!(typed, Some((_, ""))) {
        return Err((LoadCode::EmptyString, "write a value after the type"));
    }
    atom
}

/// What to say of a name whose type is missing or unknown: the likely one.
fn san_without_type(text: &str) -> Fault {
    let kind = text.split_once(':').map(|(kind, _)| kind);
    if kind.is_some_and(|kind| ["URI", "DNS", "IP", "email"].iter().any(|ty| ty.eq_ignore_ascii_case(kind))) {
        return plain(LoadCode::UnknownSanType);
    }
    let hint = if has_spiffe_scheme(text) {
        "write \"URI:spiffe://…\", or use the key spiffe"
    } else if text.parse::<IpAddr>().is_ok() {
        "write \"IP:…\""
    } else if contains(text, "://") || text.starts_with("urn:") {
        "write \"URI:…\""
    } else if let Some(kind) = kind {
        return if kind.is_empty() || contains(kind, ".") {
            plain(LoadCode::SanWithoutType)
        } else {
            plain(LoadCode::UnknownSanType)
        };
    } else if contains(text, "@") {
        "write \"email:…\""
    } else if text.bytes().all(is_dns_byte) {
        "write \"DNS:…\""
    } else {
        LoadCode::SanWithoutType.hint()
    };
    (LoadCode::SanWithoutType, hint)
}

fn uri(text: &str) -> Result<Atom, Fault> {
    if has_spiffe_scheme(text) {
        return spiffe(text);
    }
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme || rest.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(plain(LoadCode::BadUri));
    }
    Ok(Atom::Uri(text.into()))
}

/// The alphabet that every source demands of DNS names.
const fn is_dns_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*')
}

fn dns(text: &str) -> Result<Atom, Fault> {
    if !text.bytes().all(is_dns_byte) {
        return Err(plain(LoadCode::BadDnsName));
    }
    Ok(Atom::Dns(text.to_ascii_lowercase().into()))
}

/// `dnsUnder`: the name whose subdomains are meant.
pub(crate) fn dns_under(text: &str) -> Result<Atom, Fault> {
    let hint = if contains(text, "*") {
        "write the name alone: dnsUnder already means every name below it"
    } else if text.starts_with('.') || text.ends_with('.') {
        "leave the dot at the end or the start out"
    } else if !text.bytes().all(is_dns_byte) || contains(text, "..") {
        LoadCode::BadDnsName.hint()
    } else {
        return Ok(Atom::DnsUnder(text.to_ascii_lowercase().into()));
    };
    Err((LoadCode::BadDnsName, hint))
}

fn ip(text: &str) -> Result<Atom, Fault> {
    let hint = match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => return Ok(Atom::Ip(address.octets().as_slice().into())),
        // Some tools print such a name for one of four bytes, some for one of sixteen.
        Ok(IpAddr::V6(address)) if is_mapped(address) => "write the IPv4 address alone, without ::ffff:",
        Ok(IpAddr::V6(address)) => return Ok(Atom::Ip(address.octets().as_slice().into())),
        Err(_) if contains(text, "/") => {
            "a certificate names single addresses: write one, without a prefix length"
        }
        Err(_) if text.contains(['[', ']', '%']) => "write the address alone, without brackets, port or zone",
        Err(_) => LoadCode::BadIp.hint(),
    };
    Err((LoadCode::BadIp, hint))
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

fn email(text: &str) -> Result<Atom, Fault> {
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let is_local = !local.is_empty() && local.bytes().all(|b| b.is_ascii_graphic());
    let is_domain = !domain.is_empty() && domain.bytes().all(|b| b != b'*' && is_dns_byte(b));
    if !is_local || !is_domain {
        return Err(plain(LoadCode::BadEmail));
    }
    let mut address = String::from(local);
    address.push('@');
    address.push_str(&domain.to_ascii_lowercase());
    Ok(Atom::Email(address.into()))
}

/// `subject` or `issuer` as one text.
pub(crate) fn name(role: NameRole, text: &str) -> Result<Atom, Fault> {
    let name = NameText::parse(text.as_bytes()).map_err(|_| {
        let hint = if text.starts_with('/') {
            "write CN=api,OU=Pay,O=Acme, the most specific part first, not the form with slashes"
        } else {
            LoadCode::BadDistinguishedName.hint()
        };
        (LoadCode::BadDistinguishedName, hint)
    })?;
    let mut canonical = Vec::new();
    name.write_canonical(&mut canonical);
    Ok(Atom::Name(role, canonical.into()))
}

/// A key of a `subject` or `issuer` object: the attribute's dotted OID.
pub(crate) fn attribute(key: &str) -> Result<Box<str>, Fault> {
    if key.starts_with(|c: char| c.is_ascii_digit()) {
        let oid = oid(key)?;
        return if AttributeType::policy_name(&oid).is_some() {
            Err(plain(LoadCode::OidHasName))
        } else {
            Ok(oid)
        };
    }
    AttributeType::parse(key).map(|ty| ty.oid().into()).ok_or((
        LoadCode::UnknownKey,
        "attributes are cn, ou, o, c, l, st, dc, uid, serialNumber, emailAddress, in this spelling, or an OID",
    ))
}

/// A dotted OID.
pub(crate) fn oid(text: &str) -> Result<Box<str>, Fault> {
    AttributeType::from_oid(text).map(|ty| ty.oid().into()).ok_or(plain(LoadCode::BadOid))
}

/// `serial`: "0x" and hexadecimal digits; colons may stand between digits.
pub(crate) fn serial(text: &str) -> Result<Atom, Fault> {
    let Some(digits) = text.strip_prefix("0x") else {
        let hint = if text.starts_with("0X") {
            "write a small x: 0x…"
        } else if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            "some tools print serial numbers in hexadecimal, some in decimal: write 0x and hexadecimal digits"
        } else {
            LoadCode::BadSerial.hint()
        };
        return Err((LoadCode::BadSerial, hint));
    };
    // A colon that is not between two digits leaves an empty part.
    let mut nibbles = Vec::with_capacity(digits.len());
    for part in digits.split(':') {
        if part.is_empty() {
            return Err(plain(LoadCode::BadSerial));
        }
        for digit in part.chars() {
            nibbles.push(hex_digit(digit).ok_or(plain(LoadCode::BadSerial))?);
        }
    }
    let significant = nibbles.iter().position(|nibble| *nibble != 0).unwrap_or(nibbles.len());
    let nibbles = nibbles.get(significant..).unwrap_or_default();
    let bytes: Vec<u8> = nibbles.rchunks(2).rev().map(join_nibbles).collect();
    Ok(Atom::Serial(bytes.into()))
}

fn hex_digit(digit: char) -> Option<u8> {
    digit.to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn join_nibbles(nibbles: &[u8]) -> u8 {
    nibbles.iter().fold(0, |byte, nibble| byte.wrapping_shl(4) | nibble)
}

/// `sha256`: 64 hexadecimal digits, bare or in pairs parted by colons or by spaces, or base64.
pub(crate) fn sha256(text: &str) -> Result<Atom, Fault> {
    if let Some(bytes) = hex_pairs(text) {
        return match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(digest) => Ok(Atom::Sha256(digest)),
            Err(_) if bytes.len() == 20 => Err(plain(LoadCode::Sha1Fingerprint)),
            Err(_) => Err((LoadCode::BadFingerprint, "a SHA-256 fingerprint has 64 hexadecimal digits")),
        };
    }
    if let Ok(bytes) = STANDARD.decode(text) {
        match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(digest) => return Ok(Atom::Sha256(digest)),
            Err(_) if bytes.len() == 20 => return Err(plain(LoadCode::Sha1Fingerprint)),
            Err(_) => {}
        }
    }
    let lower = text.to_ascii_lowercase();
    let hint = if lower.starts_with("sha256") || lower.starts_with("sha-256") || lower.starts_with("0x") {
        "write the digits alone, without a prefix"
    } else {
        LoadCode::BadFingerprint.hint()
    };
    Err((LoadCode::BadFingerprint, hint))
}

/// The bytes of hexadecimal digits: all together, or in pairs with one kind of separator.
fn hex_pairs(text: &str) -> Option<Vec<u8>> {
    let separator = [b':', b' '].into_iter().find(|separator| text.as_bytes().contains(separator));
    let stride = if separator.is_some() { 3 } else { 2 };
    let mut bytes = Vec::with_capacity(32);
    let mut chunks = text.as_bytes().chunks(stride).peekable();
    while let Some(chunk) = chunks.next() {
        let (pair, rest) = chunk.split_at_checked(2)?;
        let is_last = chunks.peek().is_none();
        if rest != if is_last { &[] } else { separator.as_slice() } {
            return None;
        }
        let mut nibbles = [0; 2];
        for (nibble, digit) in nibbles.iter_mut().zip(pair) {
            *nibble = hex_digit(char::from(*digit))?;
        }
        bytes.push(join_nibbles(&nibbles));
    }
    (!bytes.is_empty()).then_some(bytes)
}
