//! DER as a tree that can be changed and written out again, wrong forms included.

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A tag and the elements in it.
    List(u8, Vec<Node>),
    /// A tag and its content.
    Value(u8, Vec<u8>),
    /// Bytes that are written as they stand.
    Raw(Vec<u8>),
}

impl Node {
    /// The one element that valid DER of less than 64 KiB is.
    pub(crate) fn read(der: &[u8]) -> Self {
        let mut nodes = read_all(der);
        assert_eq!(nodes.len(), 1);
        nodes.remove(0)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        match self {
            Self::List(tag, nodes) => {
                with_length(*tag, &nodes.iter().flat_map(Self::write).collect::<Vec<_>>())
            }
            Self::Value(tag, content) => with_length(*tag, content),
            Self::Raw(bytes) => bytes.clone(),
        }
    }

    pub(crate) fn set_tag(&mut self, new: u8) {
        match self {
            Self::List(tag, _) | Self::Value(tag, _) => *tag = new,
            Self::Raw(bytes) => bytes[0] = new,
        }
    }

    /// The elements in a list.
    pub(crate) fn nodes(&mut self) -> &mut Vec<Node> {
        match self {
            Self::List(_, nodes) => nodes,
            other => panic!("not a list: {other:?}"),
        }
    }

    /// The content of a value.
    pub(crate) fn content(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Value(_, content) => content,
            other => panic!("not a value: {other:?}"),
        }
    }

    /// Element by element down the tree.
    pub(crate) fn at(&mut self, path: &[usize]) -> &mut Node {
        path.iter().fold(self, |node, step| &mut node.nodes()[*step])
    }

    /// Written with a length of `octets` bytes after the byte that counts them.
    pub(crate) fn with_long_length(&self, octets: usize) -> Self {
        let der = self.write();
        let content = match der[1] {
            0..=0x7F => &der[2..],
            count => &der[2 + usize::from(count & 0x7F)..],
        };
        let mut out = vec![der[0], 0x80 | u8::try_from(octets).unwrap()];
        out.extend_from_slice(&content.len().to_be_bytes()[8 - octets..]);
        out.extend_from_slice(content);
        Self::Raw(out)
    }
}

pub(crate) fn read_all(mut der: &[u8]) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let [tag, first, rest @ ..] = der {
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            0x81 => (usize::from(rest[0]), &rest[1..]),
            0x82 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            _ => panic!("a length that this does not read"),
        };
        let (content, after) = rest.split_at(length);
        nodes.push(match tag & 0x20 {
            0 => Node::Value(*tag, content.to_vec()),
            _ => Node::List(*tag, read_all(content)),
        });
        der = after;
    }
    nodes
}

/// A tag, the shortest length, and the content.
pub(crate) fn with_length(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    match length {
        0..=0x7F => out.push(length.to_le_bytes()[0]),
        0x80..=0xFF => out.extend([0x81, length.to_le_bytes()[0]]),
        _ => {
            out.push(0x82);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}
