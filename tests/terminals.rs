//! Terminals and pipes that are blocked, or that another program uses.

#![cfg(target_os = "linux")]

use crate::support::{KEYMINT, create, default_project, keymint, machine};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keymint_sandbox::{Consent, Organization, Scenario, sign_in_remotely};
use keymint_testkit::{Launch, Machine, Scripts, Strace, Terminal, browse, until, watch};
use rustix::io::ioctl_fionread;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{self, File, OpenOptions};
use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

/// Returns a terminal without a reader, which accepts no more output. It lives as long as the first value.
fn unread_terminal() -> (OwnedFd, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let path = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
    let open = |flags: OpenptFlags| {
        let flags = i32::try_from((flags | OpenptFlags::NOCTTY).bits()).unwrap();
        OpenOptions::new().read(true).write(true).custom_flags(flags).open(&path).unwrap()
    };
    let mut filler = open(OpenptFlags::from_bits_retain(rustix::fs::OFlags::NONBLOCK.bits()));
    // The system moves the output to the other end, which frees some space again.
    const FULL: u64 = 4095;
    let mut fill = || while filler.write(&[b' '; 512]).is_ok() {};
    while ioctl_fionread(&screen).unwrap() < FULL {
        fill();
    }
    fill();
    (screen, open(OpenptFlags::empty()))
}

/// Returns a full pipe and its reading end.
fn full_pipe() -> (PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b' '; 64 * 1024]).unwrap();
    (reader, writer)
}

/// Returns a browser that writes its URL into the file `url`.
fn browser() -> Scripts {
    Scripts::with("browser", "printf %s \"$1\" >new; mv new url")
}

#[tokio::test]
async fn an_unread_terminal_costs_no_key() {
    let (screen, terminal) = unread_terminal();
    let browser = browser();
    let machine = machine(Scenario::ready()).await;
    let file = machine.home.path().join(".env");
    let run = machine.keymint(["create", "--env-file"]).args([&file]).stderr(terminal);
    let run = run.env("DISPLAY", ":0").args(["--browser"]).args([browser.path("browser")]).spawn();
    until(|| browser.path("url").exists()).await;
    let page = watch(browse(&browser.read("url"), Consent::Allow)).await.unwrap().unwrap();
    assert!(page.body.contains("key"), "{}", page.body);
    assert_eq!(run.finish().await.code, 0);
    assert_eq!(
        fs::read_to_string(file).unwrap(),
        format!("OPENAI_API_KEY={}\n", machine.sandbox.keys()[0].value)
    );
    drop(screen);
}

#[tokio::test]
async fn an_unread_standard_error_stops_no_time_limit_and_no_signal() {
    for is_terminal in [true, false] {
        for signal in [None, Some(("TERM", 143)), Some(("INT", 130))] {
            let (screen, terminal) = unread_terminal();
            let (pipe, writer) = full_pipe();
            let machine = machine(Scenario::ready()).await;
            let limit = if signal.is_some() { "10min" } else { "1s" };
            let run = machine.keymint(["create", "--no-browser", "--sign-in-timeout", limit]);
            let run = if is_terminal { run.stderr(terminal).spawn() } else { run.stderr(writer).spawn() };
            if let Some((signal, _)) = signal {
                until(|| std::net::TcpStream::connect(("127.0.0.1", machine.port)).is_ok()).await;
                run.signal(signal).await;
            }
            assert_eq!(
                run.finish().await.code,
                signal.map_or(5, |(_, code)| code),
                "{is_terminal} {signal:?}"
            );
            drop((screen, pipe));
        }
    }
}

#[tokio::test]
async fn the_last_words_arrive_when_the_reader_reads() {
    for (args, words) in [
        (&["create", "--no-such-flag"][..], "unexpected argument"),
        (&["finish", "http://localhost:5000/x"], "no pending sign-in"),
        (&["demo"], "Created \""),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut reader, writer) = full_pipe();
        let run = keymint(&home).args(args).stderr(writer).spawn();
        let threads = format!("/proc/{}/task", run.process());
        until(|| fs::read_dir(&threads).map_or(0, Iterator::count) > 1).await;
        let read = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        run.finish().await;
        let text = read.join().unwrap();
        assert!(text.contains(words), "{args:?}: {}", text.trim_start());
    }
}

