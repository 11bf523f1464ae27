//! `run --mask`: a command whose output is shown without the key.

#![cfg(target_os = "linux")]

use crate::keyring::{BUS, at_a_terminal, keymint_in, keymint_under};
use crate::support::keymint;
use keymint_sandbox::{Consent, sign_in};
use keymint_testkit::{Canaries, Launch, Session, Terminal};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const KEY: &str = "sk-proj-A1b2C3d4E5f6G7h8_of-the-tests-of-the-mask-I9j0K1l2M3n4O5p6-9f3A";

/// The parent process of the tests may ignore these signals, and a shell cannot change that for its commands.
const DEFAULT_SIGNALS: &[&str] = &["env", "--default-signal=INT,QUIT,HUP"];

/// Commands that print the key, each in another encoding.
const ENCODERS: &[&str] = &[
    "cat",
    "tr a-z A-Z",
    "tr A-Z a-z",
    "base64",
    "base64 -w0 | tr +/ -_ | tr -d =",
    "{ printf a; cat; } | base64 -w0",
    "{ printf ab; cat; } | base64 -w0",
    "{ cat; printf abc; } | base64 -w0",
    "od -An -v -tx1 | tr -d ' \n'",
    "od -An -v -tx1 | tr -d ' \n' | tr a-f A-F",
    "od -An -v -tx1 | tr -d '\n' | tr ' ' %",
    "sed 's/-/%2D/g; s/_/%5F/g'",
    "cut -c 1-20",
    "cut -c 30-",
    "sed 's/./&\\\n/30'",
    // Byte by byte, with pauses.
    "fold -w1 | while read -r one; do printf %s \"$one\"; sleep 0.03; done",
];

fn session_with(profile: &str) -> &'static Session {
    let session = Session::shared();
    session.store(profile, &[], KEY);
    session
}

#[tokio::test]
async fn the_key_is_masked_in_each_form_and_on_both_streams() {
    let session = session_with("mask");
    let canaries = Canaries::of([KEY.to_owned()]);
    for encoder in ENCODERS {
        let script = format!(
            "{{ printf 'before '; printf %s \"$OPENAI_API_KEY\" | {{ {encoder}; }}; }} | tee /dev/stderr"
        );
        let run = ["run", "--mask", "--profile", "mask", "--", "sh", "-c", &script];
        let ended = keymint_in(session, &run).await.exits_with(0);
        for shown in [ended.stdout, ended.stderr] {
            assert!(shown.contains("before ") && shown.contains("[redacted]"), "{encoder}: {shown}");
            assert_eq!(canaries.find(&shown), None, "{encoder}");
        }
    }
}

#[tokio::test]
async fn the_mask_has_a_variable_and_a_key_of_the_configuration_file() {
    let session = session_with("mask-set");
    let home = tempfile::tempdir().unwrap();
    let printed = async |variable: &str| {
        let keymint = keymint(&home).env(BUS, &session.address).env("KEYMINT_MASK", variable);
        let run = ["run", "--profile", "mask-set", "--", "printenv", "OPENAI_API_KEY"];
        keymint.args(run).output().await.exits_with(0).stdout
    };
    assert_eq!(printed("").await, format!("{KEY}\n"));
    assert_eq!(printed("1").await, "[redacted]\n");
    fs::create_dir_all(home.path().join(".config/keymint")).unwrap();
    fs::write(home.path().join(".config/keymint/config.toml"), "mask = true\n[profiles.mask-set]\n").unwrap();
    assert_eq!(printed("").await, "[redacted]\n");
    assert_eq!(printed("0").await, format!("{KEY}\n"));
}

