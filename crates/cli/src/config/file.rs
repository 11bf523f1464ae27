//! The configuration file: its path, and the check that no other user can write it, since it decides where codes,
//! tokens and keys are sent.

pub(super) mod parser;

use crate::error::CliError;
use keymint_delivery_adapter::{private_files, read_trusted};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The maximum size of the file, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Returns the path of the file, which need not exist.
pub(crate) fn path() -> Option<PathBuf> {
    let directory = private_files::standard_directory("XDG_CONFIG_HOME", "APPDATA", ".config")?;
    Some(directory.join("keymint").join("config.toml"))
}

/// Returns the text of the file, if it exists.
pub(super) fn read(path: &Path) -> Result<Option<String>, CliError> {
    let text = match read_trusted(path, LONGEST) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| {
            let line = parser::line(error.as_bytes(), error.utf8_error().valid_up_to());
            format!("line {line}: it is not UTF-8 text")
        }),
    };
    text.map(Some).map_err(|what| {
        CliError::usage(format!("{}: {what}", path.display()))
            .hint("Correct the file first: it decides where secrets are sent.")
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn refusal(path: &Path) -> String {
        read(path).expect_err("it is refused").message()
    }

    #[test]
    fn an_unreadable_file_is_refused_and_a_missing_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        assert_eq!(read(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(read(Path::new("/dev/null/keymint/config.toml")).unwrap(), None);
        let below = path.join("below");
        assert!(refusal(&below).ends_with("config.toml is not a directory"), "{}", refusal(&below));
        fs::write(&path, b"quiet = true\nname = \"\xff\"").unwrap();
        assert!(refusal(&path).ends_with("line 2: it is not UTF-8 text"), "{}", refusal(&path));
        fs::write(&path, vec![b' '; usize::try_from(LONGEST).unwrap() + 1]).unwrap();
        assert!(refusal(&path).ends_with("it has more than 1 MiB"), "{}", refusal(&path));
        assert!(refusal(directory.path()).ends_with("it is not a file"), "{}", refusal(directory.path()));
        let link = directory.path().join("link");
        symlink("/nowhere/config.toml", &link).unwrap();
        assert!(refusal(&link).contains("it is a link to /nowhere"), "{}", refusal(&link));
    }
}
