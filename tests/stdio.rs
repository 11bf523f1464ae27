//! Standard output and standard error that are closed, full or slow.

#![cfg(target_os = "linux")]

use crate::support::{create, is_colored, keymint, machine};
use keymint_sandbox::{Consent, Organization, Scenario};
use keymint_testkit::{ON_A_TERMINAL, Strace, browse, free_port, full_disk, is_free, until};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

#[tokio::test]
async fn a_standard_output_that_keeps_nothing_is_no_matter_beside_another_place() {
    for redirection in [">&-", ">/dev/null", "1</etc/hosts"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".env");
        let ended = create(Scenario::ready())
            .under(["sh", "-c", &format!("exec \"$@\" {redirection}"), "keymint"])
            .args(["--env-file", file.to_str().unwrap()])
            .sign_in()
            .await;
        assert_eq!(ended.code, 0, "{redirection}: {}", ended.stderr);
        assert_eq!(fs::read_to_string(file).unwrap(), format!("OPENAI_API_KEY={}\n", ended.key()));
    }
}

#[tokio::test]
async fn a_list_in_a_pager_is_waited_for_and_keeps_neither_the_port_nor_the_browser() {
    let organization = |number| Organization::new(format!("org-{number}")).titled("x".repeat(100));
    let scenario = Scenario::of((0..700).map(organization));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut list = create(scenario).command("list").args(["--json"]).stdout(writer).start().await;
    list.browser(Consent::Allow).await;
    let port = list.port;
    until(|| is_free(port)).await;
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    let ended = list.finish().await.exits_with(0);
    let listed: Value = serde_json::from_str(&reading.join().unwrap().unwrap()).unwrap();
    assert_eq!(listed["organizations"].as_array().unwrap().len(), 700);
    assert!(ended.page().body.contains("Your terminal shows the list"));
}

#[tokio::test]
async fn a_signal_while_a_list_is_printed_says_that_the_list_is_not_whole() {
    let organization = |number| Organization::new(format!("org-{number}")).titled("x".repeat(100));
    let scenario = Scenario::of((0..700).map(organization));
    let (_unread, writer) = std::io::pipe().unwrap();
    let mut list = create(scenario).command("list").stdout(writer).start().await;
    list.browser(Consent::Allow).await;
    let port = list.port;
    until(|| is_free(port)).await;
    list.signal("TERM").await;
    let ended = list.finish().await.exits_with(143);
    assert!(ended.stderr.contains("interrupted; the list was not printed in full"), "{}", ended.stderr);
}

#[tokio::test]
async fn json_without_a_reader_is_found_before_anything_else_happens() {
    let without_reader = std::io::pipe().unwrap().1;
    for (stdout, problem) in [
        (OwnedFd::from(File::open("/etc/hosts").unwrap()), "standard output cannot be written to"),
        (without_reader.into(), "standard output has no reader"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let create = keymint(&home).args(["create", "--no-browser", "--json", "--env-file"]);
        let stderr = create.current_dir(&home).stdout(stdout).output().await.exits_with(11).stderr;
        assert!(stderr.contains(problem) && !stderr.contains("/oauth/authorize"), "{stderr}");
        assert!(!home.path().join(".env").exists());
    }
}

#[tokio::test]
async fn a_sign_in_whose_url_nothing_would_keep_is_not_saved() {
    for redirection in [">&-", ">/dev/null", "1</etc/hosts"] {
        let home = tempfile::tempdir().unwrap();
        let under = ["sh", "-c", &format!("exec \"$@\" {redirection}"), "keymint"].map(OsString::from);
        let ended = keymint(&home).args(["start"]).under(under).output().await.exits_with(11);
        assert!(ended.stderr.contains("the URL of the sign-in cannot be shown"), "{}", ended.stderr);
        assert!(!home.path().join(".local/state/keymint/pending").exists(), "{redirection}");
    }
}

#[tokio::test]
async fn a_standard_input_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    for args in [&["finish"][..], &["import", "--env-file"]] {
        let home = tempfile::tempdir().unwrap();
        let program = keymint(&home).args(args).current_dir(&home).stdin(File::open("/").unwrap());
        let ended = program.output().await.exits_with(1);
        assert!(ended.stderr.contains("standard input cannot be read: Is a directory"), "{}", ended.stderr);
    }
}

