//! A plaintext listener that forwards the client's XFCC header untouched, with a filter whose
//! deployment is replaced through a file (ECDS).

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::server::{PATIENCE, Server, WASM, after, filter, loopback};

const STATS: &str =
    "/stats?filter=^extension_config_discovery.http_filter.peergate.(version_text|update_rejected)$";

/// What Envoy did with a deployment.
#[derive(Debug)]
pub enum Taken {
    /// It is in force.
    Yes,
    /// The filter refused it; these are the lines that Envoy logged meanwhile.
    No(Vec<String>),
}

/// What answers the requests that are let through.
#[derive(Clone, Copy, Debug)]
pub enum Behind {
    /// A service.
    Service(SocketAddr),
    /// Envoy itself, with 200. Each answer then says in headers what an operator sees of the request:
    /// `x-seen` (the [`SEEN`] header that would go on) or `x-details` (the details of a refusal).
    Envoy,
}

/// The `identityHeader` that `x-seen` shows.
pub const SEEN: &str = "x-client-identity";

/// A request with this header has a line in `access.log`: its status, and what the filter left.
pub const LOGGED: &str = "x-log";

/// The listener and its Envoy.
#[derive(Debug)]
pub struct Plaintext {
    /// Its process.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
    module: PathBuf,
    behind: Behind,
    /// The last deployment that was written, and the one that is in force.
    version: u64,
    in_force: u64,
}

impl Plaintext {
    /// Starts Envoy with the filter's module, and a service that allowed requests reach.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not start.
    pub fn start(module: &Path, service: SocketAddr) -> Result<Self> {
        Self::start_with(module, r#"{"policy":{"version":1,"allow":[]}}"#, Behind::Service(service))
    }

    /// Starts Envoy with a first deployment, which the filter may refuse.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not start.
    pub fn start_with(module: &Path, deployment: &str, behind: Behind) -> Result<Self> {
        let module = module.canonicalize().with_context(|| module.display().to_string())?;
        let directory = tempfile::tempdir()?;
        write_extension(directory.path(), &module, 0, &behind.plugin(0), deployment)?;
        let resources = resources(directory.path(), behind);
        let server = Server::start(directory, &resources)?;
        let address = server.listener("plaintext")?;
        Ok(Self { server, address, module, behind, version: 0, in_force: 0 })
    }

    /// Lines of Envoy's statistics whose names match, with their values.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub fn stats(&self, pattern: &str) -> Result<Vec<(String, String)>> {
        let body = String::from_utf8(self.server.admin(&format!("/stats?filter={pattern}"))?)?;
        let pair = |line: &str| line.rsplit_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned()));
        Ok(body.lines().filter_map(pair).collect())
    }

    /// Puts a deployment in force and waits until it is, or until the filter has refused it.
    ///
    /// # Errors
    /// When Envoy does neither.
    pub fn deploy(&mut self, deployment: &str) -> Result<Taken> {
        let (_, rejected_before) = self.extension_stats()?;
        self.server.skip_lines();
        self.version = self.version.wrapping_add(1);
        let plugin = self.behind.plugin(self.version);
        write_extension(self.server.directory(), &self.module, self.version, &plugin, deployment)?;
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
        bail!("Envoy neither took nor refused a deployment: {:?}", self.server.lines_until_quiet())
    }

    /// The name under which the deployment in force logs; before a service no two share one.
    pub(super) fn plugin(&self) -> String {
        self.behind.plugin(self.in_force)
    }

    /// What was logged up to the line in which Envoy says that it refuses an update.
    fn lines_until_rejected(&self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.server.next_line(Duration::from_secs(1)) {
            let last = line.contains("update rejected");
            lines.push(line);
            if last {
                break;
            }
        }
        lines
    }

    fn extension_stats(&self) -> Result<(String, u64)> {
        let body = String::from_utf8(self.server.admin(STATS)?)?;
        let value = |name: &str| {
            let line = body.lines().find_map(|line| line.split_once(name));
            line.map(|(_, value)| value.trim_start_matches(": ").trim_matches('"').to_owned())
        };
        let version = value(".version_text").context("no version_text")?;
        Ok((version, value(".update_rejected").context("no update_rejected")?.parse()?))
    }
}

/// The first word of a plugin's name.
pub(super) const PLUGIN: &str = "deployment-";

impl Behind {
    /// The name of the plugin with this deployment. Records are told apart by it; where nobody reads
    /// records it stays the same, as operators would have it.
    fn plugin(self, version: u64) -> String {
        match self {
            Self::Service(_) => format!("{PLUGIN}{version}"),
            Self::Envoy => "peergate".to_owned(),
        }
    }
}

/// Envoy notices a file that is renamed into place, not one that is written.
fn write_extension(
    directory: &Path,
    module: &Path,
    version: u64,
    plugin: &str,
    deployment: &str,
) -> Result<()> {
    let update = json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "peergate",
            "typed_config": filter(module, plugin, deployment)
        }]
    });
    let fresh = directory.join("extension.json.new");
    fs::write(&fresh, serde_json::to_string(&update)?)?;
    Ok(fs::rename(fresh, directory.join("extension.json"))?)
}

/// Nothing is normalised: the filter is to see what the case says.
fn resources(directory: &Path, behind: Behind) -> Value {
    let service = match behind {
        Behind::Service(address) => Some(address),
        Behind::Envoy => None,
    };
    let route = match service {
        Some(_) => json!({ "match": { "prefix": "/" }, "route": { "cluster": "service" } }),
        None => json!({ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }),
    };
    let clusters: Vec<Value> = service.map(cluster).into_iter().collect();
    let added = |name: &str, value: &str| json!([{ "header": { "key": name, "value": value } }]);
    let (seen, details) = match service {
        Some(_) => (json!([]), json!([])),
        None => (
            added("x-seen", &format!("%REQ({SEEN})%")),
            json!([{
                "filter": { "status_code_filter": { "comparison": {
                    "op": "GE", "value": { "default_value": 300, "runtime_key": "none" }
                } } },
                "headers_to_add": added("x-details", "%RESPONSE_CODE_DETAILS%")
            }]),
        ),
    };
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "conformance",
        "access_log": access_log(directory),
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
            "response_headers_to_add": seen,
            "routes": [route]
        }] },
        "local_reply_config": { "mappers": details },
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
        "listeners": [{
            "name": "plaintext",
            "address": loopback(0),
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }]
        }],
        "clusters": clusters
    })
}

/// One line for each request that asks for it: a load must not fill a disk.
fn access_log(directory: &Path) -> Value {
    let state = |name: &str| format!("%FILTER_STATE(wasm.peergate_{name}:PLAIN)%");
    let parts = ["decision", "reason", "rule", "identity"].map(state).join("\" \"");
    json!([{
        "name": "file",
        "filter": { "header_filter": { "header": { "name": LOGGED, "present_match": true } } },
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": directory.join("access.log"),
            "log_format": { "text_format_source": { "inline_string": format!("%RESPONSE_CODE% \"{parts}\"\n") } }
        }
    }])
}

fn cluster(service: SocketAddr) -> Value {
    json!({
        "name": "service", "type": "STATIC", "connect_timeout": "5s",
        "load_assignment": { "cluster_name": "service", "endpoints": [{
            "lb_endpoints": [{ "endpoint": { "address": loopback(service.port()) } }]
        }] }
    })
}
