//! Reads the `source` object.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::custom;
use super::document::{EnvoyOptions, Preset, SourceDocument, Validity, XfccFormat};
use super::form::Carried;
use super::preset::Carrier;
use crate::json::Kind;
use crate::limits::HEADER_BYTES;
use crate::load::{LoadCode, Place, Warning, WarningCode};
use crate::policy::principal::Atom;
use crate::policy::values;
use crate::reader::{Cursor, Fields, Reader};
use crate::upstream::is_alias;

const ENVOY_KEYS: [&str; 13] = [
    "$schema",
    "preset",
    "headers",
    "requireVerified",
    "validity",
    "clockSkewSeconds",
    "maxHeaderBytes",
    "format",
    "read",
    "fields",
    "trustedProxies",
    "bindConnection",
    "keyOrder",
];
const ENVOY_HINT: &str = "the keys of an envoy source are preset, headers, requireVerified, validity, \
     clockSkewSeconds, maxHeaderBytes, format, read, fields, trustedProxies, bindConnection and keyOrder";
const PROXY_KEYS: [&str; 7] =
    ["$schema", "preset", "headers", "requireVerified", "validity", "clockSkewSeconds", "maxHeaderBytes"];
const PROXY_HINT: &str = "the keys of this source are preset, headers, requireVerified, validity, \
     clockSkewSeconds and maxHeaderBytes";
const CUSTOM_KEYS: [&str; 9] = [
    "$schema",
    "preset",
    "certificate",
    "fields",
    "verified",
    "requireVerified",
    "validity",
    "clockSkewSeconds",
    "maxHeaderBytes",
];
const CUSTOM_HINT: &str = "the keys of a custom source are preset, certificate or fields, verified, \
     requireVerified, validity, clockSkewSeconds and maxHeaderBytes";
const CONNECTION_KEYS: [&str; 6] =
    ["$schema", "preset", "requireVerified", "validity", "clockSkewSeconds", "verifiedBy"];
const CONNECTION_HINT: &str = "the keys of a connection source are preset, requireVerified, validity, \
     clockSkewSeconds and verifiedBy";
const PRESET_HINT: &str = "the presets are envoy, rfc9440, nginx, ingress-nginx, haproxy, traefik, apache, \
     caddy, aws-alb, aws-alb-passthrough, gcp, cloudflare, azure-app-service, gorouter, connection and custom";

/// Every role that some preset has.
const ROLES: [&str; 10] =
    ["cert", "chain", "verify", "revoked", "present", "error", "sha256", "subject", "issuer", "spiffe"];

const CLOCK_SKEW_SECONDS: u32 = 60;

/// `{"preset": "envoy"}`, for documents that do not say, and what is odd about that.
pub(super) fn default_with_doubt(place: Place) -> (SourceDocument, Warning) {
    let code = WarningCode::TextFormUnsafe;
    let warning = Warning { code, place: place.clone(), hint: code.hint() };
    (of_preset(Preset::Envoy, place.clone(), place), warning)
}

/// A source that says nothing but its preset.
fn of_preset(preset: Preset, place: Place, preset_place: Place) -> SourceDocument {
    let row = preset.row();
    let headers = row.map_or(&[][..], |row| row.headers);
    SourceDocument {
        preset,
        form: row.and_then(|row| match &row.carrier {
            Carrier::Headers(form) => Some(Cow::Borrowed(form)),
            Carrier::Xfcc | Carrier::Connection | Carrier::Custom => None,
        }),
        headers: headers.iter().map(|(role, name)| ((*role).into(), (*name).into())).collect(),
        require_verified: true,
        validity: Validity::WhenKnown,
        validity_place: None,
        clock_skew_seconds: CLOCK_SKEW_SECONDS,
        max_header_bytes: HEADER_BYTES,
        verified_by_listener: false,
        envoy: EnvoyOptions::DEFAULT,
        place,
        vouching_place: preset_place,
    }
}

