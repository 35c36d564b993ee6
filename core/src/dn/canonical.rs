//! The form in which whole names are compared.
//!
//! Every part carries its length in front, so no text in one part can pass for the border to the
//! next: an RDN is its number of attributes and the attributes; an attribute is its OID, whether its
//! value is text, and the value.

use alloc::vec;
use alloc::vec::Vec;

use super::Pair;
use crate::order;

pub(super) fn write<'a>(pairs: impl Iterator<Item = Pair<'a>>, out: &mut Vec<u8>) {
    let mut pairs = pairs.peekable();
    while let Some(first) = pairs.next() {
        if pairs.peek().is_none_or(|next| next.starts_rdn) {
            write_length(1, out);
            write_pair(&first, out);
            continue;
        }
        // The attributes of an RDN are a set: sorted, so that their order in the text is nothing.
        let mut set = vec![encoded(&first)];
        while let Some(pair) = pairs.next_if(|pair| !pair.starts_rdn) {
            set.push(encoded(&pair));
        }
        order::sort_unstable(&mut set);
        write_length(set.len(), out);
        for pair in set {
            out.extend_from_slice(&pair);
        }
    }
}

fn encoded(pair: &Pair<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_pair(pair, &mut out);
    out
}

fn write_pair(pair: &Pair<'_>, out: &mut Vec<u8>) {
    let (value, is_text) = pair.value.decode();
    write_length(pair.ty.oid().len(), out);
    out.extend_from_slice(pair.ty.oid().as_bytes());
    out.push(u8::from(is_text));
    write_length(value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
}
