//! Runs the built command in a folder of its own.
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// The built command.
pub(crate) const PEERGATE: &str = env!("CARGO_BIN_EXE_peergate");

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Stdout as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Panics unless the run ended with this code.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("peergate-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: &[u8]) -> Run {
        let mut command = Command::new(PEERGATE);
        command.args(arguments).current_dir(&self.0);
        finish(command, stdin)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Run {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // A command that does not read its stdin may have gone before it is written.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs without files.
pub(crate) fn peergate(arguments: &[&str], stdin: &[u8]) -> Run {
    Folder::new().run_with(arguments, stdin)
}

/// Where the repository's shared fixtures are.
pub(crate) fn shared_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// A policy with a group, a deny rule and rules of every kind of `from`.
pub(crate) const POLICY: &str = r#"{
  "version": 1,
  "name": "orders-api",
  "groups": {
    "payments": [{ "spiffe": "spiffe://prod.example/ns/pay/sa/api" }],
    "partners": [{ "san": "DNS:api.partner.example" }]
  },
  "deny": [
    { "name": "no-admin", "from": ["@partners"], "paths": ["/admin/*"] }
  ],
  "allow": [
    { "name": "health", "from": "anyone", "methods": ["GET"], "paths": ["/healthz"] },
    { "name": "orders-read", "from": ["@payments", "@partners"], "methods": ["GET"], "paths": ["/v1/orders/{id}"] }
  ]
}
"#;

/// An XFCC value of the payments service.
pub(crate) const PAYMENTS: &str = "By=spiffe://prod.example/ns/edge/sa/proxy;\
Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;\
Subject=\"CN=api,O=Acme\";URI=spiffe://prod.example/ns/pay/sa/api";