pub(super) fn source<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Option<SourceDocument> {
    // Which keys there are depends on the preset, so it is looked up before them.
    let written = reader.object(at)?;
    let Some(member) = written.iter().find(|member| member.key == "preset") else {
        reader.refuse_with(at, LoadCode::MissingKey, "add \"preset\", such as \"envoy\" or \"connection\"");
        return None;
    };
    let preset_at = at.member(member);
    let name = reader.string(&preset_at)?;
    let Some(preset) = Preset::ALL.iter().copied().find(|preset| preset.code() == name) else {
        reader.refuse_with(&preset_at, LoadCode::UnknownValue, PRESET_HINT);
        return None;
    };
    let (keys, hint): (&[&str], _) = match preset {
        Preset::Envoy => (&ENVOY_KEYS, ENVOY_HINT),
        Preset::Connection => (&CONNECTION_KEYS, CONNECTION_HINT),
        Preset::Custom => (&CUSTOM_KEYS, CUSTOM_HINT),
        _ => (&PROXY_KEYS, PROXY_HINT),
    };
    // `$schema` stands at the top of a document only.
    let keys = if at.is_root() { keys } else { keys.get(1..).unwrap_or_default() };
    let fields = reader.fields(at, keys, hint)?;
    reader.schema_reference(&fields);

    let mut source = of_preset(preset, reader.place(at), reader.place(&preset_at));
    common(reader, &fields, &mut source);
    match preset {
        Preset::Envoy => {
            envoy(reader, &fields, &mut source);
            if source.envoy.format == XfccFormat::Text && !source.envoy.read_certificate {
                let place = reader.place(fields.get("format").unwrap_or(at));
                reader.warn(place, WarningCode::TextFormUnsafe);
            }
        }
        Preset::Connection => {
            let choices = [("listener", true)];
            let listener = reader.choice(fields.get("verifiedBy"), &choices, "write \"listener\"");
            source.verified_by_listener = listener.unwrap_or_default();
        }
        Preset::Custom => {
            source.form = Some(Cow::Owned(custom::form(reader, at, &fields, &mut source)?));
        }
        _ => {}
    }
    let vouched_at = fields.get("verified").unwrap_or(&preset_at);
    let is_never = source.form.as_ref().is_some_and(|form| !form.vouching.can_verify());
    if is_never && source.require_verified {
        reader.refuse(vouched_at, LoadCode::NeverVerified);
    }
    let is_certificate =
        source.form.as_ref().is_some_and(|form| matches!(form.carried, Carried::Certificate(_)));
    if is_certificate && !cfg!(feature = "x509") {
        reader.refuse(fields.get("certificate").unwrap_or(vouched_at), LoadCode::CertificatesNotRead);
    }
    Some(source)
}

fn common<'a>(reader: &mut Reader<'a>, fields: &Fields<'_, 'a>, source: &mut SourceDocument) {
    if let Some(at) = fields.get("headers") {
        headers(reader, at, &mut source.headers);
        // The names that were not given stay, and may be those that were.
        let names = &source.headers;
        let is_taken = |(at, name): (usize, &str)| {
            names.iter().take(at).any(|(_, other)| is_alias(name.as_bytes(), other))
        };
        if names.iter().map(|(_, name)| &**name).enumerate().any(is_taken) {
            reader.refuse(at, LoadCode::HeaderConflict);
        }
    }
    let verified_at = fields.get("requireVerified");
    source.require_verified = reader.switch(verified_at, true);
    if let Some(at) = verified_at
        && !source.require_verified
    {
        reader.warn(reader.place(at), WarningCode::VerificationNotRequired);
    }
    let validity_at = fields.get("validity");
    let choices =
        [("when-known", Validity::WhenKnown), ("required", Validity::Required), ("ignore", Validity::Ignore)];
    let hint = "write \"when-known\", \"required\" or \"ignore\"";
    source.validity = reader.choice(validity_at, &choices, hint).unwrap_or(Validity::WhenKnown);
    source.validity_place = validity_at.map(|at| reader.place(at));
    let (skew, hint) = (fields.get("clockSkewSeconds"), "write seconds from 0 to 4294967295");
    source.clock_skew_seconds = reader.integer_in(skew, (0, u32::MAX), hint, CLOCK_SKEW_SECONDS);
    let most = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
    let (bytes, hint) = (fields.get("maxHeaderBytes"), "write bytes from 1 to 65536");
    let bytes = reader.integer_in(bytes, (1, most), hint, most);
    source.max_header_bytes = usize::try_from(bytes).unwrap_or(HEADER_BYTES);
}

/// `headers`: new names for the roles of the preset.
fn headers<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, names: &mut [(Box<str>, Box<str>)]) {
    for member in reader.entries(at).unwrap_or_default() {
        let Some((_, name)) = names.iter_mut().find(|(role, _)| **role == *member.key) else {
            let hint = if ROLES.contains(&member.key.as_ref()) {
                "this preset reads no such header; the table of presets lists the roles of each"
            } else {
                "the key is a role, such as cert or verify, not a header's name"
            };
            reader.refuse_key(at, &member, LoadCode::UnknownKey, hint);
            continue;
        };
        if let Some(renamed) = header_name(reader, &at.member(&member)) {
            *name = renamed;
        }
    }
}

