//! The key in a dotenv file, in the world's file systems and repositories.

#![cfg(unix)]

use crate::support::{Ended, Start, create, free_port, in_home, watch};
use keymint_sandbox::{Choice, Sandbox, Scenario, visit};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// A folder of the person's.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With an `.env` of this content.
    fn with(content: &str) -> Self {
        let folder = Self::new();
        fs::write(folder.path(".env"), content).unwrap();
        fs::set_permissions(folder.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn read(&self) -> String {
        fs::read_to_string(self.path(".env")).unwrap()
    }

    /// The names of all that is in it.
    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }

    /// A run that is to put the key into its `.env`.
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

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn create_in(path: &Path) -> Start {
    create(Scenario::ready()).args(&["--env-file", path.to_str().unwrap()])
}

/// A run that ends at the check, before anybody was asked for anything.
async fn refused(start: Start) -> String {
    let ended = start.args(&["--json"]).start().await.end().await;
    assert_eq!(
        (ended.code, ended.json()["kind"].as_str()),
        (11, Some("destination_unusable")),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.sandbox.requests().len(), 0);
    assert!(
        !ended.stderr.contains("/oauth/authorize?") && !ended.stderr.contains("secret"),
        "{}",
        ended.stderr
    );
    ended.stderr
}

async fn delivered(start: Start) -> Ended {
    let ended = start.sign_in().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    ended
}

/// Not by a macro that prints, whose text is shown for failed tests alone.
fn skip(why: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: {why}").unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test]
async fn the_key_is_in_a_new_file_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let folder = Folder::new();
        let set = format!("umask {umask}; exec \"$@\"");
        let ended = delivered(folder.create().under(&["sh", "-c", &set, "keymint"])).await;

        assert_eq!(folder.read(), format!("OPENAI_API_KEY={}\n", ended.key()));
        assert_eq!((folder.names(), mode(&folder.path(".env"))), (vec![".env".to_owned()], 0o600));
        let said = format!("It is in {} as OPENAI_API_KEY.", folder.path(".env").display());
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        // That of the sandbox's servers.
        assert_eq!(ended.stderr.matches("warning").count(), 1, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn json_names_the_file_and_has_no_key() {
    let folder = Folder::new();
    let ended = folder.create().args(&["--json", "--var", "KEY_2"]).sign_in().await;

    let path = folder.path(".env");
    assert_eq!(ended.json()["delivered_to"], serde_json::json!([format!("env-file:{}", path.display())]));
    assert_eq!(ended.json()["key"].get("value"), None);
    assert_eq!(folder.read(), format!("KEY_2={}\n", ended.key()));
}

#[tokio::test]
async fn a_variable_of_another_kind_is_wrong_usage() {
    let folder = Folder::new();
    for name in ["", "A B", "1X", "x=y", "PATH", "LD_PRELOAD"] {
        let ended = folder.create().args(&["--var", name]).start().await.end().await;
        assert_eq!((ended.code, folder.names()), (2, vec![]), "{name}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: --var: it must"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_relative_path_and_none_mean_the_folder_of_the_run() {
    for args in [&["--env-file"][..], &["--env-file", "./.env"]] {
        let folder = Folder::new();
        let go = format!("cd '{}'; exec \"$@\"", folder.path("").display());
        let ended =
            delivered(create(Scenario::ready()).args(args).under(&["sh", "-c", &go, "keymint"])).await;
        assert_eq!(folder.read(), format!("OPENAI_API_KEY={}\n", ended.key()));
    }
}

#[tokio::test]
async fn every_other_byte_of_a_file_stays_and_so_do_its_mode_and_owner() {
    const OLD: &str = "\u{feff}# note\r\nA=$(id)\n\nexport OPENAI_API_KEY = 'old' # mine\r\nB=\"1\n2\"";
    let folder = Folder::with(OLD);
    let path = folder.path(".env");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = std::os::unix::fs::chown(&path, Some(12_345), Some(12_345)).is_ok();
    let ended = delivered(folder.create().args(&["--force"])).await;

    assert_eq!(folder.read(), OLD.replace("'old'", &format!("'{}'", ended.key())));
    assert_eq!((mode(&path), folder.names()), (0o640, vec![".env".to_owned()]));
    assert!(!is_root || fs::metadata(&path).unwrap().uid() == 12_345);
    assert!(ended.stderr.contains("(mode 640): `chmod 600` makes it yours alone"), "{}", ended.stderr);

    let first = folder.read();
    let again = delivered(folder.create().args(&["--force"])).await;
    assert_eq!(folder.read(), first.replace(&ended.key(), &again.key()));
}

#[tokio::test]
async fn a_value_that_is_there_is_lost_only_if_somebody_says_so() {
    for (old, problem) in [
        ("A=1\nOPENAI_API_KEY=secret\n", "OPENAI_API_KEY has a value already (line 2)"),
        (
            "OPENAI_API_KEY=secret\nOPENAI_API_KEY=\"secret\"",
            "OPENAI_API_KEY has a value already (lines 1, 2)",
        ),
        (
            "OPENAI_API_KEY=secret\n\nOPENAI_API_KEY=secret2",
            "OPENAI_API_KEY has different values in lines 1, 3",
        ),
    ] {
        let folder = Folder::with(old);
        let said = refused(folder.create()).await;
        assert!(said.contains(problem) && said.contains("--force"), "{said}");
        assert_eq!((folder.read().as_str(), folder.names()), (old, vec![".env".to_owned()]));

        let ended = delivered(folder.create().args(&["--force"])).await;
        assert!(!folder.read().contains("secret") && folder.read().contains(&ended.key()));
    }
    let folder = Folder::with("OPENAI_API_KEY= # not yet\nOTHER=1\n");
    let ended = delivered(folder.create()).await;
    assert_eq!(folder.read(), format!("OPENAI_API_KEY={} # not yet\nOTHER=1\n", ended.key()));
}

#[tokio::test]
async fn a_person_is_asked_about_the_value_that_would_be_lost() {
    for (answer, code) in [("y\n", 0), ("n\n", 11), ("\n", 11)] {
        let folder = Folder::with("OPENAI_API_KEY=secret\n");
        let (sandbox, home) =
            (Sandbox::start(Scenario::ready()).await.unwrap(), tempfile::tempdir().unwrap());
        let program = format!(
            "{} create --no-browser --callback-port {} --env-file {}",
            env!("CARGO_BIN_EXE_keymint"),
            free_port(),
            folder.path(".env").display()
        );
        // util-linux's script gives the program a terminal.
        let mut terminal = in_home(Command::new("script"), &home)
            .args(["-qec", &program, "/dev/null"])
            .env("KEYMINT_ISSUER", sandbox.issuer())
            .env("KEYMINT_API_BASE", sandbox.api_base())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut screen, mut seen) = (terminal.stdout.take().unwrap(), String::new());
        let mut keyboard = terminal.stdin.take().unwrap();
        let status = watch(async {
            let (mut asked, mut visiting) = (false, None);
            let mut bytes = [0; 1024];
            while let Ok(length @ 1..) = screen.read(&mut bytes).await {
                seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
                if !asked && seen.contains("[y/N]") {
                    asked = true;
                    keyboard.write_all(answer.as_bytes()).await.unwrap();
                }
                let url = seen.lines().find(|line| line.contains("/oauth/authorize?"));
                if let (None, Some(url), true) = (&visiting, url, seen.ends_with('\n')) {
                    let url = url.trim().to_owned();
                    visiting = Some(tokio::spawn(async move { visit(&url, Choice::Continue).await }));
                }
            }
            terminal.wait().await.unwrap()
        })
        .await;

        assert_eq!(status.code(), Some(code), "{seen}");
        assert!(
            seen.contains("has OPENAI_API_KEY already (line 1). Replace its value")
                && !seen.contains("secret")
        );
        assert_eq!(folder.read() == "OPENAI_API_KEY=secret\n", code == 11, "{seen}");
        assert_eq!(sandbox.keys().len(), usize::from(code == 0));
    }
}

#[tokio::test]
async fn a_file_that_readers_disagree_on_is_refused_by_the_number_of_a_line() {
    for (old, problem) in [
        ("A=1\nB=\"secret\nOPENAI_API_KEY=secret\n", "line 2: a quote that does not end"),
        ("OPENAI_API_KEY: secret\n", "line 1: the variable without `=`"),
        ("A=secret\0\n", "line 1: a NUL byte"),
        (&"secret=1\n".repeat(200_000), "more than 1048576 bytes"),
    ] {
        let folder = Folder::with(old);
        let said = refused(folder.create().args(&["--force"])).await;
        assert!(said.contains(problem), "{said}");
        assert_eq!((folder.read().as_str(), folder.names()), (old, vec![".env".to_owned()]));
    }
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name);
    fs::create_dir(path("folder")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let _socket = UnixListener::bind(path("socket")).unwrap();
    fs::write(path("read-only"), "A=1\n").unwrap();
    fs::set_permissions(path("read-only"), fs::Permissions::from_mode(0o400)).unwrap();
    symlink("loop", path("loop")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("folder", path("link")).unwrap();
    for (path, problem) in [
        (path("folder"), "a folder, not a file"),
        (path("folder/"), "the path of a folder"),
        (path(".."), "the path of a folder"),
        (path("fifo"), "no regular file"),
        (path("socket"), "no regular file"),
        (path("read-only"), "it is read-only"),
        (path("loop"), "a link that leads nowhere"),
        (path("dangling"), "a link to a file that is not there"),
        (path("link"), "a folder, not a file"),
        (path("missing/.env"), "its folder does not exist"),
        (path("fifo/.env"), "Not a directory"),
        (path(&"x".repeat(300)), "File name too long"),
        (path("a\nb"), r"a\u{a}b: the path has characters that cannot be seen"),
        ("/dev/null".into(), "no file can be kept there"),
        ("/dev/stdout".into(), "no file can be kept there"),
        ("/proc/self/fd/1".into(), "no file can be kept there"),
        ("".into(), "the path is empty"),
    ] {
        let said = refused(create_in(&path)).await;
        assert!(said.contains(problem), "{}: {said}", path.display());
    }
    let before = ["dangling", "fifo", "folder", "link", "loop", "read-only", "socket"];
    assert_eq!(folder.names(), before);
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused() {
    let folder = Folder::new();
    let odd = "cd \"$0\"; exec \"$@\" --env-file \"$(printf 'a\\377')\"";
    let ended = create(Scenario::ready())
        .under(&["sh", "-c", odd, folder.path("").to_str().unwrap()])
        .start()
        .await
        .end()
        .await;
    assert_eq!(ended.code, 11, "{}", ended.stderr);
    assert!(ended.stderr.contains("not UTF-8"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_link_is_followed_once_and_its_target_replaced() {
    let (folder, elsewhere) = (Folder::new(), Folder::with("A=1\n"));
    symlink(elsewhere.path(".env"), folder.path(".env")).unwrap();
    let ended = delivered(folder.create()).await;

    assert!(folder.path(".env").is_symlink());
    assert_eq!(elsewhere.read(), format!("A=1\nOPENAI_API_KEY={}\n", ended.key()));
    let told = format!("is a link: {} is the file that will change", elsewhere.path(".env").display());
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
}

#[tokio::test]
async fn a_folder_in_which_others_can_swap_files_is_refused() {
    let (folder, elsewhere) = (Folder::new(), Folder::with("A=1\n"));
    symlink(elsewhere.path(".env"), folder.path("link")).unwrap();
    let set = |mode| fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(mode)).unwrap();

    set(0o777);
    let said = refused(folder.create().args(&["--force"])).await;
    assert!(said.contains("every user may replace files in the folder"), "{said}");
    // As in /tmp, nobody can replace what is not theirs, but anybody may have put the link there.
    set(0o1777);
    let said = refused(create_in(&folder.path("link"))).await;
    assert!(said.contains("a link in a folder in which other users may write"), "{said}");
    delivered(folder.create()).await;
    set(0o700);

    if std::os::unix::fs::chown(folder.0.path(), Some(12_345), None).is_err() {
        skip("a folder of another user, which only the administrator can make");
        return;
    }
    let said = refused(folder.create().args(&["--force"])).await;
    assert!(said.contains("the folder belongs to another user"), "{said}");
    assert_eq!(elsewhere.read(), "A=1\n");
}

#[tokio::test]
async fn another_name_of_the_file_keeps_the_old_content_and_that_is_said() {
    let folder = Folder::with("A=1\n");
    fs::hard_link(folder.path(".env"), folder.path("other")).unwrap();
    let ended = delivered(folder.create()).await;
    assert!(
        ended.stderr.contains("has another name (a hard link), which keeps the old content"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_to_string(folder.path("other")).unwrap(), "A=1\n");
}

#[tokio::test]
async fn what_another_program_writes_during_the_sign_in_stays() {
    let folder = Folder::with("A=1\n");
    let mut run = folder.create().start().await;
    run.url().await;
    fs::write(folder.path(".env"), "A=2\nB=3\n").unwrap();
    let visit = run.again(Choice::Continue);
    let ended = run.end().await;
    visit.await.unwrap();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(folder.read(), format!("A=2\nB=3\nOPENAI_API_KEY={}\n", ended.key()));
}

#[tokio::test]
async fn a_value_that_comes_during_the_sign_in_is_not_lost_and_neither_is_the_key() {
    let folder = Folder::with("A=1\n");
    let mut run = folder.create().start().await;
    run.url().await;
    fs::write(folder.path(".env"), "OPENAI_API_KEY=secret\n").unwrap();
    let visit = run.again(Choice::Continue);
    let ended = run.end().await;
    visit.await.unwrap();
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("another value now than before the sign-in"), "{}", ended.stderr);
    assert_eq!(
        (folder.read().as_str(), folder.names()),
        ("OPENAI_API_KEY=secret\n", vec![".env".to_owned()])
    );
}

#[tokio::test]
async fn a_folder_that_is_swapped_during_the_sign_in_diverts_nothing() {
    let (folder, others) = (Folder::new(), Folder::new());
    fs::create_dir(folder.path("project")).unwrap();
    let mut run = create_in(&folder.path("project/.env")).args(&["--json"]).start().await;
    run.url().await;
    fs::rename(folder.path("project"), folder.path("moved")).unwrap();
    symlink(others.path(""), folder.path("project")).unwrap();
    let visit = run.again(Choice::Continue);
    let ended = run.end().await;
    visit.await.unwrap();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((names(&folder.path("moved")), others.names()), (vec![".env".to_owned()], vec![]));
    let file = folder.path("moved/.env");
    assert!(ended.stderr.contains(&format!("It is in {} as", file.display())), "{}", ended.stderr);
    assert_eq!(ended.json()["delivered_to"][0], format!("env-file:{}", file.display()));
}

#[tokio::test]
async fn a_run_that_is_ended_leaves_nothing_in_the_folder() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::with("A=1\n");
        let mut run = folder.create().start().await;
        run.url().await;
        assert_eq!(folder.names().len(), 2);
        run.signal(signal).await;
        run.end().await;
        assert_eq!((folder.names(), folder.read().as_str()), (vec![".env".to_owned()], "A=1\n"));
    }
}

#[tokio::test]
async fn what_a_killed_run_left_is_told_of_where_it_may_hold_a_key_and_else_removed() {
    let folder = Folder::with("A=1\n");
    let mut run = folder.create().start().await;
    run.url().await;
    run.signal("KILL").await;
    run.end_killed().await;
    assert_eq!(folder.names().len(), 2);
    let left = folder.path(".keymint-0123456789abcdef.tmp");
    fs::write(&left, "OPENAI_API_KEY=secret\n").unwrap();

    let ended = delivered(folder.create()).await;
    let told = format!("{} was left by a run that was killed, and may hold a key", left.display());
    assert!(ended.stderr.contains(&told) && !ended.stderr.contains("secret"), "{}", ended.stderr);
    assert_eq!(folder.names(), [".env", ".keymint-0123456789abcdef.tmp"]);
}

#[tokio::test]
async fn a_run_waits_for_another_that_has_the_same_file() {
    let folder = Folder::new();
    let mut first = folder.create().start().await;
    first.url().await;
    let second = tokio::spawn(folder.create().args(&["--force"]).start());
    let mut second = second.await.unwrap();
    let visit = first.again(Choice::Continue);
    let first = first.end().await;
    visit.await.unwrap();
    let visit = second.browser(Choice::Continue).await;
    let second = second.end().await;
    visit.await.unwrap();
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_eq!(folder.read(), format!("OPENAI_API_KEY={}\n", second.key()));
}

#[tokio::test]
async fn a_file_that_git_tracks_is_refused_unless_that_is_accepted() {
    let folder = Folder::with("A=1\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "."]);
    let said = refused(folder.create()).await;
    assert!(said.contains("git tracks it") && said.contains("--allow-tracked"), "{said}");

    let ended = delivered(folder.create().args(&["--allow-tracked"])).await;
    assert!(ended.stderr.contains("do not commit the key"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_file_that_git_would_add_is_told_with_the_line_that_prevents_it() {
    let folder = Folder::new();
    folder.git(&["init", "-q"]);
    for name in [".env", "a [b]*?.env", "!x", "#x"] {
        let ended = delivered(create_in(&folder.path(name))).await;
        let (_, line) = ended.stderr.split_once("add the line ").expect(&ended.stderr);
        let (line, file) = line.lines().next().unwrap().split_once(" to ").unwrap();
        assert_eq!(Path::new(file), folder.path(".gitignore"));

        fs::write(folder.path(".gitignore"), format!("{line}\n")).unwrap();
        let ended = delivered(create_in(&folder.path(name)).args(&["--force"])).await;
        assert!(!ended.stderr.contains("git"), "{}", ended.stderr);
        fs::remove_file(folder.path(".gitignore")).unwrap();
    }
}

#[tokio::test]
async fn git_runs_nothing_that_the_repository_names_and_heeds_no_other_repository() {
    let folder = Folder::with("A=1\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "."]);
    let hook = folder.path(".git/hook");
    fs::write(&hook, format!("#!/bin/sh\ntouch '{}'\n", folder.path("ran").display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    folder.git(&["config", "core.fsmonitor", hook.to_str().unwrap()]);
    folder.git(&["config", "core.pager", hook.to_str().unwrap()]);

    let said = refused(folder.create().env("GIT_DIR", "/nowhere").env("GIT_PAGER", &hook)).await;
    assert!(said.contains("git tracks it"), "{said}");
    assert!(!folder.path("ran").exists());
}

#[tokio::test]
async fn without_git_a_repository_is_only_warned_of() {
    let folder = Folder::new();
    fs::create_dir(folder.path(".git")).unwrap();
    let empty = Folder::new();
    let ended = delivered(folder.create().env("PATH", empty.path(""))).await;
    assert!(ended.stderr.contains("is not known: git is not installed"), "{}", ended.stderr);
    let ended = delivered(folder.create().args(&["--force"])).await;
    assert!(ended.stderr.contains("is not known: git cannot read the repository"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_git_that_hangs_is_only_warned_of() {
    let (folder, bin) = (Folder::new(), Folder::new());
    fs::create_dir(folder.path(".git")).unwrap();
    fs::write(bin.path("git"), "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(bin.path("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path("").display(), std::env::var("PATH").unwrap());
    let ended = delivered(folder.create().env("PATH", path)).await;
    assert!(ended.stderr.contains("is not known: git does not answer"), "{}", ended.stderr);
}

/// Runs the program in a mount namespace where this folder is a file system of its own.
fn in_a_file_system(folder: &Path, options: &str, then: &str) -> Option<Vec<String>> {
    let script = format!(
        "mount -t tmpfs -o {options} none '{0}' && printf 'A=1\\n' >'{0}/.env' && chmod 600 '{0}/.env' && {then} exec \"$@\"",
        folder.display()
    );
    let under = ["unshare", "-rm", "sh", "-c", &script, "keymint"].map(str::to_owned);
    let works = std::process::Command::new("unshare")
        .args(&under[1..])
        .arg("true")
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        skip("no file system can be mounted here");
    }
    works.then(|| under.to_vec())
}

fn words(under: &[String]) -> Vec<&str> {
    under.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_full_or_read_only_disk_is_noticed_before_the_sign_in() {
    for (options, then, problem) in [
        ("size=4k", "", "it cannot be written: No space left on device"),
        ("size=1m", "mount -o remount,ro '@' &&", "it cannot be written: Read-only file system"),
    ] {
        let folder = Folder::new();
        let path = folder.path("");
        let then = then.replace('@', path.to_str().unwrap());
        let Some(under) = in_a_file_system(&path, options, &then) else { return };
        let said = refused(folder.create().under(&words(&under))).await;
        assert!(said.contains(problem), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_is_a_mount_point_is_refused() {
    let folder = Folder::new();
    let path = folder.path("");
    let mount = format!("touch '{0}/source' && mount --bind '{0}/source' '{0}/.env' &&", path.display());
    let Some(under) = in_a_file_system(&path, "size=1m", &mount) else { return };
    let said = refused(folder.create().under(&words(&under))).await;
    assert!(said.contains("it is a mount point"), "{said}");
}

#[tokio::test]
async fn a_disk_that_fills_up_during_the_sign_in_has_room_for_the_key() {
    let folder = Folder::new();
    let path = folder.path("");
    let Some(under) = in_a_file_system(&path, "size=16k", "") else { return };
    let mut run = folder.create().under(&words(&under)).start().await;
    run.url().await;
    let inside = PathBuf::from(format!("/proc/{}/root{}", run.process(), path.display()));
    let Ok(mut filler) = fs::File::create(inside.join("filler")) else {
        skip("the program's file system cannot be reached from here");
        return;
    };
    while filler.write_all(&[0; 512]).is_ok() {}
    let visit = run.again(Choice::Continue);
    let ended = run.end().await;
    visit.await.unwrap();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Has strace change what a system call does, and write down what it sees.
fn strace<'a>(log: &'a str, calls: &'a str, injection: &'a str) -> Option<Vec<&'a str>> {
    let mut under = vec!["strace", "-f", "-qq", "-e", calls, "-o", log];
    if !injection.is_empty() {
        under.extend(["-e", injection]);
    }
    let works = std::process::Command::new("strace").args(&under[1..]).arg("true").status();
    if !works.is_ok_and(|status| status.success()) {
        skip("strace is not installed, or may not be used here");
        return None;
    }
    Some(under)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_file_is_ever_wider_than_its_owner() {
    let (folder, log) = (Folder::new(), tempfile::NamedTempFile::new().unwrap());
    let log_path = log.path().to_str().unwrap();
    let Some(strace) = strace(log_path, "trace=openat,open,creat,fchmod,fchmodat,chmod", "") else { return };
    let under = [&["sh", "-c", "umask 000; exec \"$@\"", "keymint"], &strace[..]].concat();
    delivered(folder.create().under(&under)).await;

    let log = fs::read_to_string(log_path).unwrap();
    if !log.contains(".env") {
        return skip("only the administrator sees the memory of a run");
    }
    let made: Vec<_> =
        log.lines().filter(|line| line.contains(".keymint-") && line.contains("O_CREAT")).collect();
    assert!(made.len() == 1 && made[0].contains("O_EXCL") && made[0].contains("0600)"), "{made:?}");
    let changed: Vec<_> = log.lines().filter(|line| line.contains("chmod(")).collect();
    assert!(changed.len() == 1 && changed[0].contains(", 0600)"), "{changed:?}");
    assert!(!log.lines().any(|line| line.contains("/.env\"") && line.contains("O_CREAT")), "{log}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_replacement_that_fails_leaves_the_old_file_and_the_key_in_the_recovery_folder() {
    let (folder, log) = (Folder::with("A=1\n"), tempfile::NamedTempFile::new().unwrap());
    let log = log.path().to_str().unwrap();
    let Some(strace) = strace(log, "trace=renameat,renameat2", "inject=renameat,renameat2:error=EIO") else {
        return;
    };
    let ended = folder.create().under(&strace).sign_in().await;
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    assert_eq!((folder.read().as_str(), folder.names()), ("A=1\n", vec![".env".to_owned()]));
}

/// The new file is in its place, and may not be there any more after a power cut.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_the_disk_does_not_take_fails_the_delivery_and_the_key_is_kept() {
    let (folder, log) = (Folder::with("A=1\n"), tempfile::NamedTempFile::new().unwrap());
    let (path, log) = (folder.path(""), log.path().to_str().unwrap());
    let Some(mut strace) = strace(log, "trace=fsync", "inject=fsync:error=EIO") else { return };
    strace.extend(["-P", path.to_str().unwrap().trim_end_matches('/')]);
    let ended = folder.create().under(&strace).sign_in().await;
    if fs::read_to_string(log).unwrap().is_empty() {
        return skip("only the administrator sees the files of a run");
    }
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    assert_eq!(
        (folder.read(), folder.names()),
        (format!("A=1\nOPENAI_API_KEY={}\n", ended.key()), vec![".env".to_owned()])
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_run_that_is_killed_at_the_replacement_leaves_the_old_file_whole_and_the_next_says_so() {
    let (folder, log) = (Folder::with("A=1\n"), tempfile::NamedTempFile::new().unwrap());
    let log = log.path().to_str().unwrap();
    let kill = "inject=renameat,renameat2:error=EIO:signal=KILL";
    let Some(strace) = strace(log, "trace=renameat,renameat2", kill) else { return };
    let mut run = folder.create().under(&strace).start().await;
    let visit = run.browser(Choice::Continue).await;
    let key = run.end_killed().await;
    visit.abort();

    assert_eq!((folder.read().as_str(), folder.names().len()), ("A=1\n", 2));
    let left = folder.names().into_iter().find(|name| name.starts_with(".keymint-")).unwrap();
    assert_eq!(mode(&folder.path(&left)), 0o600);
    let content = fs::read_to_string(folder.path(&left)).unwrap();
    assert_eq!(Some(content), key.map(|key| format!("A=1\nOPENAI_API_KEY={key}\n")));
    let ended = delivered(folder.create()).await;
    assert!(ended.stderr.contains(&format!("{left} was left by a run that was killed")), "{}", ended.stderr);
}
