//! `peergate eval`: one request, decided and, on request, explained.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use peergate_core::limits::HostLimits;
use peergate_core::source::document::SourceDocument;
use serde_json::Value;

use super::stdin;
use crate::args::EvalArgs;
use crate::documents::{Input, Named, error_remarks};
use crate::explain::{Explainer, source_line, source_notes};
use crate::fixture::{RequestSpec, parse_request};
use crate::output::{Exit, Failure, print_line, say};

pub(super) fn run(args: &EvalArgs) -> Result<Exit, Failure> {
    let input = match (&args.config, &args.policy) {
        (Some(config), _) => Input::deployment(config)?,
        (None, Some(policy)) => Input::Parts {
            policy: Named::read(policy)?,
            source: args.source.as_deref().map(Named::source).transpose()?,
        },
        // clap asks for one of the two; this says the same should that ever change.
        (None, None) => return Err(Failure::new("--policy or --config is needed")),
    };
    let (request, now) = request(args.request.as_deref())?;
    let gate = match input.load() {
        Ok(gate) => gate,
        Err(errors) => {
            error_remarks(&input, &errors).for_each(say);
            return Ok(Exit::Finding);
        }
    };
    let now = now.unwrap_or_else(current_time);
    request.with(Some(now), |core_request| {
        let mut explainer = Explainer::default();
        let decision = if args.explain {
            gate.decide_traced(core_request, &mut explainer)
        } else {
            gate.decide(core_request)
        };
        if args.explain {
            let source = source_of(&input);
            let line = source.as_ref().map(|source| source_line(source, &request)).unwrap_or_default();
            let notes = source.as_ref().map(|source| source_notes(source, &request, &decision));
            let notes = notes.unwrap_or_default();
            say(explainer.text(&line, &notes, &request.method, &request.target, &decision).trim_end());
        }
        print_line(&decision.to_json())?;
        Ok(if args.exit_code && !decision.is_allowed() { Exit::Finding } else { Exit::Good })
    })
}

/// Seconds since 1970; a clock before that reads as 1970, when nothing is valid yet.
pub(super) fn current_time() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn request(path: Option<&Path>) -> Result<(RequestSpec, Option<i64>), Failure> {
    let (name, text) = match path {
        Some(path) if path != Path::new("-") => {
            let text =
                fs::read(path).map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?;
            (path, text)
        }
        _ => (Path::new("stdin"), stdin()?),
    };
    parse_request(name, &text).map_err(Failure::new)
}

/// The source of the documents, which have been taken.
fn source_of(input: &Input) -> Option<SourceDocument> {
    let text = match input {
        Input::Parts { source, .. } => source.as_ref().map(|source| source.text.clone()),
        Input::Deployment { deployment, .. } => {
            let deployment: Value = serde_json::from_slice(&deployment.text).ok()?;
            deployment.get("source").map(|source| source.to_string().into_bytes())
        }
    };
    let text = text.as_deref().unwrap_or(br#"{"preset":"envoy"}"#);
    SourceDocument::parse(text, HostLimits::NATIVE).ok().map(|(source, _)| source)
}
