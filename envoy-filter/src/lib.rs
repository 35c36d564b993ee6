//! Peergate in Envoy: fetch bytes, ask core, act.
//!
//! | module | does |
//! |---|---|
//! | `host` | the only place that calls the proxy: bytes in, bytes out, every status checked |
//! | `pairs` | header maps as the proxy hands them over |
//! | `configuration` | what the proxy was given as plugin configuration |
//! | `plugin` | one configuration in force: a gate, its counters and its log |
//! | `stream` | one request |
//! | `peer` | what the client presented on the connection of a request |
//! | `record`, `limit`, `metrics`, `shows` | what operators see |
//!
//! What needs the proxy is compiled for WebAssembly only; the rest is also tested natively.

#[cfg(any(test, target_family = "wasm"))]
mod configuration;
#[cfg(any(test, target_family = "wasm"))]
mod limit;
#[cfg(any(test, target_family = "wasm"))]
mod metrics;
#[cfg(any(test, target_family = "wasm"))]
mod pairs;
#[cfg(any(test, target_family = "wasm"))]
mod record;

#[cfg(target_family = "wasm")]
mod host;
#[cfg(target_family = "wasm")]
mod peer;
#[cfg(target_family = "wasm")]
mod plugin;
#[cfg(target_family = "wasm")]
mod shows;
#[cfg(target_family = "wasm")]
mod stream;

#[cfg(target_family = "wasm")]
mod start {
    // A module of its own, because the macro makes a public function.
    use crate::plugin::Root;

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(Root::default()));
    }}
}
