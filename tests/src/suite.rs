//! Every fixture on every implementation: which there are, how an answer is judged, what was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use peergate_cli::fixture::{self, Case, Fixture, Mismatch, Outcome, RefusedCase};
use serde_json::Value;

use crate::wasm::Wasm;
use crate::wasm_host::{Filter, module_path};
use crate::{Answer, Envoy, Implementation, Node, native};

type Start = fn() -> Result<Box<dyn Implementation>>;

/// The implementations by name, in the order of the report.
const IMPLEMENTATIONS: &[(&str, Start)] = &[
    ("core", || Ok(Box::new(native::Native))),
    ("filter", || Ok(Box::new(Wasm::new(Arc::new(Filter::release()?))))),
    ("node", || Ok(Box::new(Node::start()?))),
    ("envoy", || Ok(Box::new(Envoy::start(&module_path()?)?))),
];

/// Why a document of its own cannot be given to an implementation that takes deployments. What core
/// says to the deployment that it becomes is compared all the same.
const NOT_IN_A_DEPLOYMENT: &str = "core answers differently when the document stands in a deployment";

/// One implementation: started when first asked, asked by one test at a time.
pub struct Slot {
    name: &'static str,
    start: Start,
    running: Mutex<Running>,
    tally: Mutex<Tally>,
}

enum Running {
    NotYet,
    Yes(Box<dyn Implementation>),
    /// It does not start; every test of it fails with this.
    Never(String),
}

/// What an implementation was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that it answered.
    pub answered: usize,
    /// Of these, documents that had to be refused.
    pub documents: usize,
    /// Cases that it cannot be asked, by rule.
    pub not_expressible: BTreeMap<&'static str, usize>,
}

/// Something that one implementation is asked.
pub enum Question<'f> {
    /// To decide.
    Case(&'f Case),
    /// To refuse documents.
    Refused(&'f RefusedCase),
}

/// The implementations that `PEERGATE_IMPLEMENTATIONS` names (separated by commas), or all.
///
/// # Errors
/// When it names one that does not exist.
pub fn slots() -> Result<Vec<Slot>> {
    let names = std::env::var("PEERGATE_IMPLEMENTATIONS").unwrap_or_default();
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if let Some(unknown) = names.iter().find(|name| IMPLEMENTATIONS.iter().all(|(own, _)| own != *name)) {
        bail!("PEERGATE_IMPLEMENTATIONS: no implementation is called {unknown}");
    }
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    let all = IMPLEMENTATIONS.iter().filter(|(name, _)| wanted(name));
    Ok(all
        .map(|(name, start)| Slot {
            name,
            start: *start,
            running: Mutex::new(Running::NotYet),
            tally: Mutex::default(),
        })
        .collect())
}

/// Own fixtures and those of every directory in `PEERGATE_FIXTURES` (separated as in `PATH`), each
/// with a prefix for the names of its cases.
///
/// # Errors
/// When a file is no fixture, or when there is none at all.
pub fn fixtures() -> Result<Vec<(String, Fixture)>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut out = prefixed("", &own)?;
    for dir in std::env::split_paths(&std::env::var_os("PEERGATE_FIXTURES").unwrap_or_default()) {
        if dir != PathBuf::new() {
            out.extend(prefixed(&format!("{}/", dir.display()), &dir)?);
        }
    }
    if out.is_empty() {
        bail!("no fixtures in {}", own.display());
    }
    Ok(out)
}

fn prefixed(prefix: &str, dir: &Path) -> Result<Vec<(String, Fixture)>> {
    let loaded = fixture::load_dir(dir).with_context(|| dir.display().to_string())?;
    Ok(loaded.into_iter().map(|fixture| (prefix.to_owned(), fixture)).collect())
}

impl Slot {
    /// `core`, `filter`, …
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Asks, and compares the answer with what the fixture expects and with core's whole answer.
    ///
    /// # Errors
    /// When they differ, or when the implementation broke; the text says how.
    pub fn ask(&self, question: &Question<'_>) -> Result<(), String> {
        let mut running = lock(&self.running);
        if matches!(*running, Running::NotYet) {
            *running = match (self.start)() {
                Ok(implementation) => Running::Yes(implementation),
                Err(error) => Running::Never(format!("{} does not start: {error:#}", self.name)),
            };
        }
        let implementation = match &mut *running {
            Running::Yes(implementation) => implementation,
            Running::Never(error) => return Err(error.clone()),
            Running::NotYet => return Err("the implementation was not started".to_owned()),
        };
        let answer = match question {
            Question::Case(case) => implementation.decide(case),
            Question::Refused(case) => implementation.refuse(case),
        };
        let identity_bytes = implementation.identity_bytes();
        let deployments_only = implementation.takes_deployments_only();
        drop(running);
        match answer.map_err(|error| format!("{error:#}"))? {
            Answer::NotExpressible(rule) => {
                self.tally_not_expressible(rule);
                Ok(())
            }
            Answer::Outcome(outcome) => {
                if let Question::Refused(case) = question
                    && deployments_only
                    && native::refusal_as_deployment(case) != native::refusal(case)
                {
                    self.tally_not_expressible(NOT_IN_A_DEPLOYMENT);
                    return same(&native::refusal_as_deployment(case), &outcome, identity_bytes)
                        .map_or(Ok(()), Err);
                }
                let mut tally = lock(&self.tally);
                tally.answered = tally.answered.saturating_add(1);
                if matches!(question, Question::Refused(_)) {
                    tally.documents = tally.documents.saturating_add(1);
                }
                drop(tally);
                judge(question, &outcome, identity_bytes)
            }
        }
    }

