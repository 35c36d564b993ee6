//! For people: what each reason means and what to change, one row a code.

use peergate_core::{Detail, Reason};

/// What a reason means and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened, one sentence.
    pub means: &'static str,
    /// What to change if it was not meant, one sentence.
    pub change: &'static str,
}

/// The row of a reason.
#[must_use]
pub const fn reason_advice(reason: Reason) -> Advice {
    let (means, change) = match reason {
        Reason::Allowed => (
            "An enforced allow rule matched and no enforced deny rule did.",
            "Nothing, if this caller is meant to do this; else narrow the rule that is named.",
        ),
        Reason::ShadowMode => (
            "The policy is in shadow: every request is let through.",
            "Set \"mode\": \"enforce\" in the policy once the shadow verdicts are as they should be.",
        ),
        Reason::NoCertificate => (
            "No client certificate came with the request, and no rule for anyone matched.",
            "Have the caller present a certificate and the proxy forward it, or write a rule with \"from\": \"anyone\".",
        ),
        Reason::AmbiguousRequest => (
            "Two readers could take the method or the path of this request for different ones.",
            "Send the plain spelling: an upper-case method, a path without dot segments, doubled slashes, semicolons or encoded slashes; or lift a check with \"request\" in the policy.",
        ),
        Reason::MalformedHeader => (
            "The header that carries the certificate breaks its format.",
            "Make sure that only the proxy writes this header and that the source names the form in which it does.",
        ),
        Reason::UnexpectedElement => (
            "The header has more elements than trusted proxies account for.",
            "Have the outermost proxy replace the header (SANITIZE_SET), or list the proxies in \"trustedProxies\" of the source.",
        ),
        Reason::UntrustedProxy => (
            "An element was not written by a trusted proxy, or the elements do not link up.",
            "List that proxy's SPIFFE ID in \"trustedProxies\", and have every proxy forward its own URI in By.",
        ),
        Reason::HashMismatch => (
            "The certificate is not the one of the connection, or not the one that its hash names.",
            "Have the proxy write the header itself (SANITIZE_SET or APPEND_FORWARD); where a listener only forwards it, set \"bindConnection\": false in the source.",
        ),
        Reason::Unverified => (
            "Nobody vouches for the certificate.",
            "Have the proxy verify client certificates and say so, or have the caller use a certificate of the expected authority.",
        ),
        Reason::NotYetValid => (
            "The certificate is not valid yet.",
            "Check the clocks of the caller, of this host and of the authority, or raise \"clockSkewSeconds\" of the source.",
        ),
        Reason::Expired => ("The certificate is not valid any more.", "Renew the caller's certificate."),
        Reason::AmbiguousIdentity => (
            "The certificate has a SPIFFE name that is not valid, or other URI names beside it.",
            "Issue a certificate with exactly one URI name, a SPIFFE ID with a path.",
        ),
        Reason::ForeignTrustDomain => (
            "The SPIFFE ID is of a trust domain that the policy does not list.",
            "Add the trust domain to \"trustDomains\" of the policy, if its callers are meant to get in.",
        ),
        Reason::DeniedByRule => (
            "An enforced deny rule matched; no allow rule can lift that.",
            "Narrow the deny rule that is named, if this request is meant to pass.",
        ),
        Reason::NoRule => (
            "The caller is known, and no allow rule matched.",
            "Write an allow rule for this caller, method and path, or widen one of those above.",
        ),
    };
    Advice { means, change }
}

/// The row of a detail: what to change.
#[must_use]
pub fn detail_advice(detail: Detail) -> &'static str {
    // A test proves that there is a row for every detail.
    DETAILS.iter().find(|(of, _)| *of == detail).map_or("", |(_, advice)| advice)
}

