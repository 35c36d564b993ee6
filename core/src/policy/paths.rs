//! Path patterns, and the two tables in which all patterns of a policy are looked up at once.
//!
//! **Allow is narrow**: a path matches an allow rule only as it is written, after RFC 3986
//! normalisation of escapes (section 6.2.2). **Deny is wide**: a path matches a deny rule if any
//! server behind the gate might read it so. What neither foresees is therefore not let in.
//!
//! A table is a trie over segments. A look-up walks it depth first, at most 32 levels deep and
//! through each node at most once; for a policy whose patterns do not put a literal and a `{name}`
//! in the same place it is a single walk, whatever the number of rules.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::bits::RuleSet;
use crate::limits::PATTERN_SEGMENTS;
use crate::target::{TargetRules, check_path, escape};

/// A valid pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
}

/// A text is no pattern; the byte at which it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Offset into the text.
    pub offset: usize,
}

/// One segment of a pattern.
enum Part<'a> {
    Literal(&'a [u8]),
    Variable,
    Rest,
}

impl Pattern {
    /// Reads a pattern: `/literal/{name}/*`.
    ///
    /// # Errors
    /// On any other use of `*`, `{`, `}`, on more than 32 segments, and on what the policy's own
    /// request sanity would refuse.
    pub fn parse(text: &str, rules: &TargetRules) -> Result<Self, PatternError> {
        let (encoded_slash, semicolon) = match *rules {
            TargetRules::Strict { allow_encoded_slash, allow_semicolon } => {
                (allow_encoded_slash, allow_semicolon)
            }
            TargetRules::Any => (false, false),
        };
        if check_path(text.as_bytes(), encoded_slash, semicolon).is_err() {
            return Err(PatternError { offset: 0 });
        }
        let mut offset = 1_usize;
        let mut count = 0_usize;
        let mut segments = text.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            // In its widest reading, too, a pattern has at most 32 segments: the depth of a walk.
            let lax = Reading { splits_escapes: true, parameters: Parameters::Kept };
            count = count.saturating_add(lax.segments(segment.as_bytes()).count());
            if count > PATTERN_SEGMENTS || !is_part(segment, segments.peek().is_none()) {
                return Err(PatternError { offset });
            }
            offset = offset.saturating_add(segment.len()).saturating_add(1);
        }
        Ok(Self { text: text.into() })
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.text.split('/').skip(1).map(|segment| match segment.as_bytes() {
            b"*" => Part::Rest,
            [b'{', ..] => Part::Variable,
            literal => Part::Literal(literal),
        })
    }
}

fn is_part(segment: &str, last: bool) -> bool {
    if segment == "*" {
        return last;
    }
    match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        }
        // A question mark would begin the query, which no pattern sees.
        None => !segment.contains(['*', '{', '}', '?']),
    }
}

/// Which of the two readings a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// For allow rules.
    Narrow,
    /// For deny rules; `%2F` as a separator and `;` as the end of a segment are tried too.
    Wide,
}

/// The patterns of all rules of one effect.
#[derive(Debug)]
pub(super) struct PathTable {
    width: Width,
    nodes: Vec<Node>,
    edges: HashTable<Edge>,
    literals: Vec<u8>,
    hasher: FixedState,
}

#[derive(Debug, Default)]
struct Node {
    /// Rules whose pattern ends here.
    exact: RuleSet,
    /// Rules whose pattern goes on with `*` here.
    rest: RuleSet,
    /// The node of `{name}`.
    variable: Option<u32>,
}

/// A literal segment from one node to another.
#[derive(Debug)]
struct Edge {
    parent: u32,
    child: u32,
    start: u32,
    len: u32,
}

const ROOT: u32 = 0;

impl PathTable {
    pub(super) fn new(width: Width) -> Self {
        let nodes = vec![Node::default()];
        Self { width, nodes, edges: HashTable::new(), literals: Vec::new(), hasher: FixedState::with_seed(0) }
    }

    /// Adds a pattern; rules come in ascending order.
    pub(super) fn insert(&mut self, pattern: &Pattern, rule: u16) {
        self.insert_reading(pattern, Reading::OPAQUE, rule);
        if self.width == Width::Wide {
            for reading in Reading::LAX {
                if reading.applies(pattern.text.as_bytes()) {
                    self.insert_reading(pattern, reading, rule);
                }
            }
        }
    }

