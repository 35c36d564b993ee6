//! Step 3: is the caller who the certificate says?

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::source::Source;
use crate::credential::Credential;
use crate::decision::{Identity, IdentityType};
use crate::reason::{Detail, Reason};
use crate::source::Refusal;
use crate::source::document::Validity;
use crate::spiffe::{SpiffeId, has_spiffe_scheme};

/// Gives the SPIFFE ID, if the certificate has one. `trust_domains` are sorted.
///
/// # Errors
/// `unverified`, `not_yet_valid`, `expired`, `ambiguous_identity`, `foreign_trust_domain`.
pub(super) fn check<'c>(
    credential: &Credential<'c>,
    source: &Source,
    trust_domains: Option<&[Box<str>]>,
    now: Option<i64>,
) -> Result<Option<Cow<'c, str>>, Refusal> {
    if source.require_verified && !credential.verified {
        return Err(Refusal::of(Reason::Unverified));
    }
    check_window(credential.window, source, now)?;
    let mut uris = credential.names.uris();
    let (Some(first), second) = (uris.next(), uris.next()) else { return Ok(None) };
    let Some(second) = second else {
        return spiffe_identity(first, credential.is_ca, trust_domains);
    };
    // Several URI names are no SPIFFE identity, but they may be other names.
    if [&first, &second].into_iter().any(|uri| has_spiffe_scheme(uri))
        || uris.any(|uri| has_spiffe_scheme(&uri))
    {
        return Err(Refusal::of(Reason::AmbiguousIdentity));
    }
    Ok(None)
}

/// The part that time changes.
///
/// # Errors
/// `not_yet_valid`, `expired`.
pub(super) fn check_window(
    window: Option<(i64, i64)>,
    source: &Source,
    now: Option<i64>,
) -> Result<(), Refusal> {
    let Some((first, last)) = window.filter(|_| source.validity != Validity::Ignore) else { return Ok(()) };
    let no_clock = Refusal { reason: Reason::Expired, detail: Some(Detail::NoClock) };
    let now = now.ok_or(no_clock)?;
    if now < first.saturating_sub(source.skew) {
        return Err(Refusal::of(Reason::NotYetValid));
    }
    if now > last.saturating_add(source.skew) {
        return Err(Refusal::of(Reason::Expired));
    }
    Ok(())
}

fn spiffe_identity<'c>(
    uri: Cow<'c, str>,
    is_ca: bool,
    trust_domains: Option<&[Box<str>]>,
) -> Result<Option<Cow<'c, str>>, Refusal> {
    if !has_spiffe_scheme(&uri) {
        return Ok(None);
    }
    let ambiguous = Refusal::of(Reason::AmbiguousIdentity);
    let id = SpiffeId::parse_str(&uri).map_err(|_| ambiguous)?;
    if id.path().is_empty() || is_ca {
        return Err(ambiguous);
    }
    if let Some(domains) = trust_domains
        && domains.binary_search_by(|domain| (**domain).cmp(id.trust_domain())).is_err()
    {
        return Err(Refusal::of(Reason::ForeignTrustDomain));
    }
    Ok(Some(uri))
}

/// The caller's name for people: SPIFFE ID, else first DNS name, else the only common name.
pub(super) fn identity<'c>(
    credential: &Credential<'c>,
    spiffe: Option<Cow<'c, str>>,
) -> Option<Identity<'c>> {
    if let Some(name) = spiffe {
        return Some(Identity { kind: IdentityType::Spiffe, name });
    }
    if let Some(name) = credential.names.dns().next() {
        return Some(Identity { kind: IdentityType::Dns, name });
    }
    let mut names = credential.subject?.attributes().filter(|attribute| attribute.ty.is_common_name());
    match (names.next(), names.next()) {
        (Some(only), None) if only.is_text && !only.value.is_empty() => {
            Some(Identity { kind: IdentityType::Cn, name: only.value })
        }
        _ => None,
    }
}
