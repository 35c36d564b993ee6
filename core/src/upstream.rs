//! What goes on to the service besides the request itself.

use alloc::string::String;
use alloc::vec::Vec;

/// The changes a host makes to the header lines before it forwards a request that was let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream<'r> {
    /// Names to remove, as the client spelled them, each once, in order of first appearance:
    /// copies and aliases of `identityHeader`.
    pub remove: Vec<&'r [u8]>,
    /// The identity header's name and value.
    pub set: Option<(String, String)>,
}
