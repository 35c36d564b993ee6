//! Reads what a `custom` source spells out: the same data that a preset has.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::document::SourceDocument;
use super::form::{
    Carried, CertificateForm, Dialect, Encoding, FieldForms, Form, HashEncoding, List, Percent, Says, Signal,
    Slot, Texts, Vouching, Without,
};
use super::read::header_name;
use crate::json::Kind;
use crate::limits::SIGNALS;
use crate::load::LoadCode;
use crate::reader::{Cursor, Fields, Reader};
use crate::upstream::is_alias;

/// The header names of a source, by role, as they are met.
type Headers = Vec<(Box<str>, Box<str>)>;

/// Reads `certificate` or `fields`, and `verified`.
pub(super) fn form<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    fields: &Fields<'_, 'a>,
    source: &mut SourceDocument,
) -> Option<Form> {
    let headers = &mut source.headers;
    let carried = match (fields.get("certificate"), fields.get("fields")) {
        (Some(at), None) => certificate(reader, at, headers).map(Carried::Certificate),
        (None, Some(at)) => field_forms(reader, at, headers).map(Carried::Fields),
        (None, None) => {
            let hint = "add \"certificate\", or \"fields\" where the proxy sends no certificate";
            reader.refuse_with(at, LoadCode::MissingKey, hint);
            None
        }
        (Some(_), Some(at)) => {
            let hint = "keep one: what a certificate says need not be read elsewhere";
            reader.refuse_with(at, LoadCode::UnknownKey, hint);
            None
        }
    };
    let hint = "add \"verified\": \"promise\", \"never\", or a list of headers that say so";
    let verified = reader.required(fields, "verified", hint)?;
    source.vouching_place = reader.place(verified);
    let vouching = vouching(reader, verified, headers);
    Some(Form { carried: carried?, vouching: vouching? })
}

const CERTIFICATE_KEYS: [&str; 8] =
    ["header", "percent", "quotes", "take", "encoding", "absent", "sha256", "chain"];
const CERTIFICATE_HINT: &str =
    "the keys of certificate are header, percent, quotes, take, encoding, absent, sha256 and chain";

fn certificate<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    headers: &mut Headers,
) -> Option<CertificateForm> {
    let fields = reader.fields(at, &CERTIFICATE_KEYS, CERTIFICATE_HINT)?;
    let header = required_header(reader, &fields, "cert", headers);
    let percents = [
        ("none", Percent::None),
        ("component", Percent::Component),
        ("literal", Percent::Literal),
        ("form", Percent::Form),
        ("if-escaped", Percent::IfEscaped),
    ];
    let hint = "write \"none\", \"component\", \"literal\", \"form\" or \"if-escaped\"";
    let percent = reader.choice(fields.get("percent"), &percents, hint);
    let quotes = [("none", false), ("optional", true)];
    let quotes = reader.choice(fields.get("quotes"), &quotes, "write \"none\" or \"optional\"");
    let takes = [("only", false), ("first", true)];
    let first_of_list = reader.choice(fields.get("take"), &takes, "write \"only\" or \"first\"");
    let encodings = [
        ("pem", Encoding::Pem),
        ("pem-folded", Encoding::PemFolded),
        ("pem-chain", Encoding::PemChain),
        ("base64", Encoding::Base64),
        ("byte-sequence", Encoding::ByteSequence),
    ];
    let hint = "write \"pem\", \"pem-folded\", \"pem-chain\", \"base64\" or \"byte-sequence\"";
    let encoding_at = reader.required(&fields, "encoding", hint);
    let encoding = reader.choice(encoding_at, &encodings, hint);
    let absent = texts(reader, fields.get("absent"), Emptiness::Refused);
    let sha256 = fields.get("sha256").and_then(|at| fingerprint(reader, at, headers));
    let chain = fields.get("chain").and_then(|at| {
        let fields = reader.fields(at, &["header"], "the key of chain is header")?;
        required_header(reader, &fields, "chain", headers)
    });
    let first_of_list = first_of_list.unwrap_or_default();
    if first_of_list
        && encoding.is_some_and(|encoding| encoding != Encoding::Base64)
        && let Some(at) = fields.get("take")
    {
        let hint = "only base64 comes in comma lists; of several PEM blocks \"pem-chain\" takes the first";
        reader.refuse_with(at, LoadCode::UnknownValue, hint);
    }
    Some(CertificateForm {
        header: header?,
        absent,
        quotes: quotes.unwrap_or_default(),
        percent: percent.unwrap_or(Percent::None),
        first_of_list,
        encoding: encoding?,
        sha256,
        chain,
    })
}

