//! Reads a policy document: its keys, its groups, its rules.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::conditions::{Principals, Seen};
use super::document::{Effect, From, Group, Mode, PolicyDocument, Rule};
use super::paths::Pattern;
use super::values;
use crate::bytes::contains;
use crate::json::{Kind, Member};
use crate::limits::{HostLimits, PATTERN_SEGMENTS, RULES};
use crate::load::{Fault, LoadCode, Place, WarningCode};
use crate::names::Names;
use crate::order;
use crate::reader::{Cursor, Reader};
use crate::target::{TargetRules, is_method};

const POLICY_KEYS: [&str; 9] =
    ["$schema", "version", "name", "mode", "trustDomains", "groups", "request", "deny", "allow"];
const POLICY_HINT: &str =
    "a policy's keys are version, name, mode, trustDomains, groups, request, deny and allow";
const RULE_KEYS: [&str; 5] = ["name", "from", "methods", "paths", "mode"];
const RULE_HINT: &str = "a rule's keys are name, from, methods, paths and mode";
const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
const MODES_HINT: &str = "write \"enforce\" or \"shadow\"";

/// The `version` this release reads.
const VERSION: i64 = 1;

pub(super) fn policy<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    limits: HostLimits,
) -> Option<PolicyDocument> {
    let fields = reader.fields(at, &POLICY_KEYS, POLICY_HINT)?;
    let version = reader.required(&fields, "version", "add \"version\": 1");
    if let Some(at) = version
        && let Some(version) = reader.integer(at)
        && version != VERSION
    {
        reader.refuse_only(at, LoadCode::UnsupportedVersion);
        return None;
    }
    reader.schema_reference(&fields);
    let name = fields.get("name").and_then(|at| identifier(reader, at));
    let mode = reader.choice(fields.get("mode"), &MODES, MODES_HINT).unwrap_or(Mode::Enforce);
    let trust_domains_at = fields.get("trustDomains");
    let trust_domains = trust_domains_at.map(|at| reader.texts(at, &values::trust_domain));
    let target = match fields.get("request") {
        None => Some(TargetRules::STRICT),
        Some(at) => target_rules(reader, at),
    };

    let mut rules = Rules {
        principals: Principals::new(trust_domains.as_deref(), limits.identities),
        groups: Vec::new(),
        uses: Vec::new(),
        group_names: Names::new(),
        rule_names: Names::new(),
        target,
        deny: Vec::new(),
        allow: Vec::new(),
        refused: 0,
    };
    let groups = fields.get("groups");
    if let Some(at) = groups {
        rules.read_groups(reader, at);
    }
    let allow = reader.required(&fields, "allow", "add \"allow\": [ … ]; an empty one refuses every request");
    // In file order, so that of two rules with one name the later is refused.
    for (key, at) in fields.iter() {
        match key {
            "deny" => rules.read_rules(reader, at, Effect::Deny),
            "allow" => rules.read_rules(reader, at, Effect::Allow),
            _ => {}
        }
    }
    rules.warn(reader, groups, allow, mode);

    let Rules { groups, deny: mut rules, mut allow, .. } = rules;
    rules.append(&mut allow);
    // The digest reads the whole policy once more; a refused one needs none.
    if !reader.is_clean() {
        return None;
    }
    Some(PolicyDocument {
        name: name.map_or_else(|| "policy".into(), |name| name.as_ref().into()),
        mode,
        trust_domains_place: trust_domains_at.map(|at| reader.place(at)),
        trust_domains,
        groups,
        rules,
        target: target?,
        sha256: at.node().canonical_sha256(),
    })
}

/// The name of a policy, a group or a rule.
fn identifier<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Option<Cow<'a, str>> {
    let text = reader.string(at)?;
    if !is_identifier(&text) {
        reader.refuse(at, LoadCode::BadRuleName);
        return None;
    }
    Some(text)
}

/// Bytes of a name.
const IDENTIFIER_BYTES: usize = 63;

