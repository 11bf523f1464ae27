//! The refresh token is revoked once the key is created or the run has ended, and changes nothing of the end. That each run
//! with a token sends one revocation at most is checked after every test (`testkit/src/invariants.rs`).

use crate::support::{Ended, create, machine};
use keymint_sandbox::{Consent, Reply, Scenario, Step};
use keymint_testkit::{browse, full_disk};
use std::time::Duration;
use tokio::time::Instant;

/// Returns whether the only refresh token was revoked, by the last request except for the check of the key.
fn is_revoked(ended: &Ended) -> bool {
    let [token] = ended.sandbox.refresh_tokens().try_into().unwrap();
    let last = ended.sandbox.requests().into_iter().rfind(|request| request.path != "/v1/models").unwrap();
    assert_eq!(token.is_revoked, last.path == "/oauth/revoke", "{}", ended.stderr);
    token.is_revoked
}

#[tokio::test]
async fn the_refresh_token_is_revoked_after_every_end_of_a_run() {
    let refused = |step| Scenario::ready().reply(step, Reply::status(403));
    for (scenario, args, code) in [
        (Scenario::ready(), &[][..], 0),
        (Scenario::ready(), &["--dry-run"], 0),
        (Scenario::ready(), &["--verify"], 0),
        (Scenario::ready(), &["--pipe-to", "false"], 9),
        (refused(Step::Login), &[], 7),
        (refused(Step::Organizations), &[], 7),
        (refused(Step::CreateKey), &[], 7),
        (Scenario::of([]), &["--project-timeout", "1s"], 8),
        (Scenario::ready(), &["--organization", "no-such"], 8),
        (Scenario::ready().reply(Step::CreateKey, Reply::hang_up().after_processing()), &[], 10),
    ] {
        let ended = create(scenario).args(args).sign_in().await;
        assert_eq!((ended.code, is_revoked(&ended)), (code, true), "{args:?}: {}", ended.stderr);
    }
    let ended = create(Scenario::ready()).stdout(full_disk()).sign_in().await;
    assert_eq!((ended.code, is_revoked(&ended)), (9, true), "{}", ended.stderr);
    let ended = create(Scenario::ready()).command("list").sign_in().await;
    assert_eq!((ended.code, is_revoked(&ended)), (0, true), "{}", ended.stderr);
}

#[tokio::test]
async fn the_refresh_token_is_revoked_after_a_run_that_signals_end() {
    for (step, path_end, signals, code) in [
        (Step::Login, "/login", 1, 130),
        (Step::Projects, "/projects", 1, 130),
        (Step::CreateKey, "/api_keys", 2, 10),
    ] {
        let scenario = Scenario::ready().reply(step, Reply::default().delayed(Duration::MAX));
        let mut run = create(scenario).start().await;
        run.browser(Consent::Allow).await;
        run.requested(path_end).await;
        run.signal("INT").await;
        if signals == 2 {
            run.line(|line| line.contains("The key is being created")).await;
            run.signal("INT").await;
        }
        let ended = run.end().await;
        assert_eq!((ended.code, is_revoked(&ended)), (code, true), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_sign_in_in_two_steps_is_revoked_at_the_end() {
    let machine = machine(Scenario::ready()).await;
    let started = machine.keymint(["start"]).output().await.exits_with(0);
    let address = keymint_sandbox::sign_in_remotely(started.stdout.trim(), Consent::Allow).await.unwrap();
    machine.keymint(["finish", &address]).output().await.exits_with(0);
    assert!(machine.sandbox.refresh_tokens()[0].is_revoked);
}

/// The key was delivered, and the exit code reports that, whatever the result of the revocation.
#[tokio::test]
async fn a_revocation_that_fails_or_hangs_is_shown_with_v_alone_and_changes_nothing() {
    for reply in [
        Reply::status(503),
        Reply::status(307).header("location", "/elsewhere"),
        Reply::hang_up(),
        Reply::default().delayed(Duration::MAX),
    ] {
        for (args, shows) in [(&[][..], false), (&["--events"], false), (&["-v"], true)] {
            let scenario = Scenario::ready().reply(Step::Revoke, reply.clone());
            let ended = create(scenario).args(args).sign_in().await;
            assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()), "{}", ended.stderr);
            assert_eq!(ended.stderr.contains("refresh token"), shows, "{}", ended.stderr);
            assert_eq!(ended.count("POST", "/oauth/revoke"), 1);
        }
    }
}

#[tokio::test]
async fn neither_a_key_nor_an_error_waits_for_the_revocation() {
    for (login, last_words, code) in [(Reply::default(), "Passed to", 0), (Reply::status(403), "error: ", 7)]
    {
        let scenario = Scenario::ready()
            .reply(Step::Login, login)
            .reply(Step::Revoke, Reply::default().delayed(Duration::MAX));
        let mut run = create(scenario).args(["--pipe-to", "cat"]).start().await;
        run.browser(Consent::Allow).await;
        run.line(|line| line.contains(last_words)).await;
        let shown = Instant::now();
        run.end().await.exits_with(code);
        assert!(shown.elapsed() > Duration::from_secs(1), "{last_words:?} came with the end");
    }
}

#[tokio::test]
async fn no_revoke_leaves_the_token() {
    for (args, variables) in [(&["--no-revoke"][..], &[][..]), (&[], &[("KEYMINT_NO_REVOKE", "1")])] {
        let mut run = create(Scenario::ready()).args(args).envs(variables.iter().copied()).start().await;
        let browser = browse(&run.url().await, Consent::Allow);
        let ended = run.finish().await;
        browser.abort();
        assert_eq!((ended.code, is_revoked(&ended)), (0, false), "{}", ended.stderr);
    }
}
