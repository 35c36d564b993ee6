//! Principals: from objects in a document to formulas over atoms.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::document::Uses;
use super::principal::{Atom, Attribute, NameRole, Term};
use super::values;
use crate::json::Kind;
use crate::load::{Fault, LoadCode, Place};
use crate::names::Names;
use crate::reader::{Cursor, Reader};

const KEYS: [&str; 9] =
    ["spiffe", "spiffeUnder", "san", "dnsUnder", "subject", "issuer", "serial", "sha256", "extension"];
const KEYS_HINT: &str = "a principal's keys are spiffe, spiffeUnder, san, dnsUnder, subject, issuer, serial, sha256 and extension";

/// What one group or rule was seen to need, and what is odd about it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first place of each attribute.
    pub(super) uses: Uses,
    /// The first common name that any issuer could have given.
    pub(super) cn_without_issuer: Option<Place>,
    /// The first SPIFFE ID outside `trustDomains`.
    pub(super) foreign: Option<Place>,
}

/// Reads the principals of a policy and counts its identities: a principal is one, and each further
/// alternative in an array is one more.
#[derive(Debug)]
pub(super) struct Principals {
    trust_domains: Option<Names<'static>>,
    identities: usize,
    limit: usize,
}

impl Principals {
    pub(super) fn new(trust_domains: Option<&[Box<str>]>, limit: usize) -> Self {
        let trust_domains = trust_domains.map(|names| {
            let mut trusted = Names::new();
            for name in names {
                trusted.insert(Cow::Owned(name.to_string()));
            }
            trusted
        });
        Self { trust_domains, identities: 0, limit }
    }

    /// Whether the limit was passed: what follows need not be read.
    pub(super) fn is_full(&self) -> bool {
        self.identities > self.limit
    }

    fn count<'a>(&mut self, reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, more: usize) {
        let was_full = self.is_full();
        self.identities = self.identities.saturating_add(more);
        if self.is_full() && !was_full {
            reader.refuse(at, LoadCode::TooManyIdentities);
        }
    }

    /// One principal.
    pub(super) fn read<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        at: &Cursor<'_, 'a>,
        seen: &mut Seen,
    ) -> Option<Term> {
        self.count(reader, at, 1);
        let fields = reader.fields(at, &KEYS, KEYS_HINT)?;
        if fields.is_written_empty() {
            reader.refuse(at, LoadCode::EmptyObject);
            return None;
        }
        let has_issuer = fields.get("issuer").is_some();
        let mut terms = Vec::new();
        for (key, at) in fields.iter() {
            let mut alternatives = Alternatives { principals: self, reader, seen };
            terms.extend(match key {
                "spiffe" => alternatives.texts(at, values::spiffe),
                "spiffeUnder" => alternatives.texts(at, values::spiffe_under),
                "san" => alternatives.texts(at, values::san),
                "dnsUnder" => alternatives.texts(at, values::dns_under),
                "subject" => alternatives.names(at, NameRole::Subject, has_issuer),
                "issuer" => alternatives.names(at, NameRole::Issuer, has_issuer),
                "serial" => {
                    if !has_issuer {
                        alternatives.reader.refuse(at, LoadCode::SerialWithoutIssuer);
                    }
                    alternatives.texts(at, values::serial)
                }
                "sha256" => alternatives.texts(at, values::sha256),
                _ => alternatives.extensions(at),
            });
        }
        all(terms)
    }

    fn is_foreign(&self, atom: &Atom) -> bool {
        let (Some(trusted), Some(domain)) = (&self.trust_domains, values::trust_domain_of(atom)) else {
            return false;
        };
        trusted.find(domain).is_none()
    }
}

/// The values of one key: one, or an array of alternatives.
struct Alternatives<'s, 'a> {
    principals: &'s mut Principals,
    reader: &'s mut Reader<'a>,
    seen: &'s mut Seen,
}

