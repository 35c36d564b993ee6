//! Why a request was let through or refused: stable codes for people, logs and metrics.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $about:literal])+ $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $about])+ $variant,)* }

        impl $name {
            /// Every value, in the order of the published table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, in a sentence: the text of the published table.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),+),)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// The reason of a decision. Exhaustive on purpose: a host must handle a new one.
    Reason {
        /// An enforced allow rule matched.
        Allowed = "allowed",
        /// The whole policy is in shadow; the request was let through.
        ShadowMode = "shadow_mode",
        /// No certificate, and no rule for `"from": "anyone"` matched.
        NoCertificate = "no_certificate",
        /// The method or the request target can be read in two ways.
        AmbiguousRequest = "ambiguous_request",
        /// The identity header breaks its format; see the detail.
        MalformedHeader = "malformed_header",
        /// More elements than there are trusted proxies to account for them.
        UnexpectedElement = "unexpected_element",
        /// An element was written by a proxy that is not trusted or not linked to the next.
        UntrustedProxy = "untrusted_proxy",
        /// The certificate is not the one of the connection, or not the one that the hash names.
        HashMismatch = "hash_mismatch",
        /// Nobody vouches for the certificate.
        Unverified = "unverified",
        /// The certificate is not valid yet.
        NotYetValid = "not_yet_valid",
        /// The certificate is not valid any more.
        Expired = "expired",
        /// The certificate's names do not make one identity.
        AmbiguousIdentity = "ambiguous_identity",
        /// The SPIFFE ID is of a trust domain that the policy does not list.
        ForeignTrustDomain = "foreign_trust_domain",
        /// An enforced deny rule matched.
        DeniedByRule = "denied_by_rule",
        /// No rule matched.
        NoRule = "no_rule",
    }
}

codes! {
    /// The finer code of a refusal. Those of `malformed_header` stand in the order in which they
    /// are tested.
    Detail {
        /// `ambiguous_request`: the method is not `[A-Z][A-Z-]*`.
        BadMethod = "bad_method",
        /// `ambiguous_request`: the target does not start with `/` (nor is it `*` with OPTIONS).
        NotOriginForm = "not_origin_form",
        /// `ambiguous_request`: the path is longer than 8 KiB.
        PathTooLong = "path_too_long",
        /// `ambiguous_request`: the path has more than 128 segments.
        TooManySegments = "too_many_segments",
        /// `ambiguous_request`: two slashes in a row.
        EmptySegment = "empty_segment",
        /// `ambiguous_request`: a `.` or `..` segment in some reading of the path.
        DotSegment = "dot_segment",
        /// `ambiguous_request`: `#`, a backslash, or a byte outside 0x21-0x7E.
        BadPathByte = "bad_path_byte",
        /// `ambiguous_request`: a percent sign without two hexadecimal digits.
        BadEscape = "bad_escape",
        /// `ambiguous_request`: `%2F`.
        EncodedSlash = "encoded_slash",
        /// `ambiguous_request`: `%5C`.
        EncodedBackslash = "encoded_backslash",
        /// `ambiguous_request`: an encoded control byte.
        EncodedControl = "encoded_control",
        /// `ambiguous_request`: `%25` and two hexadecimal digits.
        DoubleEncoding = "double_encoding",
        /// `ambiguous_request`: encoded bytes that are not UTF-8.
        EncodedNonUtf8 = "encoded_non_utf8",
        /// `ambiguous_request`: `;`.
        Semicolon = "semicolon",
        /// A single-value header came more than once.
        RepeatedHeader = "repeated_header",
        /// A header's name equals a source's header only when `_` and `.` are read as `-`.
        AliasedHeader = "aliased_header",
        /// The joined value is longer than `maxHeaderBytes`.
        HeaderTooLong = "header_too_long",
        /// Text where the JSON form is configured, JSON where text is, or a certificate in the format
        /// of another proxy: the preset is not this proxy's.
        UnexpectedFormat = "unexpected_format",
        /// A byte below 0x20 or 0x7F (in text, a tab next to a comma is allowed).
        ControlByte = "control_byte",
        /// A byte of 0x80 or above.
        NonAsciiByte = "non_ascii_byte",
        /// A space where the grammar has none.
        SpaceInValue = "space_in_value",
        /// Nothing between two commas, or a comma at either end.
        EmptyElement = "empty_element",
        /// Nothing between two semicolons, or a semicolon at either end of an element.
        EmptyPair = "empty_pair",
        /// A pair without `=`.
        MissingEquals = "missing_equals",
        /// Nothing before `=`.
        EmptyKey = "empty_key",
        /// A key with a byte that is no letter.
        BadKey = "bad_key",
        /// A key other than By, Hash, Cert, Chain, Subject, URI and DNS.
        UnknownKey = "unknown_key",
        /// A second Hash, Cert, Chain or Subject in one element, or a key of a JSON object twice.
        DuplicateKey = "duplicate_key",
        /// A quote that is not the first byte of a value.
        QuoteInBareValue = "quote_in_bare_value",
        /// A quoted value that does not end.
        UnclosedQuote = "unclosed_quote",
        /// A byte after the closing quote.
        TextAfterQuote = "text_after_quote",
        /// The JSON form is not JSON, or not of Envoy's shape.
        BadJson = "bad_json",
        /// More than 256 elements.
        TooManyElements = "too_many_elements",
        /// More than 512 pairs in an element.
        TooManyPairs = "too_many_pairs",
        /// More than 512 URI and DNS names in a certificate.
        TooManySans = "too_many_sans",
        /// An element's keys are not in Envoy's order.
        KeyOrder = "key_order",
        /// A field that must be there is not.
        MissingField = "missing_field",
        /// `Hash`, or a header with a fingerprint, is not a SHA-256.
        BadHash = "bad_hash",
        /// A DNS name with a byte that no DNS name has.
        BadDnsName = "bad_dns_name",
        /// A distinguished name that is not RFC 4514.
        BadName = "bad_name",
        /// A certificate's encoding (percent, base64, PEM) is broken.
        BadEncoding = "bad_encoding",
        /// A certificate is not strict DER, or is one that must not call.
        BadCertificate = "bad_certificate",
        /// Two headers of the proxy contradict each other.
        ContradictoryHeaders = "contradictory_headers",
        /// A validity window is known and the host has no clock.
        NoClock = "no_clock",
        /// `hash_mismatch`: the last `Hash` is not that of the certificate of the connection. On a
        /// listener that only forwards the header, set `bindConnection` to false.
        OtherConnectionCertificate = "other_connection_certificate",
        /// `hash_mismatch`: the certificate is not the one that the hash beside it names.
        OtherCertificateHash = "other_certificate_hash",
        /// `hash_mismatch`: the host handed over no certificate of the connection to compare with.
        NoConnectionCertificate = "no_connection_certificate",
    }
}
