//! The npm package in Node, as an implementation: a process that is asked one line at a time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use peergate_cli::fixture::{Case, Outcome, RefusedCase, RequestSpec, Texts};
use serde_json::{Map, Value, json};

use crate::{Answer, Implementation, native};

/// The npm package, behind `node-driver.mjs`.
pub struct Node {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Node {
    /// Starts Node with the package as it was built last.
    ///
    /// # Errors
    /// When there is no `node`, or when the package was not built.
    pub fn start() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = here.join("../node-binding/dist/index.mjs");
        ensure!(package.exists(), "the npm package is not built: run `sh node-binding/build.sh`");
        let mut process = Command::new("node")
            .arg(here.join("src/node-driver.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting node")?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("node has no output")?);
        Ok(Self { process, questions, answers })
    }

    fn ask(&mut self, question: &Value) -> Result<Answer> {
        let questions = self.questions.as_mut().context("node has ended")?;
        writeln!(questions, "{question}").and_then(|()| questions.flush()).context("node has ended")?;
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).context("reading node's answer")?;
        ensure!(read > 0, "node ended without an answer");
        outcome(serde_json::from_str(&line).context("node's answer is not JSON")?)
    }
}

impl Implementation for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn decide(&mut self, case: &Case) -> Result<Answer> {
        self.ask(&json!({
            "documents": documents(&case.documents),
            "request": request(&case.request),
            "now": case.now.unwrap_or_else(native::now),
        }))
    }

    fn refuse(&mut self, case: &RefusedCase) -> Result<Answer> {
        self.ask(&json!({ "documents": documents(&case.documents) }))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The end of its input ends the process, after it has said how much it was asked.
        self.questions = None;
        // It cannot fail in a way that would matter: the answers are all here.
        let _ = self.process.wait();
    }
}

fn outcome(answer: Value) -> Result<Answer> {
    let Value::Object(mut answer) = answer else { bail!("node's answer is no object") };
    if let Some(broken) = answer.get("broken") {
        bail!("{}", broken.as_str().unwrap_or("node gave up"));
    }
    if let Some(error) = answer.get("error") {
        let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Ok(Answer::Outcome(Outcome::Refused { code: field("code"), pointer: field("pointer") }));
    }
    let decision = answer.remove("decision").context("node's answer has no decision")?;
    let upstream = answer.remove("upstream").filter(|upstream| !upstream.is_null());
    Ok(Answer::Outcome(Outcome::Decided { decision, upstream }))
}

fn documents(texts: &Texts) -> Value {
    match texts {
        Texts::Deployment { text, policy } => with("deployment", text, "policy", policy.as_deref()),
        Texts::Parts { policy, source } => with("policy", policy, "source", source.as_deref()),
    }
}

fn with(name: &str, text: &str, other: &str, text_of_other: Option<&str>) -> Value {
    let mut out = Map::new();
    out.insert(name.to_owned(), text.into());
    if let Some(text) = text_of_other {
        out.insert(other.to_owned(), text.into());
    }
    Value::Object(out)
}

fn request(request: &RequestSpec) -> Value {
    let lines = request.headers.iter().map(|(name, value)| json!([bytes(name), bytes(value)]));
    let mut out = json!({
        "method": bytes(&request.method),
        "path": bytes(&request.target),
        "headers": lines.collect::<Vec<_>>(),
    });
    if let (Some(connection), Some(out)) = (&request.connection, out.as_object_mut()) {
        let mut peer = json!({ "verified": connection.verified });
        if let (Some(pem), Some(peer)) = (&connection.certificate_pem, peer.as_object_mut()) {
            peer.insert("certificatePem".to_owned(), bytes(pem));
        }
        out.insert("connection".to_owned(), peer);
    }
    out
}

fn bytes(bytes: &[u8]) -> Value {
    json!({ "base64": BASE64_STANDARD.encode(bytes) })
}
