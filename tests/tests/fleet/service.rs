//! The guarded services behind the proxies, all in one Node process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Node, with a server for each deployment.
pub(crate) struct Services {
    child: Child,
    /// The process ends when this does.
    stdin: Option<ChildStdin>,
    control: u16,
    ports: BTreeMap<String, u16>,
}

/// What a service saw of a request and said to it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The lines as they came.
    pub(crate) headers: Vec<(String, String)>,
    /// What the middleware published.
    pub(crate) decision: Value,
    /// The lines that the application got; nothing when the request was refused.
    pub(crate) application: Option<Vec<(String, String)>>,
}

impl Services {
    /// Starts a server for each name and file.
    pub(crate) fn start(deployments: &BTreeMap<String, PathBuf>) -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        ensure!(
            here.join("../node-binding/dist/index.mjs").exists(),
            "the npm package is not built: run `make node`"
        );
        let mut child = Command::new("node")
            .arg(here.join("tests/fleet/service.mjs"))
            .arg(serde_json::to_string(deployments)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting node")?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("node has no output")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the services do not start");
        let said: Value = serde_json::from_str(&line)?;
        let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
        let ports = said.get("ports").and_then(Value::as_object).context("no ports")?;
        Ok(Self {
            child,
            stdin,
            control: said.get("control").and_then(port).context("no control port")?,
            ports: ports.iter().filter_map(|(name, value)| Some((name.clone(), port(value)?))).collect(),
        })
    }

    pub(crate) fn port(&self, name: &str) -> Result<u16> {
        self.ports.get(name).copied().with_context(|| format!("no service {name}"))
    }

    /// What came of the request with this target, which has been answered; nothing when it did not
    /// get as far as the service.
    pub(crate) fn take(&self, target: &str) -> Result<Option<Seen>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.control))?;
        write!(stream, "GET {target} HTTP/1.1\r\nhost: control\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no answer of the control server")?;
        // Chunked or not, the object is between the outermost braces.
        let body = body.find('{').zip(body.rfind('}')).and_then(|(from, to)| body.get(from..=to));
        let Some(body) = body else { return Ok(None) };
        let seen: Value = serde_json::from_str(body)?;
        Ok(Some(Seen {
            headers: lines(seen.get("headers")).context("no headers")?,
            decision: seen.get("decision").cloned().unwrap_or_default(),
            application: lines(seen.get("application")),
        }))
    }
}

fn lines(value: Option<&Value>) -> Option<Vec<(String, String)>> {
    let text = |value: &Value, at| value.get(at).and_then(Value::as_str).map(str::to_owned);
    value?.as_array()?.iter().map(|pair| Some((text(pair, 0)?, text(pair, 1)?))).collect()
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Nothing is left to do for a process that cannot be waited for.
        drop(self.child.wait());
    }
}
