//! One decision told to a person: what was read and from where, why each rule did or did not match,
//! the verdict, and what to change.
//!
//! It watches the decision that every host makes; there is no second evaluator.

mod advice;
mod source;
mod value;

use std::fmt::Write;

use peergate_core::trace::{Event, Trace};
use peergate_core::{Decision, Detail, Reason, Verdict};

pub use advice::{Advice, detail_advice, reason_advice};
pub use source::{source_line, source_notes};

/// Remembers what happened on the way to a decision.
#[derive(Clone, Debug, Default)]
pub struct Explainer {
    /// How many elements the header has, and which one is the caller's.
    pub element: Option<(usize, usize)>,
    /// What was read of the caller's certificate.
    pub fields: Vec<Field>,
    /// The rules that were looked at.
    pub rules: Vec<Rule>,
}

/// A field that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `uri`, `dns`, `subject`, … as core's trace calls it.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// `header`, `certificate` or `computed`.
    pub origin: &'static str,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it denies.
    pub deny: bool,
    /// Whether it is in shadow.
    pub shadow: bool,
    /// Whether `from` holds.
    pub from: bool,
    /// Whether `methods` holds.
    pub methods: bool,
    /// Whether `paths` holds.
    pub paths: bool,
}

impl Trace for Explainer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Element { elements, caller } => self.element = Some((elements, caller)),
            Event::Field { name, value, origin } => {
                self.fields.push(Field { name, value: value.to_owned(), origin });
            }
            Event::Rule { name, deny, shadow, from, methods, paths } => {
                self.rules.push(Rule { name: name.to_owned(), deny, shadow, from, methods, paths });
            }
            // Events of a newer core that this text has no place for.
            _ => {}
        }
    }
}

impl Rule {
    /// Whether the rule matched.
    #[must_use]
    pub const fn matched(&self) -> bool {
        self.from && self.methods && self.paths
    }

    /// The parts that did not hold.
    fn missing(&self) -> Vec<&'static str> {
        let parts = [("from", self.from), ("methods", self.methods), ("paths", self.paths)];
        parts.into_iter().filter_map(|(name, holds)| (!holds).then_some(name)).collect()
    }
}

impl Explainer {
    /// The explanation, several lines. `source` says where identity comes from at this host, `notes`
    /// what is known beside of a refusal by the source.
    #[must_use]
    pub fn text(
        &self,
        source: &str,
        notes: &[String],
        method: &[u8],
        target: &[u8],
        decision: &Decision<'_, '_>,
    ) -> String {
        let mut out = Lines::default();
        let lossy = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes));
        out.line("request", &format!("{} {}", lossy(method), lossy(target)));
        out.line("source", source);
        self.credential(decision, &mut out);
        self.rules(&mut out);
        verdict("verdict", decision.verdict, decision.reason, decision.rule, &mut out);
        if let Some(detail) = decision.detail {
            out.line("", &format!("detail {detail}"));
        }
        let advice = reason_advice(decision.reason);
        out.line("", advice.means);
        let mut label = "found";
        for note in notes {
            out.line(label, note);
            label = "";
        }
        if let Some(shadow) = &decision.shadow {
            verdict("shadow", shadow.verdict, shadow.reason, shadow.rule, &mut out);
            out.line("", "That is what enforcing everything in shadow would answer.");
        }
        let (reason, detail) = acted_on(decision);
        self.change(reason, detail.map(detail_advice), &mut out);
        out.text
    }

    fn credential(&self, decision: &Decision<'_, '_>, out: &mut Lines) {
        if let Some((elements, caller)) = self.element {
            let caller = caller.saturating_add(1);
            out.line("element", &format!("{caller} of {elements}, from the left, is the caller's"));
        }
        let mut label = "read";
        let width = self.fields.iter().map(|field| field.name.len()).fold(8, usize::max);
        for Field { name, value, origin } in &self.fields {
            let from = if *origin == "computed" { "" } else { "from " };
            out.line(label, &format!("{name:<width$} {} ({from}{origin})", printable(value)));
            label = "";
        }
        let name = match (&decision.identity, decision.verified) {
            (Some(identity), _) => {
                format!("{} (by its {} name)", printable(&identity.name), identity.kind.code())
            }
            (None, Some(_)) => "a certificate that gives no name here".to_owned(),
            (None, None) => "no certificate was accepted".to_owned(),
        };
        let verified = match decision.verified {
            Some(true) => ", verified",
            Some(false) => ", not verified",
            None => "",
        };
        out.line("caller", &format!("{name}{verified}"));
    }

    fn rules(&self, out: &mut Lines) {
        let mut label = "rules";
        for rule in &self.rules {
            let effect = if rule.deny { "deny " } else { "allow" };
            let shadow = if rule.shadow { ", in shadow" } else { "" };
            let why = if rule.matched() {
                "matches".to_owned()
            } else {
                format!("does not match: {}", rule.missing().join(", "))
            };
            out.line(label, &format!("{effect} {}{shadow}: {why}", rule.name));
            label = "";
        }
        if self.rules.is_empty() {
            out.line("rules", "none was looked at");
        }
    }

    fn change(&self, reason: Reason, detail: Option<&str>, out: &mut Lines) {
        out.line("change", reason_advice(reason).change);
        if let Some(detail) = detail {
            out.line("", detail);
        }
        if matches!(reason, Reason::NoRule | Reason::NoCertificate) {
            for rule in self.rules.iter().filter(|rule| !rule.deny) {
                if let [missing] = rule.missing().as_slice() {
                    out.line("", &format!("Rule {} would match but for its {missing}.", rule.name));
                }
            }
        }
    }
}