#[tokio::test]
async fn a_terminal_that_is_held_with_ctrl_s_costs_no_key() {
    let machine = machine(Scenario::ready()).await;
    let file = machine.home.path().join(".env");
    let mut terminal = machine.terminal(&format!("create --no-browser --env-file {}", file.display()));
    let url = terminal.url().await;
    terminal.shows("paste its URL here.").await;
    terminal.types("\u{13}").await;
    watch(browse(&url, Consent::Allow)).await.unwrap().unwrap();
    assert_eq!(terminal.end().await.0, 0);
    assert_eq!(
        fs::read_to_string(file).unwrap(),
        format!("OPENAI_API_KEY={}\n", machine.sandbox.keys()[0].value)
    );
}

#[tokio::test]
async fn a_terminal_that_is_held_with_ctrl_s_stops_no_time_limit_and_no_signal() {
    for (limit, signal, code) in [("1s", None, 5), ("10min", Some("TERM"), 143)] {
        let machine = machine(Scenario::ready()).await;
        let mut terminal = machine.terminal(&format!("create --no-browser --sign-in-timeout {limit}"));
        terminal.url().await;
        terminal.types("\u{13}").await;
        if let Some(signal) = signal {
            terminal.signal(signal).await;
        }
        assert_eq!(terminal.end().await.0, code, "{signal:?}");
    }
}

#[tokio::test]
async fn unread_output_of_a_command_costs_no_key() {
    let script =
        Scripts::with("script", "cat >got; head -c 200000 /dev/zero | tr '\\0' x; yes | head -c 100000");
    let mut run = create(Scenario::ready()).args(["--pipe-to"]).args([script.path("script")]).start().await;
    let url = run.url().await;
    let page = watch(browse(&url, Consent::Allow)).await.unwrap().unwrap();
    assert_eq!(script.read("got"), run.sandbox.keys()[0].value, "{}", page.body);
    let status = format!("/proc/{}/stat", run.process());
    until(|| fs::read_to_string(&status).unwrap().contains(") Z ")).await;
    assert_eq!(run.finish().await.code, 0);
}

#[tokio::test]
async fn a_second_signal_ends_a_command_that_writes_without_end() {
    let script = Scripts::with("script", "cat >got; echo >ready; exec yes");
    let mut run = create(Scenario::ready()).args(["--pipe-to"]).args([script.path("script")]).start().await;
    let url = run.url().await;
    let browser = browse(&url, Consent::Allow);
    until(|| script.path("ready").exists()).await;
    run.signal("INT").await;
    run.signal("TERM").await;
    let ended = run.finish().await.exits_with(9);
    assert!(ended.stderr.contains("the wait was interrupted"));
    watch(browser).await.unwrap().unwrap();
}

/// Starts a shell with job control in which a sign-in runs in the background.
async fn in_the_background(machine: &Machine) -> (Terminal, String) {
    let shell = Launch::new("bash", &machine.home).args(["--norc", "--noprofile", "-i"]);
    let shell = shell.current_dir(&machine.home).envs(machine.environment()).env("TERM", "xterm");
    let mut terminal = Terminal::start(shell);
    terminal.types(&format!("{KEYMINT} create --no-browser --env-file &\n")).await;
    let url = terminal.url().await;
    (terminal, url)
}

#[tokio::test]
async fn a_sign_in_in_the_background_of_a_shell_ends_with_the_key() {
    let machine = machine(Scenario::ready()).await;
    let (mut terminal, url) = in_the_background(&machine).await;
    // The shell gets this input while the sign-in waits.
    terminal.types("echo it is $((40 + 2))\n").await;
    terminal.shows("it is 42").await;
    watch(browse(&url, Consent::Allow)).await.unwrap().unwrap();
    terminal.types("wait %1; echo code $?\n").await;
    terminal.shows("code 0").await;
    let key = machine.sandbox.keys()[0].value.clone();
    let content = fs::read_to_string(machine.home.path().join(".env")).unwrap();
    assert_eq!(content, format!("OPENAI_API_KEY={key}\n"));
    terminal.types("exit\n").await;
    terminal.end().await;
}

