//! A proxy for tests: the proxy-wasm ABI 0.2.1 on wasmtime, as far as the filter uses it.
//!
//! Every import that is not written here traps when it is called, so a filter that starts to use more
//! of the proxy shows. Whatever the proxy hands over can be made hostile: any bytes in names and
//! values, any status of any call, a malformed header map, little memory, little fuel.

mod abi;
mod imports;
mod state;
mod vm;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasmtime::{Config, Engine, Linker, Module};

pub use abi::{Lines, decode_map, encode_map};
pub use state::{Change, Fault, LogLine, Metric, MetricKind, Reply, State};
pub use vm::{Action, Configured, Exchange, Limits, Observed, Vm};

/// The compiled filter: made once, instantiated often.
pub struct Filter {
    engine: Engine,
    module: Module,
    bytes: usize,
    linker: Linker<State>,
}

impl Filter {
    /// Compiles a module.
    ///
    /// # Errors
    /// When the file is missing or is no module for this ABI.
    pub fn compile(path: &Path) -> Result<Self> {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(trapped)?;
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let module = Module::new(&engine, &bytes).map_err(trapped)?;
        if module.get_export("proxy_abi_version_0_2_1").is_none() {
            bail!("{} is not made for proxy-wasm ABI 0.2.1", path.display());
        }
        let mut linker = Linker::new(&engine);
        imports::define(&mut linker).map_err(trapped)?;
        linker.define_unknown_imports_as_traps(&module).map_err(trapped)?;
        Ok(Self { engine, module, bytes: bytes.len(), linker })
    }

    /// Size of the module's file in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the module imports, as `MODULE.NAME`, in order of the alphabet.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.module.imports().map(|import| format!("{}.{}", import.module(), import.name())).collect();
        names.sort_unstable();
        names
    }

    /// Compiles the release filter of this workspace (see [`module_path`]).
    ///
    /// # Errors
    /// As [`Filter::compile`] and [`module_path`].
    pub fn release() -> Result<Self> {
        Self::compile(&module_path()?)
    }
}

/// The release filter: the file that `PEERGATE_FILTER_WASM` names, else where cargo puts it.
///
/// # Errors
/// When there is none; the error says which command makes it.
pub fn module_path() -> Result<PathBuf> {
    let path = match std::env::var_os("PEERGATE_FILTER_WASM") {
        Some(path) => PathBuf::from(path),
        None => target_dir().join("wasm32-wasip1/release/peergate.wasm"),
    };
    if path.is_file() { Ok(path) } else { bail!("no filter at {}: `make filter` builds it", path.display()) }
}

fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
}

/// wasmtime's errors with their causes; the one that matters (the trap) comes last.
fn trapped(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
