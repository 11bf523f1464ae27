//! The directories in which the client permits this server to write.

use crate::call::Call;
use crate::failure::Failure;
use keymint_domain::Url;
use keymint_domain::text::escape;
use std::env;
use std::path::{Path, PathBuf};

/// The directories in which a file may receive a key. Their paths contain no symbolic links.
#[derive(Debug)]
pub(crate) struct Roots(Vec<PathBuf>);

impl Roots {
    /// Requests the client's current roots. If the client has none, returns the working directory, unless that is
    /// the root of the file system.
    pub(crate) async fn of(call: &Call) -> Result<Self, Failure> {
        let directories = match call.dialog.roots().await {
            Some(uris) if uris.is_empty() => {
                let directory = env::current_dir().and_then(dunce::canonicalize);
                directory.ok().filter(|directory| directory.parent().is_some()).into_iter().collect()
            }
            uris => uris.iter().flatten().filter_map(|uri| directory_of(uri)).collect::<Vec<_>>(),
        };
        if directories.is_empty() {
            return Err(Failure::unusable(
                "the client names no root directory for the file",
                "Open the project's directory in the client, start the server there, or use the destination `keyring`.",
            ));
        }
        Ok(Self(directories))
    }

    /// Returns the path of a file. A relative path is resolved from the first root.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.0.first().expect("there is one").join(path)
    }

    /// Checks that a file is in one of the roots. `path` must not contain symbolic links.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Failure> {
        if self.0.iter().any(|root| path.starts_with(root)) {
            return Ok(());
        }
        let roots: Vec<_> = self.0.iter().map(|root| escape(&root.to_string_lossy())).collect();
        Err(Failure::unusable(
            format!("{} is outside the client's roots", escape(&path.to_string_lossy())),
            format!("Name a file in {}.", roots.join(" or ")),
        ))
    }

    /// Iterates over the directories.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

/// Returns the directory that a URI names, if it exists. A relative URI names none, since the parser would complete
/// it.
fn directory_of(uri: &str) -> Option<PathBuf> {
    uri.get(..6).filter(|start| start.eq_ignore_ascii_case("file:/"))?;
    let directory = Url::parse(uri).ok()?.to_file_path().ok()?;
    dunce::canonicalize(directory).ok().filter(|path| path.is_dir())
}
