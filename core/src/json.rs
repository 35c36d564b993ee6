//! JSON with positions: what serde_json reads, plus where each key and value stands.
