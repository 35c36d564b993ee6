//! The callers: `openssl s_client`, so that nothing stands between the test and the bytes, and Node for
//! HTTP/2.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::certificates::{Certificates, HOST};

/// How long a proxy may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request of a caller, with a certificate or without.
pub(crate) struct Call<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) caller: Option<&'a str>,
    pub(crate) target: &'a str,
    /// Header lines, each with its end.
    pub(crate) lines: &'a str,
}

impl Call<'_> {
    /// The status of the answer, if a handshake came about.
    pub(crate) fn send(&self, certificates: &Certificates, http2: bool) -> Result<Option<u16>> {
        if http2 { self.over_http2(certificates) } else { self.over_http1(certificates) }
    }

    fn over_http1(&self, certificates: &Certificates) -> Result<Option<u16>> {
        let Self { address, caller, target, lines } = *self;
        let close = if lines.contains("connection: close") { "" } else { "connection: close\r\n" };
        let request = format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n{close}{lines}\r\n");
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-servername", HOST, "-connect", &address.to_string()]);
        openssl.arg("-CAfile").arg(&certificates.get("root")?.cert);
        if let Some(caller) = caller {
            let written = certificates.get(caller)?;
            openssl.arg("-cert").arg(&written.cert).arg("-key").arg(&written.key);
            openssl.arg("-cert_chain").arg(certificates.chain(caller)?);
        }
        let answer = run(openssl.stderr(Stdio::null()), request.as_bytes())?;
        if answer.is_empty() {
            return Ok(None);
        }
        let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        status.and_then(|digits| digits.parse().ok()).context("not an HTTP answer").map(Some)
    }

    fn over_http2(&self, certificates: &Certificates) -> Result<Option<u16>> {
        let pairs: Vec<_> =
            self.lines.split_terminator("\r\n").filter_map(|line| line.split_once(": ")).collect();
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fleet/http2.mjs"));
        node.args([&self.address.to_string(), HOST, self.target, &serde_json::to_string(&pairs)?]);
        node.arg(&certificates.get("root")?.cert);
        if let Some(caller) = self.caller {
            node.arg(certificates.chain(caller)?).arg(&certificates.get(caller)?.key);
        }
        let answer = run(&mut node, b"")?;
        if answer.is_empty() { Ok(None) } else { answer.trim().parse().context("no status").map(Some) }
    }
}

/// What a command prints.
fn run(command: &mut Command, input: &[u8]) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(name)?;
    // Where the handshake fails there is nobody to read it.
    drop(child.stdin.take().context("no input")?.write_all(input));
    let mut output = child.stdout.take().context("no output")?;
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_| bytes)
    });
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("no end of the answer within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
    let Ok(bytes) = reader.join() else { bail!("the answer cannot be read") };
    Ok(String::from_utf8_lossy(&bytes?).into_owned())
}
