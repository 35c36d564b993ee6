//! The calls that the filter may make.

use wasmtime::{Caller, Linker, Result, bail};

use super::abi::{Lines, decode_map, encode_map, hand_over, read, status, write};
use super::state::{Change, LogLine, Metric, MetricKind, Reply, State};

const REQUEST_HEADERS: u32 = 0;
const PLUGIN_CONFIGURATION: u32 = 7;

/// Defines them.
pub(super) fn define(linker: &mut Linker<State>) -> Result<()> {
    environment(linker)?;
    headers(linker)?;
    answers(linker)?;
    metrics(linker)?;
    wasi(linker)
}

type Host<'a> = Caller<'a, State>;

/// Returns with the status of an injected fault, if there is one for this call.
macro_rules! fault {
    ($host:ident, $call:literal) => {
        if let Some(status) = $host.data_mut().called($call) {
            return Ok(status);
        }
    };
}

fn environment(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |mut host: Host<'_>, level: u32, data: u32, size: u32| {
        fault!(host, "proxy_log");
        let text = read(&mut host, data, size)?;
        host.data_mut().logs.push(LogLine { level, text });
        Ok(status::OK)
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut host: Host<'_>, time: u32| {
        fault!(host, "proxy_get_current_time_nanoseconds");
        let now = host.data().now_ns.to_le_bytes();
        write(&mut host, time, &now)?;
        Ok(status::OK)
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut host: Host<'_>, kind: u32, start: u32, max: u32, data: u32, size: u32| {
            fault!(host, "proxy_get_buffer_bytes");
            if kind != PLUGIN_CONFIGURATION {
                bail!("buffer {kind} is not for this filter");
            }
            let Some(all) = host.data().configuration.clone() else { return Ok(status::NOT_FOUND) };
            let rest = all.get(usize::try_from(start)?..).unwrap_or_default();
            let part = rest.get(..usize::try_from(max)?.min(rest.len())).unwrap_or_default();
            hand_over(&mut host, part, data, size)?;
            Ok(status::OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut host: Host<'_>, path: u32, path_size: u32, data: u32, size: u32| {
            fault!(host, "proxy_get_property");
            let path = read(&mut host, path, path_size)?;
            let Some(value) = host.data().properties.get(&path).cloned() else {
                return Ok(status::NOT_FOUND);
            };
            hand_over(&mut host, &value, data, size)?;
            Ok(status::OK)
        },
    )?;
    Ok(())
}

fn headers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut host: Host<'_>, map: u32, data: u32, size: u32| {
            fault!(host, "proxy_get_header_map_pairs");
            let bytes = match host.data().raw_headers.clone() {
                Some(bytes) => bytes,
                None => {
                    let lines = lines(&mut host, map)?;
                    if lines.is_empty() { Vec::new() } else { encode_map(lines) }
                }
            };
            hand_over(&mut host, &bytes, data, size)?;
            Ok(status::OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut host: Host<'_>, map: u32, name: u32, name_size: u32| {
            fault!(host, "proxy_remove_header_map_value");
            let name = read(&mut host, name, name_size)?;
            lines(&mut host, map)?.retain(|(own, _)| !own.eq_ignore_ascii_case(&name));
            host.data_mut().changes.push(Change::Remove(name));
            Ok(status::OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut host: Host<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            fault!(host, "proxy_replace_header_map_value");
            let name = read(&mut host, name, name_size)?;
            let value = read(&mut host, value, value_size)?;
            let lines = lines(&mut host, map)?;
            lines.retain(|(own, _)| !own.eq_ignore_ascii_case(&name));
            lines.push((name.clone(), value.clone()));
            host.data_mut().changes.push(Change::Set(name, value));
            Ok(status::OK)
        },
    )?;
    Ok(())
}

/// The request's header lines, in the only phase in which the filter has to do with them.
fn lines<'h>(host: &'h mut Host<'_>, map: u32) -> Result<&'h mut Lines> {
    match &mut host.data_mut().headers {
        Some(lines) if map == REQUEST_HEADERS => Ok(lines),
        _ => bail!("header map {map} is not for this filter now"),
    }
}

fn answers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut host: Host<'_>,
         status_code: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: i32| {
            fault!(host, "proxy_send_local_response");
            if host.data().headers.is_none() {
                bail!("a local answer outside of a request");
            }
            let headers = read(&mut host, headers, headers_size)?;
            let Some(headers) = decode_map(&headers) else { return Ok(status::BAD_ARGUMENT) };
            let details = read(&mut host, details, details_size)?;
            let body = read(&mut host, body, body_size)?;
            let reply = Reply { status: status_code, details, headers, body, grpc_status };
            host.data_mut().replies.push(reply);
            Ok(status::OK)
        },
    )?;
    Ok(())
}

