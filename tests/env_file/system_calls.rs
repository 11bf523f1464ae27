//! The system calls of a delivery, and the result if one fails.

use super::{Directory, delivered, mode, names};
use crate::support::Ended;
use keymint_sandbox::Consent;
use keymint_testkit::{Strace, browse, skipped};
use std::fs;
use std::path::PathBuf;

#[tokio::test]
async fn no_file_is_ever_wider_than_its_owner() {
    let directory = Directory::new();
    let Some(strace) = Strace::of("openat,open,creat,fchmod,fchmodat,chmod", &[]) else { return };
    let create = directory.create().under(["sh", "-c", "umask 000; exec \"$@\"", "keymint"]);
    delivered(create.under(strace.words())).await;

    let log = strace.log();
    if !log.contains(".env") {
        return skipped("only the administrator sees the memory of a run");
    }
    let made: Vec<_> =
        log.lines().filter(|line| line.contains(".keymint-") && line.contains("O_CREAT")).collect();
    let is_private = |line: &&&str| line.contains("O_EXCL") && line.contains("0600)");
    assert!(!made.is_empty() && made.iter().filter(is_private).count() == made.len(), "{made:?}");
    let changed: Vec<_> = log.lines().filter(|line| line.contains("fchmod(")).collect();
    assert!(!changed.is_empty() && changed.iter().all(|line| line.contains(", 0600)")), "{changed:?}");
    assert!(!log.lines().any(|line| line.contains("/.env\"") && line.contains("O_CREAT")), "{log}");
}

#[tokio::test]
async fn a_replacement_that_fails_leaves_the_old_file_and_the_key_in_the_recovery_store() {
    let directory = Directory::with("A=1\n");
    let options = ["-e", "inject=renameat,renameat2:error=EIO"];
    let Some(ended) = refused_after_the_check(&directory, "renameat,renameat2", &options).await else {
        return;
    };
    let ended = ended.exits_with(9);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    assert_eq!((directory.read().as_str(), directory.names()), ("A=1\n", vec![".env".to_owned()]));
}

/// The new file is in place, but may be lost in a power cut.
#[tokio::test]
async fn a_directory_that_the_disk_does_not_take_fails_the_delivery_and_the_key_is_kept() {
    let directory = Directory::with("A=1\n");
    let path = directory.path("");
    let path = path.to_str().unwrap().trim_end_matches('/');
    let options = ["-e", "inject=fsync:error=EIO", "-P", path];
    let Some(ended) = refused_after_the_check(&directory, "fsync", &options).await else { return };
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    assert_eq!(
        (directory.read(), directory.names()),
        (format!("A=1\nOPENAI_API_KEY={}\n", ended.key()), vec![".env".to_owned()])
    );
}

#[tokio::test]
async fn a_run_that_is_killed_at_the_replacement_leaves_the_old_file_whole_and_the_next_says_so() {
    let directory = Directory::with("A=1\n");
    let kill = ["-e", "inject=renameat,renameat2:error=EIO:signal=KILL"];
    let Some(strace) = Strace::of("renameat,renameat2", &kill) else { return };
    let mut run = directory.create().start().await;
    let url = run.url().await;
    let Some(_attached) = strace.attach(run.process()).await else { return };
    browse(&url, Consent::Allow);
    let key = run.finish().await.key();

    assert_eq!((directory.read().as_str(), directory.names().len()), ("A=1\n", 2));
    let left = directory.names().into_iter().find(|name| name.starts_with(".keymint-")).unwrap();
    assert_eq!(mode(&directory.path(&left)), 0o600);
    let content = fs::read_to_string(directory.path(&left)).unwrap();
    assert_eq!(content, format!("A=1\nOPENAI_API_KEY={key}\n"));
    let ended = delivered(directory.create()).await;
    assert!(ended.stderr.contains(&format!("{left} is left from a run that was killed")), "{}", ended.stderr);
}

/// The calls that a file system may refuse, and the errors of real ones.
const REFUSALS: [(&str, &[&str]); 17] = [
    ("flock", &["ENOLCK", "ENOSYS", "EOPNOTSUPP"]),
    ("pwrite64", &["ENOSPC", "EDQUOT", "EIO"]),
    ("fallocate", &["EOPNOTSUPP", "ENOSPC", "EDQUOT", "EIO"]),
    ("ftruncate", &["EPERM", "EOPNOTSUPP"]),
    ("lseek", &["EINVAL", "EIO"]),
    ("chmod,fchmodat", &["EPERM", "EROFS"]),
    ("fchmod", &["EPERM", "EOPNOTSUPP", "EROFS"]),
    ("fchown,fchownat", &["EPERM"]),
    ("flistxattr", &["EOPNOTSUPP", "EIO"]),
    ("fgetxattr", &["EOPNOTSUPP", "EIO"]),
    ("fsetxattr", &["EOPNOTSUPP", "ENOSPC"]),
    ("fremovexattr", &["EOPNOTSUPP"]),
    ("fsync", &["EIO", "EINVAL", "ENOSYS", "EROFS"]),
    ("rename,renameat,renameat2", &["EPERM", "EXDEV", "EROFS", "EACCES"]),
    ("unlink,unlinkat", &["EPERM", "EROFS"]),
    ("mkdir,mkdirat", &["EACCES", "ENOSPC"]),
    ("getdents64", &["EIO"]),
];

