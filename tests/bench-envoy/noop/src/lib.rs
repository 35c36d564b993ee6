//! A filter of the Rust SDK with every callback left as it is. What Peergate costs above it is
//! Peergate's own; what it costs above a bare Envoy is Wasm's and the SDK's. With the feature
//! `one-header` it reads one header of each request, and does nothing with it.
#![cfg(target_family = "wasm")]
#![allow(missing_docs, reason = "the SDK's macro makes a public function without documentation")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request))
    }
}

struct Request;

impl Context for Request {}

#[cfg(not(feature = "one-header"))]
impl HttpContext for Request {}

#[cfg(feature = "one-header")]
impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> proxy_wasm::types::Action {
        std::hint::black_box(self.get_http_request_header_bytes("x-forwarded-client-cert"));
        proxy_wasm::types::Action::Continue
    }
}
