//! What a refused caller sees: a status and a constant body, and nothing that helps to probe.

use alloc::boxed::Box;
use alloc::string::String;

use crate::deployment::Responses;
use crate::print::decimal;

/// Header lines that go with every refusal.
pub const HEADERS: &[(&str, &str)] =
    &[("content-type", "application/problem+json"), ("cache-control", "no-store")];

/// The header lines of a 401: it must come with a challenge (RFC 9110, section 11.6.1).
pub const HEADERS_401: &[(&str, &str)] = &[
    ("content-type", "application/problem+json"),
    ("cache-control", "no-store"),
    ("www-authenticate", "ClientCertificate"),
];

/// A local answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'g> {
    /// 400 to 499.
    pub status: u16,
    /// [`HEADERS`] or [`HEADERS_401`].
    pub headers: &'static [(&'static str, &'static str)],
    /// `application/problem+json` (RFC 9457): the same for every refusal with this status.
    pub body: &'g str,
}

/// The bodies of a gate, made once.
#[derive(Debug)]
pub(crate) struct Bodies([(u16, Box<str>); 3]);

impl Bodies {
    pub(crate) fn new(responses: Responses) -> Self {
        let statuses = [responses.unauthenticated, responses.forbidden, responses.ambiguous];
        Self(statuses.map(|status| (status, body(status).into())))
    }

    pub(crate) fn response(&self, status: u16) -> Response<'_> {
        let body = self.0.iter().find(|(of, _)| *of == status).map_or("", |(_, body)| body);
        Response { status, headers: if status == 401 { HEADERS_401 } else { HEADERS }, body }
    }
}

fn body(status: u16) -> String {
    // RFC 9457, section 4.2.1: with about:blank the title is the phrase of the status.
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        421 => "Misdirected Request",
        _ => "Client Error",
    };
    let mut out = String::from(r#"{"type":"about:blank","title":""#);
    out.push_str(title);
    out.push_str(r#"","status":"#);
    decimal(&mut out, status.into(), 1);
    out.push('}');
    out
}
