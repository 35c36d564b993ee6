//! The caller: `openssl s_client`, so that nothing stands between the test and the bytes.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::certificates::{Certificates, HOST};

/// How long a proxy may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes over TLS with a caller's certificate, or none; the status of the answer, if a
/// handshake came about.
pub(crate) fn ask(
    certificates: &Certificates,
    address: SocketAddr,
    caller: Option<&str>,
    request: &[u8],
) -> Result<Option<u16>> {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-quiet", "-servername", HOST, "-connect", &address.to_string()]);
    openssl.arg("-CAfile").arg(&certificates.get("root")?.cert);
    if let Some(caller) = caller {
        let written = certificates.get(caller)?;
        openssl.arg("-cert").arg(&written.cert).arg("-key").arg(&written.key);
        openssl.arg("-cert_chain").arg(certificates.chain(caller)?);
    }
    openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = openssl.spawn().context("openssl is needed")?;
    // Where the handshake fails there is nobody to read it.
    drop(child.stdin.take().context("no input")?.write_all(request));
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
    let answer = String::from_utf8_lossy(&bytes?).into_owned();
    if answer.is_empty() {
        return Ok(None);
    }
    let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    status.and_then(|digits| digits.parse().ok()).context("not an HTTP answer").map(Some)
}