const FIELD_KEYS: [&str; 6] = ["sha256", "subject", "issuer", "spiffe", "uri", "dns"];
const FIELD_HINT: &str = "the keys of fields are sha256, subject, issuer, spiffe, uri and dns";

fn field_forms<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    headers: &mut Headers,
) -> Option<FieldForms> {
    let fields = reader.fields(at, &FIELD_KEYS, FIELD_HINT)?;
    if fields.is_written_empty() {
        reader.refuse_with(at, LoadCode::EmptyObject, FIELD_HINT);
    }
    let mut forms = FieldForms::default();
    for (key, at) in fields.iter() {
        match key {
            "sha256" => forms.sha256 = fingerprint(reader, at, headers),
            "subject" => forms.subject = name(reader, at, "subject", headers),
            "issuer" => forms.issuer = name(reader, at, "issuer", headers),
            "uri" => forms.uri = names(reader, at, "uri", headers),
            "dns" => forms.dns = names(reader, at, "dns", headers),
            _ => {
                let keys = reader.fields(at, &["header"], "the key of spiffe is header");
                forms.spiffe = keys.and_then(|keys| required_header(reader, &keys, "spiffe", headers));
            }
        }
    }
    Some(forms)
}

fn fingerprint<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    headers: &mut Headers,
) -> Option<(Slot, HashEncoding)> {
    let choices = [("hex", HashEncoding::Hex), ("base64", HashEncoding::Base64)];
    let hint = "write \"hex\" or \"base64\"";
    let keys = reader.fields(at, &["header", "encoding"], "the keys of sha256 are header and encoding")?;
    let encoding = reader.choice(keys.get("encoding"), &choices, hint).unwrap_or(HashEncoding::Hex);
    required_header(reader, &keys, "sha256", headers).map(|slot| (slot, encoding))
}

fn name<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    role: &'static str,
    headers: &mut Headers,
) -> Option<(Slot, Dialect)> {
    let choices = [
        ("rfc4514", Dialect::Rfc4514),
        ("rfc4514-forward", Dialect::Rfc4514Forward),
        ("der-base64", Dialect::DerBase64),
    ];
    let hint = "write \"rfc4514\", \"rfc4514-forward\" or \"der-base64\"; the form with slashes is ambiguous";
    let keys = reader.fields(at, &["header", "dialect"], "the keys of a name are header and dialect")?;
    let dialect = reader.choice(keys.get("dialect"), &choices, hint).unwrap_or(Dialect::Rfc4514);
    if dialect == Dialect::DerBase64
        && !cfg!(feature = "x509")
        && let Some(at) = keys.get("dialect")
    {
        reader.refuse(at, LoadCode::CertificatesNotRead);
    }
    required_header(reader, &keys, role, headers).map(|slot| (slot, dialect))
}

fn names<'a>(
    reader: &mut Reader<'a>,
    at: &Cursor<'_, 'a>,
    role: &'static str,
    headers: &mut Headers,
) -> Option<(Slot, List)> {
    let choices = [("single", List::Single), ("base64", List::Base64)];
    let hint = "write \"single\" or \"base64\"; names that are not encoded cannot share a header";
    let keys = reader.fields(at, &["header", "list"], "the keys of a list of names are header and list")?;
    let list = reader.choice(keys.get("list"), &choices, hint).unwrap_or(List::Single);
    required_header(reader, &keys, role, headers).map(|slot| (slot, list))
}

