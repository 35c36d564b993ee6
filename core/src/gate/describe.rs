//! What is known of a caller's certificate beyond what a decision says.

use alloc::string::String;

use super::Gate;
use super::source::Reader;
use crate::credential::Credential;
use crate::limits::SOURCE_HEADERS;
use crate::normalised;
use crate::pem;
use crate::request::Request;
use crate::source::certificates::Certificates;
use crate::source::document::XfccFormat;
use crate::source::envoy::{Around, Caller};
use crate::source::lines::{self, Value};
use crate::source::{connection, forwarded};
use crate::xfcc::json;

impl Gate {
    /// The normalised certificate (see [`normalised::to_json`]) of the caller whom [`Gate::decide`] saw
    /// in the same request; `None` where it saw none or refused what it saw. Reads the source a second
    /// time, so that deciding need not keep what hardly anybody asks for.
    #[must_use]
    pub fn describe(&self, request: &Request<'_>) -> Option<String> {
        let source = &self.source;
        let read = &Certificates::recording();
        let mut values = [const { Value::Absent }; SOURCE_HEADERS];
        lines::collect(&source.watched, request.headers, source.max_bytes, &mut values).ok()?;
        match &source.reader {
            Reader::Connection => {
                let peer = request.connection.as_ref()?;
                let caller = connection::read(peer, read).ok()?;
                Some(told(&caller.credential(source.is_verified(peer)), read))
            }
            Reader::Envoy(envoy) => {
                let around = Around { connection: request.connection, certificates: read };
                let value = values.first()?.bytes()?;
                match envoy.format {
                    XfccFormat::Text => envoy_caller(&envoy.read_text(value, around, &mut ()).ok()?, read),
                    XfccFormat::Json => {
                        let elements = json::parse(value).ok()?;
                        envoy_caller(&envoy.read_json(&elements, around, &mut ()).ok()?, read)
                    }
                }
            }
            Reader::Headers(form) => {
                let presented = forwarded::read(form, source.needs, &values, read).ok()??;
                Some(told(&presented.credential(), read))
            }
        }
    }
}

fn envoy_caller(caller: &Caller<'_>, read: &Certificates) -> Option<String> {
    match caller {
        Caller::None => None,
        Caller::Fields(credential, _) => Some(told(credential, read)),
        Caller::Certificate(known, _) => Some(told(&known.credential(true), read)),
    }
}

fn told(credential: &Credential<'_>, read: &Certificates) -> String {
    let der = credential.sha256.as_ref().and_then(|sha256| read.der(sha256));
    let pem = der.as_deref().map(pem::encode);
    normalised::to_json(credential, Some(credential.verified), pem.as_deref())
}