#[tokio::test]
async fn a_masked_command_ends_as_without_the_mask() {
    let session = session_with("mask-end");
    let end = async |words: &[&str]| {
        keymint_in(session, &[&["run", "--mask", "--profile", "mask-end", "--"], words].concat()).await
    };
    assert_eq!(end(&["sh", "-c", "exit 42"]).await.code, 42);
    for (signal, number) in [("TERM", 15), ("KILL", 9), ("PIPE", 13), ("SEGV", 11)] {
        let ended = end(&["sh", "-c", &format!("kill -s {signal} $$")]).await;
        assert_eq!(ended.status.signal(), Some(number));
    }
    for (command, code) in [("no-such-command", 127), ("/dev/null", 126)] {
        let ended = end(&[command]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""));
        assert!(ended.stderr.contains(command), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_signal_reaches_a_masked_command() {
    let session = session_with("mask-signal");
    let script = "trap 'echo heard; kill $!; exit 7' \"$1\"; kill -s \"$1\" $PPID; sleep 100 & wait";
    // Without a terminal: on one, Ctrl-C reaches the command by itself.
    let apart = [DEFAULT_SIGNALS, &["setsid", "--wait"]].concat();
    for signal in ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM"] {
        let run = ["run", "--mask", "--profile", "mask-signal", "--", "sh", "-c", script, "sh", signal];
        let ended = keymint_under(&apart, session, &run).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (7, "heard\n"), "{signal}: {}", ended.stderr);
    }
}

/// `nohup` starts it so.
#[tokio::test]
async fn a_signal_that_is_ignored_stays_so_for_a_masked_command() {
    let session = session_with("mask-ignored");
    let nohup = ["sh", "-c", r#"trap "" HUP; exec "$@""#, "sh"];
    let run = [
        "run",
        "--mask",
        "--profile",
        "mask-ignored",
        "--",
        "sh",
        "-c",
        "kill -s HUP $PPID $$; echo goes on",
    ];
    let ended = keymint_under(&nohup, session, &run).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "goes on\n"), "{}", ended.stderr);
}

