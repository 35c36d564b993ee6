//! One VM: an instance of the filter with its root contexts, and requests in Envoy's order of calls.

use anyhow::{Context, Result, bail, ensure};
use wasmtime::{Instance, Memory, Store, StoreLimitsBuilder, WasmParams, WasmResults};

use super::abi::Lines;
use super::state::{Change, LogLine, Reply, State};
use super::{Filter, trapped};

/// What a VM may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Linear memory in bytes.
    pub memory: usize,
    /// Fuel of one request, all its callbacks together. A unit is about one instruction.
    pub request_fuel: u64,
    /// Fuel of one configuration.
    pub configuration_fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 512 * 1024 * 1024, request_fuel: 200_000_000, configuration_fuel: 50_000_000_000 }
    }
}

/// A running filter.
pub struct Vm {
    store: Store<State>,
    instance: Instance,
    memory: Memory,
    limits: Limits,
    contexts: u32,
}

/// How a configuration went.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The root context.
    pub root: u32,
    /// Whether the filter took the configuration.
    pub accepted: bool,
    /// What it logged about it.
    pub logs: Vec<LogLine>,
    /// Fuel that it took.
    pub fuel: u64,
}

/// What a filter tells the proxy to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Wait.
    Pause,
}

/// A request, from a client's side.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// All header lines, pseudo-headers included.
    pub headers: Lines,
    /// Whether a body follows; its callback is then made whatever the headers' callback said.
    pub body: bool,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What the headers' callback returned.
    pub action: Action,
    /// What the body's callback returned, where it was made.
    pub body_action: Option<Action>,
    /// Local answers.
    pub replies: Vec<Reply>,
    /// Header lines as they would go on.
    pub headers: Lines,
    /// What the filter did to the header lines.
    pub changes: Vec<Change>,
    /// What the filter logged.
    pub logs: Vec<LogLine>,
    /// Fuel that it took.
    pub fuel: u64,
}

impl Exchange {
    /// A request by method and target with further header lines.
    #[must_use]
    pub fn new(method: &[u8], target: &[u8], lines: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut headers = vec![
            (b":authority".to_vec(), b"service.test".to_vec()),
            (b":path".to_vec(), target.to_vec()),
            (b":method".to_vec(), method.to_vec()),
            (b":scheme".to_vec(), b"https".to_vec()),
        ];
        headers.extend_from_slice(lines);
        Self { headers, body: false }
    }
}

impl Observed {
    /// The local answer, or `None` when the request goes on.
    ///
    /// # Errors
    /// When the request was not answered exactly once.
    pub fn answered(&self) -> Result<Option<&Reply>> {
        match (self.action, self.replies.as_slice()) {
            (Action::Continue, []) => Ok(None),
            (Action::Pause, [reply]) => Ok(Some(reply)),
            (action, replies) => bail!("{action:?} with {} local answers", replies.len()),
        }
    }
}

