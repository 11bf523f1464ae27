//! Standard output and standard error that are not as they should be.

#![cfg(target_os = "linux")]

use crate::support::{create, free_port, keymint, keymint_under, watch};
use crate::terminal::Terminal;
use keymint_sandbox::{Consent, Sandbox, Scenario, sign_in};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

#[tokio::test]
async fn a_standard_output_that_keeps_nothing_is_no_matter_beside_another_place() {
    for redirection in [">&-", ">/dev/null", "1</etc/hosts"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let ended = create(Scenario::ready())
            .under(&["sh", "-c", &format!("exec \"$@\" {redirection}"), "keymint"])
            .args(&["--env-file", file.to_str().unwrap()])
            .sign_in()
            .await;
        assert_eq!(ended.code, 0, "{redirection}: {}", ended.stderr);
        assert_eq!(fs::read_to_string(file).unwrap(), format!("OPENAI_API_KEY={}\n", ended.key()));
    }
}

/// Whether the program was started with broken pipes ignored, as by some shells, or not.
#[tokio::test]
async fn a_reader_that_leaves_during_the_sign_in_costs_no_key() {
    for under in [&[][..], &["sh", "-c", "trap '' PIPE; exec \"$@\"", "keymint"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut run = create(Scenario::ready()).under(under).stdout(writer).start().await;
        let url = run.url().await;
        drop(reader);
        let sign_in = tokio::spawn(async move { sign_in(&url, Consent::Allow).await.unwrap() });
        let ended = run.end().await;
        sign_in.await.unwrap();

        assert_eq!(ended.code, 9, "{}", ended.stderr);
        let path = ended.stderr.split_once("it is kept in ").unwrap().1.lines().next().unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), format!("{}\n", ended.key()));
    }
}

#[tokio::test]
async fn a_full_disk_is_told_by_each_command_that_prints() {
    for args in [&["status"][..], &["config"], &["recover", "--json"], &["start"], &["completions", "bash"]] {
        let home = tempfile::tempdir().unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = keymint(&home).args(args).stdout(full).spawn().unwrap();
        let output = watch(run.wait_with_output()).await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        assert!(told.contains("error: standard output failed: No space left"), "{args:?}: {told}");
    }
}

#[tokio::test]
async fn a_file_that_may_not_grow_any_more_costs_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    fs::write(&file, vec![b'\n'; 128 * 1024]).unwrap();
    let stdout = OpenOptions::new().append(true).open(&file).unwrap();
    // In units of half a KiB or of one.
    let ended = create(Scenario::ready())
        .under(&["sh", "-c", "ulimit -f 64; exec \"$@\"", "keymint"])
        .stdout(stdout)
        .sign_in()
        .await;
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    let path = ended.stderr.split_once("it is kept in ").unwrap().1.lines().next().unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), format!("{}\n", ended.key()));
}

#[tokio::test]
async fn a_standard_error_that_nobody_reads_keeps_no_key() {
    let home = tempfile::tempdir().unwrap();
    let (_unread, stderr) = std::io::pipe().unwrap();
    let mut filler = stderr.try_clone().unwrap();
    std::thread::spawn(move || filler.write_all(&[b'\n'; 1024 * 1024]));
    let mut demo = keymint(&home);
    demo.arg("demo").stderr(stderr);
    let output = watch(demo.spawn().unwrap().wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"sk-proj-"));
}

