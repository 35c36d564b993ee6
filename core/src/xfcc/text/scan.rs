//! Looking for the end of a run of bytes: the inner loops of the reader.

/// The bytes that a run of each kind may hold, one bit a kind.
const BARE: u8 = 1;
const QUOTED: u8 = 2;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0x20_usize;
    #[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
    while byte < 0x7F {
        let bare = !matches!(byte as u8, b' ' | b'"' | b',' | b';');
        let quoted = !matches!(byte as u8, b'"' | b'\\');
        table[byte] = (if bare { BARE } else { 0 }) | (if quoted { QUOTED } else { 0 });
        byte += 1;
    }
    table
}

/// Where the bare bytes that start at `at` end.
#[inline]
pub(super) fn bare_end(input: &[u8], at: usize) -> usize {
    run_end(input, at, |byte| CLASS.get(usize::from(byte)).is_some_and(|class| class & BARE != 0))
}

/// Where the ordinary bytes of a quoted value that start at `at` end: at a quote, a backslash or a
/// byte that is refused.
#[inline]
pub(super) fn quoted_end(input: &[u8], at: usize) -> usize {
    run_end(input, at, |byte| CLASS.get(usize::from(byte)).is_some_and(|class| class & QUOTED != 0))
}

/// Where the whitespace that starts at `at` ends.
#[inline]
pub(super) fn whitespace_end(input: &[u8], at: usize) -> usize {
    run_end(input, at, |byte| matches!(byte, b' ' | b'\t'))
}

#[inline]
fn run_end(input: &[u8], at: usize, inside: impl Fn(u8) -> bool) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    let len = rest.iter().position(|byte| !inside(*byte)).unwrap_or(rest.len());
    work(len);
    at.wrapping_add(len)
}

/// Counts the bytes looked at, in tests only: they prove that the work is linear.
#[inline]
pub(super) fn work(_bytes: usize) {
    #[cfg(test)]
    super::tests::WORK.with(|work| work.set(work.get().saturating_add(_bytes).saturating_add(1)));
}