/// `[a-z0-9][a-z0-9-]{0,62}`.
fn is_identifier(text: &str) -> bool {
    (1..=IDENTIFIER_BYTES).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn target_rules<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Option<TargetRules> {
    let keys = ["target", "allowEncodedSlash", "allowSemicolon"];
    let hint = "the keys of request are target, allowEncodedSlash and allowSemicolon";
    let fields = reader.fields(at, &keys, hint)?;
    let targets = [("strict", false), ("any", true)];
    let target_at = fields.get("target");
    let target = reader.choice(target_at, &targets, "write \"strict\" or \"any\"");
    if target_at.is_some() && target.is_none() {
        return None;
    }
    let is_any = target.unwrap_or_default();
    let mut option = |key| match fields.get(key) {
        None => Some(false),
        Some(at) if is_any => {
            reader.refuse(at, LoadCode::NeedsStrictTarget);
            None
        }
        Some(at) => reader.boolean(at),
    };
    let (allow_encoded_slash, allow_semicolon) = (option("allowEncodedSlash"), option("allowSemicolon"));
    if is_any {
        return Some(TargetRules::Any);
    }
    Some(TargetRules::Strict { allow_encoded_slash: allow_encoded_slash?, allow_semicolon: allow_semicolon? })
}

/// Groups and rules while they are read.
struct Rules<'a> {
    principals: Principals,
    groups: Vec<Group>,
    /// Of each group.
    uses: Vec<GroupUse<'a>>,
    /// Numbered as they stand in `groups`.
    group_names: Names<'a>,
    rule_names: Names<'a>,
    /// `None` when `request` was refused; patterns are then read with every spelling allowed.
    target: Option<TargetRules>,
    deny: Vec<Rule>,
    allow: Vec<Rule>,
    /// Rules that were refused, and so are in neither list.
    refused: usize,
}

/// Who uses a group, and what is odd about it.
struct GroupUse<'a> {
    member: Member<'a>,
    cn_without_issuer: Option<Place>,
    is_used: bool,
    is_allowed: bool,
}

impl<'a> Rules<'a> {
    fn read_groups(&mut self, reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) {
        let members = reader.entries(at).unwrap_or_default();
        for member in members {
            if !is_identifier(&member.key) {
                reader.refuse_key(at, &member, LoadCode::BadRuleName, LoadCode::BadRuleName.hint());
            }
            // A group whose contents are refused keeps its name: rules that use it are not at fault.
            self.group_names.insert(member.key.clone());
            let at = at.member(&member);
            let mut seen = Seen::default();
            // Every finding below repeats the name in its pointer, so below an endless one there are none.
            let principals = match member.key.len() {
                0..=IDENTIFIER_BYTES => self.read_group(reader, &at, &mut seen),
                _ => Vec::new(),
            };
            if let Some(foreign) = seen.foreign {
                reader.warn(foreign, WarningCode::ForeignIdentity);
            }
            let group = Group { name: member.key.as_ref().into(), principals, uses: seen.uses };
            self.groups.push(group);
            let cn_without_issuer = seen.cn_without_issuer;
            self.uses.push(GroupUse { member, cn_without_issuer, is_used: false, is_allowed: false });
        }
    }

    fn read_group(
        &mut self,
        reader: &mut Reader<'a>,
        at: &Cursor<'_, 'a>,
        seen: &mut Seen,
    ) -> Vec<super::principal::Term> {
        let mut principals = Vec::new();
        for at in reader.non_empty_array(at) {
            if self.principals.is_full() {
                break;
            }
            match at.node().string() {
                Some(text) if text.starts_with('@') => reader.refuse(&at, LoadCode::NestedGroup),
                _ => principals.extend(self.principals.read(reader, &at, seen)),
            }
        }
        principals
    }

