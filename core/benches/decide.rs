//! Parse and decide: what a request costs, by size of the policy and of the header.
//!
//! A gate knows a caller again by the header value; "new callers" are more than it keeps.
//!
//! Read the ratios, not the times: the lines of one group are measured in one run.

#![allow(
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a benchmark may panic, and is read as a whole"
)]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use peergate_core::limits::{HostLimits, KNOWN_CALLERS};
use peergate_core::{Documents, Gate, Header, Request};

const HASH: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

/// 223 bytes, as Envoy writes it for a mesh workload with one URI and one DNS name.
fn header() -> String {
    let header = format!(
        "By=spiffe://lab.test/ns/edge/sa/ingress;Hash={HASH};\
         Subject=\"CN=client-a,OU=Payments,O=XFCC Lab,C=US\";\
         URI=spiffe://lab.test/ns/prod/sa/payments;DNS=payments.prod.svc"
    );
    assert_eq!(header.len(), 223);
    header
}

/// The same of so many proxies that none is still known when its value comes again.
fn headers() -> Vec<String> {
    let proxy = |at: usize| header().replace("ingress", &format!("in{at:05}"));
    (0..16 * KNOWN_CALLERS).map(proxy).collect()
}

fn gate(policy: &str, source: Option<&str>) -> Gate {
    let documents = Documents::Parts { policy: policy.as_bytes(), source: source.map(str::as_bytes) };
    Gate::load(documents, HostLimits::NATIVE).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// One rule for so many identities, the caller's last.
fn identities(count: usize) -> String {
    let mut principals = String::new();
    for at in 1..count {
        let _ = write!(principals, r#"{{"spiffe":"spiffe://lab.test/ns/prod/sa/w{at}"}},"#);
    }
    format!(
        r#"{{"version":1,"allow":[{{"name":"all","from":[{principals}{{"spiffe":"spiffe://lab.test/ns/prod/sa/payments"}}],"methods":["GET"],"paths":["/v1/orders/{{id}}"]}}]}}"#
    )
}

/// So many rules, each for an identity and a path of its own, the caller's last.
fn rules(count: usize) -> String {
    let mut rules = String::new();
    for at in 1..count {
        let _ = write!(
            rules,
            r#"{{"name":"r{at}","from":[{{"spiffe":"spiffe://lab.test/ns/prod/sa/w{at}"}}],"methods":["GET"],"paths":["/v{at}/orders/{{id}}"]}},"#
        );
    }
    format!(
        r#"{{"version":1,"allow":[{rules}{{"name":"last","from":[{{"spiffe":"spiffe://lab.test/ns/prod/sa/payments"}}],"methods":["GET"],"paths":["/v1/orders/{{id}}"]}}]}}"#
    )
}

fn decide(gate: &Gate, header: &str, allowed: bool) {
    let lines: [Header<'_>; 1] = [(b"x-forwarded-client-cert", header.as_bytes())];
    let request = Request {
        method: b"GET",
        target: b"/v1/orders/7",
        headers: black_box(&lines),
        connection: None,
        now: None,
    };
    assert_eq!(black_box(gate.decide(&request)).is_allowed(), allowed);
}

fn by_policy(c: &mut Criterion) {
    let (header, headers) = (header(), headers());
    let mut group = c.benchmark_group("parse and decide, 223 bytes");
    for count in [1, 1_000, 100_000] {
        let gate = gate(&identities(count), None);
        group.bench_function(BenchmarkId::new("identities", count), |b| {
            b.iter(|| decide(&gate, &header, true))
        });
        let mut next = headers.iter().cycle();
        group.bench_function(BenchmarkId::new("identities, new callers", count), |b| {
            b.iter(|| decide(&gate, next.next().map_or("", |header| header), true))
        });
    }
    for count in [1, 1_000] {
        let gate = gate(&rules(count), None);
        group.bench_function(BenchmarkId::new("rules", count), |b| b.iter(|| decide(&gate, &header, true)));
    }
    group.finish();
}

fn by_header(c: &mut Criterion) {
    let gate = gate(&identities(1), None);
    let mut group = c.benchmark_group("parse and decide, large headers");
    let long = header();
    let mut names = long.clone();
    while names.len() < 8 * 1024 {
        names.push_str(";DNS=payments.prod.svc");
    }
    let hops = vec![long.as_str(); 60 * 1024 / 224].join(",");
    for (name, header, allowed) in
        [("8 KiB of names", names, true), ("60 KiB of elements, refused", hops, false)]
    {
        group.throughput(Throughput::Bytes(header.len().try_into().unwrap_or(0)));
        group.bench_function(name, |b| b.iter(|| decide(&gate, &header, allowed)));
    }
    group.finish();
}

fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    for count in [1_000, 100_000] {
        let policy = identities(count);
        group.bench_function(BenchmarkId::new("identities", count), |b| {
            b.iter(|| gate(black_box(&policy), None))
        });
    }
    group.finish();
}

criterion_group!(benches, by_policy, by_header, load);
criterion_main!(benches);