/// A file system without support for a call that a delivery needs.
#[tokio::test]
async fn a_refusal_of_the_file_system_is_found_before_the_sign_in() {
    for (calls, errors) in REFUSALS {
        for error in errors {
            for content in [None, Some("A=1\n")] {
                let directory = content.map_or_else(Directory::new, Directory::with);
                let inject = format!("inject={calls}:error={error}");
                let Some(strace) = Strace::of(calls, &["-e", &inject]) else { return };
                let mut run = directory.create().under(strace.words()).start().await;
                if let Some(url) = run.try_url().await {
                    run.browser_at(&url, Consent::Allow);
                }
                let ended = run.end().await;
                let case = format!("{calls} {error} {content:?}: exit code {}, {}", ended.code, ended.stderr);
                match ended.code {
                    0 => assert!(directory.read().contains(&ended.key()), "{case}"),
                    11 => {
                        assert_eq!(ended.sandbox.requests().len(), 0, "{case}");
                        assert!(!ended.stderr.contains("another run"), "{case}");
                    }
                    _ => panic!("{case}"),
                }
            }
        }
    }
}

/// The calls that are refused for each path of a delivery in turn. The system's libraries make most of them as
/// well.
///
/// With those above, these are all calls of a delivery on files (`strace -f -e trace=%file,%desc`), except `execve`,
/// `mmap`, `access` and `ioctl`, which start the program or ask for a terminal, and `getcwd`, which only a relative
/// path needs. The tests of full disks cover writes to files whose names are not known before the start.
const PATH_REFUSALS: [(&str, &[&str]); 8] = [
    ("fsync,getdents64", &["EIO"]),
    ("open,openat", &["EACCES", "EIO"]),
    ("stat,lstat,fstat,newfstatat,statx", &["EACCES", "EIO"]),
    ("read,pread64", &["EIO"]),
    ("write", &["ENOSPC", "EIO"]),
    ("close", &["EIO"]),
    ("fcntl", &["EINVAL"]),
    ("readlink,readlinkat", &["EIO"]),
];

/// Returns a tracer that refuses these calls for these paths.
fn refusing(calls: &str, error: &str, paths: &[PathBuf]) -> Option<Strace> {
    let inject = format!("inject={calls}:error={error}");
    let paths = paths.iter().flat_map(|path| ["-P", path.to_str().unwrap().trim_end_matches('/')]);
    Strace::of(calls, &["-e", &inject].into_iter().chain(paths).collect::<Vec<_>>())
}

/// The disk or the server of a network file system fails for one path.
#[tokio::test]
async fn a_refusal_for_a_path_of_the_delivery_is_found_before_the_sign_in() {
    let mut refusals = 0;
    for (calls, errors) in PATH_REFUSALS.into_iter().filter(|(calls, _)| *calls != "write") {
        for error in errors {
            for path in ["", ".env", "keymint", "keymint/locks", "keymint/records", "keymint/recovery"] {
                let (directory, state) = (Directory::with("A=1\n"), Directory::new());
                let paths = match path {
                    // The file is also opened by its name in its directory.
                    ".env" => vec![directory.path(path), path.into()],
                    "" => vec![directory.path(path)],
                    _ => vec![state.path(path)],
                };
                let Some(strace) = refusing(calls, error, &paths) else { return };
                let create = directory.create().env("XDG_STATE_HOME", state.path(""));
                let mut run = create.under(strace.words()).start().await;
                if let Some(url) = run.try_url().await {
                    run.browser_at(&url, Consent::Allow);
                }
                let ended = run.end().await;
                let case = format!("{calls} {error} {path:?}: exit code {}, {}", ended.code, ended.stderr);
                match ended.code {
                    0 => assert!(directory.read().contains(&ended.key()), "{case}"),
                    11 => assert_eq!(ended.sandbox.requests().len(), 0, "{case}"),
                    _ => panic!("{case}"),
                }
                refusals += usize::from(strace.log().contains("(INJECTED)"));
            }
        }
    }
    // The other combinations do not occur.
    assert!(refusals > 25, "{refusals}");
}

