//! The private folder that keeps a key whose destination failed.

use crate::clock;
use keymint_domain::ApiKey;
use std::env;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Keeps the key in a file of its own, which nobody else can read, and tells where: in the state
/// folder, or, where that cannot be written, in a new folder among the temporary files.
pub(crate) fn keep(key: &ApiKey) -> io::Result<PathBuf> {
    let place = state_folder().ok_or_else(|| io::Error::other("there is no home folder"));
    place
        .and_then(|folder| keep_in(&folder, DirBuilder::new().recursive(true), key))
        // Not one that is there already: it could belong to somebody else.
        .or_else(|_| keep_in(&temporary_folder(), &mut DirBuilder::new(), key))
}

fn keep_in(folder: &Path, builder: &mut DirBuilder, key: &ApiKey) -> io::Result<PathBuf> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    builder.create(folder).map_err(named)?;
    let now = clock::utc_now().replace(':', "");
    let path = folder.join(format!("{now}-{}.key", std::process::id()));
    let mut file = options.open(&path).map_err(named)?;
    file.write_all(format!("{}\n", key.expose()).as_bytes())?;
    file.sync_all()?;
    // The name is safe only when the folder is.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(path)
}

/// `$XDG_STATE_HOME/keymint/recovery`, or what this system has in its place. A relative
/// `XDG_STATE_HOME` does not count (XDG Base Directory Specification).
fn state_folder() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("LOCALAPPDATA"))
        .or_else(|| Some(env::home_dir()?.join(".local/state")).filter(|path| path.is_absolute()))?;
    Some(state.join("keymint/recovery"))
}

/// A name that nobody can have guessed.
fn temporary_folder() -> PathBuf {
    env::temp_dir().join(format!("keymint-{}-{}", std::process::id(), clock::utc_now().replace(':', "")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_kept_key_is_there_whole_and_private() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/keymint/recovery");
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();

        let path = keep_in(&folder, DirBuilder::new().recursive(true), &key).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "sk-proj-0123456789\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
        }
    }

    #[test]
    fn what_cannot_be_kept_is_an_error() {
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        assert!(keep_in(Path::new("/dev/null/recovery"), &mut DirBuilder::new(), &key).is_err());
    }

    #[test]
    fn a_folder_that_somebody_else_may_have_made_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        assert!(keep_in(folder.path(), &mut DirBuilder::new(), &key).is_err());
    }
}
