//! Reading a positioned document: values by type, faults collected with their places.
//!
//! A host reads its documents once, and pays for every copy of this code whenever it is loaded: hence
//! `inline(never)`.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bytes::contains_any;
use crate::json::{Kind, Member, Node, Text, push_index, push_step};
use crate::limits::LOAD_ERRORS;
use crate::load::{LoadCode, LoadError, LoadErrors, Place, Warning, WarningCode};
use crate::names::Names;
use crate::order;

/// A value and the way to it from the root. The way lives on the stack; a pointer is written only
/// when somebody needs one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'p, 'a> {
    up: Option<&'p Cursor<'p, 'a>>,
    step: Step<'a>,
    node: Node<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Key(Node<'a>),
    Index(usize),
}

impl<'a> Cursor<'a, 'a> {
    /// The outermost value of a text.
    pub(crate) fn root(text: &Text<'a>) -> Self {
        Self { up: None, step: Step::Root, node: text.root() }
    }
}

impl<'p, 'a> Cursor<'p, 'a> {
    /// A member of this object.
    pub(crate) fn member<'q>(&'q self, member: &Member<'a>) -> Cursor<'q, 'a> {
        Cursor { up: Some(self), step: Step::Key(member.key_node), node: member.value }
    }

    /// An element of this array.
    pub(crate) fn element<'q>(&'q self, index: usize, node: Node<'a>) -> Cursor<'q, 'a> {
        Cursor { up: Some(self), step: Step::Index(index), node }
    }

    /// The value.
    pub(crate) fn node(&self) -> Node<'a> {
        self.node
    }

    /// Whether this is the outermost value.
    pub(crate) fn is_root(&self) -> bool {
        self.up.is_none()
    }

    /// What the value is.
    pub(crate) fn kind(&self) -> Kind {
        self.node.kind()
    }

    #[inline(never)]
    fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(cursor) = at {
            steps.push(cursor.step);
            at = cursor.up;
        }
        let mut pointer = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Key(key) => push_step(&mut pointer, &key.string().unwrap_or_default()),
                Step::Index(index) => push_index(&mut pointer, index),
            }
        }
        pointer
    }
}

/// The known members of an object, each at most once.
#[derive(Debug)]
pub(crate) struct Fields<'p, 'a> {
    at: &'p Cursor<'p, 'a>,
    members: Vec<Member<'a>>,
    is_written_empty: bool,
}

impl<'p, 'a> Fields<'p, 'a> {
    /// Whether the object was written without any member, known or not.
    pub(crate) fn is_written_empty(&self) -> bool {
        self.is_written_empty
    }

    /// How many known members there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Keys and values in file order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Cursor<'p, 'a>)> {
        self.members.iter().map(|member| (member.key.as_ref(), self.at.member(member)))
    }

    /// The value of a key, if it is there.
    #[inline(never)]
    pub(crate) fn get(&self, key: &str) -> Option<Cursor<'p, 'a>> {
        self.members.iter().find(|member| member.key == key).map(|member| self.at.member(member))
    }
}

/// A fault or doubt before it has a line and column.
#[derive(Debug)]
struct Finding<C> {
    offset: usize,
    pointer: String,
    code: C,
    hint: &'static str,
}

/// Where a finding will be, kept until it is known whether it is one.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    offset: usize,
    pointer: String,
}

