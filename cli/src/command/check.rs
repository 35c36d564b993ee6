//! `peergate check`: are these documents what a host would take?

use std::fmt;
use std::path::Path;

use peergate_core::Warning;
use peergate_core::limits::HostLimits;
use peergate_core::load::LoadErrors;
use peergate_core::policy::document::PolicyDocument;
use peergate_core::policy::principal::Attribute;
use peergate_core::source::document::SourceDocument;
use serde::Serialize;

use crate::args::CheckArgs;
use crate::documents::{Input, Named, Remark, error_remarks, is_deployment, warning_remarks};
use crate::output::{Exit, Failure, complain, print_json, say};

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let source = args.source.as_deref().map(Named::source_to_check).transpose()?;
    let carried = source.as_ref().and_then(Carried::by);
    if let Some(carried) = carried.as_ref().filter(|_| !args.json) {
        say(carried);
    }
    let mut exit = Exit::Good;
    let mut reports = Vec::new();
    for path in &args.files {
        match check(path, source.as_ref(), args.json) {
            Ok(report) => {
                if !report.ok {
                    exit = exit.max(Exit::Finding);
                }
                reports.push(report);
            }
            // One file that cannot be read does not keep the others from being checked.
            Err(failure) => {
                complain(&failure);
                exit = Exit::Unusable;
            }
        }
    }
    if args.json {
        print_json(&Reports { source: carried, files: reports })?;
    }
    Ok(exit)
}

#[derive(Serialize)]
struct Reports {
    /// With `--for`, unless that source was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Carried>,
    files: Vec<Report>,
}

/// What a policy may ask of a source.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Carried {
    name: String,
    carries: Vec<&'static str>,
    does_not_carry: Vec<&'static str>,
}

impl Carried {
    /// `None` when the source is refused, which is told with each file.
    fn by(source: &Named) -> Option<Self> {
        let (document, _) = SourceDocument::parse(&source.text, HostLimits::NATIVE).ok()?;
        let (carries, rest): (Vec<_>, Vec<_>) =
            Attribute::ALL.iter().partition(|attribute| document.carries(**attribute));
        let codes = |list: Vec<&Attribute>| list.into_iter().map(|attribute| attribute.code()).collect();
        Some(Self { name: source.name.clone(), carries: codes(carries), does_not_carry: codes(rest) })
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, carries, does_not_carry } = self;
        write!(f, "{name}: carries {}", carries.join(", "))?;
        if does_not_carry.is_empty() { Ok(()) } else { write!(f, "; not {}", does_not_carry.join(", ")) }
    }
}

/// What `--json` says of a file.
#[derive(Serialize)]
struct Report {
    file: String,
    kind: &'static str,
    ok: bool,
    /// The name of the policy; absent when the document was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    errors: Vec<Entry>,
    warnings: Vec<Entry>,
}

/// An error or a warning. `file` is the one in which it is: a deployment's policy may be another.
#[derive(Serialize)]
struct Entry {
    file: String,
    line: usize,
    column: usize,
    pointer: String,
    code: &'static str,
    message: &'static str,
    hint: String,
}

fn check(path: &Path, source: Option<&Named>, quiet: bool) -> Result<Report, Failure> {
    let document = Named::read(path)?;
    let kind = if is_deployment(&document.text) { "deployment" } else { "policy" };
    let name = document.name.clone();
    let input = match (kind, source) {
        ("deployment", Some(_)) => {
            return Err(Failure::new(format_args!(
                "{name}: --for is for policies; a deployment has a source of its own"
            )));
        }
        ("deployment", None) => Input::deployment(path)?,
        _ => Input::Parts { policy: document, source: source.cloned() },
    };
    let mut report = Report {
        file: name,
        kind,
        ok: true,
        policy: None,
        sha256: None,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let note = |remark: Remark<'_>, list: &mut Vec<Entry>| {
        if !quiet {
            say(&remark);
        }
        list.push(Entry::from(remark));
    };
    match load(&input) {
        Ok(loaded) => {
            for remark in warning_remarks(&input, &loaded.warnings) {
                note(remark, &mut report.warnings);
            }
            if !quiet {
                let Loaded { policy, rules, .. } = &loaded;
                let of = if kind == "deployment" { "deployment of " } else { "" };
                let s = if *rules == 1 { "" } else { "s" };
                say(format_args!("{}: ok, {of}policy {policy}, {rules} rule{s}", report.file));
            }
            report.policy = Some(loaded.policy);
            report.sha256 = Some(hex(&loaded.sha256));
        }
        Err(errors) => {
            report.ok = false;
            for remark in error_remarks(&input, &errors) {
                note(remark, &mut report.errors);
            }
        }
    }
    Ok(report)
}

/// What is told of documents that are good.
struct Loaded {
    policy: String,
    sha256: [u8; 32],
    rules: usize,
    warnings: Vec<Warning>,
}

/// A policy without a source is checked for itself: which hosts can serve it is another question.
fn load(input: &Input) -> Result<Loaded, LoadErrors> {
    if let Input::Parts { policy, source: None } = input {
        let (policy, warnings) = PolicyDocument::parse(&policy.text, HostLimits::NATIVE)?;
        return Ok(Loaded {
            policy: policy.name.into(),
            sha256: policy.sha256,
            rules: policy.rules.len(),
            warnings,
        });
    }
    let gate = input.load()?;
    Ok(Loaded {
        policy: gate.policy_name().to_owned(),
        sha256: gate.policy_sha256(),
        rules: gate.rule_names().count(),
        warnings: gate.warnings().to_vec(),
    })
}

impl From<Remark<'_>> for Entry {
    fn from(remark: Remark<'_>) -> Self {
        Self {
            file: remark.file.to_owned(),
            line: remark.place.line,
            column: remark.place.column,
            pointer: remark.place.pointer.clone(),
            code: remark.code,
            message: remark.message,
            hint: remark.hint.to_owned(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
