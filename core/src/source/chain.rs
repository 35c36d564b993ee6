//! Which element of the header is the caller.
//!
//! A comma inside a URI name forges a newer element even where the proxy replaces the header, so the
//! last element is never simply trusted: there is exactly one, or each element on the way is written
//! by a trusted proxy and linked to the next.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::order;
use crate::policy::matching::spiffe_prefixes;
use crate::policy::principal::Atom;
use crate::reason::Reason;
use crate::spiffe::SpiffeId;

/// What the walk needs of an element, in either form of the header.
pub(crate) trait Hop<'h>: Copy {
    /// URI names of the proxy that wrote it.
    fn by(self) -> impl Iterator<Item = Cow<'h, str>>;
    /// URI names of the client it describes.
    fn uris(self) -> impl Iterator<Item = Cow<'h, str>>;
}

/// `trustedProxies`, sorted: what a look-up costs hardly depends on how many there are.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    exact: Vec<Box<str>>,
    under: Vec<Box<str>>,
}

impl Trusted {
    pub(crate) fn new(atoms: &[Atom]) -> Self {
        let mut trusted = Self::default();
        for atom in atoms {
            match atom {
                Atom::Spiffe(id) => trusted.exact.push(id.clone()),
                Atom::SpiffeUnder(prefix) => trusted.under.push(prefix.clone()),
                // `source::read` makes no others.
                _ => {}
            }
        }
        order::sort_unstable(&mut trusted.exact);
        order::sort_unstable(&mut trusted.under);
        trusted
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.under.is_empty()
    }

    fn contains(&self, proxy: &str) -> bool {
        let is_in =
            |names: &[Box<str>], name: &str| names.binary_search_by(|known| (**known).cmp(name)).is_ok();
        is_in(&self.exact, proxy)
            || (!self.under.is_empty()
                && SpiffeId::parse(proxy.as_bytes()).is_ok()
                && spiffe_prefixes(proxy).any(|prefix| is_in(&self.under, prefix)))
    }
}

/// The caller's index; the elements stand oldest first and there is at least one.
///
/// # Errors
/// `untrusted_proxy`, `unexpected_element`.
pub(crate) fn caller<'h>(hops: &[impl Hop<'h>], trusted: &Trusted) -> Result<usize, Reason> {
    if trusted.is_empty() {
        return if hops.len() == 1 { Ok(0) } else { Err(Reason::UnexpectedElement) };
    }
    let mut met = Vec::new();
    let found = walk(hops, trusted, &mut met);
    order::sort_unstable(&mut met);
    // A proxy that is met twice on the way is the first thing that is wrong with it, wherever it ends.
    if met.is_sorted_by(|one, next| one < next) { found } else { Err(Reason::UntrustedProxy) }
}

/// The same, but for what two elements may have in common: `met` are the proxies that wrote each.
fn walk<'h>(hops: &[impl Hop<'h>], trusted: &Trusted, met: &mut Vec<Cow<'h, str>>) -> Result<usize, Reason> {
    let mut link: Option<Cow<'h, str>> = None;
    for (at, hop) in hops.iter().enumerate().rev() {
        // Each name once: an element may repeat one as often as it has room.
        let mut proxies: Vec<Cow<'h, str>> = Vec::new();
        proxies.extend(hop.by());
        order::sort_unstable(&mut proxies);
        proxies.dedup();
        let all_trusted = !proxies.is_empty() && proxies.iter().all(|proxy| trusted.contains(proxy));
        let linked = link.as_ref().is_none_or(|link| proxies.contains(link));
        if !all_trusted || !linked {
            return Err(Reason::UntrustedProxy);
        }
        met.append(&mut proxies);
        match only(hop.uris()).filter(|uri| trusted.contains(uri)) {
            Some(uri) if at > 0 => link = Some(uri),
            _ if at > 0 => return Err(Reason::UnexpectedElement),
            _ => return Ok(at),
        }
    }
    Err(Reason::UnexpectedElement)
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
        let trusted = [Atom::Spiffe(EDGE.into()), Atom::SpiffeUnder("spiffe://td/mesh".into())];
        caller(hops, &Trusted::new(&trusted))
    }

    #[test]
    fn without_trusted_proxies_there_is_one_element() {
        let hop = Element(&[], &[WEB]);
        assert_eq!(caller(&[hop], &Trusted::default()), Ok(0));
        assert_eq!(caller(&[hop, hop], &Trusted::default()), Err(Reason::UnexpectedElement));
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
