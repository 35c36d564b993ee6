//! Callers who come again: what their requests have in common, under a number.
//!
//! JavaScript has compared a request with an earlier one, every byte of what they may have in common: the
//! lines that matter, the connection, the trust in the peer. That is kept here as a frame, so JavaScript
//! writes no more than method and target and names the rest by its place and key. Core decides each time.
//!
//! Most answers to one caller are the same. JavaScript keeps the texts of the last few, and is told which of
//! them it is; what tells them apart is kept here.
//!
//! All of it is bounded: [`CALLERS`] times [`FRAME_BYTES`], and in JavaScript as much and [`ANSWERS`] times
//! [`ANSWER_BYTES`] for each caller, beside the certificate in JSON of those whom the
//! application asked for.

use std::cell::RefCell;

use peergate_core::{Gate, Recognised};

use crate::answer::{self, Gist};
use crate::decide;
use crate::frame::{self, Asked};

/// Callers that a gate keeps.
const CALLERS: usize = 256;
/// Bytes of a frame that is kept: JavaScript stops at 4 KiB of text, to which a frame adds its numbers.
const FRAME_BYTES: usize = 5 * 1024;
/// Answers that a caller got and may get again.
const ANSWERS: usize = 4;
/// Bytes of an answer that JavaScript is told to keep.
const ANSWER_BYTES: usize = 512;

/// By their places. Empty until somebody comes again.
#[derive(Debug, Default)]
pub(crate) struct Returning(RefCell<Vec<Option<Caller>>>);

#[derive(Debug)]
struct Caller {
    /// No other caller had it in this place.
    key: u32,
    frame: Box<[u8]>,
    /// `None` where the frame names nobody who is authenticated: then it is read each time.
    recognised: Option<Recognised>,
    answers: Vec<Gist>,
    /// Whose place the next answer takes.
    next: usize,
}

/// Which of a caller's answers it is, for JavaScript to find it or to put it there.
pub(crate) enum Known {
    /// That in this place, which JavaScript has.
    Same(usize),
    /// A new one, for this place.
    New(usize),
    /// One that is not kept.
    Long,
}

impl Returning {
    /// Keeps what the requests of a caller share, in the place of whoever was there. `None` when that is
    /// too much, or no frame.
    pub(crate) fn keep(&self, gate: &Gate, frame: &[u8], place: u32, key: u32) -> Option<()> {
        let asked = frame::read(frame)?;
        let mut callers = self.0.try_borrow_mut().ok()?;
        if callers.is_empty() {
            callers.resize_with(CALLERS, || None);
        }
        let place = callers.get_mut(place as usize)?;
        *place = None;
        if frame.len() > FRAME_BYTES {
            return None;
        }
        // Who may not speak for callers is refused before anybody is recognised.
        let recognised = if asked.untrusted_peer { None } else { gate.recognise(&asked.request()) };
        *place = Some(Caller { key, frame: frame.into(), recognised, answers: Vec::new(), next: 0 });
        Some(())
    }

    /// Decides on a request of a caller who was kept, and writes the answer if it is not one of those that
    /// the caller got before. `None` when another caller is there by now, or nobody.
    pub(crate) fn decide(
        &self,
        gate: &Gate,
        (place, key): (u32, u32),
        (method, target, now): (&[u8], &[u8], Option<i64>),
        out: &mut Vec<u8>,
    ) -> Option<Known> {
        let mut callers = self.0.try_borrow_mut().ok()?;
        let caller = callers.get_mut(place as usize)?.as_mut().filter(|caller| caller.key == key)?;
        let asked;
        let decision = match &caller.recognised {
            Some(recognised) => gate.decide_as(recognised, method, target, now),
            None => {
                asked = Asked { method, target, now, ..frame::read(&caller.frame)? };
                decide(gate, &asked)
            }
        };
        let gist = Gist::of(&decision);
        if let Some(place) = caller.answers.iter().position(|known| *known == gist) {
            return Some(Known::Same(place));
        }
        answer::write(gate, &frame::read(&caller.frame)?.headers, &decision, out);
        Some(known(&mut caller.answers, &mut caller.next, gist, out.len()))
    }
}

/// Where an answer goes that the caller did not get before.
fn known(answers: &mut Vec<Gist>, next: &mut usize, gist: Gist, length: usize) -> Known {
    if length > ANSWER_BYTES {
        return Known::Long;
    }
    let place = *next;
    match answers.get_mut(place) {
        Some(known) => *known = gist,
        None => answers.push(gist),
    }
    *next = if place.saturating_add(1) < ANSWERS { place.saturating_add(1) } else { 0 };
    Known::New(place)
}