fn metrics(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut host: Host<'_>, kind: u32, name: u32, name_size: u32, id: u32| {
            fault!(host, "proxy_define_metric");
            let kind = match kind {
                0 => MetricKind::Counter,
                1 => MetricKind::Gauge,
                2 => MetricKind::Histogram,
                _ => return Ok(status::BAD_ARGUMENT),
            };
            let name = String::from_utf8(read(&mut host, name, name_size)?)?;
            let metrics = &mut host.data_mut().metrics;
            let position = match metrics.iter().position(|own| own.name == name) {
                Some(position) => position,
                None => {
                    metrics.push(Metric { kind, name, value: 0 });
                    metrics.len().saturating_sub(1)
                }
            };
            if metrics.get(position).is_some_and(|own| own.kind != kind) {
                return Ok(status::BAD_ARGUMENT);
            }
            write(&mut host, id, &u32::try_from(position)?.to_le_bytes())?;
            Ok(status::OK)
        },
    )?;
    linker.func_wrap("env", "proxy_record_metric", |mut host: Host<'_>, id: u32, value: u64| {
        fault!(host, "proxy_record_metric");
        match host.data_mut().metrics.get_mut(usize::try_from(id)?) {
            Some(metric) if metric.kind != MetricKind::Counter => metric.value = value,
            Some(_) => return Ok(status::BAD_ARGUMENT),
            None => return Ok(status::NOT_FOUND),
        }
        Ok(status::OK)
    })?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut host: Host<'_>, path: u32, path_size: u32, value: u32, size: u32| {
            fault!(host, "proxy_set_property");
            let path = read(&mut host, path, path_size)?;
            let value = read(&mut host, value, size)?;
            host.data_mut().filter_state.insert(path, value);
            Ok(status::OK)
        },
    )?;
    linker.func_wrap("env", "proxy_get_metric", |mut host: Host<'_>, id: u32, value: u32| {
        fault!(host, "proxy_get_metric");
        let Some(metric) = host.data().metrics.get(usize::try_from(id)?) else {
            return Ok(status::NOT_FOUND);
        };
        let bytes = metric.value.to_le_bytes();
        write(&mut host, value, &bytes)?;
        Ok(status::OK)
    })?;
    linker.func_wrap("env", "proxy_increment_metric", |mut host: Host<'_>, id: u32, offset: i64| {
        fault!(host, "proxy_increment_metric");
        match host.data_mut().metrics.get_mut(usize::try_from(id)?) {
            Some(metric) if metric.kind == MetricKind::Counter && offset >= 0 => {
                metric.value = metric.value.saturating_add_signed(offset);
            }
            Some(_) => return Ok(status::BAD_ARGUMENT),
            None => return Ok(status::NOT_FOUND),
        }
        Ok(status::OK)
    })?;
    Ok(())
}

/// What Rust's standard library asks of WASI: an empty environment, a place for the message of a
/// panic, and seeds for hash maps. There is no clock and no file.
fn wasi(linker: &mut Linker<State>) -> Result<()> {
    const WASI: &str = "wasi_snapshot_preview1";
    linker.func_wrap(WASI, "environ_get", |_: Host<'_>, _: u32, _: u32| -> u32 { 0 })?;
    linker.func_wrap(
        WASI,
        "environ_sizes_get",
        |mut host: Host<'_>, count: u32, size: u32| -> Result<u32> {
            write(&mut host, count, &[0; 4])?;
            write(&mut host, size, &[0; 4])?;
            Ok(0)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut host: Host<'_>, _: u32, parts: u32, count: u32, written: u32| -> Result<u32> {
            let mut total: u32 = 0;
            for index in 0..count {
                let at = parts.saturating_add(index.saturating_mul(8));
                let part = read(&mut host, at, 8)?;
                let mut numbers = part
                    .chunks_exact(4)
                    .map(|four| four.iter().rev().fold(0_u32, |value, byte| (value << 8) | u32::from(*byte)));
                let (data, size) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                let text = read(&mut host, data, size)?;
                host.data_mut().stderr.extend(text);
                total = total.saturating_add(size);
            }
            write(&mut host, written, &total.to_le_bytes())?;
            Ok(0)
        },
    )?;
    linker.func_wrap(WASI, "random_get", |mut host: Host<'_>, at: u32, size: u32| -> Result<u32> {
        let seed: Vec<u8> = (0..size).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
        write(&mut host, at, &seed)?;
        Ok(0)
    })?;
    linker.func_wrap(WASI, "proc_exit", |host: Host<'_>, code: u32| -> Result<()> {
        let said = String::from_utf8_lossy(&host.data().stderr).into_owned();
        bail!("the filter exits with {code}: {said}")
    })?;
    Ok(())
}
