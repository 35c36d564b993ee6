//! What reading costs: the two forms of the header, SPIFFE IDs and names; and beside the text form a
//! reader that splits at `,` and `;`, as a yardstick. It is no alternative: it takes `a";Hash=…` apart
//! inside quotes and checks nothing.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use peergate_core::dn::NameText;
use peergate_core::spiffe::SpiffeId;
use peergate_core::xfcc::json;
use peergate_core::xfcc::text::{Elements, Reader};

/// The 223 bytes that Envoy sends for a usual workload certificate.
const TYPICAL: &str = "By=spiffe://lab.test/ns/edge/sa/ingress;\
    Hash=d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0;\
    Subject=\"CN=client-a,OU=Payments,O=XFCC Lab,C=US\";URI=spiffe://lab.test/ns/prod/sa/payments;\
    DNS=payments.prod.svc";
const SUBJECT: &str = "CN=client-a,OU=Payments,O=XFCC Lab,C=US";
const ESCAPED_SUBJECT: &str = r"CN=Zo\C3\AB \, x,OU=Payments+O=Acme\, Inc.,DC=example,DC=net";
const ID: &str = "spiffe://lab.test/ns/prod/sa/payments";

/// Several hops with certificate and chain, as near to 60 KiB as whole elements come.
fn long() -> String {
    let pem = format!("-----BEGIN%20CERTIFICATE-----%0A{}%3D%3D%0A", "MIIB6zCCAZCgAwIB%2F0A".repeat(60));
    let element = TYPICAL.replace(";Subject", &format!(";Cert=\"{pem}\";Chain=\"{pem}{pem}\";Subject"));
    let mut header = element.clone();
    while header.len() + element.len() < 60 * 1024 {
        header.push(',');
        header.push_str(&element);
    }
    header
}

fn json_of(elements: usize) -> String {
    let element = format!(
        r#"{{"by":["spiffe://lab.test/ns/edge/sa/ingress"],"hash":"{}","subject":"{SUBJECT}","uri":["{ID}"],"dns":["payments.prod.svc"]}}"#,
        "d3".repeat(32)
    );
    format!("[{}]", vec![element; elements].join(","))
}

/// Pairs found by splitting.
fn naive(header: &str) -> usize {
    header.split(',').flat_map(|element| element.split(';')).filter_map(|pair| pair.split_once('=')).count()
}

fn text(c: &mut Criterion) {
    assert_eq!(TYPICAL.len(), 223);
    let long = long();
    let backslashes = format!("Subject=\"{}\"", "\\".repeat(60 * 1024));
    let mut group = c.benchmark_group("xfcc_text");
    for (name, header) in
        [("223 B", TYPICAL), ("60 KiB of hops", &long), ("60 KiB of backslashes", &backslashes)]
    {
        assert!(Elements::new(header.as_bytes()).all(|element| element.is_ok()));
        group.throughput(Throughput::Bytes(header.len() as u64));
        group.bench_with_input(BenchmarkId::new("reader", name), header, |b, header| {
            b.iter(|| Reader::new(black_box(header.as_bytes())).filter(Result::is_ok).count());
        });
        group.bench_with_input(BenchmarkId::new("elements", name), header, |b, header| {
            b.iter(|| Elements::new(black_box(header.as_bytes())).map(|e| e.unwrap().pairs).sum::<usize>());
        });
        group.bench_with_input(BenchmarkId::new("naive split", name), header, |b, header| {
            b.iter(|| naive(black_box(header)));
        });
    }
    group.finish();
}

fn other_forms(c: &mut Criterion) {
    let mut group = c.benchmark_group("xfcc_json");
    for elements in [1, 190] {
        let input = json_of(elements);
        assert_eq!(json::parse(input.as_bytes()).unwrap().len(), elements);
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(BenchmarkId::new("reader", format!("{} B", input.len())), |b| {
            b.iter(|| json::parse(black_box(input.as_bytes())).unwrap().len());
        });
        group.bench_function(BenchmarkId::new("untyped serde_json", format!("{} B", input.len())), |b| {
            b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&input)).unwrap());
        });
    }
    group.finish();
}

fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("parts");
    group.bench_function("SPIFFE ID", |b| b.iter(|| SpiffeId::parse(black_box(ID.as_bytes()))));
    for (name, subject) in [("plain", SUBJECT), ("escaped", ESCAPED_SUBJECT)] {
        assert!(NameText::parse(subject.as_bytes()).is_ok());
        group.bench_function(BenchmarkId::new("DN check", name), |b| {
            b.iter(|| NameText::parse(black_box(subject.as_bytes())));
        });
        group.bench_function(BenchmarkId::new("DN attributes", name), |b| {
            let subject = NameText::parse(subject.as_bytes()).unwrap();
            b.iter(|| black_box(subject).attributes().filter(|a| a.ty.is_common_name()).count());
        });
        group.bench_function(BenchmarkId::new("DN canonical", name), |b| {
            let subject = NameText::parse(subject.as_bytes()).unwrap();
            let mut out = Vec::new();
            b.iter(|| {
                out.clear();
                black_box(subject).write_canonical(&mut out);
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, text, other_forms, parts);
criterion_main!(benches);
