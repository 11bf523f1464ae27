//! `--copy`, with simulated desktop programs and a terminal.

#![cfg(target_os = "linux")]

use crate::support::{Ended, Start, create};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keymint_sandbox::Scenario;
use keymint_testkit::{BESIDE_A_TERMINAL, Scripts};
use std::fs;

fn copy() -> Start {
    // In a session of its own it has no terminal.
    create(Scenario::ready()).args(["--copy"]).under(["setsid", "--wait"])
}

fn holds_that_it_is_kept(ended: &Ended) {
    let path = ended.stderr.split_once("so the key is also kept in ").expect(&ended.stderr).1;
    let path = path.split_once(".\n").unwrap().0;
    assert_eq!(fs::read_to_string(path).unwrap(), format!("{}\n", ended.key()));
}

#[tokio::test]
async fn the_program_of_the_desktop_gets_the_key_alone_and_the_key_is_kept() {
    for (name, variable, arguments) in [
        ("wl-copy", "WAYLAND_DISPLAY", "--type text/plain"),
        ("xclip", "DISPLAY", "-selection clipboard -in"),
    ] {
        // Like a real one, it leaves a process behind that holds the streams open.
        let programs = Scripts::with(
            name,
            "cat >got; echo \"$@\" >arguments; case \"$*\" in *-out*) exit;; esac; sleep 1000 & echo $! >id",
        );
        let ended =
            copy().env("PATH", programs.search_path()).env(variable, ":0").args(["--json"]).sign_in().await;

        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(
            (programs.read("got"), programs.read("arguments")),
            (ended.key(), format!("{arguments}\n"))
        );
        assert_eq!(ended.json()["delivered_to"], serde_json::json!([{ "kind": "clipboard" }]));
        assert!(ended.stderr.contains("Copied to the clipboard. Programs that record its history"));
        holds_that_it_is_kept(&ended);
        std::process::Command::new("kill").arg(programs.read("id").trim()).status().unwrap();
    }
}

#[tokio::test]
async fn a_key_that_is_also_elsewhere_is_not_kept_because_of_the_clipboard() {
    let programs = Scripts::with("xclip", "cat >/dev/null");
    let ended =
        copy().env("PATH", programs.search_path()).env("DISPLAY", ":0").args(["--print"]).sign_in().await;
    assert_eq!((ended.code, ended.stdout.clone()), (0, format!("{}\n", ended.key())), "{}", ended.stderr);
    assert!(!ended.stderr.contains("forgets"), "{}", ended.stderr);
}

#[tokio::test]
async fn without_a_desktop_and_a_terminal_no_clipboard_is_found_and_no_server_is_contacted() {
    for term in ["xterm", "dumb"] {
        let ended = copy().env("TERM", term).start().await.end().await.exits_with(11);
        assert!(ended.stderr.contains("no clipboard can be reached"), "{}", ended.stderr);
        assert_eq!(ended.sandbox.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_display_that_is_gone_is_found_before_any_server_is_contacted() {
    let programs = Scripts::with("xclip", "echo \"Error: Can't open display: $DISPLAY\" >&2; exit 1")
        .and("xsel", "echo \"xsel: Can't open display: (null)\" >&2; exit 1");
    let ended = copy().env("PATH", programs.search_path()).env("DISPLAY", ":77").start().await.end().await;
    assert_eq!((ended.code, ended.sandbox.requests().len()), (11, 0), "{}", ended.stderr);
    for problem in ["; xclip failed (Error: Can't open display: :77)", "; xsel failed (xsel: Can't open"] {
        assert!(ended.stderr.contains(problem), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_clipboard_is_reached_by_the_next_program_that_can() {
    let programs = Scripts::with("xclip", "exit 1").and("xsel", "cat >got; echo \"$@\" >arguments");
    let ended = copy().env("PATH", programs.search_path()).env("DISPLAY", ":0").sign_in().await.exits_with(0);
    let got = (programs.read("got"), programs.read("arguments"));
    assert_eq!(got, (ended.key(), "--clipboard --input\n".to_owned()));
}

#[tokio::test]
async fn a_terminal_is_asked_to_copy_and_the_streams_have_nothing_of_it() {
    let screen = tempfile::NamedTempFile::new().unwrap();
    let ended = create(Scenario::ready())
        .args(["--copy"])
        .under(BESIDE_A_TERMINAL)
        .env("SCREEN", screen.path())
        .env("TERM", "tmux-256color")
        .sign_in()
        .await;

    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    let sequence = format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(ended.key()));
    let expected = format!("{sequence}\x1bPtmux;\x1b{sequence}\x1b\\");
    assert_eq!(fs::read_to_string(screen.path()).unwrap(), expected);
    assert!(ended.stderr.contains("Asked your terminal to copy it to the clipboard"), "{}", ended.stderr);
    holds_that_it_is_kept(&ended);
}
