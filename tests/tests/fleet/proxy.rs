//! Real proxies: found or unpacked, started with an example's configuration, ended for certain.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use peergate_conformance::envoy;

use super::certificates::Certificates;

/// How long a proxy may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Another process may take a free port before the proxy does.
const TRIES: usize = 3;

/// Runs a command that ends with the shell's standard input, even when this process is killed; the
/// shell ends with the command.
const UNTIL_INPUT_ENDS: &str = r#"
    exec 3<&0
    "$@" <&- 3<&- &
    command=$!
    (read -r _ <&3; kill $command) 2>/dev/null &
    reader=$!
    exec 3<&-
    wait $command
    kill $reader 2>/dev/null
"#;

/// The ports of the examples: that of the callers, and that of the second of two Envoys.
pub(crate) const EDGE_PORT: u16 = 8443;
pub(crate) const SIDECAR_PORT: u16 = 8444;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proxy {
    Nginx,
    Haproxy,
    Httpd,
    Caddy,
    Envoy,
}

/// A program as this machine has it.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    proxy: Proxy,
    command: PathBuf,
    /// Where Apache httpd's modules are.
    modules: PathBuf,
    /// What it says about itself.
    pub(crate) version: String,
}

impl Proxy {
    pub(crate) const ALL: [Self; 5] = [Self::Nginx, Self::Haproxy, Self::Httpd, Self::Caddy, Self::Envoy];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Httpd => "httpd",
            Self::Caddy => "caddy",
            Self::Envoy => "envoy",
        }
    }

    /// Finds it, or has it unpacked. What is wrong was said on standard error.
    pub(crate) fn install(self) -> Result<Installed> {
        let (command, modules) = if self == Self::Envoy {
            (envoy::binary()?, PathBuf::new())
        } else {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/get-proxies.sh");
            let output = Command::new("sh").arg(script).arg(self.name()).stderr(Stdio::inherit()).output()?;
            ensure!(output.status.success(), "there is no {}", self.name());
            let said = String::from_utf8(output.stdout)?;
            let mut lines = said.lines().map(PathBuf::from);
            (lines.next().context("no path")?, lines.next().unwrap_or_default())
        };
        let option = match self {
            Self::Nginx | Self::Haproxy | Self::Httpd => "-v",
            Self::Caddy => "version",
            Self::Envoy => "--version",
        };
        let output = Command::new(&command).arg(option).output().context(self.name())?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let line = said.lines().find(|line| !line.is_empty()).context("it has no version")?;
        let version = line.rsplit_once("ersion: ").map_or(line, |(_, version)| version).trim().to_owned();
        Ok(Installed { proxy: self, command, modules, version })
    }
}

/// One or two processes in a row that run an example.
pub(crate) struct Running {
    processes: Vec<Child>,
    ports: [u16; 2],
}

impl Running {
    /// Starts the proxy with each of the files' texts, the service being the last in the row.
    pub(crate) fn start(
        installed: &Installed,
        texts: &[String],
        certificates: &Certificates,
        directory: &Path,
        service: u16,
    ) -> Result<Self> {
        let mut last = None;
        for _ in 0..TRIES {
            let mut running = Self { processes: Vec::new(), ports: free_ports()? };
            match running.start_all(installed, texts, certificates, directory, service) {
                Ok(()) => return Ok(running),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no try")?)
    }

    /// Where an example's port is.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        let [edge, sidecar] = self.ports;
        SocketAddr::from((Ipv4Addr::LOCALHOST, if port == SIDECAR_PORT { sidecar } else { edge }))
    }

    fn start_all(
        &mut self,
        installed: &Installed,
        texts: &[String],
        certificates: &Certificates,
        directory: &Path,
        service: u16,
    ) -> Result<()> {
        for (at, text) in texts.iter().enumerate() {
            let folder = directory.join(at.to_string());
            fs::create_dir_all(&folder)?;
            let place = Place { installed, certificates, folder: &folder, ports: self.ports, service };
            let config = folder.join(if installed.proxy == Proxy::Envoy { "envoy.yaml" } else { "config" });
            fs::write(&config, place.adapt(text)?)?;
            self.processes.push(spawn(installed, &config, &folder)?);
            let port = if at == 0 { EDGE_PORT } else { SIDECAR_PORT };
            self.wait(port).with_context(|| {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                format!("{} does not start: {log}", installed.proxy.name())
            })?;
        }
        Ok(())
    }

    fn wait(&mut self, port: u16) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.address(port)).is_err() {
            let ended = self.processes.last_mut().context("no process")?.try_wait()?;
            ensure!(ended.is_none(), "it ended");
            ensure!(started.elapsed() < PATIENCE, "it does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.processes {
            drop(child.stdin.take());
            // Nothing is left to do for a process that cannot be waited for.
            drop(child.wait());
        }
    }
}

/// What the paths and ports of an example become here.
struct Place<'a> {
    installed: &'a Installed,
    certificates: &'a Certificates,
    folder: &'a Path,
    ports: [u16; 2],
    service: u16,
}

