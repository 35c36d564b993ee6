//! The answer: one decision, as JavaScript reads it.
//!
//! JavaScript copies the answer in one call and takes it apart only as far as somebody asks.
//! All numbers are little-endian; `0` stands for `null` where a number has one added to it.
//!
//! | at | what |
//! |---|---|
//! | 0 | 1 allowed, 0 refused |
//! | 1 | reason |
//! | 2 | detail + 1 |
//! | 3 | kind of name + 1 |
//! | 4 | verified: 0 `null`, 1 false, 2 true |
//! | 5 | fingerprint: 0 none, 1 it is here, 2 it is still to be computed of the certificate |
//! | 6 | shadow: 0 `null`, 1 refused, 2 allowed |
//! | 7 | shadow's reason |
//! | 8, 10 | status, shadow's status (2 bytes each; 0 when allowed) |
//! | 12 .. 44 | the fingerprint, or the length of the certificate (4 bytes) |
//! | 44 .. | rule, shadow's rule, identity (UTF-8), name and value of the identity header, each as a 4-byte length + 1 and its bytes |
//! | then | number of names (4 bytes), names of header lines to remove, each as length + 1 and bytes |
//! | then, when refused | body, number of header lines, names and values, each as length + 1 and bytes |
//! | at the end | the certificate in DER, when its fingerprint is still to be computed |

use peergate_core::decision::IdentityType;
use peergate_core::{Decision, Detail, Gate, Header, Reason, Verdict};

/// Every kind of name; an answer's number counts from here.
const KINDS: [IdentityType; 3] = [IdentityType::Spiffe, IdentityType::Dns, IdentityType::Cn];

/// What of a decision differs between two of one caller's requests: with the caller it makes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gist {
    head: [u8; 8],
    /// Where the names of the rule and of shadow's rule are; a rule has its own for as long as the gate lives.
    rules: [usize; 2],
}

impl Gist {
    pub(crate) fn of(decision: &Decision<'_, '_>) -> Self {
        let place = |rule: Option<&str>| rule.map_or(0, |name| name.as_ptr().addr());
        Self {
            // Whether it is computed already makes no difference.
            head: head(decision, u8::from(decision.sha256.is_some())),
            rules: [place(decision.rule), place(decision.shadow.as_ref().and_then(|shadow| shadow.rule))],
        }
    }
}

/// Writes a decision and what follows from it for the host.
pub(crate) fn write(gate: &Gate, headers: &[Header<'_>], decision: &Decision<'_, '_>, out: &mut Vec<u8>) {
    out.clear();
    let shadow = decision.shadow.as_ref();
    let fingerprint = Fingerprint::of(decision);
    out.extend_from_slice(&head(decision, fingerprint.kind));
    out.extend_from_slice(&status(decision.verdict).to_le_bytes());
    out.extend_from_slice(&shadow.map_or(0, |shadow| status(shadow.verdict)).to_le_bytes());
    out.extend_from_slice(&fingerprint.place);
    piece(out, decision.rule.map(str::as_bytes));
    piece(out, shadow.and_then(|shadow| shadow.rule).map(str::as_bytes));
    piece(out, decision.identity.as_ref().map(|identity| identity.name.as_bytes()));
    if let Some(response) = gate.response(decision) {
        piece(out, None);
        piece(out, None);
        count(out, 0);
        piece(out, Some(response.body.as_bytes()));
        count(out, response.headers.len());
        for (name, value) in response.headers {
            piece(out, Some(name.as_bytes()));
            piece(out, Some(value.as_bytes()));
        }
    } else {
        let upstream = gate.upstream(decision, headers);
        piece(out, upstream.set.as_ref().map(|(name, _)| name.as_bytes()));
        piece(out, upstream.set.as_ref().map(|(_, value)| value.as_bytes()));
        count(out, upstream.remove.len());
        for name in upstream.remove {
            piece(out, Some(name));
        }
    }
    out.extend_from_slice(fingerprint.certificate);
}

/// Of the certificate of a caller who was never seen before it is not computed here: hardly anybody asks
/// for it, and Node does it several times as fast.
struct Fingerprint<'d> {
    kind: u8,
    place: [u8; 32],
    certificate: &'d [u8],
}

impl<'d> Fingerprint<'d> {
    fn of(decision: &'d Decision<'_, '_>) -> Self {
        let Some(sha256) = &decision.sha256 else {
            return Self { kind: 0, place: [0; 32], certificate: &[] };
        };
        match (sha256.known(), sha256.der()) {
            (None, Some(certificate)) => {
                let mut place = [0; 32];
                if let Some(length) = place.first_chunk_mut() {
                    *length = u32::try_from(certificate.len()).unwrap_or(u32::MAX).to_le_bytes();
                }
                Self { kind: 2, place, certificate }
            }
            _ => Self { kind: 1, place: *sha256.bytes(), certificate: &[] },
        }
    }
}

/// The first bytes of an answer.
fn head(decision: &Decision<'_, '_>, fingerprint: u8) -> [u8; 8] {
    let shadow = decision.shadow.as_ref();
    [
        u8::from(decision.is_allowed()),
        decision.reason as u8,
        decision.detail.map_or(0, |detail| (detail as u8).saturating_add(1)),
        decision.identity.as_ref().map_or(0, |identity| kind(identity.kind)),
        decision.verified.map_or(0, |verified| 1_u8.saturating_add(u8::from(verified))),
        fingerprint,
        shadow.map_or(0, |shadow| 1_u8.saturating_add(u8::from(shadow.verdict == Verdict::Allow))),
        shadow.map_or(0, |shadow| shadow.reason as u8),
    ]
}

/// The codes that the numbers of an answer stand for.
pub(crate) fn code_tables() -> String {
    let list = |codes: &mut dyn Iterator<Item = &'static str>| codes.collect::<Vec<_>>().join(",");
    [
        list(&mut Reason::ALL.iter().map(|reason| reason.code())),
        list(&mut Detail::ALL.iter().map(|detail| detail.code())),
        list(&mut KINDS.iter().map(|kind| kind.code())),
    ]
    .join(";")
}

fn kind(of: IdentityType) -> u8 {
    match of {
        IdentityType::Spiffe => 1,
        IdentityType::Dns => 2,
        IdentityType::Cn => 3,
    }
}

fn status(verdict: Verdict) -> u16 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Deny { status } => status,
    }
}

fn piece(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => count(out, 0),
        Some(bytes) => {
            count(out, bytes.len().saturating_add(1));
            out.extend_from_slice(bytes);
        }
    }
}

/// Nothing here comes near four gigabytes: all of it was in a frame.
fn count(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}
