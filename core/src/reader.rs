//! Reading a positioned document: values by type, faults collected with their places.
//!
//! A host reads its documents once, and pays for every copy of this code whenever it is loaded: hence
//! `inline(never)`.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{Kind, Member, Node, Parts, Text, push_index, push_step};
use crate::limits::HostLimits;
use crate::load::{
    Document, Fault, LoadCode, LoadError, LoadErrors, Place, Warning, WarningCode, add_in_order,
};
use crate::names::Names;

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

/// The elements of an array, one after the other.
#[derive(Debug)]
pub(crate) struct Elements<'p, 'a> {
    up: &'p Cursor<'p, 'a>,
    parts: Parts<'a>,
    index: usize,
}

impl<'p, 'a> Iterator for Elements<'p, 'a> {
    type Item = Cursor<'p, 'a>;

    #[inline(never)]
    fn next(&mut self) -> Option<Cursor<'p, 'a>> {
        let node = Node::of(self.parts.next()?);
        let index = self.index;
        self.index = index.saturating_add(1);
        Some(Cursor { up: Some(self.up), step: Step::Index(index), node })
    }
}

/// The known members of an object, each at most once.
#[derive(Debug)]
pub(crate) struct Fields<'p, 'a> {
    at: &'p Cursor<'p, 'a>,
    members: Vec<(Cow<'a, str>, Cursor<'p, 'a>)>,
    is_written_empty: bool,
}

impl<'p, 'a> Fields<'p, 'a> {
    /// Whether the object was written without any member, known or not.
    pub(crate) const fn is_written_empty(&self) -> bool {
        self.is_written_empty
    }

    /// Keys and values in file order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Cursor<'p, 'a>)> {
        self.members.iter().map(|(key, at)| (key.as_ref(), at))
    }

    /// The value of a key, if it is there.
    #[inline(never)]
    pub(crate) fn get(&self, key: &str) -> Option<&Cursor<'p, 'a>> {
        self.members.iter().find(|(known, _)| known == key).map(|(_, at)| at)
    }
}

