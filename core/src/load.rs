//! Why a document was refused, and what is odd about one that was not.
//!
//! The two tables below are the only place where codes, messages and usual hints are written;
//! `docs/codes.md` publishes them and a test holds it to them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::limits::LOAD_ERRORS;
use crate::print::{decimal, json_string};

/// Which document a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// A deployment.
    Deployment,
    /// A policy of its own; full pointers start with `/policy`.
    Policy,
    /// A source of its own; full pointers start with `/source`.
    Source,
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which document.
    pub document: Document,
    /// JSON Pointer (RFC 6901) within that document.
    pub pointer: String,
    /// From 1.
    pub line: usize,
    /// From 1, in code points.
    pub column: usize,
}

/// A document was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The stable code.
    pub code: LoadCode,
    /// Where.
    pub place: Place,
    /// What to do about it.
    pub hint: &'static str,
}

/// A document was taken, with a doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The stable code.
    pub code: WarningCode,
    /// Where.
    pub place: Place,
    /// What to do about it.
    pub hint: &'static str,
}

/// The errors of a document in its order, at most [`LOAD_ERRORS`]; never empty.
pub type LoadErrors = Vec<LoadError>;

/// Why a text is refused: the code and the hint.
pub(crate) type Fault = (LoadCode, &'static str);

/// Adds a finding to those before it in the text; of two at one place, the one that was made first
/// stays first. Only the first [`LOAD_ERRORS`] are kept.
#[inline(never)]
pub(crate) fn add_in_order<F>(findings: &mut Vec<F>, finding: F, place: fn(&F) -> &Place) {
    let new = place(&finding).order();
    let at = findings.partition_point(|other| place(other).order() <= new);
    findings.insert(at, finding);
    findings.truncate(LOAD_ERRORS);
}

impl Place {
    const fn order(&self) -> (u8, usize, usize) {
        (self.document as u8, self.line, self.column)
    }

    /// The pointer as hosts print it: `/policy/…` or `/source/…` whatever file it came from.
    #[must_use]
    pub fn full_pointer(&self) -> String {
        let prefix = match self.document {
            Document::Deployment => "",
            Document::Policy => "/policy",
            Document::Source => "/source",
        };
        let mut out = String::from(prefix);
        out.push_str(&self.pointer);
        out
    }
}

impl LoadError {
    /// Writes the JSON form: `code`, `message`, `pointer`, `line`, `column` and `hint`.
    pub fn write_json(&self, out: &mut String) {
        write_finding(out, self.code.code(), self.code.message(), &self.place, self.hint);
    }
}

impl Warning {
    /// Writes the JSON form, which is that of an error.
    pub fn write_json(&self, out: &mut String) {
        write_finding(out, self.code.code(), self.code.message(), &self.place, self.hint);
    }
}

fn write_finding(out: &mut String, code: &str, message: &str, place: &Place, hint: &str) {
    let pointer = place.full_pointer();
    let texts =
        [("{\"code\":", code), (",\"message\":", message), (",\"pointer\":", &pointer), (",\"hint\":", hint)];
    for (key, text) in texts {
        out.push_str(key);
        json_string(out, text);
    }
    out.push_str(",\"line\":");
    decimal(out, place.line as u64, 1);
    out.push_str(",\"column\":");
    decimal(out, place.column as u64, 1);
    out.push('}');
}

/// One row a code: variant, code, message, usual hint.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $code:literal $message:literal $hint:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $(#[doc = $message] $variant,)* }

        impl $name {
            /// Every value, in the order of the published table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// What to do about it where nothing more exact is known.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

table! {
    /// The stable codes of load errors.
    LoadCode {
        // The text.
        DocumentTooLarge "document_too_large"
            "the document has more bytes than this host takes"
            "split the policy, or load it in a host with a larger limit (64 MiB; 8 MiB in the filter)"
        ByteOrderMark "byte_order_mark"
            "the document starts with a byte-order mark"
            "save the file as UTF-8 without a byte-order mark"
        InvalidUtf8 "invalid_utf8"
            "the document is not UTF-8"
            "save the file as UTF-8"
        InvalidJson "invalid_json"
            "the document is not JSON"
            "write strict JSON (RFC 8259): no comments, no trailing commas, double quotes"
        NestingTooDeep "nesting_too_deep"
            "objects and arrays are nested more than 32 deep"
            "no part of a document needs more than ten levels"
        LoneSurrogate "lone_surrogate"
            "a \\u escape is half of a surrogate pair"
            "write the character itself, or both halves"
        DuplicateKey "duplicate_key"
            "the object has this key twice"
            "keep one of the two: readers disagree on which one counts"

        // Its structure.
        UnknownKey "unknown_key"
            "no such key here"
            "remove the key or correct its spelling; keys are case-sensitive"
        MissingKey "missing_key"
            "a required key is missing"
            "add the key"
        WrongType "wrong_type"
            "the value has the wrong JSON type"
            "see the schema for the type of this value"
        NotAnInteger "not_an_integer"
            "the number is not written as an integer"
            "write digits only: no fraction, no exponent"
        OutOfRange "out_of_range"
            "the number is out of range"
            "see the schema for the range of this value"
        EmptyArray "empty_array"
            "the array is empty"
            "leave the key out for its default; nothing is written as [] but allow and deny"
        EmptyObject "empty_object"
            "the object is empty"
            "name at least one condition; for everyone write \"from\": \"anyone\" or \"authenticated\""
        EmptyString "empty_string"
            "the text is empty"
            "write a value, or leave the key out"
        UnknownValue "unknown_value"
            "the value is none of those allowed here"
            "see the schema for the values allowed here; they are case-sensitive"
        UnsupportedVersion "unsupported_version"
            "this version of the document is not known"
            "write \"version\": 1, or use a newer Peergate"

        // The policy.
        BadRuleName "bad_rule_name"
            "the name of a rule, group or policy has a byte that it must not have, or too many of them"
            "use lower-case letters, digits and hyphens, at most 63, not starting with a hyphen"
        DuplicateRuleName "duplicate_rule_name"
            "another rule has this name"
            "names are unique over deny and allow together, so that a decision names one rule"
        BadReference "bad_reference"
            "a text in from must be a group, written @name"
            "write \"@group\", or a principal as an object such as {\"spiffe\": \"spiffe://…\"}"
        UndefinedGroup "undefined_group"
            "no such group"
            "define the group under groups, or correct the name"
        NestedGroup "nested_group"
            "a group cannot hold a group"
            "name both groups in the rule's from"
        TooManyRules "too_many_rules"
            "the policy has more than 4096 rules"
            "merge rules that differ only in their principals into groups"
        TooManyIdentities "too_many_identities"
            "the policy names more identities than this host takes"
            "use spiffeUnder or dnsUnder, or a host with a larger limit (1,000,000; 100,000 in the filter)"
        BadSpiffeId "bad_spiffe_id"
            "the text is no SPIFFE ID"
            "write spiffe://trust-domain/path: lower-case trust domain, no empty segment, no trailing slash"
        SpiffeIdWithoutPath "spiffe_id_without_path"
            "a caller's SPIFFE ID always has a path, so this can never match"
            "for a whole trust domain write {\"spiffeUnder\": \"spiffe://…\"}"
        BadTrustDomain "bad_trust_domain"
            "the text is no SPIFFE trust domain"
            "write the name alone, such as prod.example: lower-case letters, digits, dots, hyphens, underscores"
        SanWithoutType "san_without_type"
            "a subject alternative name needs its type"
            "write TYPE:value with the type URI, DNS, IP or email"
        UnknownSanType "unknown_san_type"
            "no such type of subject alternative name"
            "the types are URI, DNS, IP and email, in this spelling"
        BadUri "bad_uri"
            "the text is no URI"
            "write an absolute URI: a scheme, a colon, and printable ASCII without spaces"
        BadDnsName "bad_dns_name"
            "the text is no DNS name"
            "use letters, digits, dots, hyphens and underscores; names in other scripts in their xn-- form"
        BadIp "bad_ip"
            "the text is no IP address"
            "write one IPv4 or IPv6 address"
        BadEmail "bad_email"
            "the text is no mail address"
            "write local@domain in ASCII"
        BadDistinguishedName "bad_distinguished_name"
            "the text is no RFC 4514 name"
            "write it as OpenSSL prints it with -nameopt RFC2253: CN=api,OU=Pay,O=Acme\\, Inc."
        BadOid "bad_oid"
            "the text is no object identifier"
            "write numbers and dots: 1.3.6.1.4.1.…"
        OidHasName "oid_has_name"
            "this attribute has a name, and is only written by it"
            "write cn, ou, o, c, l, st, dc, uid, serialNumber or emailAddress"
        BadSerial "bad_serial"
            "the serial number is not 0x and hexadecimal digits"
            "write 0x and the hexadecimal digits, as openssl x509 -serial prints them"
        SerialWithoutIssuer "serial_without_issuer"
            "a serial number means something only beside its issuer"
            "add issuer to the same principal"
        BadFingerprint "bad_fingerprint"
            "the text is no SHA-256 fingerprint"
            "write 64 hexadecimal digits, as openssl x509 -fingerprint -sha256 prints them, or base64"
        Sha1Fingerprint "sha1_fingerprint"
            "this has the length of a SHA-1 fingerprint, and SHA-256 is needed"
            "take the one that openssl x509 -fingerprint -sha256 prints"
        BadMethod "bad_method"
            "no request with this method is ever let through"
            "write the method in upper case, such as GET"
        BadPath "bad_path"
            "the path pattern is not valid, or no request that it matches is ever let through"
            "write /literal/{one}/segments, with * only as the whole last segment"
        PathsWithAnyTarget "paths_with_any_target"
            "paths cannot be checked when \"target\": \"any\" lifts the checks that make them safe"
            "remove the paths, or \"target\": \"any\""
        NeedsStrictTarget "needs_strict_target"
            "this option has no meaning with \"target\": \"any\""
            "remove the option, or \"target\": \"any\""
        AttributeNotCarried "attribute_not_carried"
            "the source can never supply what this asks for"
            "use a source that carries it, or another condition"

        // The deployment.
        PolicyIsAPath "policy_is_a_path"
            "the policy is named by a path, and this host was not given that file"
            "put the policy object in its place"
        PolicyGivenTwice "policy_given_twice"
            "the deployment holds a policy, and another was given beside it"
            "give one of the two"
        BadHeaderName "bad_header_name"
            "the text is no header name"
            "use letters, digits and hyphens"
        ForbiddenHeader "forbidden_header"
            "this header belongs to the connection or to routing and cannot carry an identity"
            "choose a header of its own, such as x-client-identity"
        HeaderConflict "header_conflict"
            "another part of the document already uses this header, or an alias of it"
            "choose another name; _ and . count as -"
        WholeTrustDomain "whole_trust_domain"
            "a whole trust domain cannot be trusted to write identities"
            "name the proxies, or a path that only proxies have"
        NeverVerified "never_verified"
            "nobody verifies the certificates that this source forwards"
            "write \"requireVerified\": false and name callers by sha256 only, or have the proxy verify"
        CertificatesNotRead "certificates_not_read"
            "this source needs certificates to be decoded, and this build of Peergate cannot"
            "build peergate-core with the feature x509, or use a source that sends fields"
        VerifiedByRequired "verified_by_required"
            "this host cannot see whether the connection's certificate was verified"
            "write \"verifiedBy\": \"listener\" once the listener requires verified certificates, or \"requireVerified\": false"
    }
}

table! {
    /// The stable codes of warnings.
    WarningCode {
        UnusedGroup "unused_group"
            "no rule uses this group"
            "remove the group, or name it in a rule"
        NothingAllowed "nothing_allowed"
            "no enforced allow rule: every request is refused"
            "add an allow rule, or take one out of shadow"
        OpenToAnyone "open_to_anyone"
            "this rule lets every request through, with or without a certificate"
            "name the paths or methods that are meant"
        CnWithoutIssuer "cn_without_issuer"
            "any authority that the proxy trusts can issue this common name"
            "add issuer to the principal, or use a SPIFFE ID or a fingerprint"
        ForeignIdentity "foreign_identity"
            "this SPIFFE ID is outside trustDomains and can never match"
            "add its trust domain to trustDomains, or correct the ID"
        TextFormUnsafe "text_form_unsafe"
            "Envoy writes names into the text form unescaped: a certificate whose names hold , or ; can forge fields"
            "safe only if your authority never signs such names; else use \"format\": \"json\" or \"read\": \"certificate\""
        VerificationNotRequired "verification_not_required"
            "callers whose certificate nobody verified are taken as authenticated"
            "remove \"requireVerified\": false unless every rule is by fingerprint"
    }
}