/// With `stty tostop`, the system stops a background program that writes to the terminal.
#[tokio::test]
async fn a_key_waits_in_the_background_for_a_terminal_that_is_not_to_be_written_to() {
    for destination in ["--print", "--copy"] {
        let machine = machine(Scenario::ready()).await;
        let browser = browser();
        let shell = Launch::new("bash", &machine.home).args(["--norc", "--noprofile", "-i"]);
        let shell = shell.current_dir(&machine.home).envs(machine.environment()).env("TERM", "xterm");
        let mut terminal = Terminal::start(shell);
        let said = machine.home.path().join("said");
        let words = format!("--browser {} {destination}", browser.path("browser").display());
        terminal.types(&format!("stty tostop; {KEYMINT} create {words} 2>said &\n")).await;
        until(|| browser.path("url").exists()).await;
        let page = browse(&browser.read("url"), Consent::Allow);
        until(|| fs::read_to_string(&said).is_ok_and(|said| said.contains("Created \""))).await;
        // The shell shows the job once it is stopped.
        terminal.types("for i in 1 2 3; do sleep 0.1; jobs -s; done; echo it is $((40 + 2))\n").await;
        let shown = terminal.shows("it is 42").await;
        assert!(!shown.contains("Stopped"), "{shown}");
        terminal.types("fg\n").await;
        let key = machine.sandbox.keys()[0].value.clone();
        let copied = BASE64_STANDARD.encode(&key);
        terminal.shows(if destination == "--print" { &key } else { &copied }).await;
        terminal.types("echo code $?\n").await;
        terminal.shows("code 0").await;
        watch(page).await.unwrap().unwrap();
        terminal.types("exit\n").await;
        terminal.end().await;
    }
}

