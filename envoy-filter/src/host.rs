//! The only place that calls the proxy.
//!
//! The SDK's own wrappers panic on a status they do not expect and on names that are not UTF-8, and a
//! panic takes the whole VM. So the calls are declared here (proxy-wasm ABI 0.2.1): every status is a
//! number that is looked at, and every value is bytes.

use std::ptr::{null, null_mut};

/// A call that the proxy did not answer with success.
#[derive(Clone, Copy)]
pub(crate) struct HostError {
    /// The call.
    pub(crate) call: &'static str,
    /// Its status; [`MALFORMED`] for an answer that breaks the ABI.
    pub(crate) status: u32,
}

/// No status of the ABI: the call succeeded, and its answer cannot be read.
pub(crate) const MALFORMED: u32 = u32::MAX;

/// Levels of the proxy's log.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// Decisions, and the policy in force.
    Info = 2,
    /// Doubts, and calls that failed.
    Warn = 3,
    /// A refused configuration.
    Error = 4,
}

/// Kinds of metrics.
#[derive(Clone, Copy)]
pub(crate) enum Metric {
    /// Only goes up.
    Counter = 0,
    /// A value.
    Gauge = 1,
}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const REQUEST_HEADERS: u32 = 0;
const PLUGIN_CONFIGURATION: u32 = 7;
const NO_GRPC_STATUS: i32 = -1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_get_metric(id: u32, value: *mut u64) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
}

/// Writes a line to the proxy's log. A log that fails changes nothing.
pub(crate) fn log(level: Level, line: &str) {
    // SAFETY: pointer and length are those of one live string; the proxy reads it during the call.
    let _ = unsafe { proxy_log(level as u32, line.as_ptr(), line.len()) };
}

/// Nanoseconds since 1970; `None` when the proxy has no clock.
pub(crate) fn now_ns() -> Option<u64> {
    let mut time = 0;
    // SAFETY: the proxy writes eight bytes to a live local.
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
    (status == OK).then_some(time)
}

/// The plugin configuration; empty when there is none.
pub(crate) fn configuration() -> Result<Vec<u8>, HostError> {
    let answer = receive(|data, size| {
        // SAFETY: `receive` hands over two live locals.
        unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX, data, size) }
    });
    optional("proxy_get_buffer_bytes", answer).map(Option::unwrap_or_default)
}

/// All request header lines in one serialized map (see `pairs`).
pub(crate) fn request_headers() -> Result<Vec<u8>, HostError> {
    receive(|data, size| {
        // SAFETY: `receive` hands over two live locals.
        unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, data, size) }
    })
    .map_err(|status| HostError { call: "proxy_get_header_map_pairs", status })
}

/// A property; the parts of its path are separated by NUL.
pub(crate) fn property(path: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    let answer = receive(|data, size| {
        // SAFETY: a live slice, and the two live locals of `receive`.
        unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
    });
    optional("proxy_get_property", answer)
}

/// Removes every request header line of this name.
pub(crate) fn remove_header(name: &[u8]) -> Result<(), HostError> {
    // SAFETY: a live slice that the proxy reads during the call.
    let status = unsafe { proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) };
    done("proxy_remove_header_map_value", status)
}

/// Sets a request header in place of every line of this name.
pub(crate) fn set_header(name: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: two live slices that the proxy reads during the call.
    let status = unsafe {
        proxy_replace_header_map_value(
            REQUEST_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    done("proxy_replace_header_map_value", status)
}

/// Answers the request here. `headers` is a serialized map, `details` goes to the access log.
pub(crate) fn answer(status: u16, details: &str, headers: &[u8], body: &str) -> Result<(), HostError> {
    // SAFETY: live slices that the proxy reads during the call.
    let status = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            if headers.is_empty() { null() } else { headers.as_ptr() },
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    done("proxy_send_local_response", status)
}

/// Defines a metric, or finds the one of this name; `None` when the proxy has no metrics.
pub(crate) fn define_metric(kind: Metric, name: &str) -> Option<u32> {
    let mut id = 0;
    // SAFETY: a live slice, and a live local to which the proxy writes four bytes.
    let status = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) };
    (status == OK).then_some(id)
}

/// Adds one. A metric that fails changes nothing.
pub(crate) fn increment(id: u32) {
    // SAFETY: numbers only.
    let _ = unsafe { proxy_increment_metric(id, 1) };
}

/// Sets a gauge. A metric that fails changes nothing.
pub(crate) fn record(id: u32, value: u64) {
    // SAFETY: numbers only.
    let _ = unsafe { proxy_record_metric(id, value) };
}

/// The value of a gauge, which other workers set as well; 0 when it cannot be had.
pub(crate) fn value(id: u32) -> u64 {
    let mut value = 0;
    // SAFETY: the proxy writes eight bytes to a live local.
    let status = unsafe { proxy_get_metric(id, &raw mut value) };
    if status == OK { value } else { 0 }
}

/// Leaves a value to the access log. One that cannot be left changes nothing.
pub(crate) fn set_filter_state(name: &str, value: &str) {
    // SAFETY: live slices that the proxy reads during the call.
    let _ = unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
}

/// Runs a call that hands over a buffer, and takes the buffer.
fn receive(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, u32> {
    let mut data: *mut u8 = null_mut();
    let mut size: usize = 0;
    let status = call(&raw mut data, &raw mut size);
    if status != OK {
        return Err(status);
    }
    if data.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the proxy got the memory from this module's exported allocator, which leaks a boxed
    // slice of exactly `size` bytes, and hands its ownership over with the successful return.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

fn optional(call: &'static str, answer: Result<Vec<u8>, u32>) -> Result<Option<Vec<u8>>, HostError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(NOT_FOUND) => Ok(None),
        Err(status) => Err(HostError { call, status }),
    }
}

const fn done(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError { call, status }) }
}
