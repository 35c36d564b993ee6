//! The normalised certificate as JSON, one spelling for all hosts.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt::Write;

use super::Certificate;
use crate::print::{json_string, rfc3339, serial_number};

// Writing to a String cannot fail, which is why the results below are dropped.

impl Certificate {
    /// The normalised certificate: `subjectDn`, `subjectCn`, `issuerDn`, `issuerCn`, `serialNumber`,
    /// `fingerprint256`, `subjectAltNames`, `notBefore`, `notAfter`, and what the host knows beside:
    /// `verified` and `pem`. What is not known is absent; a common name is known if it is the only one.
    #[must_use]
    pub fn to_json(&self, verified: Option<bool>, pem: Option<&str>) -> String {
        let mut out = String::with_capacity(1024);
        out.push('{');
        text(&mut out, "subjectDn", self.subject.as_str());
        optional(&mut out, "subjectCn", self.subject.common_name());
        text(&mut out, "issuerDn", self.issuer.as_str());
        optional(&mut out, "issuerCn", self.issuer.common_name());
        text(&mut out, "serialNumber", &serial_number(&self.serial));
        text(&mut out, "fingerprint256", &self.fingerprint());
        key(&mut out, "subjectAltNames");
        out.push('[');
        for (at, name) in self.alt_names.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            json_string(&mut out, &name.to_string());
        }
        out.push(']');
        text(&mut out, "notBefore", &rfc3339(self.not_before));
        text(&mut out, "notAfter", &rfc3339(self.not_after));
        if let Some(verified) = verified {
            key(&mut out, "verified");
            let _ = write!(out, "{verified}");
        }
        optional(&mut out, "pem", pem.map(Cow::Borrowed));
        out.push('}');
        out
    }

    /// Upper-case hexadecimal digits.
    fn fingerprint(&self) -> String {
        let mut out = String::with_capacity(64);
        for byte in &self.sha256 {
            let _ = write!(out, "{byte:02X}");
        }
        out
    }
}

fn key(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    let _ = write!(out, "\"{name}\":");
}

fn text(out: &mut String, name: &str, value: &str) {
    key(out, name);
    json_string(out, value);
}

fn optional(out: &mut String, name: &str, value: Option<Cow<'_, str>>) {
    if let Some(value) = value {
        text(out, name, &value);
    }
}
