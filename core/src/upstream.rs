//! What goes on to the service besides the request itself.

use alloc::string::String;
use alloc::vec::Vec;

use crate::decision::{Identity, IdentityType};
use crate::print;
use crate::request::Header;

/// The changes a host makes to the header lines before it forwards a request that was let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream<'r> {
    /// Names to remove, as the client spelled them, each once, in order of first appearance:
    /// copies and aliases of `identityHeader`.
    pub remove: Vec<&'r [u8]>,
    /// The identity header's name and value.
    pub set: Option<(String, String)>,
}

impl<'r> Upstream<'r> {
    pub(crate) fn new(header: &str, identity: Option<&Identity<'_>>, headers: &[Header<'r>]) -> Self {
        let mut remove: Vec<&'r [u8]> = Vec::new();
        for (name, _) in headers {
            if is_alias(name, header) && !remove.iter().any(|seen| seen.eq_ignore_ascii_case(name)) {
                remove.push(name);
            }
        }
        Self { remove, set: identity.map(|identity| (header.into(), notation(identity))) }
    }
}

/// Whether a name is a header's, in any case, also when `_` and `.` are read as `-` on both sides:
/// CGI, WSGI and PHP fold them.
#[must_use]
pub fn is_alias(name: &[u8], header: &str) -> bool {
    likeness(name, header) != Likeness::Other
}

/// How a name relates to a header's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Not at all.
    Other,
    /// Some servers read it as the header's.
    Alias,
    /// It is the header's, in some case.
    Same,
}

#[inline]
pub(crate) fn likeness(name: &[u8], header: &str) -> Likeness {
    // Nearly all names of this length are the header's as it stands.
    match name.len() == header.len() {
        false => Likeness::Other,
        true if name == header.as_bytes() => Likeness::Same,
        true => folded_likeness(name, header),
    }
}

fn folded_likeness(name: &[u8], header: &str) -> Likeness {
    let fold = |byte: u8| match byte {
        b'_' | b'.' => b'-',
        byte => byte.to_ascii_lowercase(),
    };
    if name.eq_ignore_ascii_case(header.as_bytes()) {
        Likeness::Same
    } else if name.iter().zip(header.bytes()).all(|(a, b)| fold(*a) == fold(b)) {
        Likeness::Alias
    } else {
        Likeness::Other
    }
}

/// The caller in the notation of `san`, so that a common name can never pass for a SPIFFE ID.
fn notation(identity: &Identity<'_>) -> String {
    let kind = match identity.kind {
        IdentityType::Spiffe => "URI:",
        IdentityType::Dns => "DNS:",
        IdentityType::Cn => "CN:",
    };
    let mut value = String::with_capacity(kind.len().saturating_add(identity.name.len()));
    value.push_str(kind);
    for byte in identity.name.bytes() {
        if matches!(byte, 0x21..=0x7E) && byte != b'%' {
            value.push(char::from(byte));
        } else {
            print::percent(&mut value, byte);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_aliases_go_and_the_caller_is_set() {
        let lines: &[Header<'_>] = &[
            (b"X-Client-Identity", b"forged"),
            (b"x-client-identity", b"again"),
            (b"x_client.identity", b"alias"),
            (b"x-client-identity2", b"other"),
        ];
        let identity = Identity { kind: IdentityType::Cn, name: "a b%\u{e9}\n".into() };
        let upstream = Upstream::new("x-client-identity", Some(&identity), lines);
        assert_eq!(upstream.remove, [&b"X-Client-Identity"[..], b"x_client.identity"]);
        assert_eq!(upstream.set, Some(("x-client-identity".into(), "CN:a%20b%25%C3%A9%0A".into())));
    }
}