impl Vm {
    /// Instantiates the filter and starts it.
    ///
    /// # Errors
    /// When that traps.
    pub fn start(filter: &Filter, limits: Limits) -> Result<Self> {
        let state = State {
            limits: StoreLimitsBuilder::new().memory_size(limits.memory).build(),
            now_ns: 1_790_000_000_000_000_000,
            ..State::default()
        };
        let mut store = Store::new(&filter.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(limits.configuration_fuel).map_err(trapped)?;
        let instance = filter.linker.instantiate(&mut store, &filter.module).map_err(trapped)?;
        let memory = instance.get_memory(&mut store, "memory").context("no memory is exported")?;
        let mut vm = Self { store, instance, memory, limits, contexts: 0 };
        vm.call::<(), ()>("_initialize", ())?;
        Ok(vm)
    }

    /// The proxy's side.
    #[must_use]
    pub fn state(&self) -> &State {
        self.store.data()
    }

    /// The proxy's side, to change it.
    pub fn state_mut(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Bytes of linear memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Makes a root context and hands it a configuration.
    ///
    /// # Errors
    /// When that traps or runs out of fuel.
    pub fn configure(&mut self, configuration: &[u8]) -> Result<Configured> {
        let root = self.next_context();
        self.store.set_fuel(self.limits.configuration_fuel).map_err(trapped)?;
        let logged = self.state().logs.len();
        self.call::<_, ()>("proxy_on_context_create", (root, 0))?;
        ensure!(self.call::<_, u32>("proxy_on_vm_start", (root, 0))? == 1, "on_vm_start refuses");
        self.state_mut().configuration = Some(configuration.to_vec());
        let size = u32::try_from(configuration.len())?;
        let accepted = self.call::<_, u32>("proxy_on_configure", (root, size));
        self.state_mut().configuration = None;
        Ok(Configured {
            root,
            accepted: accepted? == 1,
            logs: self.state_mut().logs.split_off(logged),
            fuel: self.spent(self.limits.configuration_fuel)?,
        })
    }

    /// Ends a root context.
    ///
    /// # Errors
    /// When that traps.
    pub fn end(&mut self, root: u32) -> Result<()> {
        self.store.set_fuel(self.limits.configuration_fuel).map_err(trapped)?;
        self.done(root)
    }

    /// Takes one request through the filter.
    ///
    /// # Errors
    /// When a callback traps or runs out of fuel, or one after the headers' wants to stop a request
    /// that goes on.
    pub fn request(&mut self, root: u32, exchange: &Exchange) -> Result<Observed> {
        let context = self.next_context();
        self.store.set_fuel(self.limits.request_fuel).map_err(trapped)?;
        let logged = self.state().logs.len();
        self.state_mut().headers = Some(exchange.headers.clone());
        let done = self.callbacks(root, context, exchange);
        let headers = self.state_mut().headers.take().unwrap_or_default();
        let replies = std::mem::take(&mut self.state_mut().replies);
        let changes = std::mem::take(&mut self.state_mut().changes);
        let logs = self.state_mut().logs.split_off(logged);
        let (action, body_action) = done.with_context(|| {
            format!("in a request; its standard error: {}", String::from_utf8_lossy(&self.state().stderr))
        })?;
        let fuel = self.spent(self.limits.request_fuel)?;
        Ok(Observed { action, body_action, replies, headers, changes, logs, fuel })
    }

    /// The callbacks of one request, in Envoy's order.
    fn callbacks(
        &mut self,
        root: u32,
        context: u32,
        exchange: &Exchange,
    ) -> Result<(Action, Option<Action>)> {
        self.call::<_, ()>("proxy_on_context_create", (context, root))?;
        let count = u32::try_from(exchange.headers.len())?;
        let end = u32::from(!exchange.body);
        let action = self.action("proxy_on_request_headers", (context, count, end))?;
        let body_action = match exchange.body {
            true => Some(self.action("proxy_on_request_body", (context, 3, 1))?),
            false => None,
        };
        if action == Action::Continue {
            ensure!(body_action != Some(Action::Pause), "the body is held back");
            let trailers = self.action("proxy_on_request_trailers", (context, 1))?;
            ensure!(trailers == Action::Continue, "the trailers are held back");
        }
        // The local answer passes the filter on its way out, as the service's answer does.
        let response = self.action("proxy_on_response_headers", (context, 1, 0))?;
        let body = self.action("proxy_on_response_body", (context, 3, 1))?;
        ensure!((response, body) == (Action::Continue, Action::Continue), "an answer is held back");
        if self.has("proxy_on_log") {
            self.call::<_, ()>("proxy_on_log", context)?;
        }
        self.done(context)?;
        Ok((action, body_action))
    }

    fn done(&mut self, context: u32) -> Result<()> {
        if self.has("proxy_on_done") {
            ensure!(self.call::<_, u32>("proxy_on_done", context)? == 1, "on_done wants to wait");
        }
        self.call("proxy_on_delete", context)
    }

    /// A filter may leave a callback out; the proxy then goes on.
    fn has(&mut self, callback: &str) -> bool {
        self.instance.get_func(&mut self.store, callback).is_some()
    }

    fn action(&mut self, name: &str, parameters: impl WasmParams) -> Result<Action> {
        if !self.has(name) {
            return Ok(Action::Continue);
        }
        match self.call::<_, u32>(name, parameters)? {
            0 => Ok(Action::Continue),
            1 => Ok(Action::Pause),
            other => bail!("{name} returns {other}"),
        }
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> Result<R> {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name).map_err(trapped)?;
        function.call(&mut self.store, parameters).map_err(trapped).with_context(|| name.to_owned())
    }

    fn spent(&self, given: u64) -> Result<u64> {
        Ok(given.saturating_sub(self.store.get_fuel().map_err(trapped)?))
    }

    fn next_context(&mut self) -> u32 {
        self.contexts = self.contexts.wrapping_add(1);
        self.contexts
    }
}
