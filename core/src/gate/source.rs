//! Where the caller comes from, ready to be read.

use alloc::vec::Vec;

use crate::limits::HostLimits;
use crate::policy::principal::Attribute;
use crate::request::Peer;
use crate::source::Needs;
use crate::source::certificates::Certificates;
use crate::source::document::{Preset, SourceDocument, Validity};
use crate::source::envoy::Envoy;
use crate::source::form::{Form, Slot};
use crate::source::lines::Watched;

/// A source, and what is demanded of the certificates that it gives.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) reader: Reader,
    pub(super) needs: Needs,
    pub(super) require_verified: bool,
    /// Whether `verified` is what the host says, or what the document promises.
    host_verifies: bool,
    listener_verifies: bool,
    pub(super) validity: Validity,
    /// Whether it gives certificates with a validity that matters.
    pub(super) reads_clock: bool,
    /// Seconds.
    pub(super) skew: i64,
    /// The headers that are read, in the order of their slots.
    pub(super) watched: Vec<Watched>,
    pub(super) max_bytes: usize,
    pub(super) certificates: Certificates,
}

#[derive(Debug)]
pub(super) enum Reader {
    Envoy(Envoy),
    Headers(Form),
    Connection,
}

impl Source {
    pub(super) fn new(document: &SourceDocument, needs: Needs, limits: HostLimits) -> Self {
        let reader = match (&document.form, document.preset) {
            (Some(form), _) => Reader::Headers(form.clone()),
            (None, Preset::Connection) => Reader::Connection,
            (None, _) => Reader::Envoy(Envoy::new(document, needs)),
        };
        let is_list = |slot| match &reader {
            Reader::Envoy(_) => true,
            Reader::Headers(form) => form.list_header() == Some(slot),
            Reader::Connection => false,
        };
        let watched = document.headers.iter().zip((0..).map(Slot));
        let watched =
            watched.map(|((_, name), slot)| Watched { name: name.clone(), is_list: is_list(slot) }).collect();
        Self {
            watched,
            reader,
            needs,
            require_verified: document.require_verified,
            host_verifies: limits.knows_verification,
            listener_verifies: document.verified_by_listener,
            reads_clock: document.validity != Validity::Ignore && document.carries(Attribute::Validity),
            validity: document.validity,
            skew: i64::from(document.clock_skew_seconds),
            max_bytes: document.max_header_bytes,
            certificates: Certificates::new(),
        }
    }

    pub(super) const fn is_verified(&self, peer: &Peer<'_>) -> bool {
        if self.host_verifies { peer.verified } else { self.listener_verifies }
    }
}
