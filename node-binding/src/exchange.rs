//! The two areas of memory that JavaScript and this crate share.
//!
//! Both are ordinary vectors. JavaScript learns where they are, writes the frame while no code of
//! this crate runs, and reads the answer before it calls again. Growing memory moves nothing in
//! here, but it detaches JavaScript's views, and writes through a detached view vanish without an
//! error. So a frame starts with a number that JavaScript passes a second time as an argument, and
//! the number is wiped after use: a frame that was not written, or was written before, is nobody's.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

/// Bytes of a frame that are there from the start; JavaScript asks for more when it needs more.
const FRAME_BYTES: usize = 128 * 1024;

/// Bytes of the number of a frame.
pub(crate) const NUMBER_BYTES: u32 = 4;

thread_local! {
    static FRAME: RefCell<Vec<u8>> = RefCell::new(vec![0; FRAME_BYTES]);
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The linear memory that the two areas are in.
#[must_use]
#[wasm_bindgen(js_name = linearMemory)]
pub fn memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Where the frame is, after making it at least `length` bytes long; zero when that cannot be had.
#[must_use]
#[wasm_bindgen(js_name = frameAddress)]
pub fn frame_address(length: u32) -> u32 {
    FRAME.with_borrow_mut(|frame| {
        let length = length as usize;
        if frame.len() < length {
            if frame.try_reserve_exact(length.saturating_sub(frame.len())).is_err() {
                return 0;
            }
            frame.resize(length, 0);
        }
        address(frame.as_mut_ptr())
    })
}

/// Where the last answer is.
#[must_use]
#[wasm_bindgen(js_name = answerAddress)]
pub fn answer_address() -> u32 {
    ANSWER.with_borrow_mut(|answer| address(answer.as_mut_ptr()))
}

/// Hands the frame with this number to `ask`, which writes the answer; returns what that says.
pub(crate) fn answer(
    sequence: u32,
    length: u32,
    ask: impl FnOnce(&[u8], &mut Vec<u8>) -> Option<u32>,
) -> Option<u32> {
    FRAME.with_borrow_mut(|frame| {
        let (number, _) = frame.split_first_chunk::<4>()?;
        if sequence == 0 || u32::from_le_bytes(*number) != sequence {
            return None;
        }
        let written = ANSWER.with_borrow_mut(|answer| ask(frame.get(..length as usize)?, answer));
        if let Some((number, _)) = frame.split_first_chunk_mut::<4>() {
            *number = [0; 4];
        }
        written
    })
}

/// Writes an answer that is to no frame; returns its length.
pub(crate) fn reply(write: impl FnOnce(&mut Vec<u8>)) -> Option<u32> {
    ANSWER.with_borrow_mut(|answer| {
        write(answer);
        u32::try_from(answer.len()).ok()
    })
}

/// Exposed, since it is not Rust that reads and writes through it.
fn address(pointer: *mut u8) -> u32 {
    u32::try_from(pointer.expose_provenance()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(frame: &[u8], answer: &mut Vec<u8>) -> Option<u32> {
        *answer = frame.to_vec();
        u32::try_from(answer.len()).ok()
    }

    fn one(_: &[u8], _: &mut Vec<u8>) -> Option<u32> {
        Some(1)
    }

    fn put(bytes: &[u8]) {
        FRAME.with_borrow_mut(|frame| frame[..bytes.len()].copy_from_slice(bytes));
    }

    #[test]
    fn a_frame_is_good_once_and_under_its_own_number() {
        put(&[7, 0, 0, 0, 42]);
        assert_eq!(answer(8, 5, one), None);
        assert_eq!(answer(7, 5, copy), Some(5));
        assert_eq!(ANSWER.with_borrow(Vec::clone), [7, 0, 0, 0, 42]);
        assert_eq!(answer(7, 5, one), None);
        assert_eq!(answer(0, 5, one), None);
    }

    #[test]
    fn a_length_beyond_the_frame_is_refused() {
        put(&[9, 0, 0, 0]);
        assert_eq!(answer(9, u32::MAX, one), None);
    }
}
