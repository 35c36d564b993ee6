//! The two tables in which all patterns of a policy are looked up at once.
//!
//! **Allow is narrow**: a path matches an allow rule only as it is written, after RFC 3986
//! normalisation of escapes (section 6.2.2). **Deny is wide**: a path matches a deny rule if any
//! server behind the gate might read it so. What neither foresees is therefore not let in.
//!
//! A table is a trie over segments. A look-up walks it depth first, at most 32 levels deep and
//! through each node at most once; for a policy whose patterns do not put a literal and a `{name}`
//! in the same place it is a single walk, whatever the number of rules.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::bits::RuleSet;
use super::pattern::Part;
pub use super::pattern::{Pattern, PatternError};
use super::reading::{Reading, Width, normalised};

/// The patterns of all rules of one effect.
#[derive(Debug)]
pub(super) struct PathTable {
    width: Width,
    is_empty: bool,
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
    /// Whether a literal segment leads on from here.
    has_literals: bool,
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
        Self {
            width,
            is_empty: true,
            nodes: vec![Node::default()],
            edges: HashTable::new(),
            literals: Vec::new(),
            hasher: FixedState::with_seed(0),
        }
    }

    /// Adds a pattern; rules come in ascending order.
    pub(super) fn insert(&mut self, pattern: &Pattern, rule: u16) {
        self.is_empty = false;
        self.insert_reading(pattern, Reading::OPAQUE, rule);
        if self.width == Width::Wide {
            for reading in Reading::LAX {
                if reading.applies(pattern.as_str().as_bytes()) {
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
        if let Some(node) = self.node_mut(parent) {
            node.has_literals = true;
        }
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
        if self.is_empty {
            return;
        }
        let Some((_, path)) = path.split_first() else { return };
        self.look_up_reading(path, bits);
        if self.width == Width::Wide {
            for reading in Reading::LAX {
                if reading.applies(path) {
                    self.look_up_reading(&reading.rewritten(path), bits);
                }
            }
        }
    }

    /// Looks a path up without its first slash; all others separate segments.
    fn look_up_reading(&self, path: &[u8], bits: &mut [u64]) {
        if self.width == Width::Narrow {
            self.walk(ROOT, Some(path), 1, bits);
            return;
        }
        // A trailing slash makes no difference, and the empty segment after it may be the value of a
        // `{name}`.
        let kept = path.iter().rposition(|byte| *byte != b'/').map(|last| path.get(..=last).unwrap_or(path));
        let slashes = path.len().saturating_sub(kept.map_or(0, <[u8]>::len));
        let dropped = if kept.is_some() { slashes.max(1) } else { slashes.saturating_add(1) };
        // Empty segments come from lifted checks only; some servers merge slashes.
        if kept.is_some_and(|kept| kept.starts_with(b"/") || kept.windows(2).any(|pair| pair == b"//")) {
            let segments = path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty());
            self.walk(ROOT, Some(&segments.collect::<Vec<_>>().join(&b'/')), dropped, bits);
        }
        self.walk(ROOT, kept, dropped, bits);
    }

    /// `path` are the segments from the node `at` on, none where it is `None`. `dropped` is how many
    /// `{name}` may still take an empty value after the last one.
    fn walk(&self, mut at: u32, mut path: Option<&[u8]>, mut dropped: usize, bits: &mut [u64]) {
        loop {
            let Some(node) = self.node(at) else { return };
            let Some(segments) = path else {
                node.exact.add_to(bits);
                if self.width == Width::Narrow {
                    return;
                }
                node.rest.add_to(bits);
                let (Some(child), Some(left)) = (node.variable, dropped.checked_sub(1)) else { return };
                (at, dropped) = (child, left);
                continue;
            };
            node.rest.add_to(bits);
            let (segment, after) = first_segment(segments);
            let literal = match node.has_literals {
                true => self.find(at, &normalised(segment, self.width)),
                false => None,
            };
            let variable = node.variable.filter(|_| self.width == Width::Wide || !segment.is_empty());
            at = match (literal, variable) {
                (Some(literal), Some(variable)) => {
                    self.walk(literal, after, dropped, bits);
                    variable
                }
                (Some(child), None) | (None, Some(child)) => child,
                (None, None) => return,
            };
            path = after;
        }
    }
}

/// The first segment, and what comes after its slash, if it has one.
fn first_segment(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'/').and_then(|slash| path.split_at_checked(slash)) {
        Some((segment, after)) => (segment, after.get(1..)),
        None => (path, None),
    }
}

fn edge_text<'a>(edge: &Edge, literals: &'a [u8]) -> &'a [u8] {
    let start = usize::try_from(edge.start).unwrap_or(usize::MAX);
    let len = usize::try_from(edge.len).unwrap_or(usize::MAX);
    literals.get(start..start.saturating_add(len)).unwrap_or_default()
}

#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::bits::contains;
    use crate::target::TargetRules;

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
