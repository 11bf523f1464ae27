//! The configuration file: its path, and the check that no other user can write it. The file
//! decides where codes, tokens and keys are sent.

pub(super) mod parser;

use crate::error::CliError;
use keymint_delivery_adapter::private_files;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The path of the file, whether or not it exists.
pub(crate) fn path() -> Option<PathBuf> {
    let directory = private_files::standard_directory("XDG_CONFIG_HOME", "APPDATA", ".config")?;
    Some(directory.join("keymint/config.toml"))
}

/// The text of the file, if it exists.
pub(super) fn read(path: &Path) -> Result<Option<String>, CliError> {
    match read_checked(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(CliError::usage(format!("{}: {error}", path.display()))
            .hint("keymint does nothing before that is put right: the file decides where secrets are sent.")),
    }
}

fn read_checked(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    private_files::check_directories(path)?;
    private_files::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it has more than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = parser::line(error.as_bytes(), error.utf8_error().valid_up_to());
        io::Error::other(format!("line {line}: it is not UTF-8 text"))
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn refusal(path: &Path) -> String {
        read(path).expect_err("it is refused").message()
    }

    #[test]
    fn a_file_that_others_may_write_is_refused_by_whatever_way_it_is_reached() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let (path, link) = (folder.join("config.toml"), home.path().join("link"));
        fs::write(&path, "quiet = true").unwrap();
        symlink(&path, &link).unwrap();
        for (mode_of_folder, mode, is_safe) in [
            (0o700, 0o600, true),
            (0o755, 0o644, true),
            (0o755, 0o660, false),
            (0o755, 0o602, false),
            (0o777, 0o644, false),
            (0o770, 0o644, false),
            (0o1777, 0o644, true),
        ] {
            fs::set_permissions(&folder, Permissions::from_mode(mode_of_folder)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).is_ok(), is_safe, "{mode_of_folder:o} {mode:o}");
            assert_eq!(read(&link).is_ok(), is_safe, "{mode_of_folder:o} {mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(refusal(&path).contains("chmod go-w"), "{}", refusal(&path));
    }

    #[test]
    fn what_is_no_readable_text_is_refused_and_what_is_not_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(read(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(read(&path.join("below")).unwrap(), None);
        assert_eq!(read(Path::new("/dev/null/keymint/config.toml")).unwrap(), None);
        fs::write(&path, b"quiet = true\nname = \"\xff\"").unwrap();
        assert!(refusal(&path).ends_with("line 2: it is not UTF-8 text"), "{}", refusal(&path));
        fs::write(&path, vec![b' '; usize::try_from(LONGEST).unwrap() + 1]).unwrap();
        assert!(refusal(&path).ends_with("it has more than 1 MiB"), "{}", refusal(&path));
        assert!(refusal(folder.path()).ends_with("it is not a file"), "{}", refusal(folder.path()));
        let looped = folder.path().join("loop");
        symlink(&looped, &looped).unwrap();
        assert!(read(&looped).is_err());
    }
}
