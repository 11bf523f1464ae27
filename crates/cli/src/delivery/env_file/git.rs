//! What git would do with a file: a key that is committed is a key that is published.

use crate::program;
use keymint_domain::Clock;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::{env, io};
use tokio::process::Command;

/// How long git may take for all that it is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a file stands to git.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is no concern of git's: outside of a work tree, or ignored.
    Apart,
    /// It is in the index, and would be committed with the next change.
    Tracked,
    /// It would be added with everything else.
    NotIgnored,
    /// There is a work tree, and git does not say.
    Unknown(&'static str),
}

/// Asks git, which runs nothing that the repository names (no hook, no monitor, no helper), takes no
/// lock and asks nobody.
pub(super) async fn standing(clock: &dyn Clock, folder: &Path, name: &str) -> Standing {
    // Asked from there, git does not take a folder below for a repository that only looks like one,
    // as what was checked out may.
    let Some(top) = folder.ancestors().find(|folder| folder.join(".git").exists()) else {
        return Standing::Apart;
    };
    let path = folder.strip_prefix(top).unwrap_or(folder).join(name);
    let path = Path::new(".").join(path);
    let asking = async {
        // Each says 0 for yes, 1 for no, and something else for neither (git-ls-files(1),
        // git-check-ignore(1)).
        let tracked = ask(top, &["--literal-pathspecs", "ls-files", "--error-unmatch"], &path).await?;
        match tracked {
            Some(0) => return Ok(Standing::Tracked),
            Some(1) => (),
            _ => return Ok(Standing::Unknown("git cannot read the repository")),
        }
        Ok(match ask(top, &["check-ignore", "--quiet"], &path).await? {
            Some(0) => Standing::Apart,
            Some(1) => Standing::NotIgnored,
            _ => Standing::Unknown("git cannot read the repository"),
        })
    };
    tokio::select! {
        biased;
        said = asking => said.unwrap_or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Standing::Unknown("git is not installed"),
            _ => Standing::Unknown("git cannot be started"),
        }),
        () = clock.sleep(PATIENCE) => Standing::Unknown("git does not answer"),
    }
}

async fn ask(top: &Path, question: &[&str], path: &Path) -> io::Result<Option<i32>> {
    let mut git = Command::new(program::which("git").map_err(|_| io::ErrorKind::NotFound)?);
    // What a shell of the person set for another repository does not count here, nor may it have
    // anything traced or run.
    for (variable, _) in env::vars_os().filter(|(variable, _)| is_gits(variable)) {
        git.env_remove(variable);
    }
    git.env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .arg("--no-pager")
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never"])
        .args(question)
        .arg("--")
        .arg(path)
        .current_dir(top)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(git.status().await?.code())
}

fn is_gits(variable: &OsStr) -> bool {
    variable.as_encoded_bytes().starts_with(b"GIT_")
}

/// The line of a `.gitignore` beside the file that matches it and nothing else there.
pub(super) fn ignoring(name: &str) -> String {
    let mut line = String::from("/");
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | '\\' | ' ') {
            line.push('\\');
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_only_looks_like_a_repository_hides_nothing_that_git_tracks() {
        let root = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let status = std::process::Command::new("git").args(args).current_dir(root.path()).status();
            assert!(status.unwrap().success(), "{args:?}");
        };
        let sub = root.path().join("sub");
        for (file, text) in [
            (".env", "A=1\n"),
            ("HEAD", "ref: refs/heads/main\n"),
            ("config", "[core]\n\tbare = false\n\tworktree = .\n"),
            ("objects/pack/x", ""),
            ("refs/heads/x", ""),
        ] {
            std::fs::create_dir_all(sub.join(file).parent().unwrap()).unwrap();
            std::fs::write(sub.join(file), text).unwrap();
        }
        git(&["init", "-q"]);
        git(&["add", "."]);
        let clock = keymint_tokio_clock::TokioClock::new();
        assert_eq!(standing(&clock, &sub, ".env").await, Standing::Tracked);
        assert_eq!(standing(&clock, &sub, "other").await, Standing::NotIgnored);
    }

    #[test]
    fn a_line_matches_one_name() {
        for (name, line) in [(".env", "/.env"), ("#x", "/#x"), ("!x", "/!x"), ("a[b]*? ", r"/a\[b]\*\?\ ")] {
            assert_eq!(ignoring(name), line);
        }
    }
}
