//! Serialized maps and memory, seen from the proxy's side.

use wasmtime::{Caller, Extern, Memory, Result, bail, format_err};

use super::state::State;

/// Header lines: names and values, any bytes.
pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// Statuses of the ABI.
pub(super) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const NOT_FOUND: u32 = 1;
    pub(crate) const BAD_ARGUMENT: u32 = 2;
}

/// A map as the proxy hands it over.
#[must_use]
pub fn encode_map(lines: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let integer = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::new();
    out.extend(integer(lines.len()));
    for (name, value) in lines {
        out.extend(integer(name.len()));
        out.extend(integer(value.len()));
    }
    for (name, value) in lines {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

/// A map as the filter hands it over; `None` when it is malformed.
#[must_use]
pub fn decode_map(bytes: &[u8]) -> Option<Lines> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut sizes = bytes.get(4..)?.chunks_exact(4).map(integer);
    let count = integer(bytes.get(..4)?);
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut take = |size: usize| -> Option<Vec<u8>> {
        let end = at.checked_add(size)?;
        let part = bytes.get(at..end)?.to_vec();
        at = end.checked_add(1)?;
        (bytes.get(end) == Some(&0)).then_some(part)
    };
    let mut lines = Vec::new();
    for _ in 0..count {
        let (name, value) = (sizes.next()?, sizes.next()?);
        lines.push((take(name)?, take(value)?));
    }
    (at == bytes.len()).then_some(lines)
}

fn integer(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

/// Memory of the filter that called.
pub(super) fn memory(caller: &mut Caller<'_, State>) -> Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => bail!("the filter exports no memory"),
    }
}

/// Copies bytes out of the filter.
pub(super) fn read(caller: &mut Caller<'_, State>, at: u32, size: u32) -> Result<Vec<u8>> {
    let (start, length) = (usize::try_from(at)?, usize::try_from(size)?);
    let memory = memory(caller)?;
    let bytes = memory.data(&caller).get(start..).and_then(|rest| rest.get(..length));
    bytes.map(<[u8]>::to_vec).ok_or_else(|| format_err!("the filter points outside its memory"))
}

/// Copies bytes into the filter.
pub(super) fn write(caller: &mut Caller<'_, State>, at: u32, bytes: &[u8]) -> Result<()> {
    let start = usize::try_from(at)?;
    Ok(memory(caller)?.write(caller, start, bytes)?)
}

/// Hands bytes over in memory from the filter's own allocator, whichever name it has, and writes
/// where they are. Nothing is allocated for nothing, as in Envoy.
pub(super) fn hand_over(
    caller: &mut Caller<'_, State>,
    bytes: &[u8],
    return_data: u32,
    return_size: u32,
) -> Result<()> {
    let size = u32::try_from(bytes.len())?;
    let mut data = 0;
    if size > 0 {
        let names = ["proxy_on_memory_allocate", "malloc"];
        let allocate = names.iter().find_map(|name| match caller.get_export(name) {
            Some(Extern::Func(function)) => Some(function),
            _ => None,
        });
        let allocate = allocate.ok_or_else(|| format_err!("the filter exports no allocator"))?;
        data = allocate.typed::<u32, u32>(&caller)?.call(&mut *caller, size)?;
        write(caller, data, bytes)?;
    }
    write(caller, return_data, &data.to_le_bytes())?;
    write(caller, return_size, &size.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::{decode_map, encode_map};

    #[test]
    fn maps_survive_both_ways() {
        let lines = vec![(b"a".to_vec(), b"\0\xff".to_vec()), (b"".to_vec(), vec![b'x'; 300])];
        assert_eq!(decode_map(&encode_map(&lines)), Some(lines));
        assert_eq!(decode_map(b""), Some(vec![]));
        assert_eq!(decode_map(&[1, 0, 0, 0]), None);
    }
}