    fn insert_reading(&mut self, pattern: &Pattern, reading: Reading, rule: u16) {
        let mut node = ROOT;
        let mut empty = 0_usize;
        for part in pattern.parts() {
            let literal = match part {
                Part::Rest => {
                    node = self.skip_empty(node, &mut empty);
                    if let Some(node) = self.node_mut(node) {
                        node.rest.insert(rule);
                    }
                    return;
                }
                Part::Variable => {
                    node = self.skip_empty(node, &mut empty);
                    node = self.variable_child(node);
                    continue;
                }
                Part::Literal(literal) => literal,
            };
            for segment in reading.segments(literal) {
                let segment = normalised(segment, self.width);
                // Wide: empty segments count only when something follows them.
                if self.width == Width::Wide && segment.is_empty() {
                    empty = empty.saturating_add(1);
                } else {
                    node = self.skip_empty(node, &mut empty);
                    node = self.literal_child(node, &segment);
                }
            }
        }
        if let Some(node) = self.node_mut(node) {
            node.exact.insert(rule);
        }
    }

    fn skip_empty(&mut self, mut node: u32, empty: &mut usize) -> u32 {
        for _ in 0..core::mem::take(empty) {
            node = self.literal_child(node, b"");
        }
        node
    }

    fn node_mut(&mut self, node: u32) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(node).ok()?)
    }

    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(node).ok()?)
    }

    fn new_node(&mut self) -> u32 {
        // Patterns are bytes of a document of at most 64 MiB, so nodes fit 32 bits by far.
        let id = u32::try_from(self.nodes.len()).unwrap_or(ROOT);
        self.nodes.push(Node::default());
        id
    }

    fn variable_child(&mut self, parent: u32) -> u32 {
        if let Some(child) = self.node(parent).and_then(|node| node.variable) {
            return child;
        }
        let child = self.new_node();
        if let Some(node) = self.node_mut(parent) {
            node.variable = Some(child);
        }
        child
    }

    fn literal_child(&mut self, parent: u32, segment: &[u8]) -> u32 {
        if let Some(child) = self.find(parent, segment) {
            return child;
        }
        let child = self.new_node();
        let start = u32::try_from(self.literals.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        self.literals.extend_from_slice(segment);
        let hash = self.hash(parent, segment);
        let Self { edges, literals, hasher, .. } = self;
        edges.insert_unique(hash, Edge { parent, child, start, len }, |edge| {
            hasher.hash_one((edge.parent, edge_text(edge, literals)))
        });
        child
    }

    fn hash(&self, parent: u32, segment: &[u8]) -> u64 {
        self.hasher.hash_one((parent, segment))
    }

    fn find(&self, parent: u32, segment: &[u8]) -> Option<u32> {
        self.edges
            .find(self.hash(parent, segment), |edge| {
                edge.parent == parent && edge_text(edge, &self.literals) == segment
            })
            .map(|edge| edge.child)
    }

    /// Adds the rules that have a pattern for this path to `bits`.
    pub(super) fn look_up(&self, path: &[u8], bits: &mut [u64]) {
        if self.nodes.len() == 1 && matches!(self.nodes.first(), Some(root) if root.is_bare()) {
            return;
        }
        self.look_up_reading(path, Reading::OPAQUE, bits);
        if self.width == Width::Wide {
            for reading in Reading::LAX {
                if reading.applies(path) {
                    self.look_up_reading(path, reading, bits);
                }
            }
        }
    }

    fn look_up_reading(&self, path: &[u8], reading: Reading, bits: &mut [u64]) {
        let Some((_, path)) = path.split_first() else { return };
        let segments = path.split(|byte| *byte == b'/').flat_map(move |segment| reading.segments(segment));
        match self.width {
            Width::Narrow => self.walk(ROOT, segments, 1, bits),
            Width::Wide => {
                // A trailing slash makes no difference, and the empty segment after it may be the
                // value of a `{name}`.
                let total = segments.clone().count();
                let kept = segments.clone().enumerate().fold(0, |kept, (at, segment)| {
                    if segment.is_empty() { kept } else { at.saturating_add(1) }
                });
                let dropped = total.saturating_sub(kept).max(1);
                let kept = segments.take(kept);
                // Empty segments come from lifted checks only; some servers merge slashes.
                if kept.clone().any(<[u8]>::is_empty) {
                    self.walk(ROOT, kept.clone().filter(|segment| !segment.is_empty()), dropped, bits);
                }
                self.walk(ROOT, kept, dropped, bits);
            }
        }
    }

    /// `dropped` is how many `{name}` may still take an empty value after the last segment.
    fn walk<'p>(
        &self,
        at: u32,
        mut segments: impl Iterator<Item = &'p [u8]> + Clone,
        dropped: usize,
        bits: &mut [u64],
    ) {
        let Some(node) = self.node(at) else { return };
        let Some(segment) = segments.next() else {
            node.exact.add_to(bits);
            if self.width == Width::Wide {
                node.rest.add_to(bits);
                if let (Some(child), Some(left)) = (node.variable, dropped.checked_sub(1)) {
                    self.walk(child, segments, left, bits);
                }
            }
            return;
        };
        node.rest.add_to(bits);
        if let Some(child) = self.find(at, &normalised(segment, self.width)) {
            self.walk(child, segments.clone(), dropped, bits);
        }
        if let Some(child) = node.variable
            && (self.width == Width::Wide || !segment.is_empty())
        {
            self.walk(child, segments, dropped, bits);
        }
    }
}

