//! The git status of a file. A committed key can become public.

use keymint_domain::Clock;
use keymint_host::which;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::{env, io};
use tokio::process::Command;

/// The time limit of all git commands together.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The git status of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GitStatus {
    /// The file is not in a work tree.
    Outside,
    /// git ignores the file.
    Ignored,
    /// The file is not in the index, and `git add .` would add it.
    Untracked,
    /// The file is in the index. The next commit of all changes would contain the key.
    Tracked,
    /// The file is in a work tree, but git did not report its status, for this reason.
    Unknown(&'static str),
}

/// Runs git to determine the status. Its commands run nothing that the repository configures (hooks, monitors or
/// helpers), take no locks, and do not prompt.
pub(super) async fn status(clock: &dyn Clock, directory: &Path, name: &str) -> GitStatus {
    // git is started in the top directory, so that it does not take a directory of the checkout for a repository.
    let Some(top) = directory.ancestors().find(|directory| directory.join(".git").exists()) else {
        return GitStatus::Outside;
    };
    let path = directory.strip_prefix(top).unwrap_or(directory).join(name);
    let path = Path::new(".").join(path);
    let asking = async {
        // Each command exits with 0 for yes, with 1 for no, and with another code on failure (git-ls-files(1),
        // git-check-ignore(1)).
        let tracked = ask(top, &["--literal-pathspecs", "ls-files", "--error-unmatch"], &path).await?;
        match tracked {
            Some(0) => return Ok(GitStatus::Tracked),
            Some(1) => (),
            _ => return Ok(GitStatus::Unknown("git cannot read the repository")),
        }
        Ok(match ask(top, &["check-ignore", "--quiet"], &path).await? {
            Some(0) => GitStatus::Ignored,
            Some(1) => GitStatus::Untracked,
            _ => GitStatus::Unknown("git cannot read the repository"),
        })
    };
    match clock.timeout(TIMEOUT, asking).await {
        Ok(answer) => answer.unwrap_or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => GitStatus::Unknown("git is not installed"),
            _ => GitStatus::Unknown("git cannot be started"),
        }),
        Err(_) => GitStatus::Unknown("git did not answer"),
    }
}

async fn ask(top: &Path, question: &[&str], path: &Path) -> io::Result<Option<i32>> {
    let mut git = Command::new(which("git").map_err(|_| io::ErrorKind::NotFound)?);
    // Removes variables that the user's shell has set for another repository, and those that make git trace or run
    // something.
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

/// Returns the line of a `.gitignore` in the same directory that matches this file only.
pub(super) fn ignore_line(name: &str) -> String {
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
    use keymint_tokio_clock::TokioClock;

    #[tokio::test]
    async fn a_directory_that_only_looks_like_a_repository_hides_nothing_that_git_tracks() {
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
        let clock = TokioClock::new();
        assert_eq!(status(&clock, &sub, ".env").await, GitStatus::Tracked);
        assert_eq!(status(&clock, &sub, "other").await, GitStatus::Untracked);
    }

    #[test]
    fn a_line_matches_one_name() {
        for (name, line) in [(".env", "/.env"), ("#x", "/#x"), ("!x", "/!x"), ("a[b]*? ", r"/a\[b]\*\?\ ")] {
            assert_eq!(ignore_line(name), line);
        }
    }
}