/// A document being read, and what was found in it so far.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: Text<'a>,
    errors: Vec<Finding<LoadCode>>,
    warnings: Vec<Finding<WarningCode>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: Text<'a>) -> Self {
        Self { text, errors: Vec::new(), warnings: Vec::new() }
    }

    pub(crate) fn root(&self) -> Cursor<'a, 'a> {
        Cursor::root(&self.text)
    }

    /// Whether nothing was refused so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Refuses one value and forgets every other fault: when the document is of another kind, they
    /// mean nothing.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_only(&mut self, at: &Cursor<'_, 'a>, code: LoadCode) {
        self.errors.clear();
        self.refuse(at, code);
    }

    /// The place of a value.
    #[inline(never)]
    pub(crate) fn place(&self, at: &Cursor<'_, 'a>) -> Place {
        self.text.place(self.text.offset(at.node), at.pointer())
    }

    /// The same, cheaper, for later.
    #[inline(never)]
    pub(crate) fn mark(&self, at: &Cursor<'_, 'a>) -> Mark {
        Mark { offset: self.text.offset(at.node), pointer: at.pointer() }
    }

    /// Refuses a value, with the code's usual hint.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&mut self, at: &Cursor<'_, 'a>, code: LoadCode) {
        self.refuse_with(at, code, code.hint());
    }

    /// Refuses a value, with a hint of its own.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_with(&mut self, at: &Cursor<'_, 'a>, code: LoadCode, hint: &'static str) {
        self.add_error(self.text.offset(at.node), at, code, hint);
    }

    /// Refuses a member: the pointer is the value's, line and column are the key's.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_key(
        &mut self,
        object: &Cursor<'_, 'a>,
        member: &Member<'a>,
        code: LoadCode,
        hint: &'static str,
    ) {
        self.add_error(self.text.offset(member.key_node), &object.member(member), code, hint);
    }

    /// Doubts a value.
    #[cold]
    #[inline(never)]
    pub(crate) fn warn(&mut self, at: Mark, code: WarningCode) {
        let Mark { offset, pointer } = at;
        self.warnings.push(Finding { offset, pointer, code, hint: code.hint() });
        keep_first(&mut self.warnings, LOAD_ERRORS.saturating_mul(2));
    }

    #[cold]
    #[inline(never)]
    fn add_error(&mut self, offset: usize, at: &Cursor<'_, 'a>, code: LoadCode, hint: &'static str) {
        self.errors.push(Finding { offset, pointer: at.pointer(), code, hint });
        keep_first(&mut self.errors, LOAD_ERRORS.saturating_mul(2));
    }

    /// What was refused and what was doubted, in the order of the text.
    #[inline(never)]
    pub(crate) fn finish(mut self) -> (LoadErrors, Vec<Warning>) {
        keep_first(&mut self.errors, 0);
        keep_first(&mut self.warnings, 0);
        let text = &self.text;
        let errors = self.errors.into_iter().map(|found| LoadError {
            code: found.code,
            place: text.place(found.offset, found.pointer),
            hint: found.hint,
        });
        let warnings = self.warnings.into_iter().map(|found| Warning {
            code: found.code,
            place: text.place(found.offset, found.pointer),
            hint: found.hint,
        });
        (errors.collect(), warnings.collect())
    }

    /// What was read, unless something was refused.
    pub(crate) fn result<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), LoadErrors> {
        let (errors, warnings) = self.finish();
        match value {
            Some(value) if errors.is_empty() => Ok((value, warnings)),
            _ => Err(errors),
        }
    }

    /// An object with these keys only. `keys` is the hint for any other.
    #[inline(never)]
    pub(crate) fn fields<'p>(
        &mut self,
        at: &'p Cursor<'p, 'a>,
        known: &[&str],
        keys: &'static str,
    ) -> Option<Fields<'p, 'a>> {
        let written = self.object(at)?;
        let is_written_empty = written.is_empty();
        let mut members: Vec<Member<'a>> = Vec::with_capacity(written.len().min(known.len()));
        for member in written {
            if !known.contains(&member.key.as_ref()) {
                self.refuse_key(at, &member, LoadCode::UnknownKey, keys);
            } else if members.iter().any(|earlier| earlier.key == member.key) {
                self.refuse_key(at, &member, LoadCode::DuplicateKey, LoadCode::DuplicateKey.hint());
            } else {
                members.push(member);
            }
        }
        Some(Fields { at, members, is_written_empty })
    }

    /// An object with keys of its own choice, each once.
    #[inline(never)]
    pub(crate) fn entries(&mut self, at: &Cursor<'_, 'a>) -> Option<Vec<Member<'a>>> {
        let mut members = self.object(at)?;
        let mut seen = Names::new();
        members.retain(|member| {
            let is_new = seen.insert(member.key.clone());
            if !is_new {
                self.refuse_key(at, member, LoadCode::DuplicateKey, LoadCode::DuplicateKey.hint());
            }
            is_new
        });
        Some(members)
    }

    /// The members of an object, duplicates among them.
    #[inline(never)]
    pub(crate) fn object(&mut self, at: &Cursor<'_, 'a>) -> Option<Vec<Member<'a>>> {
        if at.kind() == Kind::Object {
            return Some(at.node.members());
        }
        self.refuse_with(at, LoadCode::WrongType, "write an object: { … }");
        None
    }

    /// `$schema`, for editors: any string.
    #[inline(never)]
    pub(crate) fn schema_reference(&mut self, fields: &Fields<'_, 'a>) {
        if let Some(at) = fields.get("$schema")
            && at.kind() != Kind::String
        {
            self.refuse_with(&at, LoadCode::WrongType, "write the address of a schema as a string");
        }
    }

    /// A required value.
    #[inline(never)]
    pub(crate) fn required<'p>(
        &mut self,
        fields: &Fields<'p, 'a>,
        key: &str,
        hint: &'static str,
    ) -> Option<Cursor<'p, 'a>> {
        let found = fields.get(key);
        if found.is_none() {
            self.refuse_with(fields.at, LoadCode::MissingKey, hint);
        }
        found
    }

    /// An array.
    #[inline(never)]
    pub(crate) fn array(&mut self, at: &Cursor<'_, 'a>) -> Option<Vec<Node<'a>>> {
        if at.kind() == Kind::Array {
            return Some(at.node.elements());
        }
        self.refuse_with(at, LoadCode::WrongType, "write an array: [ … ]");
        None
    }

    /// An array of at least one element.
    #[inline(never)]
    pub(crate) fn non_empty_array(&mut self, at: &Cursor<'_, 'a>) -> Option<Vec<Node<'a>>> {
        let elements = self.array(at)?;
        if elements.is_empty() {
            self.refuse(at, LoadCode::EmptyArray);
            return None;
        }
        Some(elements)
    }

    /// A non-empty string.
    #[inline(never)]
    pub(crate) fn string(&mut self, at: &Cursor<'_, 'a>) -> Option<Cow<'a, str>> {
        match at.node.string() {
            Some(text) if text.is_empty() => self.refuse(at, LoadCode::EmptyString),
            Some(text) => return Some(text),
            None => self.refuse_with(at, LoadCode::WrongType, "write a string in double quotes"),
        }
        None
    }

    /// A string that may be empty.
    #[inline(never)]
    pub(crate) fn any_string(&mut self, at: &Cursor<'_, 'a>) -> Option<Cow<'a, str>> {
        match at.node.string() {
            Some(text) if text.is_empty() => Some(text),
            _ => self.string(at),
        }
    }

    /// `true` or `false`.
    #[inline(never)]
    pub(crate) fn boolean(&mut self, at: &Cursor<'_, 'a>) -> Option<bool> {
        match at.node.raw() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.refuse_with(at, LoadCode::WrongType, "write true or false, without quotes");
                None
            }
        }
    }

    /// An integer, as far as 64 bits hold it; what holds more is `i64::MAX`, which no range holds.
    #[inline(never)]
    pub(crate) fn integer(&mut self, at: &Cursor<'_, 'a>) -> Option<i64> {
        if at.kind() != Kind::Number {
            self.refuse_with(at, LoadCode::WrongType, "write a number, without quotes");
            return None;
        }
        let raw = at.node.raw();
        if contains_any(raw, b".eE") {
            self.refuse(at, LoadCode::NotAnInteger);
            return None;
        }
        Some(raw.parse().unwrap_or(i64::MAX))
    }

    /// An integer within bounds, which are those of `T` or narrower.
    pub(crate) fn integer_in<T: TryFrom<i64>>(
        &mut self,
        at: &Cursor<'_, 'a>,
        range: core::ops::RangeInclusive<i64>,
        hint: &'static str,
    ) -> Option<T> {
        self.integer_within(at, &range, hint).and_then(|value| T::try_from(value).ok())
    }

    #[inline(never)]
    fn integer_within(
        &mut self,
        at: &Cursor<'_, 'a>,
        range: &core::ops::RangeInclusive<i64>,
        hint: &'static str,
    ) -> Option<i64> {
        let value = self.integer(at)?;
        if !range.contains(&value) {
            self.refuse_with(at, LoadCode::OutOfRange, hint);
            return None;
        }
        Some(value)
    }

    /// One of a few texts.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        at: &Cursor<'_, 'a>,
        choices: &[(&str, T)],
        hint: &'static str,
    ) -> Option<T> {
        let text = self.string(at)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            self.refuse_with(at, LoadCode::UnknownValue, hint);
        }
        found
    }
}

/// Keeps the first findings in the order of the text once there are more than `slack`; findings at
/// one offset stay in the order in which they were made.
fn keep_first<C>(findings: &mut Vec<Finding<C>>, slack: usize) {
    if findings.len() > slack {
        order::sort_by_key(findings, |finding| finding.offset);
        findings.truncate(LOAD_ERRORS);
    }
}
