//! The deployment document: where identity comes from at this host, and what to do with the answer.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::gate::{Documents, LogMode, Shows};
use crate::json::Kind;
use crate::limits::{HostLimits, REFUSAL_STATUS};
use crate::load::{Document, LoadCode, LoadErrors, Place, Warning};
use crate::policy::document::PolicyDocument;
use crate::reader::{Cursor, Reader};
use crate::source::document::SourceDocument;
use crate::source::read::header_name;
use crate::upstream::is_alias;

/// `responses`: the status of each kind of refusal, 400 to 499.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses {
    /// No certificate where one is needed.
    pub unauthenticated: u16,
    /// Refused.
    pub forbidden: u16,
    /// The request can be read in two ways.
    pub ambiguous: u16,
}

impl Responses {
    /// What holds where the document says nothing.
    pub const DEFAULT: Self = Self { unauthenticated: 401, forbidden: 403, ambiguous: 400 };
}

/// A deployment as written, every part checked for itself and against the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// `source`.
    pub source: SourceDocument,
    /// `policy`.
    pub policy: PolicyDocument,
    /// `identityHeader` in lower case.
    pub identity_header: Option<Box<str>>,
    /// `responses`.
    pub responses: Responses,
    /// `log`.
    pub log: LogMode,
    /// `metrics` and `filterState`.
    pub shows: Shows,
    /// Doubts, document by document, each in its order.
    pub warnings: Vec<Warning>,
}

/// Loads documents of either shape.
///
/// # Errors
/// Every fault, in the order of the text; those of the deployment, or of the policy where there is
/// none, before those of the document beside it.
// A caller knows which documents it gives; the code for others is then none of its own.
#[inline(always)]
pub fn parse(documents: Documents<'_>, limits: HostLimits) -> Result<Deployment, LoadErrors> {
    match documents {
        Documents::Deployment { text, policy } => deployment(text, policy, limits),
        Documents::Parts { policy, source } => parts(policy, source, limits),
    }
}

fn parts(policy: &[u8], source: Option<&[u8]>, limits: HostLimits) -> Result<Deployment, LoadErrors> {
    let policy = PolicyDocument::parse(policy, limits);
    let source = match source {
        Some(text) => SourceDocument::parse(text, limits),
        None => {
            let place = Place { document: Document::Source, pointer: String::new(), line: 1, column: 1 };
            let (source, doubt) = SourceDocument::default_at(place);
            Ok((source, Vec::from([doubt])))
        }
    };
    let ((policy, mut warnings), (source, doubts)) = both(policy, source)?;
    warnings.extend(doubts);
    let (responses, log) = (Responses::DEFAULT, LogMode::Denied);
    Ok(Deployment {
        source,
        policy,
        identity_header: None,
        responses,
        log,
        shows: Shows::default(),
        warnings,
    })
}

/// Both values, or the errors of both.
fn both<A, B>(a: Result<A, LoadErrors>, b: Result<B, LoadErrors>) -> Result<(A, B), LoadErrors> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut errors), Err(more)) => {
            errors.extend(more);
            Err(errors)
        }
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => Err(errors),
    }
}

const KEYS: [&str; 8] =
    ["$schema", "source", "policy", "identityHeader", "responses", "log", "metrics", "filterState"];
const KEYS_HINT: &str =
    "a deployment's keys are source, policy, identityHeader, responses, log, metrics and filterState";

/// The policy in a file of its own, if the host gave one: `Some(None)` when it was refused.
type Beside = Option<Option<PolicyDocument>>;

fn deployment(text: &[u8], beside: Option<&[u8]>, limits: HostLimits) -> Result<Deployment, LoadErrors> {
    let mut reader = Reader::new(text, Document::Deployment, limits)?;
    let (beside, doubts_beside, errors_beside) = match beside.map(|text| PolicyDocument::parse(text, limits))
    {
        None => (None, Vec::new(), Vec::new()),
        Some(Ok((policy, doubts))) => (Some(Some(policy)), doubts, Vec::new()),
        Some(Err(errors)) => (Some(None), Vec::new(), errors),
    };
    let root = reader.root();
    let deployment = read(&mut reader, &root, beside, limits);
    match reader.result(deployment) {
        Ok((mut deployment, doubts)) => {
            deployment.warnings.extend(doubts);
            deployment.warnings.extend(doubts_beside);
            Ok(deployment)
        }
        Err(mut errors) => {
            errors.extend(errors_beside);
            Err(errors)
        }
    }
}

