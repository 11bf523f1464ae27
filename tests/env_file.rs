//! The key in a dotenv file, in the world's file systems and repositories.

#![cfg(unix)]

mod disk;
mod git;
mod meanwhile;
#[cfg(target_os = "linux")]
mod system_calls;

use crate::support::{Ended, Start, create, machine};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Terminal, browse, skipped};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// A directory of the user.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Creates a directory with an `.env` of this content.
    fn with(content: &str) -> Self {
        let directory = Self::new();
        fs::write(directory.path(".env"), content).unwrap();
        fs::set_permissions(directory.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
        directory
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn read(&self) -> String {
        fs::read_to_string(self.path(".env")).unwrap()
    }

    /// Returns the names of all its entries.
    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }

    /// Returns a run that puts the key into its `.env`.
    fn create(&self) -> Start {
        create_in(&self.path(".env"))
    }

    fn git(&self, args: &[&str]) {
        let status = std::process::Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(args)
            .current_dir(self.0.path())
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "git {args:?}");
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn create_in(path: &Path) -> Start {
    create(Scenario::ready()).args(["--env-file", path.to_str().unwrap()])
}

/// Checks that a run ends before the sign-in, and returns its error.
async fn refused(start: Start) -> String {
    let ended = start.args(["--json"]).start().await.end().await.exits_with(11);
    assert_eq!(ended.json()["kind"], "destination_unusable");
    assert_eq!(ended.sandbox.requests().len(), 0);
    for word in ["/oauth/authorize?", "secret"] {
        assert!(!ended.stderr.contains(word), "{}", ended.stderr);
    }
    ended.stderr
}

async fn delivered(start: Start) -> Ended {
    let ended = start.sign_in().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    ended
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test]
async fn the_key_is_in_a_new_file_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let directory = Directory::new();
        let set = format!("umask {umask}; exec \"$@\"");
        let ended = delivered(directory.create().under(["sh", "-c", &set, "keymint"])).await;

        assert_eq!(directory.read(), format!("OPENAI_API_KEY={}\n", ended.key()));
        assert_eq!((directory.names(), mode(&directory.path(".env"))), (vec![".env".to_owned()], 0o600));
        let said = format!("Saved to {} as OPENAI_API_KEY\n", directory.path(".env").display());
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        // The only warning is that of the sandbox's servers.
        assert_eq!(ended.stderr.matches("warning").count(), 1, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn json_names_the_file_and_has_no_key() {
    // A directory whose name looks like a key.
    let directory = Directory(tempfile::Builder::new().prefix("sk-learn-demo").tempdir().unwrap());
    let ended = directory.create().args(["--json", "--var", "KEY_2"]).sign_in().await;

    let path = directory.path(".env");
    assert_eq!(
        ended.json()["delivered_to"],
        serde_json::json!([{ "kind": "env_file", "path": path, "variable": "KEY_2" }])
    );
    assert!(ended.stderr.contains(&format!("Saved to {} as KEY_2\n", path.display())), "{}", ended.stderr);
    assert_eq!(ended.json()["key"].get("value"), None);
    assert_eq!(directory.read(), format!("KEY_2={}\n", ended.key()));
}

#[tokio::test]
async fn a_variable_of_another_kind_is_wrong_usage() {
    let directory = Directory::new();
    for name in ["", "A B", "1X", "x=y", "PATH", "LD_PRELOAD"] {
        let ended = directory.create().args(["--var", name]).start().await.end().await;
        assert_eq!((ended.code, directory.names()), (2, vec![]), "{name}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: --var: it must"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_relative_path_and_none_mean_the_directory_of_the_run() {
    for args in [&["--env-file"][..], &["--env-file", "./.env"]] {
        let directory = Directory::new();
        let go = format!("cd '{}'; exec \"$@\"", directory.path("").display());
        let ended = delivered(create(Scenario::ready()).args(args).under(["sh", "-c", &go, "keymint"])).await;
        assert_eq!(directory.read(), format!("OPENAI_API_KEY={}\n", ended.key()));
    }
}

#[tokio::test]
async fn every_other_byte_of_a_file_stays_and_so_do_its_mode_and_owner() {
    const OLD: &str = "\u{feff}# note\r\nA=$(id)\n\nexport OPENAI_API_KEY = 'old' # mine\r\nB=\"1\n2\"";
    let directory = Directory::with(OLD);
    let path = directory.path(".env");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = std::os::unix::fs::chown(&path, Some(12_345), Some(12_345)).is_ok();
    let ended = delivered(directory.create().args(["--force"])).await;

    // A shell would take the blanks for separators.
    assert_eq!(directory.read(), OLD.replace(" = 'old'", &format!("='{}'", ended.key())));
    assert_eq!((mode(&path), directory.names()), (0o640, vec![".env".to_owned()]));
    assert!(!is_root || fs::metadata(&path).unwrap().uid() == 12_345);
    let warning = format!("(mode 640). Run `chmod 600 {}`.", path.display());
    assert_eq!(ended.stderr.matches(&warning).count(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("has quotes or a comment in line 4"), "{}", ended.stderr);

    let first = directory.read();
    let again = delivered(directory.create().args(["--force"])).await;
    assert_eq!(directory.read(), first.replace(&ended.key(), &again.key()));
}

#[tokio::test]
async fn an_existing_value_is_lost_only_if_the_user_says_so() {
    for (old, problem) in [
        ("A=1\nOPENAI_API_KEY=secret\n", "OPENAI_API_KEY already has a value (line 2)"),
        (
            "OPENAI_API_KEY=secret\nOPENAI_API_KEY=\"secret\"",
            "OPENAI_API_KEY already has a value (lines 1, 2)",
        ),
        (
            "OPENAI_API_KEY=secret\n\nOPENAI_API_KEY=secret2",
            "OPENAI_API_KEY has different values in lines 1, 3",
        ),
    ] {
        let directory = Directory::with(old);
        let said = refused(directory.create()).await;
        assert!(said.contains(problem) && said.contains("--force"), "{said}");
        assert_eq!((directory.read().as_str(), directory.names()), (old, vec![".env".to_owned()]));

        let ended = delivered(directory.create().args(["--force"])).await;
        assert!(!directory.read().contains("secret") && directory.read().contains(&ended.key()));
    }
    let directory = Directory::with("OPENAI_API_KEY= # not yet\nOTHER=1\n");
    let ended = delivered(directory.create()).await;
    assert_eq!(directory.read(), format!("OPENAI_API_KEY={} # not yet\nOTHER=1\n", ended.key()));
    assert!(ended.stderr.contains("has quotes or a comment in line 1"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_user_is_asked_about_the_value_that_would_be_lost() {
    for (answer, code) in [("y\n", 0), ("n\n", 11), ("\n", 11)] {
        let directory = Directory::with("OPENAI_API_KEY=secret\n");
        let machine = machine(Scenario::ready()).await;
        let create = machine.keymint(["create", "--no-browser", "--env-file"]);
        let mut terminal = Terminal::start(create.args([directory.path(".env")]));
        let asked = terminal.shows("[y/N]").await;
        terminal.types(answer).await;
        if code == 0 {
            browse(&terminal.url().await, Consent::Allow);
        }
        let (ended, rest) = terminal.end().await;

        let seen = [asked, rest].concat();
        assert_eq!(ended, code, "{seen}");
        assert!(seen.contains("already has OPENAI_API_KEY (line 1). Replace the value"), "{seen}");
        assert!(!seen.contains("secret"), "{seen}");
        assert_eq!(directory.read() == "OPENAI_API_KEY=secret\n", code == 11, "{seen}");
        assert_eq!(machine.sandbox.keys().len(), usize::from(code == 0));
    }
}

#[tokio::test]
async fn a_file_that_readers_disagree_on_is_refused_by_the_number_of_a_line() {
    for (old, problem) in [
        ("A=1\nB=\"secret\nOPENAI_API_KEY=secret\n", "line 2: an unclosed quote"),
        ("OPENAI_API_KEY: secret\n", "line 1: the variable without `=`"),
        ("DATA=C:\\secret\\\n", "line 1: a shell metacharacter"),
        ("A=secret\0\n", "line 1: a NUL byte"),
        (&"secret=1\n".repeat(200_000), "more than 1048576 bytes"),
    ] {
        let directory = Directory::with(old);
        let said = refused(directory.create().args(["--force"])).await;
        assert!(said.contains(problem), "{said}");
        assert_eq!((directory.read().as_str(), directory.names()), (old, vec![".env".to_owned()]));
    }
}

#[tokio::test]
async fn a_path_that_is_no_file_is_refused() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name);
    fs::create_dir(path("directory")).unwrap();
    fs::create_dir_all(path(".git/info")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let _socket = UnixListener::bind(path("socket")).unwrap();
    fs::write(path("read-only"), "A=1\n").unwrap();
    fs::set_permissions(path("read-only"), fs::Permissions::from_mode(0o400)).unwrap();
    symlink("loop", path("loop")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("directory", path("link")).unwrap();
    for (path, problem) in [
        (path("directory"), "a directory, not a file"),
        (path("directory/"), "the path of a directory"),
        (path(".."), "the path of a directory"),
        (path("fifo"), "not a regular file"),
        (path("socket"), "not a regular file"),
        (path("read-only"), "it is read-only"),
        (path("loop"), "a link that cannot be followed"),
        (path("dangling"), "a link to a missing file"),
        (path("link"), "a directory, not a file"),
        (path("missing/.env"), "its directory does not exist"),
        (path("fifo/.env"), "Not a directory"),
        (path(&"x".repeat(300)), "File name too long"),
        (path("a\nb"), r"a\u{a}b: the path has control characters"),
        (path(".git"), "git keeps its own files there"),
        (path(".git/info/key"), "git keeps its own files there"),
        ("/dev/null".into(), "regular files cannot be stored there"),
        ("/dev/stdout".into(), "regular files cannot be stored there"),
        ("/proc/self/fd/1".into(), "regular files cannot be stored there"),
        ("".into(), "the path is empty"),
        ("-".into(), "write `./-` for a file of this name"),
        ("~/.env".into(), "only a shell expands `~`"),
        ("~user/.env".into(), "only a shell expands `~`"),
    ] {
        let said = refused(create_in(&path)).await;
        assert!(said.contains(problem), "{}: {said}", path.display());
        assert!(said.trim_end().ends_with('.'), "what to do is missing: {said}");
    }
    let before = [".git", "dangling", "directory", "fifo", "link", "loop", "read-only", "socket"];
    assert_eq!(directory.names(), before);
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused() {
    let directory = Directory::new();
    let odd = "cd \"$0\"; exec \"$@\" --env-file \"$(printf 'a\\377')\"";
    let ended = create(Scenario::ready())
        .under(["sh", "-c", odd, directory.path("").to_str().unwrap()])
        .start()
        .await
        .end()
        .await
        .exits_with(11);
    assert!(ended.stderr.contains("not UTF-8"), "{}", ended.stderr);
}

/// Persian words are joined by such a character, and emoji have them.
#[tokio::test]
async fn a_path_with_characters_that_cannot_be_seen_is_the_users_and_shown_with_escapes() {
    for (name, shown) in [
        ("\u{67e}\u{631}\u{648}\u{698}\u{647}\u{200c}\u{647}\u{627}", "\\u{200c}"),
        ("\u{2764}\u{fe0f}", "\\u{fe0f}"),
        ("a\u{202e}b", "a\\u{202e}b"),
        ("a\u{ad}b", "a\\u{ad}b"),
    ] {
        let directory = Directory::new();
        fs::create_dir(directory.path(name)).unwrap();
        let path = directory.path(name).join(".env");
        let ended = create_in(&path).args(["--json"]).sign_in().await.exits_with(0);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("OPENAI_API_KEY={}\n", ended.key()));
        assert!(ended.stderr.contains(shown), "{}", ended.stderr);
        assert_eq!(ended.json()["delivered_to"][0]["path"], path.to_str().unwrap());
    }
}

#[tokio::test]
async fn a_link_is_followed_once_and_its_target_replaced() {
    let (directory, elsewhere) = (Directory::new(), Directory::with("A=1\n"));
    symlink(elsewhere.path(".env"), directory.path(".env")).unwrap();
    let ended = delivered(directory.create()).await;

    assert!(directory.path(".env").is_symlink());
    assert_eq!(elsewhere.read(), format!("A=1\nOPENAI_API_KEY={}\n", ended.key()));
    let message = format!("is a link: {} is the file that will change", elsewhere.path(".env").display());
    assert!(ended.stderr.contains(&message), "{}", ended.stderr);
}

#[tokio::test]
async fn a_directory_in_which_others_can_swap_files_is_refused() {
    let (directory, elsewhere) = (Directory::new(), Directory::with("A=1\n"));
    symlink(elsewhere.path(".env"), directory.path("link")).unwrap();
    let set = |mode| fs::set_permissions(directory.0.path(), fs::Permissions::from_mode(mode)).unwrap();

    set(0o777);
    let said = refused(directory.create().args(["--force"])).await;
    assert!(said.contains("every user can replace files in the directory"), "{said}");
    // As in /tmp, only the owner of an entry can replace it, but any user may have created the link.
    set(0o1777);
    let said = refused(create_in(&directory.path("link"))).await;
    assert!(said.contains("a link in a directory that other users can write to"), "{said}");
    delivered(directory.create()).await;
    set(0o700);

    if std::os::unix::fs::chown(directory.0.path(), Some(12_345), None).is_err() {
        skipped("a directory of another user, which only the administrator can make");
        return;
    }
    let said = refused(directory.create().args(["--force"])).await;
    assert!(said.contains("the directory belongs to another user"), "{said}");
    assert_eq!(elsewhere.read(), "A=1\n");
}

#[tokio::test]
async fn another_name_of_the_file_keeps_the_old_content_and_that_is_said() {
    let directory = Directory::with("A=1\n");
    fs::hard_link(directory.path(".env"), directory.path("other")).unwrap();
    let ended = delivered(directory.create()).await;
    assert!(
        ended.stderr.contains("has another name (a hard link), which keeps the old content"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_to_string(directory.path("other")).unwrap(), "A=1\n");
}

/// As `git clean` and `git stash -u` do.
#[tokio::test]
async fn a_cleanup_of_the_directory_during_the_sign_in_costs_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, "A=1\n").unwrap();
    let mut run = create(Scenario::ready()).args(["--env-file"]).args([&file]).start().await;
    run.url().await;
    for entry in fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path != file {
            fs::remove_file(path).unwrap();
        }
    }
    let ended = run.answer(Consent::Allow).await.exits_with(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("A=1\nOPENAI_API_KEY={}\n", ended.key()));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
