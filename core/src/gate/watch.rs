//! Tells a watcher what a source gave, and where each field came from.

use alloc::string::ToString;

use crate::credential::{AltName, Credential};
use crate::decision::hex;
use crate::print::{rfc3339, serial_number};
use crate::trace::{Event, Trace};

/// Where the fields of a credential come from, and where its fingerprint does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    fields: &'static str,
    sha256: &'static str,
}

/// Fields that a proxy wrote.
pub(crate) const FROM_HEADER: Origin = Origin { fields: "header", sha256: "header" };
/// A whole certificate, from wherever.
pub(crate) const FROM_CERTIFICATE: Origin = Origin { fields: "certificate", sha256: "computed" };

pub(super) fn watch(credential: &Credential<'_>, origin: Origin, trace: &mut impl Trace) {
    let mut tell = |name, value: &str| trace.event(Event::Field { name, value, origin: origin.fields });
    for uri in credential.names.uris() {
        tell("uri", &uri);
    }
    for name in credential.names.dns() {
        tell("dns", &name);
    }
    for name in credential.names.whole() {
        match name {
            AltName::Ip(address) => tell("ip", &address.to_string()),
            AltName::Email(address) => tell("email", address),
            AltName::Uri(_) | AltName::Dns(_) => {}
        }
    }
    if let Some(subject) = &credential.subject {
        tell("subject", subject.as_str());
    }
    if let Some(issuer) = &credential.issuer {
        tell("issuer", issuer.as_str());
    }
    if let Some(serial) = credential.serial {
        tell("serial", &serial_number(serial));
    }
    if let Some((first, last)) = credential.window {
        tell("not_before", &rfc3339(first));
        tell("not_after", &rfc3339(last));
    }
    for extension in credential.extensions {
        if let Some(text) = &extension.text {
            tell("extension", &[&*extension.oid, "=", text].concat());
        }
    }
    if let Some(sha256) = &credential.sha256 {
        trace.event(Event::Field { name: "sha256", value: &hex(sha256.bytes()), origin: origin.sha256 });
    }
}