    fn read_rules(&mut self, reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, effect: Effect) {
        for at in reader.array(at) {
            let before = self.deny.len().saturating_add(self.allow.len()).saturating_add(self.refused);
            if before >= RULES {
                return reader.refuse(&at, LoadCode::TooManyRules);
            }
            match self.read_rule(reader, &at, effect) {
                None => self.refused = self.refused.saturating_add(1),
                Some(rule) if effect == Effect::Deny => self.deny.push(rule),
                Some(rule) => self.allow.push(rule),
            }
        }
    }

    fn read_rule(&mut self, reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, effect: Effect) -> Option<Rule> {
        let fields = reader.fields(at, &RULE_KEYS, RULE_HINT)?;
        let name_at = reader.required(&fields, "name", "add name: decisions and logs name the rule by it");
        let from_at = reader.required(&fields, "from", "add from: who the rule is about");
        let name = name_at.and_then(|at| {
            let name = identifier(reader, at)?;
            if !self.rule_names.insert(name.clone()) {
                reader.refuse(at, LoadCode::DuplicateRuleName);
            }
            Some(name)
        });
        let mode = reader.choice(fields.get("mode"), &MODES, MODES_HINT).unwrap_or(Mode::Enforce);
        let mut seen = Seen::default();
        let from = from_at.and_then(|at| self.from(reader, at, effect, &mut seen));
        let methods = fields.get("methods").map(|at| reader.texts(at, &method));
        let paths = fields.get("paths").map(|at| self.paths(reader, at));
        if let Some(foreign) = seen.foreign {
            reader.warn(foreign, WarningCode::ForeignIdentity);
        }
        if let Some(cn) = seen.cn_without_issuer
            && effect == Effect::Allow
        {
            reader.warn(cn, WarningCode::CnWithoutIssuer);
        }
        let rule =
            Rule { name: name?.as_ref().into(), effect, mode, from: from?, methods, paths, uses: seen.uses };
        if effect == Effect::Allow && is_open(&rule) {
            reader.warn(reader.place(at), WarningCode::OpenToAnyone);
        }
        Some(rule)
    }

    fn from(
        &mut self,
        reader: &mut Reader<'a>,
        at: &Cursor<'_, 'a>,
        effect: Effect,
        seen: &mut Seen,
    ) -> Option<From> {
        const HINT: &str =
            "write \"anyone\", \"authenticated\", or an array of principals and \"@group\" names";
        match at.kind() {
            Kind::String => {
                return match reader.string(at)?.as_ref() {
                    "anyone" => Some(From::Anyone),
                    "authenticated" => Some(From::Authenticated),
                    text => {
                        let hint =
                            if text.starts_with('@') { "put it in an array: [\"@group\"]" } else { HINT };
                        reader.refuse_with(at, LoadCode::UnknownValue, hint);
                        None
                    }
                };
            }
            Kind::Array => {}
            Kind::Object => {
                reader.refuse_with(at, LoadCode::WrongType, "put the principal in an array: [ { … } ]");
                return None;
            }
            _ => {
                reader.refuse_with(at, LoadCode::WrongType, HINT);
                return None;
            }
        }
        let (mut principals, mut groups) = (Vec::new(), Vec::new());
        for at in reader.non_empty_array(at) {
            if self.principals.is_full() {
                break;
            }
            if at.kind() == Kind::String {
                groups.extend(self.reference(reader, &at, effect));
            } else {
                principals.extend(self.principals.read(reader, &at, seen));
            }
        }
        order::sort_unstable(&mut groups);
        groups.dedup();
        Some(From::AnyOf { principals, groups })
    }

    fn reference(&mut self, reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, effect: Effect) -> Option<usize> {
        let text = reader.string(at)?;
        let Some(name) = text.strip_prefix('@') else {
            let hint = match text.as_ref() {
                "anyone" | "authenticated" => "write it in place of the array: \"from\": \"anyone\"",
                text if contains(text, "://") => "write {\"spiffe\": \"spiffe://…\"} or {\"san\": \"URI:…\"}",
                _ => LoadCode::BadReference.hint(),
            };
            reader.refuse_with(at, LoadCode::BadReference, hint);
            return None;
        };
        let Some(index) = self.group_names.find(name) else {
            reader.refuse(at, LoadCode::UndefinedGroup);
            return None;
        };
        if let Some(group) = self.uses.get_mut(index) {
            group.is_used = true;
            group.is_allowed |= effect == Effect::Allow;
        }
        Some(index)
    }

