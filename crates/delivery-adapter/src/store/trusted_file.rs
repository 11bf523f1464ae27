//! Files that must be trustworthy, since their content decides which programs run or where secrets are sent.

use super::private_files;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file of at most `longest` bytes that only this user and the administrator can have written or put there.
/// Every directory and every symbolic link in the path is checked.
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound) if nothing is at the path, or if the path leads through a device, such as
/// `/dev/null` as a home directory. Any other error if the file cannot be trusted, a symbolic link is broken, or the
/// file system fails.
pub fn read_trusted(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    #[cfg(unix)]
    check_path(path)?;
    let mut content = Vec::new();
    private_files::open(path)?.take(longest + 1).read_to_end(&mut content)?;
    if content.len() as u64 > longest {
        return Err(io::Error::other(format!("it has more than {} MiB", longest / (1024 * 1024))));
    }
    Ok(content)
}

/// Checks that only this user and the administrator can have changed the files of a directory. A missing directory
/// passes.
///
/// # Errors
///
/// [`io::Error`] if the directory or a file in it cannot be trusted, or if the file system fails.
pub fn check_trusted_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::fs;

        let check = |path: &Path| {
            let metadata = fs::metadata(path)?;
            check_path(path)?;
            if private_files::others_may_write(&metadata) {
                return Err(io::Error::other("other users can write to it; run `chmod go-w` on it"));
            }
            Ok(())
        };
        match check(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            checked => checked?,
        }
        for name in private_files::names(path)? {
            let entry = path.join(name);
            match check(&entry) {
                // The target of a symbolic link is missing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                checked => checked.map_err(|error| private_files::about(&entry, &error))?,
            }
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Checks that no other user controls the target of a path. Symbolic links are followed one by one, since the owner
/// of each link, and of its directory, controls the target.
#[cfg(unix)]
fn check_path(path: &Path) -> io::Result<()> {
    use std::fs::symlink_metadata;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::path::{Component, PathBuf};

    /// The maximum number of symbolic links, as on Linux.
    const LINKS: usize = 40;

    let reversed = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    let mut rest: Vec<_> = reversed(&std::path::absolute(path)?);
    let mut here = PathBuf::from("/");
    // In a user namespace, the administrator may have another id, which owns the root directory.
    let friends = [private_files::euid(), 0, symlink_metadata(&here)?.uid()];
    let mut links = 0;
    // The rest of the path after a symbolic link whose target is being followed.
    let mut after_link = None;
    // The reason for distrust. It does not matter if the file does not exist.
    let mut distrust = None;
    while let Some(name) = rest.pop() {
        match Path::new(&name).components().next() {
            Some(Component::ParentDir) => drop(here.pop()),
            // An absolute name replaces the whole path.
            _ => here.push(&name),
        }
        if after_link.is_some_and(|after| rest.len() < after) {
            after_link = None;
        }
        let metadata = symlink_metadata(&here).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if after_link.is_some() => {
                io::Error::other(format!("it is a link to {}, which does not exist", here.display()))
            }
            _ => error,
        })?;
        let (kind, place) = (metadata.file_type(), here.display());
        if !friends.contains(&metadata.uid()) {
            distrust.get_or_insert(if here == path {
                "it belongs to another user".to_owned()
            } else {
                format!("{place} belongs to another user, who can replace it")
            });
        }
        if kind.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(io::Error::other("its path has too many links"));
            }
            let target = here.read_link()?;
            here.pop();
            after_link.get_or_insert(rest.len());
            rest.extend(reversed(&target));
        } else if kind.is_dir() {
            // In a sticky directory, only the owner of an entry can replace it.
            if private_files::others_may_write(&metadata) && metadata.mode() & 0o1000 == 0 {
                distrust.get_or_insert(format!(
                    "other users can write to its directory {place}; run `chmod go-w` on it"
                ));
            }
        } else if !rest.is_empty() {
            return Err(if kind.is_char_device() {
                io::ErrorKind::NotFound.into()
            } else {
                io::Error::other(format!("{place} is not a directory"))
            });
        }
    }
    distrust.map_or(Ok(()), |distrust| Err(io::Error::other(distrust)))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
    use std::path::PathBuf;

    const ANOTHER_USER: u32 = 12_345;

    /// A home directory with `.config/keymint/config.toml`.
    fn home() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".config/keymint/config.toml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "text").unwrap();
        (home, file)
    }

    fn refusal(path: &Path) -> String {
        read_trusted(path, 1024).expect_err("it is refused").to_string()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn every_directory_on_the_way_to_a_file_counts() {
        let (home, file) = home();
        let link = home.path().join("link");
        symlink(".config/keymint/../keymint", &link).unwrap();
        for directory in ["", ".config", ".config/keymint"] {
            for (mode, is_safe) in [(0o755, true), (0o1777, true), (0o757, false)] {
                let directory = home.path().join(directory);
                set_mode(&directory, mode);
                for path in [&file, &link.join("config.toml")] {
                    assert_eq!(read_trusted(path, 1024).is_ok(), is_safe, "{mode:o} {}", directory.display());
                }
                set_mode(&directory, 0o755);
            }
        }
        set_mode(&file, 0o666);
        assert!(refusal(&file).contains("chmod go-w"), "{}", refusal(&file));
    }

    #[test]
    fn a_group_of_others_counts_and_the_private_one_of_the_user_does_not() {
        let (home, file) = home();
        for path in [home.path(), &file] {
            set_mode(path, 0o775);
            let user = rustix::process::geteuid().as_raw();
            for (group, is_safe) in [(user, true), (ANOTHER_USER, false)] {
                if chown(path, None, Some(group)).is_err() {
                    return crate::skipped("only the administrator can give files to any group");
                }
                assert_eq!(read_trusted(&file, 1024).is_ok(), is_safe, "{group} {}", path.display());
            }
            set_mode(path, 0o755);
        }
    }

    #[test]
    fn another_users_file_directory_or_link_on_the_way_is_refused() {
        let (home, file) = home();
        if lchown(&file, Some(ANOTHER_USER), None).is_err() {
            return crate::skipped("only the administrator can give files away");
        }
        assert_eq!(refusal(&file), "it belongs to another user");
        lchown(&file, Some(0), None).unwrap();
        // In a sticky directory another user cannot replace this directory, but can create it first.
        set_mode(home.path(), 0o1777);
        for directory in [".config", ".config/keymint"] {
            let directory = home.path().join(directory);
            chown(&directory, Some(ANOTHER_USER), None).unwrap();
            assert!(refusal(&file).contains(" belongs to another user, who"), "{}", refusal(&file));
            let missing = read_trusted(&file.with_file_name("missing"), 1024).unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::NotFound);
            chown(&directory, Some(0), None).unwrap();
        }
        assert_eq!(read_trusted(&file, 1024).unwrap(), b"text");

        let link = home.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(read_trusted(&link, 1024).is_ok());
        lchown(&link, Some(ANOTHER_USER), None).unwrap();
        assert_eq!(refusal(&link), "it belongs to another user");
    }

    #[test]
    fn nothing_at_the_path_is_not_found_and_a_path_that_leads_nowhere_is_an_error() {
        let (home, file) = home();
        let at = |path: &str| home.path().join(path);
        symlink(".config", at("real")).unwrap();
        symlink("missing/config.toml", at("dangling")).unwrap();
        symlink("missing", at("dangling-directory")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let is_missing = |path: &Path| {
            read_trusted(path, 1024).expect_err("it is missing").kind() == io::ErrorKind::NotFound
        };
        for path in [at("missing"), at("missing/below"), at("real/missing"), "/dev/null/config.toml".into()] {
            assert!(is_missing(&path), "{}", path.display());
        }
        for path in [at("dangling"), at("dangling-directory/config.toml"), at("loop"), file.join("below")] {
            assert!(!is_missing(&path), "{}", path.display());
        }
        assert!(refusal(&at("dangling")).starts_with("it is a link to "), "{}", refusal(&at("dangling")));
        assert!(refusal(&file.join("below")).ends_with("config.toml is not a directory"));
        assert_eq!(refusal(home.path()), "it is not a file");
    }

    #[test]
    fn every_file_in_a_directory_counts() {
        let (home, file) = home();
        let directory = file.parent().unwrap();
        let refusal = || check_trusted_directory(directory).expect_err("it is refused").to_string();
        symlink("missing", directory.join("dangling")).unwrap();
        symlink(home.path(), directory.join("directory")).unwrap();
        check_trusted_directory(directory).unwrap();
        check_trusted_directory(&home.path().join("missing")).unwrap();
        set_mode(&file, 0o666);
        assert!(refusal().contains("config.toml: other users can write to it"), "{}", refusal());
        set_mode(&file, 0o644);
        // Any user can add a file.
        set_mode(directory, 0o1777);
        assert!(refusal().contains("other users can write to it"), "{}", refusal());
        set_mode(directory, 0o755);
        if lchown(&file, Some(ANOTHER_USER), None).is_err() {
            return crate::skipped("only the administrator can give files away");
        }
        assert!(refusal().ends_with("config.toml: it belongs to another user"), "{}", refusal());
        lchown(&file, Some(0), None).unwrap();
        lchown(directory, Some(ANOTHER_USER), None).unwrap();
        assert_eq!(refusal(), "it belongs to another user");
    }

    #[test]
    fn a_file_may_have_a_length_and_no_more() {
        let (_home, file) = home();
        fs::write(&file, vec![b' '; 1024 * 1024]).unwrap();
        assert!(read_trusted(&file, 1024 * 1024).is_ok());
        fs::write(&file, vec![b' '; 1024 * 1024 + 1]).unwrap();
        let refusal = read_trusted(&file, 1024 * 1024).unwrap_err().to_string();
        assert_eq!(refusal, "it has more than 1 MiB");
    }
}
