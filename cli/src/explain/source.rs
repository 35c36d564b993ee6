//! What a person wants to know of the source beside the decision: which headers it reads, how many
//! lines of each came, and why one of them was refused.

use peergate_core::pem;
use peergate_core::source::document::{Preset, SourceDocument};
use peergate_core::source::form::{Carried, Signal, Texts, Vouching};
use peergate_core::upstream::is_alias;
use peergate_core::x509::Certificate;
use peergate_core::{Decision, Detail, Reason};

use super::printable;
use super::value::{Look, certificates};
use crate::fixture::RequestSpec;

/// Where identity comes from here: the preset and what of it the request brought.
#[must_use]
pub fn source_line(source: &SourceDocument, request: &RequestSpec) -> String {
    let preset = source.preset;
    if preset == Preset::Connection {
        let came = if request.connection.is_some() { "TLS" } else { "plaintext" };
        return format!("connection (the request came over {came})");
    }
    let header = |name: &str| {
        let lines = values(request, name).count();
        format!("{name} ({lines} line{})", if lines == 1 { "" } else { "s" })
    };
    let headers: Vec<_> = source.headers.iter().map(|(_, name)| header(name)).collect();
    let plural = if headers.len() == 1 { "" } else { "s" };
    format!("{preset}, header{plural} {}", headers.join(", "))
}

/// What is behind a refusal by the source, as far as it shows in this request.
#[must_use]
pub fn source_notes(
    source: &SourceDocument,
    request: &RequestSpec,
    decision: &Decision<'_, '_>,
) -> Vec<String> {
    let (reason, detail) = super::acted_on(decision);
    let names = || source.headers.iter().map(|(_, name)| &**name);
    match (reason, detail) {
        (_, Some(Detail::RepeatedHeader)) => names()
            .filter(|name| values(request, name).count() > 1)
            .map(|name| format!("{name} came {} times.", values(request, name).count()))
            .collect(),
        (_, Some(Detail::AliasedHeader)) => aliases(source, request),
        (_, Some(Detail::HeaderTooLong)) => names()
            .map(|name| (name, values(request, name).map(<[u8]>::len).sum::<usize>()))
            .filter(|(_, bytes)| *bytes > source.max_header_bytes)
            .map(|(name, bytes)| {
                format!("{name} has {bytes} bytes; \"maxHeaderBytes\" is {}.", source.max_header_bytes)
            })
            .collect(),
        (_, Some(Detail::UnexpectedFormat | Detail::BadEncoding)) => names()
            .flat_map(|name| values(request, name).filter_map(move |value| looks(name, value)))
            .collect(),
        (_, Some(Detail::BadCertificate | Detail::TooManySans)) => faults(source, request),
        (Reason::Unverified, _) | (_, Some(Detail::ContradictoryHeaders)) => signals(source, request),
        _ => Vec::new(),
    }
}

fn values<'r>(request: &'r RequestSpec, name: &str) -> impl Iterator<Item = &'r [u8]> {
    let lines = request.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
    lines.map(|(_, value)| value.as_slice())
}

fn aliases(source: &SourceDocument, request: &RequestSpec) -> Vec<String> {
    let mut out = Vec::new();
    for (_, name) in &source.headers {
        for (own, _) in &request.headers {
            if is_alias(own, name) && !own.eq_ignore_ascii_case(name.as_bytes()) {
                let own = printable(&String::from_utf8_lossy(own));
                out.push(format!("{own} is an alias of {name}: many servers take one for the other."));
            }
        }
    }
    out
}

fn looks(name: &str, value: &[u8]) -> Option<String> {
    let look = Look::of(value)?;
    Some(format!("{name} looks like {}, which {} reads.", look.name(), look.presets()))
}

/// The first rule that each refused certificate breaks, and the byte of the DER at which it shows.
fn faults(source: &SourceDocument, request: &RequestSpec) -> Vec<String> {
    let headers = source.headers.iter().flat_map(|(_, name)| {
        let certificates = values(request, name).flat_map(certificates);
        certificates.map(move |der| (&**name, der))
    });
    let connection = request.connection.as_ref().and_then(|connection| {
        let der = pem::decode(connection.certificate_pem.as_deref()?)?;
        (source.preset == Preset::Connection).then_some(("the connection", der))
    });
    let fault = |(name, der): (&str, Vec<u8>)| {
        let error = Certificate::from_der(&der).err()?;
        let about = error.code.about().trim().trim_end_matches('.');
        Some(format!("The certificate of {name}: {error} of its DER ({about})."))
    };
    headers.chain(connection).filter_map(fault).collect()
}

/// What the headers that vouch would have to say.
fn signals(source: &SourceDocument, request: &RequestSpec) -> Vec<String> {
    let Some(form) = &source.form else { return Vec::new() };
    let Vouching::Signals(signals) = &form.vouching else { return Vec::new() };
    let header = |signal: &Signal| {
        source.headers.get(usize::from(signal.header.0)).map(|(_, name)| &**name).unwrap_or_default()
    };
    let mut out = Vec::new();
    for signal in &**signals {
        let name = header(signal);
        let value = values(request, name).next().unwrap_or_default();
        let accepted = listed(&signal.accept);
        out.push(match () {
            () if signal.accept.contains(value) => format!("{name} is {accepted}: accepted."),
            () if value.is_empty() => {
                format!("{name} is absent or empty; with a certificate it has to be {accepted}.")
            }
            () if signal.none.contains(value) => format!("{name} says that there is no certificate."),
            () => format!("{name} is something else than {accepted}."),
        });
    }
    if let Carried::Certificate(certificate) = &form.carried
        && let Some((_, name)) = source.headers.get(usize::from(certificate.header.0))
    {
        let is_there =
            values(request, name).any(|value| !value.is_empty() && !certificate.absent.contains(value));
        out.push(format!("{name} holds {}.", if is_there { "a value" } else { "no certificate" }));
    }
    out
}

fn listed(texts: &Texts) -> String {
    let quoted = |text: &str| if text.is_empty() { "absent".to_owned() } else { format!("{text:?}") };
    texts.iter().map(quoted).collect::<Vec<_>>().join(" or ")
}
