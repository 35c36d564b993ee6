//! The answer: one value that says what, why, by which rule and for whom.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::fingerprint::Fingerprint;
use crate::print::{self, decimal, json_string};
use crate::reason::{Detail, Reason};

/// What a host does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let it through.
    Allow,
    /// Refuse it with this status.
    Deny {
        /// 400 to 499.
        status: u16,
    },
}

/// Which kind of name a caller is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityType {
    /// A SPIFFE ID.
    Spiffe,
    /// A DNS name of the certificate.
    Dns,
    /// The only common name of the subject.
    Cn,
}

impl IdentityType {
    /// `spiffe`, `dns` or `cn`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spiffe => "spiffe",
            Self::Dns => "dns",
            Self::Cn => "cn",
        }
    }
}

/// The caller's name for people and upstreams. It never decides who is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'r> {
    /// The kind of name.
    pub kind: IdentityType,
    /// The name, decoded.
    pub name: Cow<'r, str>,
}

/// What enforcement of everything that is in shadow would have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow<'g> {
    /// Allow or deny.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The finer code; for operators, not part of the JSON form.
    pub detail: Option<Detail>,
    /// The rule that decided.
    pub rule: Option<&'g str>,
}

/// A decision. Rule names are borrowed from the gate, identities from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'g, 'r> {
    /// Allow or deny.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The finer code of a refusal.
    pub detail: Option<Detail>,
    /// The rule that decided, first in file order.
    pub rule: Option<&'g str>,
    /// The caller; set whenever the caller was authenticated, also when a rule then refused.
    pub identity: Option<Identity<'r>>,
    /// Whether somebody vouches for the certificate; `None` without a credential.
    pub verified: Option<bool>,
    /// SHA-256 of the certificate; `None` without a credential.
    pub sha256: Option<Fingerprint>,
    /// The last second of the certificate's validity, since 1970, when a caller was authenticated whose
    /// source carries it; for operators, not part of the JSON form.
    pub not_after: Option<i64>,
    /// `None` unless something is in shadow.
    pub shadow: Option<Shadow<'g>>,
}

impl Decision<'_, '_> {
    /// Whether the request goes on.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Allow)
    }

    /// The JSON form, one line: `decision`, `status`, `reason`, `detail`, `rule`, `identity`,
    /// `identityType`, `verified`, `sha256`, `shadow`, each `null` when unknown.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(256);
        self.write_json(&mut out);
        out
    }
}

impl Verdict {
    const fn status(self) -> Option<u16> {
        match self {
            Self::Allow => None,
            Self::Deny { status } => Some(status),
        }
    }
}

impl Decision<'_, '_> {
    /// The status of the local answer; `None` when the request goes on.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.verdict.status()
    }

    fn write_json(&self, out: &mut String) {
        out.push('{');
        write_verdict(out, self.verdict, self.reason);
        member(out, "detail", self.detail.map(Detail::code));
        member(out, "rule", self.rule);
        member(out, "identity", self.identity.as_ref().map(|identity| &*identity.name));
        member(out, "identityType", self.identity.as_ref().map(|identity| identity.kind.code()));
        out.push_str(match self.verified {
            Some(true) => ",\"verified\":true",
            Some(false) => ",\"verified\":false",
            None => ",\"verified\":null",
        });
        member(out, "sha256", self.sha256.as_ref().map(|sha256| hex(sha256.bytes())).as_deref());
        out.push_str(",\"shadow\":");
        match &self.shadow {
            None => out.push_str("null"),
            Some(shadow) => {
                out.push('{');
                write_verdict(out, shadow.verdict, shadow.reason);
                member(out, "rule", shadow.rule);
                out.push('}');
            }
        }
        out.push('}');
    }
}

fn write_verdict(out: &mut String, verdict: Verdict, reason: Reason) {
    match verdict.status() {
        None => out.push_str("\"decision\":\"allow\",\"status\":null"),
        Some(status) => {
            out.push_str("\"decision\":\"deny\",\"status\":");
            decimal(out, status.into(), 1);
        }
    }
    member(out, "reason", Some(reason.code()));
}

fn member(out: &mut String, name: &str, value: Option<&str>) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    match value {
        Some(text) => json_string(out, text),
        None => out.push_str("null"),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    let mut out = String::with_capacity(64);
    print::hex(&mut out, bytes);
    out
}