impl Node {
    const fn is_bare(&self) -> bool {
        matches!((&self.exact, &self.rest, self.variable), (RuleSet::Empty, RuleSet::Empty, None))
    }
}

fn edge_text<'a>(edge: &Edge, literals: &'a [u8]) -> &'a [u8] {
    let start = usize::try_from(edge.start).unwrap_or(usize::MAX);
    let len = usize::try_from(edge.len).unwrap_or(usize::MAX);
    literals.get(start..start.saturating_add(len)).unwrap_or_default()
}

/// One way in which a server may cut a path into segments.
#[derive(Clone, Copy)]
struct Reading {
    /// `%2F` separates segments.
    splits_escapes: bool,
    /// `;` ends what counts of a segment.
    parameters: Parameters,
}

/// What becomes of `;` and what follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    /// It stays.
    Kept,
    /// It goes up to the next separator, `%2F` among them if that is one.
    Cut,
    /// It goes up to the next `/`, before anything is decoded.
    CutFirst,
}

impl Reading {
    /// As written.
    const OPAQUE: Self = Self { splits_escapes: false, parameters: Parameters::Kept };
    /// The others.
    const LAX: [Self; 4] = [
        Self { splits_escapes: true, parameters: Parameters::Kept },
        Self { splits_escapes: false, parameters: Parameters::Cut },
        Self { splits_escapes: true, parameters: Parameters::Cut },
        Self { splits_escapes: true, parameters: Parameters::CutFirst },
    ];

    /// Whether this reading can differ from a simpler one for these bytes.
    fn applies(self, path: &[u8]) -> bool {
        (!self.splits_escapes || path.windows(3).any(is_encoded_slash))
            && (self.parameters == Parameters::Kept || memchr::memchr(b';', path).is_some())
    }

    fn segments(self, segment: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
        let cut_if = move |segment, parameters| {
            if self.parameters == parameters { without_parameters(segment) } else { segment }
        };
        let segment = cut_if(segment, Parameters::CutFirst);
        EncodedSlashes { rest: Some(segment), split: self.splits_escapes }
            .map(move |segment| cut_if(segment, Parameters::Cut))
    }
}

fn without_parameters(segment: &[u8]) -> &[u8] {
    memchr::memchr(b';', segment).and_then(|end| segment.get(..end)).unwrap_or(segment)
}

/// A segment, cut at each `%2F` if asked to.
#[derive(Clone)]
struct EncodedSlashes<'a> {
    rest: Option<&'a [u8]>,
    split: bool,
}

impl<'a> Iterator for EncodedSlashes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let segment = self.rest.take()?;
        let cut = if self.split { segment.windows(3).position(is_encoded_slash) } else { None };
        let Some(cut) = cut else { return Some(segment) };
        self.rest = segment.get(cut.saturating_add(3)..);
        segment.get(..cut)
    }
}

const fn is_encoded_slash(window: &[u8]) -> bool {
    matches!(window, [b'%', b'2', b'F' | b'f'])
}

