//! What the filter writes to the proxy's log, read back.

use peergate_cli::fixture::Outcome;
use peergate_core::LoadCode;
use serde_json::{Map, Value};

/// Fields that the filter adds to a decision.
const HOST_FIELDS: &[&str] = &["policy", "dropped", "identityCut"];

/// The record of a decision in a line of the log, whatever the proxy wrote before it.
#[must_use]
pub fn decision(line: &str) -> Option<Value> {
    let (_, record) = line.split_once("peergate {")?;
    serde_json::from_str(&format!("{{{}", record.trim_end())).ok()
}

/// The decision in a record: the record without the filter's own fields.
#[must_use]
pub fn without_host_fields(record: &Value) -> Value {
    let fields = record.as_object().into_iter().flatten();
    let kept = fields.filter(|(key, _)| !HOST_FIELDS.contains(&key.as_str()));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
}

/// Code and pointer of the first refused place that these lines tell of.
pub fn refusal<'l>(lines: impl IntoIterator<Item = &'l str>) -> Option<Outcome> {
    lines.into_iter().find_map(|line| {
        let (_, place) = line.split_once("peergate: refused configuration: ")?;
        // A pointer may hold anything that a key may hold, so the code is found by its message.
        LoadCode::ALL.iter().find_map(|code| {
            let (pointer, _) = place.split_once(&format!(" {code}: {} (", code.message()))?;
            Some(Outcome::Refused { code: code.code().to_owned(), pointer: pointer.to_owned() })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{decision, refusal, without_host_fields};
    use peergate_cli::fixture::Outcome;
    use peergate_core::LoadCode;
    use serde_json::json;

    #[test]
    fn a_record_is_found_behind_the_prefix_of_a_proxy() {
        let line = "[info][wasm] wasm log p: peergate {\"status\":403,\"policy\":\"p\",\"dropped\":2}";
        let record = decision(line).unwrap();
        assert_eq!(record, json!({"status": 403, "policy": "p", "dropped": 2}));
        assert_eq!(without_host_fields(&record), json!({"status": 403}));
        assert_eq!(decision("peergate: 0.1.0, policy p in force"), None);
    }

    #[test]
    fn a_refusal_keeps_spaces_of_its_pointer() {
        let code = LoadCode::InvalidJson;
        let line = format!(
            "x peergate: refused configuration: /policy/a b {code}: {} (mend it) 1:2",
            code.message()
        );
        let Some(Outcome::Refused { code, pointer }) = refusal([line.as_str()]) else { panic!("{line}") };
        assert_eq!((code.as_str(), pointer.as_str()), ("invalid_json", "/policy/a b"));
        assert!(refusal(["peergate: warning: /a unused_group: … (…) 1:2"]).is_none());
    }
}
