//! SPIFFE IDs: go-spiffe's own lists, and every rule with its offset.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod common;

use peergate_core::spiffe::SpiffeCode::{self, *};
use peergate_core::spiffe::{SpiffeError, SpiffeId, is_trust_domain};

fn error(text: &[u8]) -> (SpiffeCode, usize) {
    let SpiffeError { code, offset } = SpiffeId::parse(text).unwrap_err();
    (code, offset)
}

#[test]
fn vectors() {
    let vectors = common::vectors("spiffe.json");
    let valid = vectors["valid"].as_array().unwrap();
    assert!(valid.len() >= 72);
    for id in valid {
        let id = id.as_str().unwrap();
        let parsed = SpiffeId::parse(id.as_bytes()).unwrap_or_else(|error| panic!("{id}: {error:?}"));
        assert_eq!(parsed.as_str(), id);
        assert_eq!(format!("spiffe://{}{}", parsed.trust_domain(), parsed.path()), id);
        assert_eq!(is_trust_domain(parsed.trust_domain().as_bytes()), Ok(()));
    }
    let invalid = vectors["invalid"].as_array().unwrap();
    assert!(invalid.len() >= 269);
    for entry in invalid {
        let id = entry["id"].as_str().unwrap();
        let rule = entry["rule"].as_str().unwrap();
        // A code point above U+007F may come as UTF-8 or as one byte.
        assert_eq!(error(id.as_bytes()).0.code(), rule, "{id:?}");
        if id.chars().all(|c| u32::from(c) < 256) {
            assert_eq!(error(&common::latin1(id)).0.code(), rule, "{id:?} as bytes");
        }
    }
}

#[test]
fn each_rule_shows_at_its_byte() {
    let table: &[(&str, SpiffeCode, usize)] = &[
        ("", Empty, 0),
        ("s", Scheme, 1),
        ("spiffe:/td", Scheme, 8),
        ("Spiffe://td", Scheme, 0),
        ("https://td", Scheme, 0),
        (" spiffe://td", Scheme, 0),
        ("spiffe://", TrustDomainMissing, 9),
        ("spiffe:///a", TrustDomainMissing, 9),
        ("spiffe://tD/a", TrustDomainChar, 10),
        ("spiffe://td:80/a", TrustDomainChar, 11),
        ("spiffe://td?x", TrustDomainChar, 11),
        ("spiffe://td ", TrustDomainChar, 11),
        ("spiffe://td/", TrailingSlash, 11),
        ("spiffe://td/a/", TrailingSlash, 13),
        ("spiffe://td//", EmptySegment, 12),
        ("spiffe://td//a", EmptySegment, 12),
        ("spiffe://td/a//b", EmptySegment, 14),
        ("spiffe://td/.", DotSegment, 12),
        ("spiffe://td/a/../b", DotSegment, 14),
        ("spiffe://td/..?", PathChar, 14),
        ("spiffe://td/a%2fb", PathChar, 13),
        ("spiffe://td/a\0", PathChar, 13),
        ("spiffe://td/?", PathChar, 12),
        ("spiffe://td/ä", PathChar, 12),
    ];
    for (text, code, offset) in table {
        assert_eq!(error(text.as_bytes()), (*code, *offset), "{text:?}");
    }
}

#[test]
fn the_two_lengths_come_last() {
    let domain = "d".repeat(255);
    assert!(SpiffeId::parse(format!("spiffe://{domain}/a").as_bytes()).is_ok());
    assert_eq!(error(format!("spiffe://{domain}d/a").as_bytes()), (TrustDomainTooLong, 264));
    assert_eq!(error(format!("spiffe://{domain}d/").as_bytes()), (TrailingSlash, 265));
    let path = "p".repeat(2048 - 12);
    assert!(SpiffeId::parse(format!("spiffe://td/{path}").as_bytes()).is_ok());
    assert_eq!(error(format!("spiffe://td/{path}p").as_bytes()), (IdTooLong, 2048));
    assert_eq!(error(format!("spiffe://td/{path}p?").as_bytes()).0, PathChar);
    assert_eq!(error(format!("spiffe://{domain}d/{path}").as_bytes()).0, TrustDomainTooLong);
}

#[test]
fn trust_domains() {
    for legal in ["td", "a.b-c_d", "..", "-a", "1.2.3.4"] {
        assert_eq!(is_trust_domain(legal.as_bytes()), Ok(()), "{legal}");
    }
    let error = |text: &str| is_trust_domain(text.as_bytes()).map_err(|error| (error.code, error.offset));
    assert_eq!(error(""), Err((TrustDomainMissing, 0)));
    assert_eq!(error("spiffe://td"), Err((TrustDomainChar, 6)));
    assert_eq!(error("td/a"), Err((TrustDomainChar, 2)));
    assert_eq!(error("Td"), Err((TrustDomainChar, 0)));
    assert_eq!(error(&"d".repeat(255)), Ok(()));
    assert_eq!(error(&"d".repeat(256)), Err((TrustDomainTooLong, 255)));
}

#[test]
fn under() {
    let id = |text: &'static str| SpiffeId::parse(text.as_bytes()).unwrap();
    for (this, prefix, under) in [
        ("spiffe://td/a", "spiffe://td/a", true),
        ("spiffe://td/a/b", "spiffe://td/a", true),
        ("spiffe://td/a", "spiffe://td", true),
        ("spiffe://td", "spiffe://td", true),
        ("spiffe://td/ab", "spiffe://td/a", false),
        ("spiffe://td/a", "spiffe://td/a/b", false),
        ("spiffe://td.example/a", "spiffe://td", false),
        ("spiffe://tda", "spiffe://td", false),
        ("spiffe://td/A/b", "spiffe://td/a", false),
    ] {
        assert_eq!(id(this).is_under(&id(prefix)), under, "{this} under {prefix}");
    }
}
