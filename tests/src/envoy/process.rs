//! One Envoy process with one listener, whose filter is replaced through a file (ECDS).

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
use super::wire::{HttpAnswer, WireRequest};

/// How long Envoy may take to start (the first start reads a binary of 100 MB) or to take a file.
const PATIENCE: Duration = Duration::from_secs(60);
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const STATS: &str =
    "/stats?filter=^extension_config_discovery.http_filter.peergate.(version_text|update_rejected)$";

/// What Envoy did with a deployment.
pub(super) enum Taken {
    /// It is in force.
    Yes,
    /// The filter refused it; these are the lines that Envoy logged meanwhile.
    No(Vec<String>),
}

/// A running Envoy. It ends with this value, and with this process however that ends.
pub(super) struct Process {
    child: Child,
    directory: tempfile::TempDir,
    wasm: PathBuf,
    admin: SocketAddr,
    /// Where requests go.
    pub(super) listener: SocketAddr,
    log: Receiver<String>,
    /// The last deployment that was written, and the one that is in force.
    version: u64,
    in_force: u64,
}

impl Process {
    /// Starts Envoy with the filter's module, and a service that allowed requests reach.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not start.
    pub(super) fn start(wasm: &Path, service: SocketAddr) -> Result<Self> {
        let envoy = binary()?;
        let wasm = wasm.canonicalize().with_context(|| format!("no filter at {}", wasm.display()))?;
        let directory = tempfile::tempdir()?;
        write_extension(directory.path(), &wasm, 0, r#"{"policy":{"version":1,"allow":[]}}"#)?;
        let config = directory.path().join("envoy.json");
        fs::write(&config, serde_json::to_string_pretty(&bootstrap(directory.path(), service))?)?;
        // The shell outlives this process by no more than the end of its standard input, even when
        // a test is killed; Envoy ends with the shell.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#""$@" <&- & pid=$!; trap 'kill $pid' TERM; read -r _; kill $pid; wait $pid"#,
                "sh",
            ])
            .arg(envoy)
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
        let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut process =
            Self { child, directory, wasm, admin: unknown, listener: unknown, log, version: 0, in_force: 0 };
        process.wait_until_ready()?;
        Ok(process)
    }

    /// Puts a deployment in force and waits until it is, or until the filter has refused it.
    ///
    /// # Errors
    /// When Envoy does neither.
    pub(super) fn deploy(&mut self, deployment: &str) -> Result<Taken> {
        let (_, rejected_before) = self.extension_stats()?;
        self.log.try_iter().for_each(drop);
        self.version = self.version.wrapping_add(1);
        write_extension(self.directory.path(), &self.wasm, self.version, deployment)?;
        let wanted = self.version.to_string();
        let deadline = after(PATIENCE);
        while Instant::now() < deadline {
            let (version, rejected) = self.extension_stats()?;
            if rejected > rejected_before {
                return Ok(Taken::No(self.lines_until_rejected()));
            }
            if version == wanted {
                self.in_force = self.version;
                return Ok(Taken::Yes);
            }
            thread::sleep(Duration::from_millis(1));
        }
        bail!("Envoy neither took nor refused a deployment: {:?}", self.lines_until_quiet())
    }

    /// The name under which the deployment in force logs; no two deployments share one.
    pub(super) fn plugin(&self) -> String {
        plugin_name(self.in_force)
    }

    /// The next line of the log that comes within `patience`.
    pub(super) fn next_line(&self, patience: Duration) -> Option<String> {
        self.log.recv_timeout(patience).ok()
    }

    /// Forgets what was logged so far.
    pub(super) fn skip_lines(&self) {
        self.log.try_iter().for_each(drop);
    }

    /// What was logged up to the line in which Envoy says that it refuses an update.
    fn lines_until_rejected(&self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line(Duration::from_secs(1)) {
            let last = line.contains("update rejected");
            lines.push(line);
            if last {
                break;
            }
        }
        lines
    }

    fn lines_until_quiet(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next_line(Duration::from_millis(30))).collect()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = after(PATIENCE);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("Envoy ended ({status}): {:?}", self.lines_until_quiet());
            }
            if self.find_addresses().is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("Envoy does not start: {:?}", self.lines_until_quiet())
    }

    fn find_addresses(&mut self) -> Result<()> {
        self.admin = fs::read_to_string(self.directory.path().join("admin"))?.trim().parse()?;
        ensure!(self.admin_get("/ready")?.status == 200, "not ready");
        let listeners: Value = serde_json::from_slice(&self.admin_get("/listeners?format=json")?.body)?;
        let port = listeners.pointer("/listener_statuses/0/local_address/socket_address/port_value");
        let port = port.and_then(Value::as_u64).context("no listener")?;
        self.listener = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port)?));
        Ok(())
    }

    fn extension_stats(&self) -> Result<(String, u64)> {
        let body = String::from_utf8(self.admin_get(STATS)?.body)?;
        let value = |name: &str| {
            let line = body.lines().find_map(|line| line.split_once(name));
            line.map(|(_, value)| value.trim_start_matches(": ").trim_matches('"').to_owned())
        };
        let version = value(".version_text").context("no version_text")?;
        Ok((version, value(".update_rejected").context("no update_rejected")?.parse()?))
    }

    fn admin_get(&self, target: &str) -> io::Result<HttpAnswer> {
        let headers = [(b"connection".to_vec(), b"close".to_vec())];
        let request = WireRequest { method: b"GET", target: target.as_bytes(), headers: &headers };
        http1::exchange(self.admin, &request)
    }
}

