//! Failed runs: each exit code, and that no data is lost.

#[cfg(target_os = "linux")]
use crate::support::machine;
use crate::support::{create, keymint};
use keymint_sandbox::{Consent, Scenario};
#[cfg(target_os = "linux")]
use keymint_testkit::Terminal;
use keymint_testkit::{Launch, free_port, full_disk, get, skipped};
use std::fs;

#[tokio::test]
async fn the_servers_description_of_a_refusal_is_shown_clean_and_short() {
    let mut run = create(Scenario::ready()).args(["--json"]).start().await;
    let url = run.url().await;
    let state = url.rsplit_once("&state=").unwrap().1;
    let (hidden, long) = ("%3Cscript%3E%E2%80%AE", "y".repeat(7_000));
    let refusal = format!(
        "/auth/callback?error=access_denied&error_uri=http://evil.example&error_description={hidden}{long}&state={state}"
    );
    let port = run.port;
    let answer = get(port, &refusal).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    let page = tokio::spawn(async move { get(port, "/auth/done").await.unwrap() });
    let ended = run.end().await;
    let page = page.await.unwrap();

    assert_eq!((ended.code, ended.json()["kind"].as_str()), (4, Some("sign_in_refused")), "{}", ended.stderr);
    assert_eq!(ended.count("POST", "/oauth/token"), 0);
    assert!(ended.stderr.contains(r#"access_denied: "<script>\u{202e}yyy"#), "{}", ended.stderr);
    let quoted = ended.stderr.matches('y').count();
    assert!(quoted < 400 && !ended.stderr.contains("evil.example"), "{}", ended.stderr);
    assert!(page.contains("refused") && !page.contains("<script") && !page.contains("yyy"), "{page}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_relative_state_directory_does_not_count() {
    let ended = create(Scenario::ready())
        .env("XDG_STATE_HOME", "relative")
        .stdout(full_disk())
        .sign_in()
        .await
        .exits_with(9);
    assert!(ended.kept_in().starts_with(ended.home.path().join(".local/state")), "{}", ended.stderr);
    assert!(!std::path::Path::new("relative").exists());
}

/// The second sign-in on a port fails until the first ends, however it ends.
#[cfg(unix)]
#[tokio::test]
async fn a_second_sign_in_on_the_same_port_ends_with_3_and_says_who_waits() {
    let state = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let sign_in =
        || create(Scenario::ready()).env("XDG_STATE_HOME", state.path()).env("KEYMINT_CALLBACK_PORT", &port);
    let mut first = sign_in().start().await;
    first.url().await;

    let second = sign_in().args(["--json"]).start().await.end().await;
    assert_eq!((second.code, second.json()["kind"].as_str()), (3, Some("callback_unavailable")));
    let holder = format!("process {}, since 2", first.process());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);
    let hint =
        format!("Complete it, or stop it with Ctrl-C or `kill {}`. Then run this again.", first.process());
    assert!(second.stderr.contains(&hint), "{}", second.stderr);

    first.kill().await;
    let mut third = sign_in().start().await;
    third.url().await;
}

#[tokio::test]
async fn an_authorization_server_that_cannot_be_reached_is_reported_before_the_sign_in() {
    let issuer = format!("http://127.0.0.1:{}", free_port());
    let mut run = create(Scenario::ready()).args(["--issuer", &issuer]).start().await;
    run.url().await;
    run.line(|line| line.contains(&format!("warning: {issuer} cannot be reached: could not connect: ")))
        .await;
    run.kill().await;
}

#[tokio::test]
async fn without_a_place_for_records_it_ends_with_11_before_anything_else_happens() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    ends_at_once(keymint(&home).env("XDG_STATE_HOME", file), "XDG_STATE_HOME").await;
}

/// With `sudo -E`, the user's HOME stays set.
#[cfg(unix)]
#[tokio::test]
async fn nothing_is_left_in_the_home_of_another_user() {
    let home = tempfile::tempdir().unwrap();
    if std::os::unix::fs::chown(home.path(), Some(12_345), None).is_err() {
        return skipped("only the administrator can give directories away");
    }
    ends_at_once(keymint(&home), "`sudo -H`").await;
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

/// Checks that `create` ends with 11 and these words before the sign-in.
async fn ends_at_once(keymint: Launch, words: &str) {
    let stderr = keymint.args(["create", "--no-browser"]).output().await.exits_with(11).stderr;
    assert!(stderr.contains(words) && !stderr.contains("/oauth/authorize"), "{stderr}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_standard_output_that_keeps_nothing_ends_with_11_before_anything_else_happens() {
    let home = tempfile::tempdir().unwrap();
    for redirection in [">&-", ">/dev/null", "1</etc/hosts", "1</tmp"] {
        let script = format!("exec \"$@\" {redirection}");
        ends_at_once(keymint(&home).under(["sh", "-c", &script, "sh"]), "standard output").await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_reader_that_is_gone_ends_with_11_before_anything_else_happens() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    ends_at_once(keymint(&home).stdout(writer), "has no reader").await;
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(reader);
    ends_at_once(keymint(&home).stdout(std::os::fd::OwnedFd::from(writer)), "has no reader").await;
}

#[tokio::test]
async fn a_dry_run_that_cannot_be_printed_claims_no_key() {
    let ended = create(Scenario::ready())
        .args(["--dry-run", "--json"])
        .stdout(full_disk())
        .start()
        .await
        .answer(Consent::Allow)
        .await;
    let page = ended.page();

    assert_eq!((ended.code, ended.sandbox.keys().len()), (1, 0), "{}", ended.stderr);
    assert!(page.body.contains("No key was created"), "{}", page.body);
}

/// The run has a namespace of its own, whose hosts file has another address.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_localhost_that_leads_elsewhere_ends_with_3_before_the_browser_opens() {
    let home = tempfile::tempdir().unwrap();
    let hosts = home.path().join("hosts");
    fs::write(&hosts, "127.0.1.1 localhost\n").unwrap();
    let mount = format!("mount --bind {} /etc/hosts && exec \"$0\" \"$@\"", hosts.display());
    let under = ["unshare", "-rm", "sh", "-c", &mount];
    let probe = Launch::new("unshare", &home).args(["-rm", "mount", "--bind"]).args([&hosts]);
    if !probe.args(["/etc/hosts"]).succeeds().await {
        skipped("no mount namespace can be made here");
        return;
    }
    let port = free_port().to_string();
    let keymint = keymint(&home).under(under);
    let output = keymint.args(["create", "--no-browser", "--callback-port", &port]).output().await;

    let stderr = output.stderr;
    assert_eq!(output.code, 3, "{stderr}");
    assert!(stderr.contains("127.0.1.1") && stderr.contains("hosts file"), "{stderr}");
    assert!(!stderr.contains("/oauth/authorize"), "{stderr}");

    // A user at a terminal can paste the URL.
    let machine = machine(Scenario::ready()).await;
    let mut terminal = Terminal::start(machine.keymint(["create", "--no-browser"]).under(under));
    let warning = terminal.shows("hosts").await;
    assert!(warning.contains("127.0.1.1") && !warning.contains("(process"), "{warning}");
}

/// A slim container image has no certificates. The run has a namespace of its own without them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_system_without_certificates_ends_with_6_and_the_advice_to_install_them() {
    let (home, none) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let places: Vec<_> = ["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates"]
        .into_iter()
        .filter(|place| std::path::Path::new(place).exists())
        .map(|place| format!("mount --bind {} {place}", none.path().display()))
        .collect();
    let mount = places.join(" && ");
    if !Launch::new("unshare", &home).args(["-rm", "sh", "-c", &mount]).succeeds().await {
        skipped("no mount namespace can be made here");
        return;
    }
    let mount = format!("{mount} && exec \"$0\" \"$@\"");
    let keymint = keymint(&home).under(["unshare", "-rm", "sh", "-c", &mount]);
    let nowhere = "create --no-browser --issuer https://keymint.invalid --api-base https://keymint.invalid";
    let port = free_port().to_string();
    let keymint =
        keymint.args(nowhere.split(' ')).args(["--callback-port", &port, "--sign-in-timeout", "10s"]);
    let ended = keymint.output().await.exits_with(6);
    for words in ["No CA certificates were loaded", "ca-certificates"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_2_before_anything_else_happens() {
    for (args, expected) in [
        (&["create", "--no-such-flag"][..], "--no-such-flag"),
        (&["create", "--issuer", "http://auth.example"], "--issuer: it must begin with https://"),
        (&["create", "--callback-port", "0"], "--callback-port: it must be a port number"),
        (&["create", "--project-timeout", "soon"], "--project-timeout: it must be a time"),
        (&["create", "-q", "-v"], "cannot be used with"),
        (&["no-such-command"], "no-such-command"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let output = keymint(&home).args(args).output().await;
        let stderr = output.stderr;
        assert_eq!((output.code, output.stdout.len()), (2, 0), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");

        let output = keymint(&home).args(args).args(["--json"]).output().await;
        assert_eq!((output.code, output.json()["kind"].as_str()), (2, Some("usage")));
        let output = keymint(&home).args(args).env("KEYMINT_JSON", "1").output().await;
        assert_eq!((output.code, output.json()["kind"].as_str()), (2, Some("usage")));
        let output = keymint(&home).args(args).env("KEYMINT_JSON", "0").output().await;
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    }
    let home = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (&[][..], "a command is missing"),
        (&["run"], "the following required arguments were not provided: <CMD>..."),
    ] {
        let output = keymint(&home).args(args).env("KEYMINT_JSON", "1").output().await;
        assert_eq!((output.code, output.json()["message"].as_str()), (2, Some(expected)));
    }
    // Arguments after `--` belong to the command.
    let output = keymint(&home).args(["run", "--bogus", "--", "tool", "--json"]).output().await;
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_of_the_arguments_is_not_repeated() {
    for args in [
        ["create", "--env-file"],
        ["create", "--pipe-to"],
        ["create", "--browser"],
        ["recover", "--env-file"],
        ["recover", "--pipe-to"],
        ["doctor", "--report"],
    ] {
        let home = tempfile::tempdir().unwrap();
        let address = "http://localhost:5000/auth/callback?code=canary&state=s";
        let output = keymint(&home).args(args).args([address]).output().await;
        assert_eq!(
            (output.code, output.stderr.contains("canary")),
            (2, false),
            "{args:?}: {}",
            output.stderr
        );
    }
    for key in [
        "sk-proj-canary0123456789",
        "sess-canary0123456789",
        "http://localhost:5000/auth/callback?code=canary&state=s",
        "http://user:canary@proxy:3128",
        "canary_5fW9xKq2LmZ8vR1tBn",
    ] {
        for args in [
            &["create", "--key", key][..],
            &["create", &format!("--key={key}")],
            &["create", &format!("--name={key}"), "--no-such-flag"],
            &["create", "--callback-port", key],
            &["create", "--issuer", key],
            &["create", "--http-timeout", key],
            &["create", key],
            &["create", "--ca-file", key],
            &["create", "--no-such-flag", "--env-file", key],
            &["create", "--var", key],
            &["create", "--scope", key, "--no-such-flag"],
            &["finish", "--env-fil", key],
            &["start", key],
            &["list", key],
            &["recover", "id", key],
            &["doctor", key],
            &["status", key],
            &["config", key],
            &["forget", key],
            &["completions", key],
            &["man", key],
            &["demo", key],
            &["help", key],
            &["sandbox", "--at", key],
            &["sandbox", "--port", key],
            &["sandbox", "--latency", key],
            &[key],
        ] {
            for more in [&[][..], &["--json"], &["--json", "--events"]] {
                let home = tempfile::tempdir().unwrap();
                let output = keymint(&home).args(args).args(more).output().await;
                let said = [output.stdout, output.stderr].concat();
                assert_eq!(output.code, 2, "{args:?} {more:?}: {said}");
                assert!(!said.contains("canary"), "{args:?} {more:?}: {said}");
            }
        }
    }
}
