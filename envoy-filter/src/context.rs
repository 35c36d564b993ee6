//! The callbacks that the proxy makes, and the contexts that they are about.
//!
//! They are written out here and not taken from an SDK, for two reasons. A proxy calls every callback
//! that a module exports, for every request, so only those that the filter needs are exported. And an
//! SDK's dispatcher panics on a context that it does not know, where here the request is refused.

use std::alloc::{Layout, alloc};
use std::cell::RefCell;
use std::ptr::null_mut;
use std::rc::Rc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::plugin::Plugin;
use crate::stream;

/// What a callback about a request returns.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Action {
    /// The request goes on.
    Continue = 0,
    /// It was answered here. Nothing of it may move on, in any host.
    Pause = 1,
}

/// A request that is under way.
struct Stream {
    plugin: Option<Rc<Plugin>>,
    passed: bool,
}

/// Nothing here is borrowed while the proxy is called, which may call back.
struct Contexts {
    /// One for each configuration that the proxy has not let go of; few.
    roots: Vec<(u32, Option<Rc<Plugin>>)>,
    /// The proxy numbers them, so no caller can make them collide.
    streams: HashMap<u32, Stream, FixedState>,
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> = const {
        RefCell::new(Contexts { roots: Vec::new(), streams: HashMap::with_hasher(FixedState::with_seed(0)) })
    };
}

/// `None` were the contexts borrowed already, which they never are.
fn with<T>(action: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| contexts.try_borrow_mut().ok().map(|mut contexts| action(&mut contexts)))
}

impl Contexts {
    fn root(&mut self, context: u32) -> Option<&mut Option<Rc<Plugin>>> {
        self.roots.iter_mut().find(|(own, _)| *own == context).map(|(_, plugin)| plugin)
    }

    fn create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.roots.push((context, None));
            return;
        }
        let plugin = self.root(parent).and_then(|plugin| plugin.clone());
        let _ = self.streams.insert(context, Stream { plugin, passed: false });
    }

    /// What was removed, to be dropped once nothing is borrowed.
    fn delete(&mut self, context: u32) -> (Option<Stream>, Option<Rc<Plugin>>) {
        if let Some(stream) = self.streams.remove(&context) {
            return (Some(stream), None);
        }
        let position = self.roots.iter().position(|(own, _)| *own == context);
        (None, position.and_then(|position| self.roots.swap_remove(position).1))
    }
}

/// What of a request follows its header lines goes where they went.
fn follow(context: u32) -> Action {
    match with(|contexts| contexts.streams.get(&context).is_some_and(|stream| stream.passed)) {
        Some(true) => Action::Continue,
        Some(false) | None => Action::Pause,
    }
}

// === exports ===

unsafe extern "C" {
    fn __wasm_call_ctors();
}

// SAFETY (of every name below): the ABI gives these names to these functions, and no other part of
// the module has functions of these names.

/// Called once, before everything else.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the linker makes this function; it is to be called once, first.
    unsafe { __wasm_call_ctors() }
}

/// Its name is what it says.
#[unsafe(no_mangle)]
const extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory in which the proxy hands over a buffer; it then belongs to `host::receive`.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the size is not zero. Null, where there is no memory left, the proxy takes for that.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => null_mut(),
    }
}

#[unsafe(no_mangle)]
const extern "C" fn proxy_on_vm_start(_root: u32, _size: u32) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    let _ = with(|contexts| contexts.create(context, parent));
}

/// The proxy makes a new root context for each configuration, and keeps the old one in force when the
/// new one is refused.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, _size: u32) -> u32 {
    let Some(plugin) = Plugin::load() else { return 0 };
    let before = with(|contexts| contexts.root(root).map(|slot| slot.replace(Rc::new(plugin))));
    u32::from(matches!(before, Some(Some(_))))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _count: u32, _end: u32) -> Action {
    let plugin = with(|contexts| contexts.streams.get(&context).and_then(|stream| stream.plugin.clone()));
    let passed = stream::decide(plugin.flatten().as_deref());
    let _ = with(|contexts| {
        if let Some(stream) = contexts.streams.get_mut(&context) {
            stream.passed = passed;
        }
    });
    if passed { Action::Continue } else { Action::Pause }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, _size: u32, _end: u32) -> Action {
    follow(context)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _count: u32) -> Action {
    follow(context)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    drop(with(|contexts| contexts.delete(context)));
}
