//! `peergate test`: fixtures on core, natively.

use std::path::Path;

use peergate_core::Gate;
use peergate_core::load::LoadErrors;
use serde::Serialize;
use serde_json::Value;

use super::eval::current_time;
use crate::args::TestArgs;
use crate::coverage::{Coverage, PolicyCoverage};
use crate::explain::printable;
use crate::fixture::{
    Fixture, FixtureError, Mismatch, Outcome, Texts, compare, compare_error, load, load_dir, load_gate,
    run_on,
};
use crate::output::{Exit, Failure, complain, print_json, say};

pub(super) fn run(args: &TestArgs) -> Result<Exit, Failure> {
    let mut exit = Exit::Good;
    let mut fixtures = Vec::new();
    for path in &args.files {
        match read(path) {
            Ok(read) => fixtures.extend(read),
            // One file that cannot be read does not keep the others from being run.
            Err(error) => {
                complain(&Failure::new(error));
                exit = Exit::Unusable;
            }
        }
    }
    let mut coverage = args.coverage.then(Coverage::default);
    let now = current_time();
    let results: Vec<CaseResult> =
        fixtures.iter().flat_map(|fixture| run_fixture(fixture, now, coverage.as_mut())).collect();
    let passed = results.iter().filter(|result| result.ok).count();
    let report = Report {
        passed,
        failed: results.len().saturating_sub(passed),
        files: fixtures.len(),
        cases: results,
        coverage: coverage.map(Coverage::finish),
    };
    if args.json {
        print_json(&report)?;
    } else {
        report.tell();
    }
    if report.cases.is_empty() && exit == Exit::Good {
        return Err(Failure::new("no cases to run"));
    }
    Ok(if report.failed > 0 { exit.max(Exit::Finding) } else { exit })
}

fn read(path: &Path) -> Result<Vec<Fixture>, FixtureError> {
    if path.is_dir() { load_dir(path) } else { load(path).map(|fixture| vec![fixture]) }
}

#[derive(Serialize)]
struct Report {
    passed: usize,
    failed: usize,
    files: usize,
    cases: Vec<CaseResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<PolicyCoverage>>,
}

#[derive(Serialize)]
struct CaseResult {
    id: String,
    file: String,
    ok: bool,
    mismatches: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    pointer: String,
    expected: Value,
    /// Absent when the answer has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<Value>,
    #[serde(skip)]
    text: String,
}

/// A gate, kept while case after case has the same documents.
struct Loaded<'f> {
    documents: &'f Texts,
    gate: Result<Gate, LoadErrors>,
}

fn run_fixture(fixture: &Fixture, now: i64, mut coverage: Option<&mut Coverage>) -> Vec<CaseResult> {
    let mut results = Vec::new();
    let mut loaded: Option<Loaded<'_>> = None;
    for case in &fixture.cases {
        let current = match loaded.take() {
            Some(loaded) if *loaded.documents == case.documents => loaded,
            _ => Loaded { documents: &case.documents, gate: load_gate(&case.documents) },
        };
        let now = case.now.unwrap_or(now);
        let outcome = match &current.gate {
            Ok(gate) => {
                if let Some(coverage) = coverage.as_deref_mut() {
                    coverage.record(&case.documents, gate, &case.request, now);
                }
                run_on(gate, &case.request, now)
            }
            Err(errors) => Outcome::refused(errors),
        };
        loaded = Some(current);
        results.push(result(fixture, &case.id, compare(&case.expect, &outcome)));
    }
    for case in &fixture.refused {
        let outcome = match load_gate(&case.documents) {
            // Which request is asked does not matter: what was wanted is that there is no gate.
            Ok(_) => Outcome::Decided { decision: Value::Null, upstream: None },
            Err(errors) => Outcome::refused(&errors),
        };
        results.push(result(fixture, &case.id, compare_error(&case.expect, &outcome)));
    }
    results
}

fn result(fixture: &Fixture, id: &str, mismatches: Vec<Mismatch>) -> CaseResult {
    CaseResult {
        id: id.to_owned(),
        file: fixture.path.display().to_string(),
        ok: mismatches.is_empty(),
        mismatches: mismatches.into_iter().map(Difference::from).collect(),
    }
}

impl From<Mismatch> for Difference {
    fn from(mismatch: Mismatch) -> Self {
        let text = mismatch.to_string();
        Self { pointer: mismatch.pointer, expected: mismatch.expected, got: mismatch.got, text }
    }
}

impl Report {
    fn tell(&self) {
        for case in self.cases.iter().filter(|case| !case.ok) {
            say(format_args!("FAIL {} ({})", printable(&case.id), case.file));
            for mismatch in &case.mismatches {
                say(format_args!("     {}", printable(&mismatch.text)));
            }
        }
        for policy in self.coverage.iter().flatten() {
            policy.tell();
        }
        say(format_args!(
            "{} in {}: {} passed, {} failed",
            counted(self.cases.len(), "case"),
            counted(self.files, "file"),
            self.passed,
            self.failed
        ));
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
