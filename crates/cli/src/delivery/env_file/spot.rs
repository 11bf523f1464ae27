//! Where a file is, or will be.

use super::folder::Folder;
use crate::error::{CliError, ErrorKind};
use keymint_domain::text::{is_deceptive, sanitize};
use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A path, taken apart: the folder stays the one that was opened here.
pub(super) struct Spot {
    pub(super) folder: Arc<Folder>,
    pub(super) name: String,
    path: PathBuf,
}

impl Spot {
    /// Finds the folder that the file is in, or will be. If the path is that of a link, it is followed,
    /// once, and returned.
    pub(super) fn find(path: &Path) -> Result<(Self, Option<PathBuf>), CliError> {
        if path.as_os_str().is_empty() {
            return Err(
                CliError::new(ErrorKind::DestinationUnusable, "the path is empty").hint("Name a file.")
            );
        }
        let path = std::path::absolute(path).map_err(|error| unusable(path, error))?;
        let spot = Self::of(&path)?;
        if !spot.folder.is_link(&spot.name).map_err(|error| spot.unusable(error))? {
            return Ok((spot, None));
        }
        if spot.folder.others_may_write().map_err(|error| spot.unusable(error))? {
            return Err(spot
                .unusable("it is a link in a folder in which other users may write, too")
                .hint("Name the file that you mean."));
        }
        let target = spot.path.canonicalize().map_err(|error| {
            let problem = match error.kind() {
                io::ErrorKind::NotFound => "it is a link to a file that is not there".to_owned(),
                _ => format!("it is a link that leads nowhere: {error}"),
            };
            spot.unusable(problem).hint("Name the file that you mean.")
        })?;
        Ok((Self::of(&target)?, Some(spot.path)))
    }

    /// The folder of an absolute path, opened, and what else the path says.
    fn of(path: &Path) -> Result<Self, CliError> {
        let last = path.as_os_str().as_encoded_bytes().last();
        let ends_like_a_folder = last.is_some_and(|byte| std::path::is_separator(char::from(*byte)));
        let (Some(name), Some(parent), false) = (path.file_name(), path.parent(), ends_like_a_folder) else {
            return Err(unusable(path, "it is the path of a folder, not of a file"));
        };
        let parent = parent.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unusable(path, "its folder does not exist")
                .hint(format!("Make it (`mkdir -p {}`), or name another file.", shown(parent))),
            _ => unusable(path, error),
        })?;
        let path = parent.join(name);
        let (Some(text), Some(name)) = (path.to_str(), name.to_str()) else {
            return Err(unusable(&path, "the path is not UTF-8 text"));
        };
        if text.contains(is_deceptive) {
            return Err(unusable(&path, "the path has characters that cannot be seen"));
        }
        // Their links lead to what other programs have open.
        if cfg!(unix)
            && (parent == Path::new("/dev")
                || ["/proc", "/sys"].iter().any(|system| parent.starts_with(system)))
        {
            return Err(unusable(&path, "no file can be kept there"));
        }
        let folder = Folder::open(parent).map_err(|error| unusable(&path, error))?;
        folder
            .check_owner()
            .map_err(|error| unusable(&path, error).hint("Name a file in a folder of your own."))?;
        Ok(Self { folder: Arc::new(folder), name: name.to_owned(), path })
    }

    /// Where the file is now, whoever moved its folder.
    pub(super) fn now(&self) -> String {
        let folder = self.folder.path_now();
        if folder == self.folder.path() { self.to_string() } else { shown(&folder.join(&self.name)) }
    }

    pub(super) fn unusable(&self, problem: impl Display) -> CliError {
        unusable(&self.path, problem)
    }
}

impl Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

fn unusable(path: &Path, problem: impl Display) -> CliError {
    CliError::new(ErrorKind::DestinationUnusable, format!("{}: {problem}", shown(path)))
        .hint("Name another file.")
}

/// A path for people. No system has longer ones.
pub(super) fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy(), 32 * 1024)
}
