//! The private folder that keeps a key whose destination failed.

use crate::{clock, state};
use keymint_domain::ApiKey;
use std::env;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The end of a kept key's file name.
const EXTENSION: &str = "key";

/// Where kept keys are.
pub(crate) fn folder() -> io::Result<PathBuf> {
    state::folder("recovery")
}

/// Keeps the key in a file of its own, which nobody else can read, and tells where: in the state
/// folder, or, where that cannot be written, in a new folder among the temporary files.
pub(crate) fn keep(key: &ApiKey, id: &str) -> io::Result<PathBuf> {
    folder()
        .and_then(|folder| keep_in(&folder, id, key))
        .or_else(|_| keep_in(&new_temporary_folder()?, id, key))
}

fn keep_in(folder: &Path, id: &str, key: &ApiKey) -> io::Result<PathBuf> {
    let path = folder.join(id).with_extension(EXTENSION);
    let mut file = state::new_file(&path)?;
    file.write_all(format!("{}\n", key.expose()).as_bytes())
        .and_then(|()| file.sync_all())
        // The name is safe only when the folder is.
        .and_then(|()| state::sync(folder))
        .map_err(|error| state::about(&path, &error))?;
    Ok(path)
}

/// Not one that is there already: it could belong to somebody else.
fn new_temporary_folder() -> io::Result<PathBuf> {
    let name = format!("keymint-{}-{}", std::process::id(), clock::utc_now().replace(':', ""));
    let folder = env::temp_dir().join(name);
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).map_err(|error| state::about(&folder, &error))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_kept_key_is_there_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();

        let path = keep_in(folder.path(), "one", &key).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "sk-proj-0123456789\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_kept_key_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        keep_in(folder.path(), "one", &key).unwrap();
        assert!(keep_in(folder.path(), "one", &key).is_err());
    }

    #[test]
    fn what_cannot_be_kept_is_an_error() {
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        assert!(keep_in(Path::new("/dev/null/recovery"), "one", &key).is_err());
    }
}
