//! Where the caller comes from, ready to be read.

use alloc::borrow::Cow;
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
    Headers(Cow<'static, Form>),
    Connection,
}

impl Source {
    pub(super) fn new(document: SourceDocument, needs: Needs, limits: HostLimits) -> Self {
        let reads_clock = document.validity != Validity::Ignore && document.carries(Attribute::Validity);
        let reader = match (document.form, document.preset) {
            (Some(form), _) => Reader::Headers(form),
            (None, Preset::Connection) => Reader::Connection,
            (None, _) => Reader::Envoy(Envoy::new(&document.envoy, needs)),
        };
        let is_list = |slot| match &reader {
            Reader::Envoy(_) => true,
            Reader::Headers(form) => form.list_header() == Some(slot),
            Reader::Connection => false,
        };
        let mut watched = Vec::with_capacity(document.headers.len());
        for ((_, name), slot) in document.headers.into_iter().zip(0..) {
            watched.push(Watched { name, is_list: is_list(Slot(slot)) });
        }
        Self {
            watched,
            reader,
            needs,
            require_verified: document.require_verified,
            host_verifies: limits.knows_verification,
            listener_verifies: document.verified_by_listener,
            reads_clock,
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