/// The program is started with and without SIGPIPE ignored, as some shells do.
#[tokio::test]
async fn a_reader_that_leaves_during_the_sign_in_costs_no_key() {
    for under in [&[][..], &["sh", "-c", "trap '' PIPE; exec \"$@\"", "keymint"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut run = create(Scenario::ready()).under(under).stdout(writer).start().await;
        run.url().await;
        drop(reader);
        let ended = run.answer(Consent::Allow).await.exits_with(9);
        assert_eq!(ended.kept(), format!("{}\n", ended.key()));
    }
}

#[tokio::test]
async fn a_full_disk_is_reported_by_each_command_that_prints() {
    for args in [&["status"][..], &["config"], &["recover", "--json"], &["start"], &["completions", "bash"]] {
        let home = tempfile::tempdir().unwrap();
        let ended = keymint(&home).args(args).stdout(full_disk()).output().await;
        let output = &ended.stderr;
        assert_eq!(ended.code, 1, "{args:?}: {output}");
        assert!(output.contains("error: standard output failed: No space left"), "{args:?}: {output}");
        let pending = fs::read_dir(home.path().join(".local/state/keymint/pending"));
        assert_eq!(pending.into_iter().flatten().count(), 0, "{args:?} saves a sign-in without its URL");
    }
}

#[tokio::test]
async fn a_reader_that_leaves_a_command_that_only_shows_is_no_error() {
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["config", "--json"],
        &["recover", "--json"],
        &["man"],
        &["doctor"],
    ] {
        let home = tempfile::tempdir().unwrap();
        let (_, writer) = std::io::pipe().unwrap();
        let keymint = keymint(&home).args(args).env("KEYMINT_ISSUER", "http://127.0.0.1:1");
        let ended = keymint.env("KEYMINT_API_BASE", "http://127.0.0.1:1").stdout(writer).output().await;
        assert!(!ended.stderr.contains("error"), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.code, i32::from(args == ["doctor"]), "{args:?}: {}", ended.stderr);
    }
    let (_, writer) = std::io::pipe().unwrap();
    let ended = create(Scenario::ready()).command("list").stdout(writer).sign_in().await.exits_with(0);
    assert!(!ended.stderr.contains("error"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_file_without_room_for_a_key_is_found_out_before_anything_else_happens() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("large");
    fs::write(&file, vec![b'\n'; 128 * 1024]).unwrap();
    // The unit is half a KiB or one KiB, depending on the shell.
    let may_not_grow = ["sh", "-c", "ulimit -f 64; exec \"$@\"", "keymint"].map(OsString::from).to_vec();
    let full = Strace::of("fallocate", &["-e", "inject=fallocate:error=ENOSPC"]);
    for under in [Some(may_not_grow), full.map(|strace| strace.words().to_vec())].into_iter().flatten() {
        let stdout = OpenOptions::new().append(true).open(&file).unwrap();
        let create = keymint(&home).args(["create", "--no-browser"]).under(under).stdout(stdout);
        let stderr = create.output().await.exits_with(11).stderr;
        assert!(
            stderr.contains("no room for the output") && !stderr.contains("/oauth/authorize"),
            "{stderr}"
        );
        assert_eq!(fs::metadata(&file).unwrap().len(), 128 * 1024);
    }
}

#[tokio::test]
async fn an_unread_standard_error_keeps_no_key_back() {
    let home = tempfile::tempdir().unwrap();
    let (_unread, stderr) = std::io::pipe().unwrap();
    let mut filler = stderr.try_clone().unwrap();
    std::thread::spawn(move || filler.write_all(&[b'\n'; 1024 * 1024]));
    let demo = keymint(&home).args(["demo"]).stderr(stderr).output().await;
    assert!(demo.code == 0 && demo.stdout.starts_with("sk-proj-"));
}

#[tokio::test]
async fn a_standard_output_that_does_not_wait_is_waited_for_and_has_the_whole_key() {
    let (mut here, mut there) = UnixStream::pair().unwrap();
    there.set_nonblocking(true).unwrap();
    let mut filled = 0;
    while let Ok(written) = there.write(&[b' '; 4096]) {
        filled += written;
    }
    let mut run = create(Scenario::ready()).stdout(OwnedFd::from(there)).start().await;
    let url = run.url().await;
    let browser = browse(&url, Consent::Allow);
    run.line(|line| line.contains("Created \"")).await;
    let read = std::thread::spawn(move || {
        let mut text = String::new();
        here.read_to_string(&mut text).unwrap();
        text
    });
    browser.await.unwrap().unwrap();
    let key = format!("{}\n", run.sandbox.keys()[0].value);
    assert_eq!(run.finish().await.code, 0);
    assert_eq!(read.join().unwrap()[filled..], key);
}

#[tokio::test]
async fn a_standard_error_that_takes_nothing_changes_no_outcome() {
    let home = tempfile::tempdir().unwrap();
    let output = home.path().join("output");
    for redirection in ["2>&-", "2>/dev/full", "2</etc/hosts"] {
        let run = async |words: &str| {
            let script = format!("exec \"$@\" {redirection}");
            let keymint = keymint(&home).under(["sh", "-c", &script, "keymint"]).args(words.split(' '));
            keymint.stdout(File::create(&output).unwrap()).output().await.code
        };
        assert_eq!(run("demo").await, 0, "{redirection}");
        let key = fs::read_to_string(&output).unwrap();
        assert!(key.starts_with("sk-proj-") && key.lines().count() == 1, "{redirection}: {key}");

        let port = free_port();
        let late = format!("create --json --no-browser --sign-in-timeout 50ms --callback-port {port}");
        assert_eq!(run(&late).await, 5, "{redirection}");
        let json = fs::read_to_string(&output).unwrap();
        assert!(json.contains("sign_in_timeout") && json.lines().count() == 1, "{redirection}: {json}");
        assert_eq!(run("create --no-such-flag").await, 2, "{redirection}");
    }
}

/// Returns the output of a successful run on a terminal.
async fn shown(environment: &[(&str, &str)], words: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let keymint = keymint(&home).under(ON_A_TERMINAL).args(words.split(' '));
    let ended = keymint.env("TERM", "xterm-256color").envs(environment.iter().copied()).output().await;
    assert_eq!(ended.code, 0);
    ended.stdout
}

#[tokio::test]
async fn a_terminal_is_steered_and_coloured_only_where_that_is_welcome() {
    let spins = |shown: &str| shown.contains("\x1b[2K");
    let usual = shown(&[], "demo").await;
    assert!(spins(&usual), "{usual:?}");
    assert!(is_colored(&shown(&[], "help").await));

    for (environment, words) in
        [(("TERM", "dumb"), "demo"), (("TERM", "dumb"), "help"), (("A", "1"), "demo -q")]
    {
        let plain = shown(&[environment], words).await;
        assert!(!plain.contains('\x1b'), "{environment:?} {words}: {plain:?}");
    }
    for words in ["demo", "help"] {
        let without = shown(&[("NO_COLOR", "1")], words).await;
        assert!(!is_colored(&without), "{words}: {without:?}");
    }
}

#[tokio::test]
async fn the_spinner_does_not_say_that_a_created_key_is_being_created() {
    let shown = shown(&[], "demo").await;
    let (before, after) = shown.split_once("Created \"").unwrap();
    assert!(before.contains("Creating the key"), "{shown:?}");
    assert!(!after.contains("Creating the key"), "{shown:?}");
}

/// The terminal also has no known size, as `script` creates one.
#[tokio::test]
async fn the_account_is_shown_on_a_terminal_before_a_key_is_made_and_nowhere_else() {
    let machine = machine(Scenario::ready()).await;
    let mut terminal = machine.terminal("create --no-browser");
    let browser = browse(&terminal.url().await, Consent::Allow);
    terminal.shows("Signed in as dev@sandbox.test.").await;
    terminal.shows("Created \"").await;
    assert_eq!(terminal.end().await.0, 0);
    browser.await.unwrap().unwrap();

    for args in [&[][..], &["-v"], &["--events"]] {
        let ended = create(Scenario::ready()).args(args).sign_in().await;
        assert!(ended.code == 0 && !ended.stderr.contains("dev@"), "{}", ended.stderr);
    }
}

/// Returns the lines that a terminal shows at the end, the key replaced.
fn last_lines(shown: &str, key: &str) -> String {
    let mut screen = vt100::Parser::new(60, 300, 0);
    screen.process(shown.as_bytes());
    let lines = screen.screen().contents().replace(key, "[KEY]");
    lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_key_on_a_terminal_has_empty_lines_around_it_and_none_at_the_end() {
    let machine = machine(Scenario::ready()).await;
    let to_file = format!("create --no-browser --print --env-file {}/.env", machine.home.path().display());
    for (words, end) in [
        (&*to_file, "as OPENAI_API_KEY\n\n[KEY]"),
        ("create --no-browser --print --verify --name two", "[KEY]\n\n✓ The platform accepts the key."),
        (
            "create --no-browser --name three",
            "✓ Created \"three\" in Personal / Default project\n\n[KEY]\n\nShown once.",
        ),
    ] {
        let mut terminal = machine.terminal(words);
        browse(&terminal.url().await, Consent::Allow);
        let mut shown = terminal.shows("Signed in as ").await;
        let (code, rest) = terminal.end().await;
        shown += &rest;
        assert_eq!(code, 0, "{shown}");
        assert!(!shown.ends_with("\n\r\n"), "{shown:?}");
        let lines = last_lines(&shown, &machine.sandbox.keys().last().unwrap().value);
        assert!(lines.contains(end), "{lines}");
    }
    let start = machine.terminal("start").end().await.1;
    let url = start.lines().position(|line| line.contains("/oauth/authorize?")).unwrap();
    let lines: Vec<_> = start.lines().collect();
    assert_eq!((lines[url - 1], lines[url + 1]), ("", ""), "{start}");
}

#[tokio::test]
async fn a_demonstration_marks_each_step_on_a_terminal() {
    let demo = last_lines(&shown(&[], "demo").await, "[none]");
    for step in [
        "\n✓ Listening at http",
        "\n✓ The authorization server has granted access.\n✓ The platform has opened a session.",
        "\n✓ Found Personal / Default project.\n✓ Signed in as dev@sandbox.test.\n✓ Created \"",
        "\n\n✓ Revoked the refresh token of this sign-in.\n\nNow for real: `keymint create`",
    ] {
        assert!(demo.contains(step), "{demo}");
    }
}

#[tokio::test]
async fn a_file_gets_the_key_and_nothing_else_beside_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("keys");
    fs::write(&path, "# mine\n").unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    assert!(keymint(&home).args(["demo"]).stdout(file).succeeds().await);
    let content = fs::read_to_string(path).unwrap();
    assert!(content.starts_with("# mine\nsk-proj-") && content.lines().count() == 2, "{content}");
}