#[tokio::test]
async fn any_bytes_pass_the_mask_unchanged() {
    let session = session_with("mask-bytes");
    let sum = ["sh", "-c", r#""$@" | sha256sum"#, "sh"];
    let program = env!("CARGO_BIN_EXE_keymint");
    let run = ["run", "--mask", "--profile", "mask-bytes", "--", "cat", program];
    let ended = keymint_under(&sum, session, &run).await.exits_with(0);
    let expected = Command::new("sh").args(["-c", "sha256sum <\"$1\"", "sh", program]).output().unwrap();
    assert_eq!(ended.stdout, String::from_utf8(expected.stdout).unwrap());
}

#[tokio::test]
async fn the_last_output_of_a_masked_command_is_shown() {
    let session = session_with("mask-pending");
    let home = tempfile::tempdir().unwrap();
    let late = r#"done=$1; shift; "$@" | { until [ -e "$done" ]; do sleep 0.01; done; wc -c; }"#;
    let done = home.path().join("done");
    let done = done.to_str().unwrap();
    let script = r#"head -c 50000 /dev/zero; touch "$0""#;
    let run = ["run", "--mask", "--profile", "mask-pending", "--", "sh", "-c", script, done];
    let ended = keymint_under(&["sh", "-c", late, "sh", done], session, &run).await;
    assert_eq!(ended.stdout.trim(), "50000", "{}", ended.stderr);
}

#[tokio::test]
async fn a_process_that_a_masked_command_leaves_behind_is_not_waited_for() {
    let session = session_with("mask-behind");
    for behind in ["sleep 1000", "yes"] {
        let script = format!("{behind} & echo $! >&2; echo its last words; exit 3");
        let run = ["run", "--mask", "--profile", "mask-behind", "--", "sh", "-c", &script];
        let ended = keymint_in(session, &run).await;
        assert_eq!(ended.code, 3);
        assert!(ended.stdout.contains("its last words\n"), "{behind}");
        let _ = Command::new("kill").arg(ended.stderr.trim()).output();
    }
}

#[tokio::test]
async fn a_masked_command_whose_reader_is_gone_ends_by_a_broken_pipe() {
    let session = session_with("mask-reader");
    let head = ["bash", "-c", r#""$@" | head -1; echo "${PIPESTATUS[0]}""#, "bash"];
    let run = ["run", "--mask", "--profile", "mask-reader", "--", "yes"];
    let ended = keymint_under(&head, session, &run).await;
    assert_eq!(ended.stdout, "y\n141\n", "{}", ended.stderr);
}

/// A terminal at which a shell with job control runs a script, whose arguments are a masked command.
fn at_a_shell(profile: &str, script: &str, command: &[&str], home: &tempfile::TempDir) -> Terminal {
    let session = session_with(profile);
    let keymint = [env!("CARGO_BIN_EXE_keymint"), "run", "--mask", "--profile", profile, "--"];
    let shell = Launch::new(DEFAULT_SIGNALS[0], home).args(&DEFAULT_SIGNALS[1..]);
    let shell = shell.args(["bash", "--norc", "-ic", script, "bash"]).args(keymint).args(command);
    Terminal::start(shell.env(BUS, &session.address).env("TERM", "xterm-256color"))
}

#[tokio::test]
async fn a_masked_command_at_a_terminal_has_one() {
    let home = tempfile::tempdir().unwrap();
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && ls --color=auto -d / && \
                  echo \"$OPENAI_API_KEY\" && echo \"$OPENAI_API_KEY\" >/dev/tty && exit 5";
    let shell = "stty rows 31 columns 97; \"$@\"; echo \"ended: $?\"; stty -a";
    let (code, shown) = at_a_shell("mask-tty", shell, &["sh", "-c", script], &home).end().await;
    assert_eq!(code, 0, "{shown}");
    for expected in
        ["31 97\r\n", "\u{1b}[", "[redacted]\r\n[redacted]\r\n", "ended: 5\r\n", " icanon", " echo "]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert_eq!(Canaries::of([KEY.to_owned()]).find(&shown), None);
}

#[tokio::test]
async fn a_prompt_of_a_masked_command_is_shown_and_what_is_typed_arrives() {
    let home = tempfile::tempdir().unwrap();
    // It prompts for the key when the terminal no longer shows what is typed.
    let script = "printf 'Name: '; read -r name; echo \"Hello $name\"; stty -echo; printf 'Key: '; read -r key; \
                  stty echo; echo \"$key\"";
    let mut terminal = at_a_shell("mask-prompt", r#""$@""#, &["sh", "-c", script], &home);
    terminal.shows("Name: ").await;
    terminal.types("you\n").await;
    terminal.shows("Hello you").await;
    terminal.shows("Key: ").await;
    terminal.types("not shown\n").await;
    let (code, shown) = terminal.end().await;
    assert_eq!((code, shown.matches("not shown").count()), (0, 1), "{shown}");
}

#[tokio::test]
async fn the_size_of_the_terminal_is_passed_on_to_a_masked_command() {
    let home = tempfile::tempdir().unwrap();
    let script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done";
    let resize = "until [ -e \"$HOME/ready\" ]; do sleep 0.01; done; stty rows 41 columns 113 </dev/tty";
    let shell = format!("stty rows 20 columns 70; ({resize}) & \"$@\"");
    let mut terminal = at_a_shell("mask-size", &shell, &["sh", "-c", script], &home);
    terminal.shows("ready").await;
    fs::write(home.path().join("ready"), "").unwrap();
    terminal.shows("41 113").await;
}

#[tokio::test]
async fn ctrl_c_reaches_a_masked_command_once_and_ends_it() {
    let home = tempfile::tempdir().unwrap();
    // A shell that is interrupted right before it starts a program notices it at the end of the program.
    let script = "trap 'echo interrupted; trap - INT' INT; sh -c 'echo ready; exec sleep 100'; \
                  sh -c 'echo again; exec sleep 100'";
    let shell = r#""$@"; echo "ended: $?""#;
    let mut terminal = at_a_shell("mask-ctrl-c", shell, &["sh", "-c", script], &home);
    terminal.shows("ready").await;
    terminal.types("\u{3}").await;
    terminal.shows("interrupted").await;
    terminal.shows("again").await;
    terminal.types("\u{3}").await;
    terminal.end().await;
}

#[tokio::test]
async fn a_masked_command_stops_and_goes_on_with_its_job() {
    let home = tempfile::tempdir().unwrap();
    for (script, stops) in [
        ("echo ready; read -r line; echo \"read: $line\"", "\u{1a}"),
        ("echo ready; kill -s STOP $$; read -r line; echo \"read: $line\"", ""),
    ] {
        let shell = r#""$@"; echo "stopped: $?"; stty -a; fg; echo "ended: $?""#;
        let mut terminal = at_a_shell("mask-job", shell, &["sh", "-c", script], &home);
        terminal.shows("ready").await;
        terminal.types(stops).await;
        terminal.shows("stopped: 147").await;
        let modes = terminal.shows(" echoke").await;
        assert!(modes.contains("\nisig icanon "), "{modes}");
        terminal.types("typed\n").await;
        terminal.shows("read: typed").await;
        terminal.shows("ended: 0").await;
    }
}

/// Its output is redirected, but its input is the keyboard.
#[tokio::test]
async fn a_masked_command_beside_a_terminal_stops_and_goes_on_with_its_job() {
    let home = tempfile::tempdir().unwrap();
    let script =
        "test -t 2 && echo ready >&2; read -r line; echo \"read: $line\" >&2; echo \"$OPENAI_API_KEY\"";
    let shell = r#""$@" >"$HOME/out"; echo "stopped: $?"; fg; echo "ended: $?"; cat "$HOME/out""#;
    let mut terminal = at_a_shell("mask-beside", shell, &["sh", "-c", script], &home);
    terminal.shows("ready").await;
    terminal.types("\u{1a}").await;
    terminal.shows("stopped: 148").await;
    terminal.types("typed\n").await;
    terminal.shows("read: typed").await;
    terminal.shows("ended: 0").await;
    terminal.shows("[redacted]").await;
}

#[tokio::test]
async fn less_works_behind_the_mask() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    let lines: String = (1..200).map(|number| format!("line {number}\n")).collect();
    fs::write(&file, format!("{KEY}\n{lines}")).unwrap();
    let shell = r#"stty rows 24 columns 80; "$@"; echo "ended: $?""#;
    let mut terminal = at_a_shell("mask-less", shell, &["less", file.to_str().unwrap()], &home);
    let mut shown = terminal.shows("line 20").await;
    terminal.types(" ").await;
    shown += &terminal.shows("line 40").await;
    terminal.types("G").await;
    shown += &terminal.shows("line 199").await;
    terminal.types("q").await;
    shown += &terminal.shows("ended: 0").await;
    assert!(shown.contains("[redacted]"), "{shown}");
    assert_eq!(Canaries::of([KEY.to_owned()]).find(&shown), None);
}

#[tokio::test]
async fn a_key_that_is_created_first_is_masked_and_the_keyboard_is_the_commands() {
    let words = "run --mask --profile mask-new -- sh -c echo${IFS}begins;cat;printenv";
    let (mut terminal, machine) = at_a_terminal(words).await;
    let url = terminal.url().await;
    sign_in(&url, Consent::Allow).await.unwrap();
    terminal.shows("begins").await;
    terminal.types("typed\nmore\n\u{4}").await;
    let (code, shown) = terminal.end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.matches("typed").count() == 2 && shown.matches("more").count() == 2, "{shown}");
    assert!(shown.contains("OPENAI_API_KEY=[redacted]"), "{shown}");
    assert_eq!(Canaries::of([machine.sandbox.keys()[0].value.clone()]).find(&shown), None);
}