impl Place<'_> {
    /// The text of an example as it can run here. Everything else in it stays as it is.
    fn adapt(&self, text: &str) -> Result<String> {
        // A port in a comment is none.
        let mut text: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| [line, "\n"])
            .collect();
        for (from, to) in self.paths()?.into_iter().chain(self.ports()) {
            text = text.replace(&from, &to);
        }
        for left in ["/etc/", "/var/", "/run/", "8443", "8444", ":3000", " 3000"] {
            ensure!(!text.contains(left), "the example names {left}, which the test does not know");
        }
        Ok(text)
    }

    fn paths(&self) -> Result<Vec<(String, String)>> {
        let mut out = Vec::new();
        let mut add = |from: &str, to: &Path| out.push((from.to_owned(), to.display().to_string()));
        add("/etc/peergate/server-and-key.pem", &self.certificates.server_and_key);
        for name in ["server", "sidecar"] {
            add(&format!("/etc/peergate/{name}.pem"), self.certificates.chain(name)?);
            add(&format!("/etc/peergate/{name}.key"), &self.certificates.get(name)?.key);
        }
        add("/etc/peergate/ca.pem", &self.certificates.get("root")?.cert);
        match self.installed.proxy {
            Proxy::Nginx => {
                add("/run/nginx.pid", &self.folder.join("pid"));
                for log in ["error.log", "access.log"] {
                    add(&format!("/var/log/nginx/{log}"), &self.folder.join(log));
                }
            }
            Proxy::Httpd => {
                add("/usr/lib/apache2/modules", &self.installed.modules);
                for folder in ["/etc/apache2", "/run/apache2", "/var/log/apache2"] {
                    add(folder, self.folder);
                }
            }
            Proxy::Haproxy | Proxy::Caddy | Proxy::Envoy => {}
        }
        Ok(out)
    }

    fn ports(&self) -> Vec<(String, String)> {
        let [edge, sidecar] = self.ports;
        let mut out = match self.installed.proxy {
            Proxy::Nginx => vec![
                ("listen 8443".into(), format!("listen 127.0.0.1:{edge}")),
                // Whom the package names, if that user exists; without root there is no choice.
                ("user www-data;\n".into(), String::new()),
                // In a package these are folders that only root makes.
                ("http {\n".into(), format!("http {{\n{}", temporary_paths(self.folder))),
            ],
            Proxy::Haproxy => vec![("bind :8443".into(), format!("bind 127.0.0.1:{edge}"))],
            Proxy::Httpd => vec![
                ("Listen 8443".into(), format!("Listen 127.0.0.1:{edge}")),
                ("*:8443".into(), format!("*:{edge}")),
                ("User www-data".into(), "User \"#65534\"".into()),
                ("Group www-data".into(), "Group \"#65534\"".into()),
                ("LoadModule mpm_event_module".into(), self.more_modules() + "LoadModule mpm_event_module"),
            ],
            Proxy::Caddy => vec![(":8443 {".into(), format!(":{edge} {{\n\tbind 127.0.0.1"))],
            Proxy::Envoy => vec![
                ("address: 0.0.0.0".into(), "address: 127.0.0.1".into()),
                ("port_value: 8443".into(), format!("port_value: {edge}")),
                ("port_value: 8444".into(), format!("port_value: {sidecar}")),
                ("port_value: 3000".into(), format!("port_value: {}", self.service)),
            ],
        };
        out.push(("127.0.0.1:3000".into(), format!("127.0.0.1:{}", self.service)));
        out
    }

    /// Debian has it built in, others load it.
    fn more_modules(&self) -> String {
        let path = self.installed.modules.join("mod_unixd.so");
        format!("<IfModule !mod_unixd.c>\nLoadModule unixd_module {}\n</IfModule>\n", path.display())
    }
}

fn temporary_paths(folder: &Path) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    kinds.map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display())).concat()
}

fn spawn(installed: &Installed, config: &Path, folder: &Path) -> Result<Child> {
    let log = fs::File::create(folder.join("log"))?;
    let mut command = Command::new("sh");
    command.args(["-c", UNTIL_INPUT_ENDS, "sh"]);
    command.arg(&installed.command);
    match installed.proxy {
        Proxy::Nginx => command.args(["-g", "daemon off;", "-p"]).arg(folder).arg("-c").arg(config),
        Proxy::Haproxy => command.args(["-db", "-f"]).arg(config),
        Proxy::Httpd => command.args(["-D", "FOREGROUND", "-f"]).arg(config),
        Proxy::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config),
        Proxy::Envoy => {
            command.args(["--concurrency", "1", "--use-dynamic-base-id", "-l", "error", "-c"]).arg(config)
        }
    };
    command.current_dir(folder).env("HOME", folder).env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
    command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("starting {}", installed.proxy.name()))
}

/// Two ports that nobody has.
fn free_ports() -> Result<[u16; 2]> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (one, other) = (free()?, free()?);
    let ports = [one.local_addr()?.port(), other.local_addr()?.port()];
    if ports.contains(&0) {
        bail!("no free port");
    }
    Ok(ports)
}
