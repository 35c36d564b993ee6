//! Names of the metrics. Labels are written into the name the way Envoy's `stats_tags` cut them out
//! again: `NAME.LABEL=.=VALUE;.;LABEL=.=VALUE;.;`. Each combination is a metric of its own, so labels
//! are codes of a fixed list and the policy's name, never anything that a caller chose.

use peergate_core::{Reason, print};

/// Host calls that failed while a request was decided; each such request was refused.
pub(crate) const HOST_ERRORS: &str = "peergate_host_errors_total";

/// Configurations that were refused; the ones before them stayed in force.
pub(crate) const CONFIG_REFUSED: &str = "peergate_config_refused_total";

/// Decisions by verdict and reason.
pub(crate) fn requests(allowed: bool, reason: Reason) -> String {
    by_reason("peergate_requests_total", allowed, reason)
}

/// What enforcement of everything in shadow would have answered.
pub(crate) fn shadow(allowed: bool, reason: Reason) -> String {
    by_reason("peergate_shadow_total", allowed, reason)
}

/// What would be answered if everything in shadow were enforced, where that differs.
pub(crate) fn shadow_changes(allowed: bool, reason: Reason) -> String {
    by_reason("peergate_shadow_changes_total", allowed, reason)
}

/// Decisions by the rule that made them.
pub(crate) fn rules(allowed: bool, rule: &str) -> String {
    labelled("peergate_rules_total", &[("decision", verdict(allowed)), ("rule", rule)])
}

/// Gauge: when the first of the certificates ends whose owners were let in this hour.
pub(crate) const EXPIRY: &str = "peergate_client_certificate_expiry_timestamp_seconds";

/// Gauge: 1 for the policy in force, 0 for its predecessors.
pub(crate) fn policy_info(policy: &str, sha256: [u8; 32]) -> String {
    let mut digits = String::new();
    print::hex(&mut digits, &sha256);
    labelled("peergate_policy_info", &[("policy", policy), ("sha256", &digits)])
}

/// Gauge: the first 48 bits of the SHA-256 of the policy in force, an integer that every
/// monitoring system keeps exact. Two proxies with different values run different policies.
pub(crate) fn policy_fingerprint(policy: &str) -> String {
    labelled("peergate_policy_fingerprint", &[("policy", policy)])
}

/// Gauge: when the policy in force was loaded, in seconds since 1970.
pub(crate) fn policy_loaded(policy: &str) -> String {
    labelled("peergate_policy_loaded_timestamp_seconds", &[("policy", policy)])
}

/// The value of [`policy_fingerprint`].
pub(crate) fn fingerprint(sha256: [u8; 32]) -> u64 {
    sha256.iter().take(6).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn by_reason(name: &str, allowed: bool, reason: Reason) -> String {
    labelled(name, &[("decision", verdict(allowed)), ("reason", reason.code())])
}

const fn verdict(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

fn labelled(name: &str, labels: &[(&str, &str)]) -> String {
    let mut out = String::from(name);
    for (at, (label, value)) in labels.iter().enumerate() {
        out.push_str(if at == 0 { "." } else { "" });
        for piece in [label, "=.=", value, ";.;"] {
            out.push_str(piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_in_the_name() {
        assert_eq!(
            requests(true, Reason::Allowed),
            "peergate_requests_total.decision=.=allow;.;reason=.=allowed;.;"
        );
        assert_eq!(
            shadow(false, Reason::NoRule),
            "peergate_shadow_total.decision=.=deny;.;reason=.=no_rule;.;"
        );
        assert_eq!(policy_fingerprint("orders"), "peergate_policy_fingerprint.policy=.=orders;.;");
        assert_eq!(policy_loaded("orders"), "peergate_policy_loaded_timestamp_seconds.policy=.=orders;.;");
        let digest = "0a".repeat(32);
        assert_eq!(
            policy_info("orders", [10; 32]),
            format!("peergate_policy_info.policy=.=orders;.;sha256=.={digest};.;")
        );
        assert_eq!(rules(true, "orders"), "peergate_rules_total.decision=.=allow;.;rule=.=orders;.;");
        assert_eq!(
            shadow_changes(false, Reason::NoRule),
            "peergate_shadow_changes_total.decision=.=deny;.;reason=.=no_rule;.;"
        );
        assert!(!EXPIRY.contains('.'), "no labels");
        assert!(!HOST_ERRORS.contains('.') && !CONFIG_REFUSED.contains('.'), "no labels");
    }

    #[test]
    fn a_fingerprint_is_48_bits() {
        let mut sha256 = [0xff; 32];
        sha256[0] = 0x01;
        assert_eq!(fingerprint(sha256), 0x01ff_ffff_ffff);
    }
}