impl<'a> Alternatives<'_, 'a> {
    fn each(
        &mut self,
        at: &Cursor<'_, 'a>,
        one: &mut dyn FnMut(&mut Self, &Cursor<'_, 'a>) -> Option<Term>,
    ) -> Option<Term> {
        if at.kind() != Kind::Array {
            return one(self, at);
        }
        let mut terms = Vec::new();
        let mut is_further = false;
        for at in self.reader.non_empty_array(at) {
            if is_further {
                self.principals.count(self.reader, &at, 1);
            }
            is_further = true;
            if self.principals.is_full() {
                break;
            }
            terms.extend(one(self, &at));
        }
        any(terms)
    }

    fn texts(&mut self, at: &Cursor<'_, 'a>, parse: fn(&str) -> Result<Atom, Fault>) -> Option<Term> {
        self.each(at, &mut |this, at| {
            let text = this.reader.string(at)?;
            this.atom(at, parse(&text))
        })
    }

    /// `subject` or `issuer`: whole names as texts, or attributes as an object.
    fn names(&mut self, at: &Cursor<'_, 'a>, role: NameRole, has_issuer: bool) -> Option<Term> {
        self.each(at, &mut |this, at| match at.kind() {
            Kind::String => {
                let text = this.reader.string(at)?;
                this.atom(at, values::name(role, &text))
            }
            Kind::Object => this.attributes(at, role, has_issuer),
            _ => {
                let hint = "write a name as text, or an object such as {\"cn\": \"api\"}";
                this.reader.refuse_with(at, LoadCode::WrongType, hint);
                None
            }
        })
    }

    fn attributes(&mut self, at: &Cursor<'_, 'a>, role: NameRole, has_issuer: bool) -> Option<Term> {
        let members = self.reader.entries(at)?;
        if members.is_empty() {
            self.reader.refuse_with(at, LoadCode::EmptyObject, "name at least one attribute");
            return None;
        }
        // Whichever attribute it is, what a source may lack is the whole name.
        self.note(
            at,
            match role {
                NameRole::Subject => Attribute::Subject,
                NameRole::Issuer => Attribute::Issuer,
            },
        );
        let mut terms = Vec::with_capacity(members.len());
        for member in &members {
            let oid = match values::attribute(&member.key) {
                Ok(oid) => oid,
                Err((code, hint)) => {
                    self.reader.refuse_key(at, member, code, hint);
                    continue;
                }
            };
            let at = at.member(member);
            if role == NameRole::Subject && member.key == "cn" && !has_issuer {
                self.seen.cn_without_issuer.get_or_insert_with(|| self.reader.place(&at));
            }
            terms.extend(self.each(&at, &mut |this, at| {
                let value = this.reader.string(at)?;
                let atom = Atom::NameAttribute { role, oid: oid.clone(), value: value.as_ref().into() };
                this.atom(at, Ok(atom))
            }));
        }
        all(terms)
    }

    fn extensions(&mut self, at: &Cursor<'_, 'a>) -> Option<Term> {
        self.each(at, &mut |this, at| {
            let fields =
                this.reader.fields(at, &["oid", "value"], "an extension's keys are oid and value")?;
            let oid_at = this.reader.required(&fields, "oid", "add oid: which extension is meant");
            let value_at = this.reader.required(&fields, "value", "add value: the text that it must be");
            let oid = oid_at.and_then(|at| {
                let text = this.reader.string(at)?;
                values::oid(&text).map_err(|(code, hint)| this.reader.refuse_with(at, code, hint)).ok()
            });
            let value = value_at.and_then(|at| this.reader.string(at));
            let atom = Atom::Extension { oid: oid?, value: value?.as_ref().into() };
            this.atom(at, Ok(atom))
        })
    }

    /// Keeps the first place of each attribute.
    fn note(&mut self, at: &Cursor<'_, 'a>, attribute: Attribute) {
        if !self.seen.uses.iter().any(|(seen, _)| *seen == attribute) {
            self.seen.uses.push((attribute, self.reader.place(at)));
        }
    }

    fn atom(&mut self, at: &Cursor<'_, 'a>, atom: Result<Atom, Fault>) -> Option<Term> {
        let atom = match atom {
            Ok(atom) => atom,
            Err((code, hint)) => {
                self.reader.refuse_with(at, code, hint);
                return None;
            }
        };
        self.note(at, attribute_of(&atom));
        if self.seen.foreign.is_none() && self.principals.is_foreign(&atom) {
            self.seen.foreign = Some(self.reader.place(at));
        }
        Some(Term::Is(atom))
    }
}

/// What a comparison needs of a source.
const fn attribute_of(atom: &Atom) -> Attribute {
    match atom {
        Atom::Spiffe(_) | Atom::SpiffeUnder(_) | Atom::Uri(_) => Attribute::Uri,
        Atom::Dns(_) | Atom::DnsUnder(_) => Attribute::Dns,
        Atom::Ip(_) => Attribute::Ip,
        Atom::Email(_) => Attribute::Email,
        Atom::Name(NameRole::Subject, _) | Atom::NameAttribute { role: NameRole::Subject, .. } => {
            Attribute::Subject
        }
        Atom::Name(NameRole::Issuer, _) | Atom::NameAttribute { role: NameRole::Issuer, .. } => {
            Attribute::Issuer
        }
        Atom::Serial(_) => Attribute::Serial,
        Atom::Sha256(_) => Attribute::Sha256,
        Atom::Extension { .. } => Attribute::Extension,
    }
}

fn all(terms: Vec<Term>) -> Option<Term> {
    join(terms, Term::All)
}

fn any(terms: Vec<Term>) -> Option<Term> {
    join(terms, Term::Any)
}

/// One term stands for itself, and none for nothing (there was an error).
fn join(mut terms: Vec<Term>, wrap: fn(Vec<Term>) -> Term) -> Option<Term> {
    if terms.len() > 1 { Some(wrap(terms)) } else { terms.pop() }
}
