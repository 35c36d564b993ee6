//! Peergate in Envoy: fetch bytes, ask core, act.
