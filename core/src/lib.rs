//! Peergate answers one question: may this mutual-TLS caller do this?
//!
//! A proxy that ends TLS tells the application who called in a header. This crate reads that header
//! strictly, decides by one identity policy, and gives the same answer in every host: an Envoy
//! filter, a Node package and a command line all call [`Gate::decide`] and act on the [`Decision`].
//!
//! The crate is `no_std` with `alloc`, forbids `unsafe` and never panics on input. The feature `x509`,
//! which is off by default, reads certificates and needs `std`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "x509")]
extern crate std;

mod bytes;
pub mod credential;
pub mod decision;
pub mod deployment;
pub mod dn;
mod fingerprint;
pub mod gate;
pub mod json;
mod kept;
pub mod limits;
pub mod load;
mod names;
pub mod normalised;
mod order;
pub mod pem;
pub mod policy;
pub mod print;
mod reader;
pub mod reason;
pub mod request;
pub mod respond;
pub mod source;
pub mod spiffe;
pub mod target;
pub mod trace;
pub mod upstream;
#[cfg(feature = "x509")]
pub mod x509;
pub mod xfcc;

pub use decision::{Decision, Identity, IdentityType, Shadow, Verdict};
pub use fingerprint::Fingerprint;
pub use gate::{ConnectionForm, ConnectionUse, Documents, Gate, LogMode, Recognised};
pub use load::{Document, LoadCode, LoadError, Warning, WarningCode};
pub use reason::{Detail, Reason};
pub use request::{Header, Peer, PeerCertificate, Request};
