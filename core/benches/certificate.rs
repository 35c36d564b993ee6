//! What a certificate costs: read for itself, and from a header through a whole decision, when every
//! request brings another certificate and when one caller comes again and again.
//!
//! Read the ratios, not the times: all lines are measured in one run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a benchmark may panic, and is read as a whole"
)]

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use peergate_core::limits::{CACHED_CERTIFICATES, HostLimits};
use peergate_core::x509::Certificate;
use peergate_core::{Documents, Gate, Header, Request, pem};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

/// So many that none is still kept when it comes again.
const CALLERS: usize = 16 * CACHED_CERTIFICATES;
const NOW: i64 = 1_800_000_000;

/// Leaves as an authority of a mesh issues them: P-256, one URI and one DNS name.
fn certificates() -> Vec<Vec<u8>> {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let params = |common_name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2036, 1, 1);
        params.use_authority_key_identifier_extension = true;
        params
    };
    let issuer = Issuer::new(params("Example workload authority"), authority_key);
    let leaf = |at: usize| {
        let mut leaf = params(&format!("service-{at:05}"));
        let uri = format!("spiffe://prod.example/ns/team/sa/service-{at:05}");
        let dns = format!("service-{at:05}.team.svc");
        leaf.subject_alt_names =
            vec![SanType::URI(uri.try_into().unwrap()), SanType::DnsName(dns.try_into().unwrap())];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.signed_by(&key, &issuer).unwrap().der().to_vec()
    };
    (0..CALLERS).map(leaf).collect()
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn sha256(der: &[u8]) -> String {
    Certificate::from_der(der).unwrap().sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One way in which proxies forward a certificate.
struct Forwarded {
    name: &'static str,
    source: &'static str,
    /// The header lines for a certificate.
    lines: fn(&[u8]) -> Vec<(&'static str, String)>,
}

const FORWARDED: &[Forwarded] = &[
    Forwarded {
        name: "nginx",
        source: r#"{"preset":"nginx"}"#,
        lines: |der| {
            vec![("x-ssl-client-cert", escaped(&pem::encode(der))), ("x-ssl-client-verify", "SUCCESS".into())]
        },
    },
    Forwarded {
        name: "envoy, certificate",
        source: r#"{"preset":"envoy","read":"certificate"}"#,
        lines: |der| {
            let (hash, cert) = (sha256(der), escaped(&pem::encode(der)));
            vec![("x-forwarded-client-cert", format!("Hash={hash};Cert=\"{cert}\""))]
        },
    },
    Forwarded {
        name: "rfc9440",
        source: r#"{"preset":"rfc9440"}"#,
        lines: |der| vec![("client-cert", format!(":{}:", STANDARD.encode(der)))],
    },
];

fn gate(source: &str) -> Gate {
    let policy = r#"{"version":1,"allow":[{"name":"team","from":[{"spiffeUnder":"spiffe://prod.example/ns/team"}],"methods":["GET"],"paths":["/v1/orders/{id}"]}]}"#;
    let documents = Documents::Parts { policy: policy.as_bytes(), source: Some(source.as_bytes()) };
    Gate::load(documents, HostLimits::NATIVE).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn decide(gate: &Gate, lines: &[(&'static str, String)]) {
    let lines: Vec<Header<'_>> =
        lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let request = Request {
        method: b"GET",
        target: b"/v1/orders/7",
        headers: black_box(&lines),
        connection: None,
        now: Some(NOW),
    };
    assert!(black_box(gate.decide(&request)).is_allowed());
}

fn one_after_another(c: &mut Criterion) {
    let ders = certificates();
    let mut group = c.benchmark_group(format!("certificate of {} bytes", ders[0].len()));
    let mut at = 0;
    group.bench_function("read for itself", |b| {
        b.iter(|| {
            at = (at + 1) % ders.len();
            Certificate::from_der(black_box(&ders[at])).unwrap().not_after
        });
    });
    for Forwarded { name, source, lines } in FORWARDED {
        let callers: Vec<_> = ders.iter().map(|der| lines(der)).collect();
        let gate = gate(source);
        group.bench_function(BenchmarkId::new(*name, "another each time"), |b| {
            b.iter(|| {
                at = (at + 1) % callers.len();
                decide(&gate, &callers[at]);
            });
        });
        group.bench_function(BenchmarkId::new(*name, "the same"), |b| {
            b.iter(|| decide(&gate, &callers[0]));
        });
    }
    group.finish();
}

criterion_group!(benches, one_after_another);
criterion_main!(benches);