/// The form in which segments are compared.
fn normalised(segment: &[u8], width: Width) -> Cow<'_, [u8]> {
    let changes = |byte: &u8| *byte == b'%' || (width == Width::Wide && byte.is_ascii_uppercase());
    if !segment.iter().any(changes) {
        return Cow::Borrowed(segment);
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.iter();
    while let Some(&byte) = bytes.next() {
        // Sanity has seen to it that every percent sign begins an escape.
        let decoded = if byte == b'%' { escape(&mut bytes).unwrap_or(b'%') } else { byte };
        match width {
            Width::Wide => out.push(decoded.to_ascii_lowercase()),
            Width::Narrow if byte != b'%' || is_unreserved(decoded) => out.push(decoded),
            Width::Narrow => out.extend_from_slice(&[b'%', upper_hex(decoded >> 4), upper_hex(decoded & 15)]),
        }
    }
    Cow::Owned(out)
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn upper_hex(digit: u8) -> u8 {
    if digit < 10 { b'0'.wrapping_add(digit) } else { b'A'.wrapping_sub(10).wrapping_add(digit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::bits::contains;

    const LAX: TargetRules = TargetRules::Strict { allow_encoded_slash: true, allow_semicolon: true };

    fn matches(width: Width, pattern: &str, path: &str) -> bool {
        let mut table = PathTable::new(width);
        table.insert(&Pattern::parse(pattern, &LAX).unwrap(), 7);
        let mut bits = [0];
        table.look_up(path.as_bytes(), &mut bits);
        contains(&bits, 7)
    }

    #[test]
    fn patterns_are_strict() {
        for good in ["/", "/a", "/a/", "/*", "/a/*", "/{a}", "/{a-b_9}/c/*", "/%7Ea"] {
            assert!(Pattern::parse(good, &TargetRules::STRICT).is_ok(), "{good}");
        }
        for bad in [
            "", "a", "*", "/a*", "/*/a", "/**", "/{}", "/{a", "/a}", "/{a}b", "/{a b}", "/a?b", "/a//b",
            "/..", "/a%2Fb", "/a;b", "/a#", "/%zz",
        ] {
            assert!(Pattern::parse(bad, &TargetRules::STRICT).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&"/a".repeat(32), &TargetRules::STRICT).is_ok());
        assert_eq!(Pattern::parse(&"/a".repeat(33), &TargetRules::STRICT).unwrap_err().offset, 65);
    }

    #[test]
    fn allow_is_narrow() {
        for (pattern, path) in [
            ("/", "/"),
            ("/v1/*", "/v1/"),
            ("/v1/*", "/v1/a/b"),
            ("/*", "/"),
            ("/*", "/a/b/"),
            ("/v1/{id}", "/v1/7"),
            ("/v1/{id}/x", "/v1/7/x"),
            ("/~a", "/%7ea"),
            ("/%7ea", "/~a"),
            ("/a%c3%A9", "/a%C3%a9"),
            ("/{x}", "/a%2Fb"),
            ("/a;b", "/a;b"),
        ] {
            assert!(matches(Width::Narrow, pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/v1/*", "/v1"),
            ("/v1", "/v1/"),
            ("/v1/", "/v1"),
            ("/v1", "/V1"),
            ("/v1/{id}", "/v1/"),
            ("/v1/{id}", "/v1/a/b"),
            ("/{id}", "/"),
            ("/a!", "/a%21"),
            ("/a/b", "/a%2Fb"),
            ("/a", "/a;b"),
            ("/v1", "/v10"),
        ] {
            assert!(!matches(Width::Narrow, pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn deny_is_wide() {
        for (pattern, path) in [
            ("/", "/"),
            ("/v1/*", "/v1"),
            ("/v1/*", "/V1/a"),
            ("/v1", "/v1/"),
            ("/v1/", "/v1"),
            ("/v1/{id}", "/v1/"),
            ("/v1/{id}", "/v1"),
            ("/v1/{id}/*", "/v1/"),
            ("/a!", "/a%21"),
            ("/a%21", "/A!"),
            ("/a/b", "/a%2Fb"),
            ("/a/b", "/a%2fb%2F"),
            ("/a%2Fb", "/a/b"),
            ("/a%2Fb", "/a%2fb"),
            ("/a", "/a;b"),
            ("/a/b", "/a;x/b;y"),
            ("/a/b", "/a;x%2Fz/b"),
            ("/a/b", "/a%2Fb;y"),
            ("/a/b", "/a%2Fb;y%2Fz"),
            ("/a/*", "/a;y%2Fz/b"),
            ("/a%2Fb;y%2Fz", "/a/b"),
            ("/a/{x}/b", "/a%2F/b"),
            ("/a/b", "/a%2F/b"),
            ("/a/*", "/;/a/b"),
            ("/a/*", "/;x/a"),
            ("/a/*", "/%2Fa/b"),
            ("/a;b", "/a;b"),
            ("/admin", "/%61dmin"),
            ("/*", "/"),
        ] {
            assert!(matches(Width::Wide, pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("/v1", "/v10"), ("/v1", "/v1/a"), ("/a/b", "/a"), ("/v1/{id}", "/v1/a/b"), ("/a", "/")]
        {
            assert!(!matches(Width::Wide, pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn literal_and_variable_in_one_place_are_both_tried() {
        let mut table = PathTable::new(Width::Narrow);
        for (rule, pattern) in ["/a/{x}/c", "/{x}/b/c", "/a/b/{x}", "/a/*", "/a/b/d"].into_iter().enumerate()
        {
            table.insert(&Pattern::parse(pattern, &LAX).unwrap(), u16::try_from(rule).unwrap());
        }
        let mut bits = [0];
        table.look_up(b"/a/b/c", &mut bits);
        assert_eq!(bits[0], 0b1111);
    }
}