/// A document being read, and what was found in it so far.
///
/// What is refused gets a stand-in wherever that spares an `Option`: of a document in which anything
/// was refused, nothing is used but the errors.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: Text<'a>,
    errors: LoadErrors,
    warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    #[inline(never)]
    pub(crate) fn new(text: &'a [u8], document: Document, limits: HostLimits) -> Result<Self, LoadErrors> {
        match Text::parse(text, document, limits.document_bytes) {
            Ok(text) => Ok(Self { text, errors: LoadErrors::new(), warnings: Vec::new() }),
            Err(error) => Err(Vec::from([error])),
        }
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

    /// Doubts what stands at a place.
    #[cold]
    #[inline(never)]
    pub(crate) fn warn(&mut self, place: Place, code: WarningCode) {
        let warning = Warning { code, place, hint: code.hint() };
        add_in_order(&mut self.warnings, warning, |warning| &warning.place);
    }

    #[cold]
    #[inline(never)]
    fn add_error(&mut self, offset: usize, at: &Cursor<'_, 'a>, code: LoadCode, hint: &'static str) {
        let place = self.text.place(offset, at.pointer());
        add_in_order(&mut self.errors, LoadError { code, place, hint }, |error| &error.place);
    }

    /// What was read, unless something was refused.
    pub(crate) fn result<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), LoadErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok((value, self.warnings)),
            _ => Err(self.errors),
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
        let mut members: Vec<(Cow<'a, str>, Cursor<'p, 'a>)> =
            Vec::with_capacity(written.len().min(known.len()));
        for member in written {
            if !known.contains(&member.key.as_ref()) {
                self.refuse_key(at, &member, LoadCode::UnknownKey, keys);
            } else if members.iter().any(|(earlier, _)| *earlier == member.key) {
                self.refuse_key(at, &member, LoadCode::DuplicateKey, LoadCode::DuplicateKey.hint());
            } else {
                let value = at.member(&member);
                members.push((member.key, value));
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
            self.refuse_with(at, LoadCode::WrongType, "write the address of a schema as a string");
        }
    }

    /// A required value.
    #[inline(never)]
    pub(crate) fn required<'f, 'p>(
        &mut self,
        fields: &'f Fields<'p, 'a>,
        key: &str,
        hint: &'static str,
    ) -> Option<&'f Cursor<'p, 'a>> {
        let found = fields.get(key);
        if found.is_none() {
            self.refuse_with(fields.at, LoadCode::MissingKey, hint);
        }
        found
    }

    /// An array; one without elements in place of what is refused.
    #[inline(never)]
    pub(crate) fn array<'q>(&mut self, at: &'q Cursor<'q, 'a>) -> Elements<'q, 'a> {
        let mut array = at.node.raw();
        if at.kind() != Kind::Array {
            self.refuse_with(at, LoadCode::WrongType, "write an array: [ … ]");
            array = "";
        }
        Elements { up: at, parts: Parts::of(array), index: 0 }
    }

    /// An array of at least one element.
    #[inline(never)]
    pub(crate) fn non_empty_array<'q>(&mut self, at: &'q Cursor<'q, 'a>) -> Elements<'q, 'a> {
        let elements = self.array(at);
        if at.kind() == Kind::Array && elements.parts.is_empty() {
            self.refuse(at, LoadCode::EmptyArray);
        }
        elements
    }

    /// The texts of an array, each made into something else or refused with a code and a hint.
    #[inline(never)]
    pub(crate) fn texts<T>(
        &mut self,
        at: &Cursor<'_, 'a>,
        parse: &dyn Fn(&str) -> Result<T, Fault>,
    ) -> Vec<T> {
        let mut texts = Vec::new();
        for at in self.non_empty_array(at) {
            let Some(text) = self.string(&at) else { continue };
            match parse(&text) {
                Ok(made) => texts.push(made),
                Err((code, hint)) => self.refuse_with(&at, code, hint),
            }
        }
        texts
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

    /// The same, with a value for what is absent, and a stand-in for what is refused.
    #[inline(never)]
    pub(crate) fn switch(&mut self, at: Option<&Cursor<'_, 'a>>, default: bool) -> bool {
        at.and_then(|at| self.boolean(at)).unwrap_or(default)
    }

    /// An integer of at most 18 digits; what has more is `i64::MAX`, which no range holds.
    #[inline(never)]
    pub(crate) fn integer(&mut self, at: &Cursor<'_, 'a>) -> Option<i64> {
        if at.kind() != Kind::Number {
            self.refuse_with(at, LoadCode::WrongType, "write a number, without quotes");
            return None;
        }
        let raw = at.node.raw();
        if raw.contains(['.', 'e', 'E']) {
            self.refuse(at, LoadCode::NotAnInteger);
            return None;
        }
        let (sign, digits) = raw.strip_prefix('-').map_or((1, raw), |digits| (-1, digits));
        if digits.len() > 18 {
            return Some(i64::MAX);
        }
        let value = digits.bytes().fold(0_i64, |value, digit| {
            value.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0')))
        });
        Some(value.wrapping_mul(sign))
    }

    /// An integer within bounds; `default` where it is absent or refused.
    #[inline(never)]
    pub(crate) fn integer_in(
        &mut self,
        at: Option<&Cursor<'_, 'a>>,
        (least, most): (u32, u32),
        hint: &'static str,
        default: u32,
    ) -> u32 {
        let Some(at) = at else { return default };
        let Some(value) = self.integer(at) else { return default };
        match u32::try_from(value) {
            Ok(value) if (least..=most).contains(&value) => value,
            _ => {
                self.refuse_with(at, LoadCode::OutOfRange, hint);
                default
            }
        }
    }

    /// One of a few texts, if one is there; what it stands for.
    #[inline(never)]
    pub(crate) fn choice<T: Copy>(
        &mut self,
        at: Option<&Cursor<'_, 'a>>,
        choices: &[(&str, T)],
        hint: &'static str,
    ) -> Option<T> {
        let at = at?;
        let text = self.string(at)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            self.refuse_with(at, LoadCode::UnknownValue, hint);
        }
        found
    }
}
