//! What `explain` sees of a decision while it is made.

/// A watcher of one decision. The production watcher is `()` and costs nothing.
pub trait Trace {
    /// Whether events are looked at; where they are not, they are not made either.
    const WATCHES: bool = true;

    /// Something was read, compared or concluded.
    fn event(&mut self, _event: Event<'_>) {}
}

impl Trace for () {
    const WATCHES: bool = false;
}

/// What happened on the way to a decision, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The source found `elements` elements and takes number `caller` (from 0) as the caller.
    Element {
        /// How many elements the header has.
        elements: usize,
        /// Which one is the caller.
        caller: usize,
    },
    /// A field of the credential.
    Field {
        /// `uri`, `dns`, `ip`, `email`, `subject`, `issuer`, `serial`, `not_before`, `not_after`,
        /// `extension`, `sha256`.
        name: &'static str,
        /// Its value, as text.
        value: &'a str,
        /// `header`, `certificate` or `computed`.
        origin: &'static str,
    },
    /// A rule was looked at.
    Rule {
        /// Its name.
        name: &'a str,
        /// Whether it denies.
        deny: bool,
        /// Whether it is in shadow.
        shadow: bool,
        /// Whether `from` holds.
        from: bool,
        /// Whether `methods` holds.
        methods: bool,
        /// Whether `paths` holds.
        paths: bool,
    },
}