/// The same from the moment at which the URL is shown, for every path that the run has by then.
#[tokio::test]
async fn a_refusal_for_a_path_of_the_delivery_after_the_check_costs_no_key() {
    let mut refusals = 0;
    for (calls, errors) in PATH_REFUSALS {
        for error in errors {
            for (directory_fails, state_fails) in [(true, false), (false, true), (true, true)] {
                let (directory, state) = (Directory::with("A=1\n"), Directory::new());
                let mut run = directory.create().env("XDG_STATE_HOME", state.path("")).start().await;
                let url = run.url().await;
                let mut paths = Vec::new();
                if directory_fails {
                    let names = directory.names().into_iter();
                    paths.extend(names.flat_map(|name| [directory.path(&name), name.into()]));
                    paths.push(directory.path(""));
                }
                for directory in ["keymint/records", "keymint/recovery"].map(|name| state.path(name)) {
                    if state_fails {
                        let files = names(&directory).into_iter().map(|name| directory.join(name));
                        // A kept key has another name than the space for it.
                        paths.extend(files.flat_map(|file| [file.with_extension("key"), file]));
                        paths.push(directory);
                    }
                }
                let Some(strace) = refusing(calls, error, &paths) else { return };
                let Some(_attached) = strace.attach(run.process()).await else { return };
                run.browser_at(&url, Consent::Allow);
                let ended = run.end().await;
                let case = format!("{calls} {error} {paths:?}: exit code {}, {}", ended.code, ended.stderr);
                match ended.code {
                    0 => assert!(directory.read().contains(&ended.key()), "{case}"),
                    9 => assert_eq!(ended.kept(), format!("{}\n", ended.key()), "{case}"),
                    11 => assert!(ended.stderr.contains("no key was requested"), "{case}"),
                    _ => panic!("{case}"),
                }
                refusals += usize::from(strace.log().contains("(INJECTED)"));
            }
        }
    }
    // The other combinations do not occur.
    assert!(refusals > 15, "{refusals}");
}

/// Some network file systems have neither locks nor syncs of directories, for the dotenv file and for the state
/// directory.
#[tokio::test]
async fn a_file_system_without_locks_or_without_a_sync_of_directories_takes_the_key() {
    for (call, error) in [
        ("flock", "ENOLCK"),
        ("flock", "ENOSYS"),
        ("flock", "EOPNOTSUPP"),
        ("fsync", "EINVAL"),
        ("fsync", "ENOSYS"),
        ("fsync", "EOPNOTSUPP"),
    ] {
        let directory = Directory::new();
        let inject = format!("inject={call}:error={error}");
        let state = directory.path("keymint");
        let directories = [directory.path(""), state.join("records"), state.join("recovery")];
        let directories =
            directories.map(|directory| directory.to_str().unwrap().trim_end_matches('/').to_owned());
        let mut options = vec!["-e", &inject];
        if call == "fsync" {
            options.extend(directories.iter().flat_map(|directory| ["-P", directory]));
        }
        let Some(strace) = Strace::of(call, &options) else { return };
        let run = directory.create().env("XDG_STATE_HOME", directory.path(""));
        let ended = delivered(run.under(strace.words())).await;
        assert_eq!(directory.read(), format!("OPENAI_API_KEY={}\n", ended.key()), "{call} {error}");
        assert!(strace.log().contains(error), "{call} {error}: {}", strace.log());
    }
}

/// The same from the moment at which the URL is shown.
#[tokio::test]
async fn a_refusal_of_the_file_system_after_the_check_costs_no_key() {
    for (calls, errors) in REFUSALS {
        for error in errors {
            for content in [None, Some("A=1\n")] {
                let directory = content.map_or_else(Directory::new, Directory::with);
                let inject = format!("inject={calls}:error={error}");
                let ended = refused_after_the_check(&directory, calls, &["-e", &inject]).await;
                let Some(ended) = ended else { return };
                let case = format!("{calls} {error} {content:?}: exit code {}, {}", ended.code, ended.stderr);
                match ended.code {
                    0 => assert!(directory.read().contains(&ended.key()), "{case}"),
                    9 => assert_eq!(ended.kept(), format!("{}\n", ended.key()), "{case}"),
                    11 => assert!(ended.stderr.contains("no key was requested"), "{case}"),
                    _ => panic!("{case}"),
                }
            }
        }
    }
}

/// A run in which these calls are refused from the moment at which the URL is shown.
async fn refused_after_the_check(directory: &Directory, calls: &str, options: &[&str]) -> Option<Ended> {
    let strace = Strace::of(calls, options)?;
    let mut run = directory.create().start().await;
    let url = run.url().await;
    let _attached = strace.attach(run.process()).await?;
    run.browser_at(&url, Consent::Allow);
    Some(run.end().await)
}
