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
pub(super) enum Taken {
    /// It is in force.
    Yes,
    /// The filter refused it; these are the lines that Envoy logged meanwhile.
    No(Vec<String>),
}

/// The listener and its Envoy.
pub(super) struct Plaintext {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    module: PathBuf,
    /// The last deployment that was written, and the one that is in force.
    version: u64,
    in_force: u64,
}

impl Plaintext {
    /// Starts Envoy with the filter's module, and a service that allowed requests reach.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not start.
    pub(super) fn start(module: &Path, service: SocketAddr) -> Result<Self> {
        let module = module.canonicalize().with_context(|| module.display().to_string())?;
        let directory = tempfile::tempdir()?;
        write_extension(directory.path(), &module, 0, r#"{"policy":{"version":1,"allow":[]}}"#)?;
        let resources = resources(directory.path(), service);
        let server = Server::start(directory, &resources)?;
        let address = server.listener("plaintext")?;
        Ok(Self { server, address, module, version: 0, in_force: 0 })
    }

    /// Puts a deployment in force and waits until it is, or until the filter has refused it.
    ///
    /// # Errors
    /// When Envoy does neither.
    pub(super) fn deploy(&mut self, deployment: &str) -> Result<Taken> {
        let (_, rejected_before) = self.extension_stats()?;
        self.server.skip_lines();
        self.version = self.version.wrapping_add(1);
        write_extension(self.server.directory(), &self.module, self.version, deployment)?;
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

    /// The name under which the deployment in force logs; no two deployments share one.
    pub(super) fn plugin(&self) -> String {
        plugin_name(self.in_force)
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

fn plugin_name(version: u64) -> String {
    format!("{PLUGIN}{version}")
}

/// Envoy notices a file that is renamed into place, not one that is written.
fn write_extension(directory: &Path, module: &Path, version: u64, deployment: &str) -> Result<()> {
    let update = json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "peergate",
            "typed_config": filter(module, &plugin_name(version), deployment)
        }]
    });
    let fresh = directory.join("extension.json.new");
    fs::write(&fresh, serde_json::to_string(&update)?)?;
    Ok(fs::rename(fresh, directory.join("extension.json"))?)
}

/// Nothing is normalised: the filter is to see what the case says.
fn resources(directory: &Path, service: SocketAddr) -> Value {
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
        "listeners": [{
            "name": "plaintext",
            "address": loopback(0),
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }]
        }],
        "clusters": [{
            "name": "service", "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": { "cluster_name": "service", "endpoints": [{
                "lb_endpoints": [{ "endpoint": { "address": loopback(service.port()) } }]
            }] }
        }]
    })
}