const DETAILS: &[(Detail, &str)] = &[
    (Detail::BadMethod, "Send the method in upper-case letters and hyphens only."),
    (Detail::NotOriginForm, "Send the target as a path that starts with `/` (`*` is for OPTIONS only)."),
    (Detail::PathTooLong, "Send a path of at most 8 KiB; move what is long into the query or the body."),
    (Detail::TooManySegments, "Send a path of at most 128 segments."),
    (
        Detail::EmptySegment,
        "Send one slash where there are two, or have the proxy merge them (merge_slashes in Envoy).",
    ),
    (
        Detail::DotSegment,
        "Send the path without `.` and `..` segments, or have the proxy resolve them (normalize_path in Envoy).",
    ),
    (
        Detail::BadPathByte,
        "Percent-encode the byte in the path; a backslash or `#` has no place there at all.",
    ),
    (Detail::BadEscape, "Write `%` as `%25`, and every escape with two hexadecimal digits."),
    (
        Detail::EncodedSlash,
        "Send a slash as it is, or allow `%2F` in segments with \"allowEncodedSlash\": true in \"request\" of the policy.",
    ),
    (Detail::EncodedBackslash, "Send the path without `%5C`: some servers take it for a slash."),
    (Detail::EncodedControl, "Send the path without encoded control bytes."),
    (
        Detail::DoubleEncoding,
        "Encode the path once: `%25` before two hexadecimal digits is an escape of an escape.",
    ),
    (Detail::EncodedNonUtf8, "Percent-encode the path as UTF-8."),
    (
        Detail::Semicolon,
        "Send the path without `;`, or allow it with \"allowSemicolon\": true in \"request\" of the policy.",
    ),
    (
        Detail::RepeatedHeader,
        "Have the proxy overwrite the header instead of adding a second line to what the client sent.",
    ),
    (
        Detail::AliasedHeader,
        "Remove lines whose name differs from the header's only in `_` or `.` for `-`: some servers take them for the same.",
    ),
    (
        Detail::HeaderTooLong,
        "Forward fewer fields, or raise \"maxHeaderBytes\" of the source up to its limit.",
    ),
    (
        Detail::UnexpectedFormat,
        "Choose the preset of the proxy that writes this header; for Envoy, set \"format\" of the source to the form that it writes.",
    ),
    (
        Detail::ControlByte,
        "Find the name in the certificate that holds a control byte: no proxy writes one by itself.",
    ),
    (
        Detail::NonAsciiByte,
        "Find the name in the certificate that is not ASCII; the JSON form of Envoy carries such names safely.",
    ),
    (
        Detail::SpaceInValue,
        "Have the producer write no space around `,`, `;` and `=`, and quote values that hold one.",
    ),
    (Detail::EmptyElement, "Have the producer write no comma without an element on both sides."),
    (Detail::EmptyPair, "Have the producer write no semicolon without a pair on both sides."),
    (
        Detail::MissingEquals,
        "Have the producer write every pair as Key=value; a name that holds `;` in the certificate has this effect, too.",
    ),
    (Detail::EmptyKey, "Have the producer write a key before `=`."),
    (Detail::BadKey, "Have the producer write keys of letters only."),
    (
        Detail::UnknownKey,
        "Use only the keys By, Hash, Cert, Chain, Subject, URI and DNS; a name that holds `;` in the certificate has this effect, too.",
    ),
    (Detail::DuplicateKey, "Have the producer write Hash, Cert, Chain and Subject once in an element."),
    (
        Detail::QuoteInBareValue,
        "Have the producer quote a whole value or nothing of it; a name that holds a quote in the certificate has this effect, too.",
    ),
    (
        Detail::UnclosedQuote,
        "Have the producer close every quote; a header that was cut off has this effect, too.",
    ),
    (Detail::TextAfterQuote, "Have the producer write `;` or `,` after a closing quote."),
    (Detail::BadJson, "Have the producer write Envoy's JSON array exactly, or set \"format\": \"text\"."),
    (Detail::TooManyElements, "Find the loop of proxies that keeps on adding elements."),
    (Detail::TooManyPairs, "Issue a certificate with fewer names."),
    (Detail::TooManySans, "Issue a certificate with fewer URI and DNS names."),
    (
        Detail::KeyOrder,
        "Set \"keyOrder\": \"any\" in the source if the producer is not Envoy; from Envoy, a forged field shows like this.",
    ),
    (
        Detail::MissingField,
        "Have the proxy forward the field (set_current_client_cert_details in Envoy), or write the rules without it.",
    ),
    (Detail::BadHash, "Have the producer write the SHA-256 of the certificate in 64 hexadecimal digits."),
    (
        Detail::BadDnsName,
        "Issue a certificate whose DNS names hold only letters, digits, `-`, `.`, `_` and `*`.",
    ),
    (Detail::BadName, "Have the producer write the subject as RFC 4514 does."),
    (
        Detail::BadEncoding,
        "Have the proxy write the value exactly as the preset expects it, escapes, base64 padding and line breaks included; a header that was cut off or edited on the way has this effect, too.",
    ),
    (
        Detail::BadCertificate,
        "Have the caller present one certificate in strict DER (RFC 5280); `peergate parse cert` says what is wrong with one.",
    ),
    (
        Detail::ContradictoryHeaders,
        "Have the proxy write all of its certificate headers on every request, the empty ones as well, so that a client's copy never remains.",
    ),
    (Detail::NoClock, "Give the host a clock, or set \"validity\": \"ignore\" in the source."),
    (
        Detail::OtherConnectionCertificate,
        "Have the last proxy write its own element for the connection; where the listener only forwards the header, set \"bindConnection\": false.",
    ),
    (
        Detail::OtherCertificateHash,
        "Make sure that one proxy writes the certificate and its hash, both for the connection that it ends, and that no client's copy of either remains.",
    ),
    (
        Detail::NoConnectionCertificate,
        "Require a client certificate on the listener, or set \"bindConnection\": false where it only forwards the header.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use peergate_core::{Detail, Reason};

    use super::{detail_advice, reason_advice};

    fn is_sentence(text: &str) -> bool {
        text.len() > 20 && text.ends_with('.') && text.starts_with(|c: char| c.is_ascii_uppercase())
    }

    #[test]
    fn every_reason_has_its_own_two_sentences() {
        let mut seen = BTreeSet::new();
        for reason in Reason::ALL {
            let advice = reason_advice(*reason);
            assert!(is_sentence(advice.means) && is_sentence(advice.change), "{reason}");
            assert!(seen.insert(advice.means) && seen.insert(advice.change), "{reason} repeats another");
        }
    }

    #[test]
    fn every_detail_has_its_own_sentence() {
        let mut seen = BTreeSet::new();
        for detail in Detail::ALL {
            assert!(is_sentence(detail_advice(*detail)), "{detail}");
            assert!(seen.insert(detail_advice(*detail)), "{detail} repeats another");
        }
    }
}
