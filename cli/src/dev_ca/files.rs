//! Everything that is to be written, first in memory, then on disk and never over a file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::issue::Certified;
use super::{DevCaError, San, Written};

/// A folder before it is written.
pub(super) struct Folder {
    dir: PathBuf,
    written: Vec<Written>,
    files: Vec<(PathBuf, String, Access)>,
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Anybody,
    Owner,
}

impl Folder {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), written: Vec::new(), files: Vec::new() }
    }

    /// Adds `NAME.cert.pem`, `NAME.key.pem` and, with `above`, `NAME.chain.pem`.
    pub(super) fn add(
        &mut self,
        name: &str,
        kind: &'static str,
        about: &'static str,
        names: &[San],
        certified: &Certified,
        above: Option<&str>,
    ) {
        let path = |part: &str| self.dir.join(format!("{name}.{part}.pem"));
        let (cert, key) = (path("cert"), path("key"));
        let chain = above.map(|above| (path("chain"), format!("{}{above}", certified.pem)));
        self.written.push(Written {
            name: name.to_owned(),
            kind,
            about,
            names: names.iter().map(ToString::to_string).collect(),
            sha256: Sha256::digest(&certified.der).iter().map(|byte| format!("{byte:02x}")).collect(),
            cert: cert.clone(),
            key: key.clone(),
            chain: chain.as_ref().map(|(path, _)| path.clone()),
        });
        self.files.push((cert, certified.pem.clone(), Access::Anybody));
        self.files.push((key, certified.key_pem.clone(), Access::Owner));
        self.files.extend(chain.map(|(path, text)| (path, text, Access::Anybody)));
    }

    pub(super) fn write(self) -> Result<Vec<Written>, DevCaError> {
        // A link that leads nowhere is something, too.
        if let Some((path, ..)) = self.files.iter().find(|(path, ..)| path.symlink_metadata().is_ok()) {
            return Err(DevCaError::Exists(path.clone()));
        }
        fs::create_dir_all(&self.dir).map_err(|error| DevCaError::Write(self.dir.clone(), error))?;
        for (path, text, access) in &self.files {
            // Should a file have come up since the check, this refuses it, too.
            create_new(path, *access)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| DevCaError::Write(path.clone(), error))?;
        }
        Ok(self.written)
    }
}

fn create_new(path: &Path, access: Access) -> std::io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path)
}
