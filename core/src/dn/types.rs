//! Attribute types: what a name calls them, and their OIDs.

use crate::limits::OID_BYTES;

/// The type of an attribute: its OID in dotted decimal, whatever the text called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeType<'a>(&'a str);

/// The keys of a policy, spelled exactly so, and their OIDs.
const POLICY: &[(&str, &str)] = &[
    ("cn", "2.5.4.3"),
    ("ou", "2.5.4.11"),
    ("o", "2.5.4.10"),
    ("c", "2.5.4.6"),
    ("l", "2.5.4.7"),
    ("st", "2.5.4.8"),
    ("dc", "0.9.2342.19200300.100.1.25"),
    ("uid", "0.9.2342.19200300.100.1.1"),
    ("serialNumber", "2.5.4.5"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
];

/// The other keywords that OpenSSL and BoringSSL print for types that certification authorities put
/// into names. A type without a keyword is printed as an OID, so this list need not be complete, but
/// a keyword that is missing here shuts a client out.
const PRINTED: &[(&str, &str)] = &[
    ("street", "2.5.4.9"),
    ("title", "2.5.4.12"),
    ("SN", "2.5.4.4"),
    ("GN", "2.5.4.42"),
    ("description", "2.5.4.13"),
    ("businessCategory", "2.5.4.15"),
    ("postalAddress", "2.5.4.16"),
    ("postalCode", "2.5.4.17"),
    ("postOfficeBox", "2.5.4.18"),
    ("physicalDeliveryOfficeName", "2.5.4.19"),
    ("telephoneNumber", "2.5.4.20"),
    ("name", "2.5.4.41"),
    ("initials", "2.5.4.43"),
    ("generationQualifier", "2.5.4.44"),
    ("x500UniqueIdentifier", "2.5.4.45"),
    ("dnQualifier", "2.5.4.46"),
    ("houseIdentifier", "2.5.4.51"),
    ("dmdName", "2.5.4.54"),
    ("pseudonym", "2.5.4.65"),
    ("role", "2.5.4.72"),
    ("organizationIdentifier", "2.5.4.97"),
    ("unstructuredName", "1.2.840.113549.1.9.2"),
    ("unstructuredAddress", "1.2.840.113549.1.9.8"),
    ("mail", "0.9.2342.19200300.100.1.3"),
    ("jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"),
    ("jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"),
    ("jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"),
];

impl<'a> AttributeType<'a> {
    /// From a key of a policy (`cn`, `ou`, `o`, `c`, `l`, `st`, `dc`, `uid`, `serialNumber`,
    /// `emailAddress`, spelled exactly so) or a dotted OID; `None` for neither.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let named = POLICY.iter().find(|(name, _)| *name == text);
        named.map(|(_, oid)| Self(oid)).or_else(|| Self::from_oid(text))
    }

    /// From a dotted OID, written without leading zeros so that equal OIDs are equal texts.
    #[must_use]
    pub fn from_oid(oid: &'a str) -> Option<Self> {
        is_oid(oid).then_some(Self(oid))
    }

    /// From what stands before `=` in a name.
    pub(super) fn from_text(text: &'a str) -> Option<Self> {
        if text.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
            return Self::from_oid(text);
        }
        let known = |table: &'static [(&str, &str)]| {
            let same = |name: &str| name.len() == text.len() && name.eq_ignore_ascii_case(text);
            table.iter().find(|(name, _)| same(name)).map(|(_, oid)| Self(oid))
        };
        known(POLICY).or_else(|| known(PRINTED))
    }

    /// The key that a policy has for an OID: where there is one, the OID must not stand in its place.
    #[must_use]
    pub fn policy_name(oid: &str) -> Option<&'static str> {
        POLICY.iter().find(|(_, known)| *known == oid).map(|(name, _)| *name)
    }

    /// The dotted OID, `2.5.4.3`.
    #[must_use]
    pub const fn oid(&self) -> &'a str {
        self.0
    }

    /// CN, 2.5.4.3.
    #[must_use]
    pub fn is_common_name(&self) -> bool {
        self.0 == "2.5.4.3"
    }
}

/// The keyword that OpenSSL and BoringSSL print for an OID, and whether it is to be in upper case.
#[cfg(feature = "x509")]
pub(crate) fn printed_keyword(oid: &str) -> Option<(&'static str, bool)> {
    let mut known = POLICY.iter().chain(PRINTED);
    let (name, _) = known.find(|(_, known)| *known == oid)?;
    // `cn`, `ou`, `st`, `uid` and their like are printed in capitals, all others as they stand here.
    Some((name, name.len() <= 3))
}

/// Whether a text is a dotted OID: two or more numbers without leading zeros, the first at most 2,
/// the second below 40 unless the first is 2 (X.660).
#[must_use]
fn is_oid(text: &str) -> bool {
    if text.len() > OID_BYTES {
        return false;
    }
    let mut arcs = text.split('.');
    let (Some(first), Some(second)) = (arcs.next(), arcs.next()) else { return false };
    let root = match first {
        "0" | "1" => second.len() == 1 || (second.len() == 2 && second < "40"),
        "2" => true,
        _ => false,
    };
    root && is_arc(second) && arcs.all(is_arc)
}

fn is_arc(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
}
