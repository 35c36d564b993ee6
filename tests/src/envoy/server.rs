//! One Envoy process: started with any configuration, its log read line by line, ended for certain.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::http1;
use super::wire::WireRequest;

/// How long Envoy may take to start (the first start reads a binary of 100 MB) or to take a file.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The type of the Wasm filter's configuration.
pub(super) const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// A running Envoy. It ends with this value, and with this process however that ends.
#[derive(Debug)]
pub struct Server {
    child: Child,
    directory: tempfile::TempDir,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    log: Receiver<String>,
}

impl Server {
    /// Starts Envoy with `static_resources`, with one worker, and waits until it is ready. The folder
    /// is removed at the end.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not start; its log is in the error.
    pub fn start(directory: tempfile::TempDir, static_resources: &Value) -> Result<Self> {
        let bootstrap = json!({
            "node": { "id": "tests", "cluster": "tests" },
            "admin": { "address": loopback(0) },
            "static_resources": static_resources,
        });
        let config = directory.path().join("envoy.json");
        fs::write(&config, serde_json::to_string_pretty(&bootstrap)?)?;
        // The shell outlives this process by no more than the end of its standard input, even when
        // a test is killed; Envoy ends with the shell.
        let mut child = Command::new("sh")
            .args(["-c", r#""$@" <&- & pid=$!; read -r _; kill $pid; wait $pid"#, "sh"])
            .arg(binary()?)
            .args(["--concurrency", "1", "--use-dynamic-base-id", "--log-format", "%l %v"])
            .args(["-l", "error", "--component-log-level", "wasm:info,config:warning"])
            .arg("-c")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(directory.path().join("admin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = read_lines(child.stderr.take().context("no log")?);
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Self { child, directory, admin, listeners: BTreeMap::new(), log };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Where the listener with this name listens.
    ///
    /// # Errors
    /// When there is none.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        self.listeners.get(name).copied().with_context(|| format!("no listener {name}"))
    }

    /// The folder that goes with the process.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The body of an answer of the administration interface.
    ///
    /// # Errors
    /// When there is no answer, or it is not 200.
    pub fn admin(&self, target: &str) -> Result<Vec<u8>> {
        let headers = [(b"connection".to_vec(), b"close".to_vec())];
        let request = WireRequest { method: b"GET", target: target.as_bytes(), headers: &headers };
        let answer = http1::exchange(self.admin, &request)?;
        ensure!(answer.status == 200, "{target}: {}", answer.status);
        Ok(answer.body)
    }

    /// Memory that Envoy holds.
    ///
    /// # Errors
    /// Where there is no `/proc`, or no such process.
    pub fn resident_kib(&self) -> Result<u64> {
        let shell = self.child.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
        let envoy = children.split_ascii_whitespace().next().context("no process")?;
        let status = fs::read_to_string(format!("/proc/{envoy}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    }

    /// The next line of the log that comes within `patience`, as `LEVEL TEXT`.
    #[must_use]
    pub fn next_line(&self, patience: Duration) -> Option<String> {
        self.log.recv_timeout(patience).ok()
    }

    /// Forgets what was logged so far.
    pub fn skip_lines(&self) {
        self.log.try_iter().for_each(drop);
    }

    /// The lines up to a pause.
    #[must_use]
    pub fn lines_until_quiet(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next_line(Duration::from_millis(30))).collect()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = after(PATIENCE);
        while Instant::now() < deadline {
            if self.find_addresses().is_ok() {
                return Ok(());
            }
            // Envoy's standard error ends with Envoy, and the shell still waits.
            if let Err(mpsc::TryRecvError::Disconnected) = self.log.try_recv().map(drop) {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("Envoy does not start: {:?}", self.lines_until_quiet())
    }

    fn find_addresses(&mut self) -> Result<()> {
        self.admin = fs::read_to_string(self.directory.path().join("admin"))?.trim().parse()?;
        self.admin("/ready")?;
        let listeners: Value = serde_json::from_slice(&self.admin("/listeners?format=json")?)?;
        let all = listeners.get("listener_statuses").and_then(Value::as_array).context("no listeners")?;
        for listener in all {
            let name = listener.get("name").and_then(Value::as_str).context("no name")?;
            let port = listener.pointer("/local_address/socket_address/port_value").and_then(Value::as_u64);
            let port = u16::try_from(port.context("no port")?)?;
            self.listeners.insert(name.to_owned(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Nothing is left to do for a process that cannot be waited for.
        drop(self.child.wait());
    }
}

/// The Envoy that `tests/tools/get-envoy.sh` finds or installs.
///
/// # Errors
/// When it finds none; the script has said why on standard error.
pub fn binary() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/get-envoy.sh");
    let output = Command::new("sh").arg(&script).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{} found no Envoy", script.display());
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// An address of this machine; port 0 is one that is free.
#[must_use]
pub fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

/// The configuration of the Wasm filter: a plugin's name, under which it logs, and its deployment.
#[must_use]
pub fn filter(module: &Path, plugin: &str, deployment: &str) -> Value {
    json!({
        "@type": WASM,
        "config": {
            "name": plugin,
            "failure_policy": "FAIL_RELOAD",
            "reload_config": { "backoff": { "base_interval": "0.02s", "max_interval": "1s" } },
            "vm_config": {
                "vm_id": "peergate",
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": module } }
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": deployment
            }
        }
    })
}

pub(super) fn after(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience).unwrap_or(now)
}

fn read_lines(from: impl io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
