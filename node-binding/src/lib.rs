//! Peergate in Node: fetch bytes, ask core, act.