/// One with room for a key takes it whole. One without says at once that it has none.
#[tokio::test]
async fn a_standard_output_that_does_not_wait_has_the_whole_key_or_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let streams = || {
        let (here, there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        (here, there)
    };
    let (mut here, there) = streams();
    let mut demo = keymint(&home).arg("demo").stdout(OwnedFd::from(there)).spawn().unwrap();
    assert_eq!(watch(demo.wait()).await.unwrap().code(), Some(0));
    let mut key = String::new();
    here.read_to_string(&mut key).unwrap();
    assert!(key.starts_with("sk-proj-") && key.ends_with('\n') && key.lines().count() == 1, "{key}");

    let (_unread, mut full) = streams();
    while full.write(&[b' '; 4096]).is_ok() {}
    let ended = create(Scenario::ready()).stdout(OwnedFd::from(full)).sign_in().await;
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("Resource temporarily unavailable"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_standard_error_that_takes_nothing_changes_no_outcome() {
    let home = tempfile::tempdir().unwrap();
    let output = home.path().join("output");
    for redirection in ["2>&-", "2>/dev/full", "2</etc/hosts"] {
        let run = async |words: &str| {
            let script = format!("exec \"$@\" {redirection}");
            let mut command = keymint_under(&["sh", "-c", &script, "keymint"], &home);
            command.args(words.split(' ')).stdout(File::create(&output).unwrap());
            watch(command.status()).await.unwrap().code()
        };
        assert_eq!(run("demo").await, Some(0), "{redirection}");
        let key = fs::read_to_string(&output).unwrap();
        assert!(key.starts_with("sk-proj-") && key.lines().count() == 1, "{redirection}: {key}");

        let port = free_port();
        let late = format!("create --json --no-browser --sign-in-timeout 50ms --callback-port {port}");
        assert_eq!(run(&late).await, Some(5), "{redirection}");
        let json = fs::read_to_string(&output).unwrap();
        assert!(json.contains("sign_in_timeout") && json.lines().count() == 1, "{redirection}: {json}");
        assert_eq!(run("create --no-such-flag").await, Some(2), "{redirection}");
    }
}

/// What a terminal shows of a run in which all goes well.
async fn shown(environment: &[(&str, &str)], words: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    // util-linux's script gives the program a terminal.
    let on_a_terminal = r#"printf -v line '%q ' "$@"; exec script -qec "$line" /dev/null"#;
    let mut command = keymint_under(&["bash", "-c", on_a_terminal, "bash"], &home);
    command.args(words.split(' ')).env("TERM", "xterm-256color").envs(environment.iter().copied());
    let output = watch(command.output()).await.unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_terminal_is_steered_and_coloured_only_where_that_is_welcome() {
    let spins = |shown: &str| shown.contains("\x1b[2K");
    let is_coloured = |shown: &str| {
        let mut sequences = shown.split("\x1b[").skip(1);
        sequences.any(|sequence| sequence.trim_start_matches(|c: char| !c.is_alphabetic()).starts_with('m'))
    };
    let usual = shown(&[], "demo").await;
    assert!(spins(&usual), "{usual:?}");
    assert!(is_coloured(&shown(&[], "help").await));

    for (environment, words) in
        [(("TERM", "dumb"), "demo"), (("TERM", "dumb"), "help"), (("A", "1"), "demo -q")]
    {
        let plain = shown(&[environment], words).await;
        assert!(!plain.contains('\x1b'), "{environment:?} {words}: {plain:?}");
    }
    for words in ["demo", "help"] {
        let without = shown(&[("NO_COLOR", "1")], words).await;
        assert!(!is_coloured(&without), "{words}: {without:?}");
    }
}

/// Also on a terminal that does not know its size, as `script` makes one.
#[tokio::test]
async fn the_account_is_shown_on_a_terminal_before_a_key_is_made_and_nowhere_else() {
    let (sandbox, home) = (Sandbox::start(Scenario::ready()).await.unwrap(), tempfile::tempdir().unwrap());
    let words = format!("create --no-browser --callback-port {}", free_port());
    let mut terminal = Terminal::start(&words, &sandbox, &home, &[]);
    let url = terminal.url().await;
    let sign_in = tokio::spawn(async move { sign_in(&url, Consent::Allow).await.unwrap() });
    terminal.shows("Signed in as dev@sandbox.test. The key goes to project").await;
    terminal.shows("Created the key").await;
    assert_eq!(terminal.end().await.0, 0);
    sign_in.await.unwrap();

    for args in [&[][..], &["-v"], &["--events"]] {
        let ended = create(Scenario::ready()).args(args).sign_in().await;
        assert!(ended.code == 0 && !ended.stderr.contains("dev@"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_file_gets_the_key_and_nothing_else_beside_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("keys");
    fs::write(&path, "# mine\n").unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    assert!(watch(keymint(&home).arg("demo").stdout(file).status()).await.unwrap().success());
    let content = fs::read_to_string(path).unwrap();
    assert!(content.starts_with("# mine\nsk-proj-") && content.lines().count() == 2, "{content}");
}