/// A header's name in lower case, one that may carry an identity.
pub(crate) fn header_name<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Option<Box<str>> {
    let text = reader.string(at)?;
    if text.starts_with(':') {
        reader.refuse_with(at, LoadCode::BadHeaderName, "a pseudo-header is no header of its own");
        return None;
    }
    // RFC 9110, section 5.6.2: token.
    let is_token = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !is_token {
        reader.refuse(at, LoadCode::BadHeaderName);
        return None;
    }
    if NOT_FOR_IDENTITIES.iter().any(|name| is_alias(text.as_bytes(), name)) {
        reader.refuse(at, LoadCode::ForbiddenHeader);
        return None;
    }
    Some(text.to_ascii_lowercase().into())
}

/// Headers of the connection (RFC 9110, section 7.6.1, and their predecessors), of framing and of
/// routing: proxies drop, rewrite or act on them.
const NOT_FOR_IDENTITIES: [&str; 12] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

fn envoy<'a>(reader: &mut Reader<'a>, fields: &Fields<'_, 'a>, source: &mut SourceDocument) {
    let options = &mut source.envoy;
    let choices = [("text", XfccFormat::Text), ("json", XfccFormat::Json)];
    let format = reader.choice(fields.get("format"), &choices, "write \"text\" or \"json\"");
    options.format = format.unwrap_or(XfccFormat::Text);
    let read_at = fields.get("read");
    let choices = [("fields", false), ("certificate", true)];
    let read = reader.choice(read_at, &choices, "write \"fields\" or \"certificate\"");
    options.read_certificate = read.unwrap_or_default();
    if let Some(at) = read_at
        && options.read_certificate
        && !cfg!(feature = "x509")
    {
        reader.refuse(at, LoadCode::CertificatesNotRead);
    }
    if let Some(at) = fields.get("fields") {
        (options.has_subject, options.has_uri, options.has_dns) = (false, false, false);
        for at in reader.non_empty_array(at) {
            let choices = [("subject", 0_u8), ("uri", 1), ("dns", 2)];
            match reader.choice(Some(&at), &choices, "write \"subject\", \"uri\" or \"dns\"") {
                Some(0) => options.has_subject = true,
                Some(1) => options.has_uri = true,
                Some(_) => options.has_dns = true,
                None => {}
            }
        }
    }
    if let Some(at) = fields.get("trustedProxies") {
        for at in reader.non_empty_array(at) {
            options.trusted_proxies.extend(trusted_proxy(reader, &at));
        }
    }
    let bind_at = fields.get("bindConnection");
    options.bind_connection = bind_at.map(|_| reader.switch(bind_at, false));
    let orders = [("envoy", true), ("any", false)];
    let ordered = reader.choice(fields.get("keyOrder"), &orders, "write \"envoy\" or \"any\"");
    options.ordered_keys = ordered.unwrap_or(true);
}

/// A SPIFFE ID, or `{"spiffeUnder": …}` with a path.
fn trusted_proxy<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>) -> Option<Atom> {
    if at.kind() == Kind::String {
        let text = reader.string(at)?;
        return values::spiffe(&text).map_err(|(code, hint)| reader.refuse_with(at, code, hint)).ok();
    }
    if at.kind() != Kind::Object {
        let hint = "write a SPIFFE ID as a string, or {\"spiffeUnder\": \"spiffe://…\"}";
        reader.refuse_with(at, LoadCode::WrongType, hint);
        return None;
    }
    let hint = "write one SPIFFE ID as a plain string, or {\"spiffeUnder\": \"spiffe://…\"}";
    let fields = reader.fields(at, &["spiffeUnder"], hint)?;
    let at = reader.required(&fields, "spiffeUnder", hint)?;
    let text = reader.string(at)?;
    match values::spiffe_under(&text) {
        // Its ID has no path exactly if it would not do as a caller's ID.
        Ok(_) if values::spiffe(&text).is_err() => reader.refuse(at, LoadCode::WholeTrustDomain),
        Ok(proxies) => return Some(proxies),
        Err((code, hint)) => reader.refuse_with(at, code, hint),
    }
    None
}