    fn tally_not_expressible(&self, rule: &'static str) {
        let mut tally = lock(&self.tally);
        let count = tally.not_expressible.entry(rule).or_default();
        *count = count.saturating_add(1);
    }

    /// What it was asked, for people.
    #[must_use]
    pub fn report(&self) -> String {
        let Tally { answered, documents, not_expressible } = &*lock(&self.tally);
        let mut out = format!("{:>8}: {answered} cases, {documents} of them documents", self.name);
        if !not_expressible.is_empty() {
            let sum: usize = not_expressible.values().sum();
            // Writing to a String does not fail.
            let _ = write!(out, "; {sum} not expressible:");
            for (rule, count) in not_expressible {
                let _ = write!(out, "\n{:>10}{count} × {rule}", "");
            }
        }
        out
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked leaves nothing half done that the next one would read.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compares an answer with the fixture, and with core.
fn judge(question: &Question<'_>, outcome: &Outcome, identity_bytes: Option<usize>) -> Result<(), String> {
    let (mismatches, core) = match question {
        Question::Case(case) => {
            let mut expect = case.expect.clone();
            cut_identity(&mut expect, identity_bytes);
            (fixture::compare(&expect, outcome), native::outcome(case))
        }
        Question::Refused(case) => (fixture::compare_error(&case.expect, outcome), native::refusal(case)),
    };
    let mut faults: Vec<String> = mismatches.iter().map(Mismatch::to_string).collect();
    faults.extend(same(&core, outcome, identity_bytes));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// How an answer differs from core's whole answer, if it does.
fn same(core: &Outcome, outcome: &Outcome, identity_bytes: Option<usize>) -> Option<String> {
    let (mut core, here) = (core.to_value(), outcome.to_value());
    cut_identity(&mut core, identity_bytes);
    (core != here).then(|| format!("differs from core:\n  core {core}\n  here {here}"))
}

/// Cuts an identity as an implementation cuts it.
fn cut_identity(value: &mut Value, identity_bytes: Option<usize>) {
    let Some(limit) = identity_bytes else { return };
    if let Some(Value::String(identity)) = value.get_mut("identity") {
        identity.truncate(identity.floor_char_boundary(limit));
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, cut_identity, judge};
    use peergate_cli::fixture::{Case, ExpectError, Outcome, RefusedCase, RequestSpec, Texts};
    use serde_json::json;

    #[test]
    fn an_answer_that_differs_from_core_fails_even_where_the_fixture_is_content() {
        let documents = Texts::Parts { policy: "{".to_owned(), source: None };
        let case = RefusedCase { id: "a".to_owned(), documents, expect: ExpectError::default() };
        let core = crate::native::refusal(&case);
        assert!(judge(&Question::Refused(&case), &core, None).is_ok());
        let other = Outcome::Refused { code: "other".to_owned(), pointer: String::new() };
        assert!(judge(&Question::Refused(&case), &other, None).unwrap_err().contains("differs from core"));
    }

    #[test]
    fn an_answer_that_the_fixture_does_not_expect_fails_even_where_core_agrees() {
        let documents = Texts::Parts { policy: "{\"version\":1,\"allow\":[]}".to_owned(), source: None };
        let request =
            RequestSpec { method: b"GET".to_vec(), target: b"/".to_vec(), headers: vec![], connection: None };
        let expect = json!({"reason": "no_such_reason"});
        let case = Case { id: "a".to_owned(), documents, request, now: Some(0), expect };
        let core = crate::native::outcome(&case);
        let error = judge(&Question::Case(&case), &core, None).unwrap_err();
        assert!(error.contains("/reason: expected \"no_such_reason\""), "{error}");
        assert!(!error.contains("differs from core"), "{error}");
    }

    #[test]
    fn an_identity_is_cut_between_letters() {
        let mut value = json!({"identity": "aé"});
        cut_identity(&mut value, Some(2));
        assert_eq!(value, json!({"identity": "a"}));
    }
}