fn vouching<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, headers: &mut Headers) -> Option<Vouching> {
    if at.kind() == Kind::String {
        let choices = [("promise", true), ("never", false)];
        let promised = reader.choice(Some(at), &choices, "write \"promise\" or \"never\"")?;
        return Some(if promised { Vouching::Promise } else { Vouching::Never });
    }
    if at.kind() != Kind::Array {
        let hint = "write \"promise\", \"never\", or an array of objects with header and accept";
        reader.refuse_with(at, LoadCode::WrongType, hint);
        return None;
    }
    let mut signals = Vec::new();
    let mut count = 0_usize;
    for at in reader.non_empty_array(at) {
        if count >= SIGNALS {
            reader.refuse_with(&at, LoadCode::OutOfRange, "write at most 4 headers");
            break;
        }
        count = count.saturating_add(1);
        signals.extend(signal(reader, &at, headers));
    }
    (count > 0 && signals.len() == count).then_some(Vouching::Signals(Cow::Owned(signals)))
}

const SIGNAL_KEYS: [&str; 5] = ["header", "accept", "none", "says", "withoutCertificate"];
const SIGNAL_HINT: &str = "the keys here are header, accept, none, says and withoutCertificate";

fn signal<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, headers: &mut Headers) -> Option<Signal> {
    let fields = reader.fields(at, &SIGNAL_KEYS, SIGNAL_HINT)?;
    let header = required_header(reader, &fields, "verify", headers);
    let accept = reader.required(&fields, "accept", "add accept: the values that mean yes");
    let accept = accept.map(|_| texts(reader, accept, Emptiness::Allowed));
    let none = texts(reader, fields.get("none"), Emptiness::Refused);
    let says = [("verified", Says::Verified), ("present", Says::Present)];
    let says = reader.choice(fields.get("says"), &says, "write \"verified\" or \"present\"");
    let without = [("none", Without::None), ("not-accepted", Without::NotAccepted), ("any", Without::Any)];
    let hint = "write \"none\", \"not-accepted\" or \"any\"";
    let without = reader.choice(fields.get("withoutCertificate"), &without, hint);
    Some(Signal {
        header: header?,
        accept: accept?,
        none,
        says: says.unwrap_or(Says::Verified),
        without: without.unwrap_or(Without::None),
    })
}

/// Whether an empty text may be in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Refused,
    Allowed,
}

fn texts<'a>(reader: &mut Reader<'a>, at: Option<&Cursor<'_, 'a>>, emptiness: Emptiness) -> Texts {
    let Some(at) = at else { return Texts::NONE };
    let mut texts = Vec::new();
    for at in reader.non_empty_array(at) {
        let text = match emptiness {
            Emptiness::Refused => reader.string(&at),
            Emptiness::Allowed => reader.any_string(&at),
        };
        texts.extend(text.map(|text| Box::from(text.as_ref())));
    }
    Texts::Written(texts)
}

/// The `header` of an object: no two of a source may be one.
fn required_header<'a>(
    reader: &mut Reader<'a>,
    fields: &Fields<'_, 'a>,
    role: &'static str,
    headers: &mut Headers,
) -> Option<Slot> {
    let at = reader.required(fields, "header", "add header: the name of the header")?;
    let name = header_name(reader, at)?;
    if headers.iter().any(|(_, taken)| is_alias(name.as_bytes(), taken)) {
        reader.refuse(at, LoadCode::HeaderConflict);
    }
    // A source has about ten headers at most.
    let slot = u8::try_from(headers.len()).ok().map(Slot);
    headers.push((role.into(), name));
    slot
}
