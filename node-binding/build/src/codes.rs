//! The stable codes of core as TypeScript unions, so that the types cannot drift from the tables.

use peergate_core::source::document::Preset;
use peergate_core::x509::X509Code;
use peergate_core::{Detail, LoadCode, Reason, WarningCode};

/// The text of `ts/codes.ts`.
pub(crate) fn module() -> String {
    let mut out =
        String::from("// Written by node-binding/build from the tables of peergate-core. Do not edit.\n");
    union(
        &mut out,
        "Reason",
        "Why core let a request through or refused it.",
        Reason::ALL.iter().map(|c| c.code()),
    );
    union(&mut out, "Detail", "The finer code of a refusal.", Detail::ALL.iter().map(|c| c.code()));
    union(&mut out, "LoadCode", "Why a document was refused.", LoadCode::ALL.iter().map(|c| c.code()));
    union(
        &mut out,
        "WarningCode",
        "What is odd about a document.",
        WarningCode::ALL.iter().map(|c| c.code()),
    );
    union(&mut out, "Preset", "Ways in which proxies name callers.", Preset::ALL.iter().map(|c| c.code()));
    union(
        &mut out,
        "CertificateCode",
        "Why bytes are no certificate that is read.",
        X509Code::ALL.iter().map(|c| c.code()).chain(["bad_pem"]),
    );
    out
}

fn union(out: &mut String, name: &str, about: &str, codes: impl Iterator<Item = &'static str>) {
    out.push_str(&format!("\n/** {about} */\nexport type {name} ="));
    for code in codes {
        out.push_str(&format!("\n  | '{code}'"));
    }
    out.push_str(";\n");
}