fn read<'a>(
    reader: &mut Reader<'a>,
    root: &Cursor<'_, 'a>,
    beside: Beside,
    limits: HostLimits,
) -> Option<Deployment> {
    let fields = reader.fields(root, &KEYS, KEYS_HINT)?;
    reader.schema_reference(&fields);
    let mut warnings = Vec::new();
    let source = match fields.get("source") {
        Some(at) => SourceDocument::read(reader, at),
        None => {
            let place = Place { pointer: "/source".into(), ..reader.place(root) };
            let (source, doubt) = SourceDocument::default_at(place);
            warnings.push(doubt);
            Some(source)
        }
    };
    let policy = reader
        .required(&fields, "policy", "add policy: the object that says who may do what")
        .and_then(|at| policy(reader, at, beside, limits));
    let identity_header = fields.get("identityHeader").and_then(|at| {
        let name = header_name(reader, at)?;
        let taken = source.as_ref().map_or(&[][..], |source| &source.headers);
        if taken.iter().any(|(_, header)| is_alias(name.as_bytes(), header)) {
            reader.refuse(at, LoadCode::HeaderConflict);
        }
        Some(name)
    });
    let responses = fields.get("responses").map_or(Responses::DEFAULT, |at| responses(reader, at));
    let logs = [("denied", LogMode::Denied), ("all", LogMode::All), ("none", LogMode::None)];
    let log = reader.choice(fields.get("log"), &logs, "write \"denied\", \"all\" or \"none\"");
    let log = log.unwrap_or(LogMode::Denied);
    let mut shows = fields.get("metrics").map_or(Shows::default(), |at| metrics(reader, at));
    shows.filter_state = reader.switch(fields.get("filterState"), false);
    Some(Deployment { source: source?, policy: policy?, identity_header, responses, log, shows, warnings })
}

fn policy<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    beside: Beside,
    limits: HostLimits,
) -> Option<PolicyDocument> {
    let is_path = at.kind() == Kind::String;
    match beside {
        Some(policy) if is_path => return policy,
        Some(_) => reader.refuse(at, LoadCode::PolicyGivenTwice),
        None if is_path => reader.refuse(at, LoadCode::PolicyIsAPath),
        None => return PolicyDocument::read(reader, at, limits),
    }
    None
}

fn metrics<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Shows {
    let hint = "the keys of metrics are rules and expiry";
    let Some(fields) = reader.fields(at, &["rules", "expiry"], hint) else { return Shows::default() };
    Shows {
        rules: reader.switch(fields.get("rules"), false),
        expiry: reader.switch(fields.get("expiry"), false),
        filter_state: false,
    }
}

fn responses<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Responses {
    let keys = ["unauthenticated", "forbidden", "ambiguous"];
    let hint = "the keys of responses are unauthenticated, forbidden and ambiguous";
    let Some(fields) = reader.fields(at, &keys, hint) else { return Responses::DEFAULT };
    let (lowest, highest) = REFUSAL_STATUS;
    let range = (u32::from(lowest), u32::from(highest));
    let mut status = |key, default: u16| {
        let hint = "a refusal is a status from 400 to 499";
        u16::try_from(reader.integer_in(fields.get(key), range, hint, default.into())).unwrap_or(default)
    };
    Responses {
        unauthenticated: status("unauthenticated", Responses::DEFAULT.unauthenticated),
        forbidden: status("forbidden", Responses::DEFAULT.forbidden),
        ambiguous: status("ambiguous", Responses::DEFAULT.ambiguous),
    }
}

/// The path that a deployment's `policy` holds instead of an object, decoded.
///
/// # Errors
/// When the text is no JSON object, or the path is empty.
pub fn policy_path(text: &[u8], limits: HostLimits) -> Result<Option<String>, LoadErrors> {
    let mut reader = Reader::new(text, Document::Deployment, limits)?;
    let root = reader.root();
    let members = reader.object(&root);
    let member = members.iter().flatten().find(|member| member.key == "policy");
    let path = member.and_then(|member| {
        let at = root.member(member);
        let is_path = at.kind() == Kind::String;
        is_path.then(|| reader.string(&at).map(|path| String::from(path.as_ref())))
    });
    reader.result(Some(path.flatten())).map(|(path, _)| path)
}