/// What a person acts on. In shadow mode the decision is to let through, so it is the shadow verdict.
fn acted_on(decision: &Decision<'_, '_>) -> (Reason, Option<Detail>) {
    match (&decision.shadow, decision.reason) {
        (Some(shadow), Reason::ShadowMode) => (shadow.reason, shadow.detail),
        _ => (decision.reason, decision.detail),
    }
}

fn verdict(label: &str, verdict: Verdict, reason: Reason, rule: Option<&str>, out: &mut Lines) {
    let what = match verdict {
        Verdict::Allow => "allow".to_owned(),
        Verdict::Deny { status } => format!("deny with {status}"),
    };
    let rule = rule.map(|rule| format!(", rule {rule}")).unwrap_or_default();
    out.line(label, &format!("{what}: {reason}{rule}"));
}

/// Lines with a label in front.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, label: &str, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{label:<9} {text}");
    }
}

/// A text of a caller's or a document's choosing, made safe for a terminal: control characters and
/// those that reorder text are written as escapes.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        if c.is_control() || reorders {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use peergate_core::trace::{Event, Trace};
    use peergate_core::{Decision, Detail, Reason, Shadow, Verdict};

    use super::{Explainer, printable};

    fn decision(reason: Reason, detail: Option<Detail>) -> Decision<'static, 'static> {
        Decision {
            verdict: Verdict::Deny { status: 403 },
            reason,
            detail,
            rule: None,
            identity: None,
            verified: None,
            sha256: None,
            not_after: None,
            shadow: None,
        }
    }

    #[test]
    fn names_what_is_missing_of_a_near_rule() {
        let mut explainer = Explainer::default();
        let rule = |name, from, methods| Event::Rule {
            name,
            deny: false,
            shadow: false,
            from,
            methods,
            paths: true,
        };
        explainer.event(Event::Element { elements: 2, caller: 1 });
        explainer.event(Event::Field { name: "uri", value: "spiffe://a/b\u{7}", origin: "header" });
        explainer.event(rule("near", true, false));
        explainer.event(rule("far", false, false));
        let text = explainer.text("envoy", &[], b"GET", b"/\x1b[0m", &decision(Reason::NoRule, None));
        for part in [
            "request   GET /\\u{1b}[0m\n",
            "element   2 of 2, from the left, is the caller's\n",
            "read      uri      spiffe://a/b\\u{7} (from header)\n",
            "rules     allow near: does not match: methods\n",
            "          allow far: does not match: from, methods\n",
            "verdict   deny with 403: no_rule\n",
            "          Rule near would match but for its methods.\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("Rule far would"), "{text}");
    }

    #[test]
    fn in_shadow_mode_the_advice_is_about_the_shadow_verdict() {
        let mut shadowed = decision(Reason::ShadowMode, None);
        shadowed.verdict = Verdict::Allow;
        shadowed.shadow = Some(Shadow {
            verdict: Verdict::Deny { status: 403 },
            reason: Reason::MalformedHeader,
            detail: Some(Detail::UnclosedQuote),
            rule: None,
        });
        let text = Explainer::default().text("envoy", &[], b"GET", b"/", &shadowed);
        assert!(text.contains("verdict   allow: shadow_mode"), "{text}");
        assert!(text.contains("shadow    deny with 403: malformed_header"), "{text}");
        assert!(text.contains(super::detail_advice(Detail::UnclosedQuote)), "{text}");
    }

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(printable("a\u{1b}[2J\u{202e}\nä"), "a\\u{1b}[2J\\u{202e}\\nä");
    }
}