    fn paths(&self, reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Vec<Pattern> {
        if self.target == Some(TargetRules::Any) {
            reader.refuse(at, LoadCode::PathsWithAnyTarget);
            return Vec::new();
        }
        let lenient = TargetRules::Strict { allow_encoded_slash: true, allow_semicolon: true };
        let rules = self.target.unwrap_or(lenient);
        reader.texts(at, &|text| {
            Pattern::parse(text, &rules)
                .map_err(|error| (LoadCode::BadPath, path_hint(text, &rules, error.offset)))
        })
    }

    /// Doubts that need the whole policy.
    fn warn(
        &mut self,
        reader: &mut Reader<'a>,
        groups: Option<&Cursor<'_, 'a>>,
        allow: Option<&Cursor<'_, 'a>>,
        mode: Mode,
    ) {
        for group in &mut self.uses {
            if let Some(groups) = groups
                && !group.is_used
            {
                reader.warn(reader.place(&groups.member(&group.member)), WarningCode::UnusedGroup);
            }
            if group.is_allowed
                && let Some(cn) = group.cn_without_issuer.take()
            {
                reader.warn(cn, WarningCode::CnWithoutIssuer);
            }
        }
        let is_closed = !self.allow.iter().any(|rule| rule.mode == Mode::Enforce);
        if let Some(at) = allow
            && is_closed
            && mode == Mode::Enforce
        {
            reader.warn(reader.place(at), WarningCode::NothingAllowed);
        }
    }
}

/// Whether a rule is about every request.
fn is_open(rule: &Rule) -> bool {
    let every_path = |paths: &Vec<Pattern>| paths.iter().any(|pattern| pattern.as_str() == "/*");
    rule.from == From::Anyone
        && rule.mode == Mode::Enforce
        && rule.methods.is_none()
        && rule.paths.as_ref().is_none_or(every_path)
}

/// A method of a rule.
fn method(text: &str) -> Result<Box<str>, Fault> {
    if is_method(text.as_bytes()) {
        return Ok(text.into());
    }
    let hint = if text == "*" { "for every method leave methods out" } else { LoadCode::BadMethod.hint() };
    Err((LoadCode::BadMethod, hint))
}

/// What is likely meant where a pattern breaks.
fn path_hint(text: &str, rules: &TargetRules, offset: usize) -> &'static str {
    let allows_semicolon = matches!(rules, TargetRules::Strict { allow_semicolon: true, .. });
    let rest = text.get(offset..).unwrap_or_default();
    if text == "*" {
        "for every path write \"/*\", or leave paths out; the target * matches only rules without paths"
    } else if !text.starts_with('/') {
        "a pattern starts with /"
    } else if text.split('/').count() > PATTERN_SEGMENTS.saturating_add(1) {
        "a pattern has at most 32 segments"
    } else if contains(text, "//") {
        "leave the empty segment out: a request with // is refused"
    } else if text.split('/').any(|segment| segment == "." || segment == "..") {
        "leave dot segments out: a request with one is refused"
    } else if contains(text, "?") {
        "write the path alone: the query is not compared"
    } else if contains(text, ";") && !allows_semicolon {
        "a request with ; is refused, unless \"request\": {\"allowSemicolon\": true}"
    } else if contains(rest, "*") && !contains(text, "%") {
        "* stands only for the whole last segment; for one segment write {name}"
    } else if rest.contains(['{', '}']) && !contains(text, "%") {
        "{name} stands for one whole segment"
    } else if contains(text, "%") {
        "an escape is broken, or stands for something that requests are refused for"
    } else {
        LoadCode::BadPath.hint()
    }
}
