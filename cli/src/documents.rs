//! Documents from files: which file each one is, so that errors can name it.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::Path;

use peergate_core::limits::HostLimits;
use peergate_core::load::{LoadErrors, Place};
use peergate_core::source::document::{Preset, SourceDocument};
use peergate_core::{Document, Documents, Gate, LoadCode};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::output::Failure;

/// A document and the name under which messages speak of it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
}

/// What a gate is made of, read from files.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A deployment, and the policy that it names.
    Deployment { deployment: Named, policy: Option<Named> },
    /// A policy, and a source if there is one.
    Parts { policy: Named, source: Option<Named> },
}

impl Named {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = fs::read(path).map_err(|error| Failure::new(format_args!("{name}: {error}")))?;
        Ok(Self { name, text })
    }

    /// A source by the name of a preset, or from a file.
    pub(crate) fn source(argument: &OsStr) -> Result<Self, Failure> {
        match Preset::ALL.iter().find(|preset| argument == preset.code()) {
            Some(preset) => Ok(Self {
                name: format!("preset {preset}"),
                text: format!("{{\"preset\":\"{preset}\"}}").into_bytes(),
            }),
            None => Self::read(Path::new(argument)).map_err(|failure| {
                let presets: Vec<_> = Preset::ALL.iter().map(|preset| preset.code()).collect();
                Failure::new(format_args!("{failure} (nor is it a preset: {})", presets.join(", ")))
            }),
        }
    }
}

impl Named {
    /// The same for a question about what a source carries: the bare name of a preset that never
    /// verifies then stands for the only source that it can be, one that does not require it.
    pub(crate) fn source_to_check(argument: &OsStr) -> Result<Self, Failure> {
        let mut source = Self::source(argument)?;
        let is_preset = Preset::ALL.iter().any(|preset| argument == preset.code());
        let errors = SourceDocument::parse(&source.text, HostLimits::NATIVE).err().unwrap_or_default();
        if is_preset && errors.iter().any(|error| error.code == LoadCode::NeverVerified) {
            let preset = argument.display();
            source.name = format!("preset {preset} (requireVerified false)");
            source.text = format!("{{\"preset\":\"{preset}\",\"requireVerified\":false}}").into_bytes();
        }
        Ok(source)
    }
}

impl Input {
    /// A deployment from a file, with the policy that it names relative to itself.
    pub(crate) fn deployment(path: &Path) -> Result<Self, Failure> {
        let deployment = Named::read(path)?;
        let policy = match peergate_core::gate::policy_path(&deployment.text) {
            Ok(Some(policy)) => {
                Some(Named::read(&path.parent().unwrap_or(Path::new("")).join(policy)).map_err(
                    |failure| Failure::new(format_args!("{}: its policy {failure}", deployment.name)),
                )?)
            }
            // What is wrong with the deployment is said when it is loaded.
            Ok(None) | Err(_) => None,
        };
        Ok(Self::Deployment { deployment, policy })
    }

    pub(crate) fn load(&self) -> Result<Gate, LoadErrors> {
        let documents = match self {
            Self::Deployment { deployment, policy } => Documents::Deployment {
                text: &deployment.text,
                policy: policy.as_ref().map(|policy| policy.text.as_slice()),
            },
            Self::Parts { policy, source } => Documents::Parts {
                policy: &policy.text,
                source: source.as_ref().map(|source| source.text.as_slice()),
            },
        };
        Gate::load(documents, HostLimits::NATIVE)
    }

    /// The name of the file in which a place is.
    pub(crate) fn file_of(&self, place: &Place) -> &str {
        let named = match (self, place.document) {
            (Self::Deployment { policy: Some(policy), .. }, Document::Policy) => Some(policy),
            (Self::Deployment { deployment, .. }, _) => Some(deployment),
            (Self::Parts { source, .. }, Document::Source) => source.as_ref(),
            (Self::Parts { policy, .. }, _) => Some(policy),
        };
        named.map_or("preset envoy", |named| named.name.as_str())
    }
}

/// A load error or a warning, as people read it:
/// `file:line:column /json/pointer code: message (hint)`.
pub(crate) struct Remark<'a> {
    pub(crate) file: &'a str,
    pub(crate) place: &'a Place,
    pub(crate) warning: bool,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) hint: &'a str,
}

impl fmt::Display for Remark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column, pointer, .. } = self.place;
        write!(f, "{}:{line}:{column} ", self.file)?;
        if !pointer.is_empty() {
            // A key of the document may hold anything; a terminal must not be made to obey it.
            write!(f, "{} ", crate::explain::printable(pointer))?;
        }
        let kind = if self.warning { "warning " } else { "" };
        write!(f, "{kind}{}: {}", self.code, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// The remarks for a refused set of documents.
pub(crate) fn error_remarks<'a>(
    input: &'a Input,
    errors: &'a LoadErrors,
) -> impl Iterator<Item = Remark<'a>> {
    errors.iter().map(|error| Remark {
        file: input.file_of(&error.place),
        place: &error.place,
        warning: false,
        code: error.code.code(),
        message: error.code.message(),
        hint: error.hint,
    })
}

/// The remarks for what is odd about documents.
pub(crate) fn warning_remarks<'a>(
    input: &'a Input,
    warnings: &'a [peergate_core::Warning],
) -> impl Iterator<Item = Remark<'a>> {
    warnings.iter().map(|warning| Remark {
        file: input.file_of(&warning.place),
        place: &warning.place,
        warning: true,
        code: warning.code.code(),
        message: warning.code.message(),
        hint: warning.hint,
    })
}

/// Whether a document is a deployment, by its keys. What is neither is taken as a policy, so that
/// the errors about it are those of a policy.
pub(crate) fn is_deployment(text: &[u8]) -> bool {
    let keys = RefCell::new(Vec::new());
    // The text may break off anywhere: the keys until then are enough to tell.
    let _ = Keys(&keys).deserialize(&mut serde_json::Deserializer::from_slice(text));
    let keys = keys.into_inner();
    let has = |names: &[&str]| keys.iter().any(|key| names.contains(&key.as_str()));
    !has(&["version", "allow", "deny", "groups"])
        && has(&["source", "policy", "identityHeader", "responses", "log"])
}

/// Collects the keys of an object, also of one that is broken further on.
struct Keys<'a>(&'a RefCell<Vec<String>>);

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.borrow_mut().push(key);
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_deployment;

    #[test]
    fn a_deployment_shows_in_its_keys() {
        assert!(is_deployment(br#"{"policy": "p.json"}"#));
        assert!(is_deployment(br#"{"source": {"preset": "envoy"}, "policy": {"version": 1, "#));
        assert!(!is_deployment(br#"{"version": 1, "allow": []}"#));
        assert!(!is_deployment(br#"{"version": 1, "source": {}}"#), "a policy with a stray key");
        assert!(!is_deployment(b"["));
        assert!(!is_deployment(b""));
    }
}