impl Drop for Process {
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

fn after(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience).unwrap_or(now)
}

fn plugin_name(version: u64) -> String {
    format!("deployment-{version}")
}

/// Envoy notices a file that is renamed into place, not one that is written.
fn write_extension(directory: &Path, wasm: &Path, version: u64, deployment: &str) -> Result<()> {
    let update = json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "peergate",
            "typed_config": {
                "@type": WASM,
                "config": {
                    "name": plugin_name(version),
                    "failure_policy": "FAIL_RELOAD",
                    "reload_config": { "backoff": { "base_interval": "0.02s", "max_interval": "1s" } },
                    "vm_config": {
                        "vm_id": "peergate",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": { "local": { "filename": wasm } }
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": deployment
                    }
                }
            }
        }]
    });
    let fresh = directory.join("extension.json.new");
    fs::write(&fresh, serde_json::to_string(&update)?)?;
    Ok(fs::rename(fresh, directory.join("extension.json"))?)
}

/// A plaintext listener that forwards the client's XFCC header untouched and normalises nothing:
/// the filter is to see what the case says.
fn bootstrap(directory: &Path, service: SocketAddr) -> Value {
    let loopback = |port: u16| json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "conformance",
        "codec_type": "AUTO",
        "forward_client_cert_details": "ALWAYS_FORWARD_ONLY",
        "generate_request_id": false,
        "normalize_path": false,
        "merge_slashes": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "max_request_headers_kb": 8192,
        "common_http_protocol_options": { "headers_with_underscores_action": "ALLOW", "max_headers_count": 10_000 },
        // An absolute-form target is not taken apart.
        "http_protocol_options": { "allow_absolute_url": false, "allow_custom_methods": true },
        "http2_protocol_options": { "override_stream_error_on_invalid_http_message": true },
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "service" } }]
        }] },
        "http_filters": [
            { "name": "peergate", "config_discovery": {
                "config_source": {
                    "path_config_source": { "path": directory.join("extension.json") },
                    "resource_api_version": "V3"
                },
                "type_urls": [WASM]
            } },
            { "name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": true
            } }
        ]
    });
    json!({
        "node": { "id": "conformance", "cluster": "conformance" },
        "admin": { "address": loopback(0) },
        "static_resources": {
            "listeners": [{
                "name": "conformance",
                "address": loopback(0),
                "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }]
            }],
            "clusters": [{
                "name": "service", "type": "STATIC", "connect_timeout": "5s",
                // A large header goes on as it is.
                "typed_extension_protocol_options": {
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                        "explicit_http_config": { "http_protocol_options": {} }
                    }
                },
                "load_assignment": { "cluster_name": "service", "endpoints": [{
                    "lb_endpoints": [{ "endpoint": { "address": loopback(service.port()) } }]
                }] }
            }]
        }
    })
}
