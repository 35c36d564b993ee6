//! Which element of the header is the caller.
//!
//! A comma inside a URI name forges a newer element even where the proxy replaces the header, so the
//! last element is never simply trusted: there is exactly one, or each element on the way is written
//! by a trusted proxy and linked to the next.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::policy::principal::{Atom, is_under};
use crate::reason::Reason;

/// What the walk needs of an element, in either form of the header.
pub(crate) trait Hop<'h>: Copy {
    /// URI names of the proxy that wrote it.
    fn by(self) -> impl Iterator<Item = Cow<'h, str>>;
    /// URI names of the client it describes.
    fn uris(self) -> impl Iterator<Item = Cow<'h, str>>;
}

/// The caller's index; the elements stand oldest first and there is at least one.
///
/// # Errors
/// `untrusted_proxy`, `unexpected_element`.
pub(crate) fn caller<'h>(hops: &[impl Hop<'h>], trusted: &[Atom]) -> Result<usize, Reason> {
    if trusted.is_empty() {
        return if hops.len() == 1 { Ok(0) } else { Err(Reason::UnexpectedElement) };
    }
    let mut seen: Vec<Cow<'h, str>> = Vec::new();
    let mut link: Option<Cow<'h, str>> = None;
    for (at, hop) in hops.iter().enumerate().rev() {
        let proxies: Vec<Cow<'h, str>> = hop.by().collect();
        let all_trusted = !proxies.is_empty() && proxies.iter().all(|proxy| is_trusted(proxy, trusted));
        let linked = link.as_ref().is_none_or(|link| proxies.contains(link));
        let twice = proxies.iter().any(|proxy| seen.contains(proxy));
        if !all_trusted || !linked || twice {
            return Err(Reason::UntrustedProxy);
        }
        seen.extend(proxies);
        match only(hop.uris()).filter(|uri| is_trusted(uri, trusted)) {
            Some(uri) if at > 0 => link = Some(uri),
            _ if at > 0 => return Err(Reason::UnexpectedElement),
            _ => return Ok(at),
        }
    }
    Err(Reason::UnexpectedElement)
}

fn is_trusted(proxy: &str, trusted: &[Atom]) -> bool {
    trusted.iter().any(|atom| match atom {
        Atom::Spiffe(id) => **id == *proxy,
        Atom::SpiffeUnder(prefix) => is_under(proxy, prefix),
        _ => false,
    })
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Element(&'static [&'static str], &'static [&'static str]);

    impl Hop<'static> for Element {
        fn by(self) -> impl Iterator<Item = Cow<'static, str>> {
            self.0.iter().map(|by| Cow::Borrowed(*by))
        }
        fn uris(self) -> impl Iterator<Item = Cow<'static, str>> {
            self.1.iter().map(|uri| Cow::Borrowed(*uri))
        }
    }

    const EDGE: &str = "spiffe://td/edge";
    const MESH: &str = "spiffe://td/mesh/a";
    const WEB: &str = "spiffe://td/web";

    fn walk(hops: &[Element]) -> Result<usize, Reason> {
        caller(hops, &[Atom::Spiffe(EDGE.into()), Atom::SpiffeUnder("spiffe://td/mesh".into())])
    }

    #[test]
    fn without_trusted_proxies_there_is_one_element() {
        let hop = Element(&[], &[WEB]);
        assert_eq!(caller(&[hop], &[]), Ok(0));
        assert_eq!(caller(&[hop, hop], &[]), Err(Reason::UnexpectedElement));
    }

    #[test]
    fn the_walk_goes_through_linked_trusted_proxies() {
        assert_eq!(walk(&[Element(&[EDGE], &[WEB])]), Ok(0));
        assert_eq!(walk(&[Element(&[EDGE], &[WEB]), Element(&[MESH], &[EDGE])]), Ok(0));
        assert_eq!(walk(&[Element(&[MESH], &[EDGE])]), Ok(0), "the proxy itself calls");
    }

    #[test]
    fn what_is_not_linked_or_not_trusted_is_refused() {
        let untrusted = Err(Reason::UntrustedProxy);
        assert_eq!(walk(&[Element(&[], &[WEB])]), untrusted);
        assert_eq!(walk(&[Element(&[WEB], &[WEB])]), untrusted);
        assert_eq!(walk(&[Element(&[EDGE, WEB], &[WEB])]), untrusted);
        assert_eq!(walk(&[Element(&[MESH], &[WEB]), Element(&[MESH], &[EDGE])]), untrusted, "not linked");
        assert_eq!(walk(&[Element(&[EDGE], &[WEB]), Element(&[EDGE], &[EDGE])]), untrusted, "twice");
        assert_eq!(
            walk(&[Element(&[EDGE], &[WEB]), Element(&[EDGE], &[WEB])]),
            Err(Reason::UnexpectedElement),
            "the walk stops at a caller and something is left over"
        );
        assert_eq!(
            walk(&[Element(&[EDGE], &[WEB]), Element(&[MESH], &[EDGE, EDGE])]),
            Err(Reason::UnexpectedElement),
            "a proxy with two names is nobody's link"
        );
    }
}