/// It also works after it was stopped.
#[tokio::test]
async fn a_sign_in_that_comes_to_the_foreground_takes_a_pasted_url() {
    let machine = machine(Scenario::ready()).await;
    let (mut terminal, url) = in_the_background(&machine).await;
    let address = sign_in_remotely(&url, Consent::Allow).await.unwrap();
    terminal
        .types("kill -TSTP %1; until jobs -s | grep -q .; do :; done; bg; echo it is $((40 + 2))\n")
        .await;
    terminal.shows("it is 42").await;
    terminal.types("fg\n").await;
    // The shell's echo, and then the command as the shell shows it.
    terminal.shows("fg").await;
    terminal.shows("create --no-browser --env-file\r\n").await;
    terminal.types(&format!("{address}\n")).await;
    terminal.shows("Saved to ").await;
    // Without the prompt, the line would go to the sign-in.
    terminal.shows("bash-").await;
    terminal.types("exit\n").await;
    terminal.end().await;
    assert_eq!(machine.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn standard_input_that_does_not_wait_is_waited_for() {
    let machine = machine(Scenario::ready()).await;
    let started = machine.keymint(["start", "--json"]).output().await.exits_with(0).json();
    let address = sign_in_remotely(started["url"].as_str().unwrap(), Consent::Allow).await.unwrap();
    let (here, there) = UnixStream::pair().unwrap();
    there.set_nonblocking(true).unwrap();
    let run = machine.keymint(["finish"]).stdin(OwnedFd::from(there)).spawn();
    let threads = format!("/proc/{}/task", run.process());
    let has_two = || fs::read_dir(&threads).map_or(true, |threads| threads.count() > 1);
    until(has_two).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    (&here).write_all(format!("{address}\n").as_bytes()).unwrap();
    drop(here);
    assert_eq!(run.finish().await.exits_with(0).stdout.trim(), machine.sandbox.keys()[0].value);
}

#[tokio::test]
async fn a_url_that_a_terminal_cuts_is_said_to_be_cut() {
    let machine = machine(Scenario::ready()).await;
    let mut terminal = machine.terminal("create --no-browser");
    let url = terminal.url().await;
    terminal.shows("paste its URL here.").await;
    let address = sign_in_remotely(&url, Consent::Allow).await.unwrap();
    let (path, query) = address.split_once('?').unwrap();
    // The state and the code come first, so that only the end is cut.
    let long = format!("{path}?{query}&more={}", "x".repeat(4200));
    terminal.types(&format!("{long}\n")).await;
    terminal.shows("takes at most 4095 characters").await;
    terminal.shows("at once:").await;
    let (begin, end) = long.split_at(3000);
    terminal.types(&format!("{begin}\n{end}\n")).await;
    assert_eq!(terminal.end().await.0, 0);

    let mut terminal = machine.terminal("finish");
    terminal.shows("Paste the URL").await;
    terminal.types(&format!("{long}\n")).await;
    terminal.shows("keymint finish <FILE").await;
    assert_eq!(terminal.end().await.0, 2);
}

#[tokio::test]
async fn text_that_is_typed_after_an_answer_is_no_pasted_url() {
    let machine = machine(Scenario::ready()).await;
    let file = machine.home.path().join(".env");
    fs::write(&file, "OPENAI_API_KEY=old\n").unwrap();
    let create = "create --no-browser --sign-in-timeout 1s --env-file";
    let mut terminal = machine.terminal(&format!("{create} {}", file.display()));
    terminal.shows("[y/N]").await;
    terminal.types("y\nno address\n").await;
    terminal.shows("paste its URL here.").await;
    let (code, shown) = terminal.end().await;
    assert!(code == 5 && !shown.contains("That URL belongs"), "{shown}");
}

#[tokio::test]
async fn a_system_without_a_free_thread_is_reported_before_the_sign_in() {
    let Some(strace) = Strace::of("clone,clone3", &["-e", "inject=clone,clone3:error=EAGAIN"]) else {
        return;
    };
    for command in [&["create", "--no-browser"][..], &["list"], &["doctor"], &["demo"]] {
        let machine = machine(Scenario::ready()).await;
        let ended = machine.keymint(command).under(strace.words()).output().await.exits_with(1);
        assert!(ended.stderr.contains("error: no thread can be started"), "{}", ended.stderr);
        assert_eq!(machine.sandbox.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_limit_of_open_files_is_raised_or_reported_before_the_sign_in() {
    let machine = machine(Scenario::ready()).await;
    // The system's linker also opens some.
    for limit in 8..=36 {
        let under = ["prlimit".to_owned(), format!("--nofile={limit}:{limit}")];
        let create = machine.keymint(["create", "--no-browser", "--pipe-to", "cat"]).under(under);
        let ended = create.output().await.exits_with(1);
        assert!(ended.stderr.contains("Too many open files"), "{limit}: {}", ended.stderr);
    }
    assert_eq!(machine.sandbox.requests().len(), 0);
    let home = tempfile::tempdir().unwrap();
    assert!(keymint(&home).args(["demo"]).under(["prlimit", "--nofile=20:64"]).succeeds().await);
}

#[tokio::test]
async fn fifty_columns_without_colors_have_whole_words_and_no_control_characters() {
    let organization = |id: &str| {
        let project = default_project(&format!("proj_of_{id}"));
        Organization::new(id).titled("A company").with_project(project)
    };
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let machine = machine(Scenario::of([organization("org-1"), organization("org-2")])).await;
        for (args, code) in [
            (&["doctor"][..], 0),
            (&["status"], 0),
            (&["config"], 0),
            (&["create", "-h"], 0),
            (&["doctor", "--sign-in"], 2),
            (&["create", "--env-file", "/no/such/directory/.env"], 11),
            (&["create", "--no-browser", "--organization", "A company", "--no-input"], 8),
            (&["create", "--no-browser", "--choose"], 0),
        ] {
            let is_menu = args.contains(&"--choose") && plain.0 == "NO_COLOR";
            if is_menu {
                continue;
            }
            let narrow = ["-c", "stty cols 50 rows 24; exec \"$@\"", "sh", KEYMINT];
            let run = Launch::new("sh", &machine.home).envs(machine.environment()).env(plain.0, plain.1);
            let mut terminal = Terminal::start(run.args(narrow).args(args));
            let mut shown = String::new();
            if args.contains(&"--no-browser") {
                shown += &terminal.shows("&state=").await;
                shown += &terminal.shows("\r\n").await;
                let url = shown.lines().find(|line| line.contains("/oauth/authorize?")).unwrap();
                drop(browse(url, Consent::Allow));
            }
            if args.contains(&"--choose") {
                shown += &terminal.shows("part of its name [1:").await;
                terminal.types("1\n").await;
            }
            let (ended, rest) = terminal.end().await;
            shown += &rest;
            assert_eq!(ended, code, "{shown}");
            // The spinner clears its own line.
            let shown = shown.replace("\u{1b}[2K", "");
            assert!(!shown.contains(|c: char| c.is_control() && c != '\r' && c != '\n'), "{shown:?}");
            // A path, a URL and a key are never broken, and the spinner returns to the start of its line.
            let is_long = |line: &str| line.contains(['/', '\r']) || line.starts_with("sk-proj-");
            let is_whole = |line: &str| line.chars().count() <= 50 || is_long(line);
            assert!(shown.split("\r\n").all(is_whole), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_path_and_a_name_are_shown_in_one_piece_on_a_narrow_terminal() {
    let machine = machine(Scenario::ready()).await;
    let directory = machine.home.path().join("My Project Folder");
    fs::create_dir(&directory).unwrap();
    let file = directory.join(".env");
    let narrow = ["-c", "stty cols 40 rows 24; exec \"$@\"", "sh", KEYMINT, "create", "--no-browser"];
    let run = Launch::new("sh", &machine.home).envs(machine.environment()).args(narrow);
    let mut terminal =
        Terminal::start(run.args(["--name", "the name of my key", "--env-file"]).args([&file]));
    let browser = browse(&terminal.url().await, Consent::Allow);
    terminal.shows("\"the name of my key\"").await;
    terminal.shows(&format!("\"{}\"", file.display())).await;
    assert_eq!(terminal.end().await.0, 0);
    watch(browser).await.unwrap().unwrap();
}
