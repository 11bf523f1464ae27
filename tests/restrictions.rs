//! The lifetime and the scopes of a key: what is requested, what the server confirms, what it refuses.

use crate::support::{create, machine};
use keymint_sandbox::{Consent, Reply, Scenario, Step, sign_in_remotely};
use serde_json::json;
use std::fs;

#[tokio::test]
async fn restrictions_come_from_flags_variables_and_the_file_and_are_reported_as_confirmed() {
    for (args, environment, config, expires_in, scopes) in [
        (&["--expires", "90d"][..], &[][..], "", Some(7_776_000), &[][..]),
        (&["--scope", "a.read", "--scope", "b"], &[], "", None, &["a.read", "b"]),
        (&["--read-only"], &[("KEYMINT_EXPIRES", "1h")], "", Some(3600), &["api.all.read"]),
        (&[], &[("KEYMINT_SCOPE", "a.read, b")], "expires = \"2d\"", Some(172_800), &["a.read", "b"]),
        (&[], &[], "scope = [\"a.read\", \"b\"]", None, &["a.read", "b"]),
        (&["--scope", "b"], &[("KEYMINT_READ_ONLY", "1")], "", None, &["b"]),
        (&["--read-only"], &[("KEYMINT_SCOPE", "b")], "", None, &["api.all.read"]),
    ] {
        let configuration = tempfile::tempdir().unwrap();
        fs::create_dir(configuration.path().join("keymint")).unwrap();
        fs::write(configuration.path().join("keymint/config.toml"), config).unwrap();
        let launch = create(Scenario::ready()).args(["--json"]).args(args).envs(environment.iter().copied());
        let ended = launch.env("XDG_CONFIG_HOME", configuration.path()).sign_in().await.exits_with(0);
        let [key] = ended.sandbox.keys().try_into().unwrap();
        let requested: Vec<_> = key.scopes.iter().map(String::as_str).collect();
        assert_eq!((key.expires_in_seconds, &requested[..]), (expires_in, scopes));
        let reported = &ended.json()["key"];
        assert_eq!(reported["id"], key.id);
        assert!(reported["created_at"].as_str().unwrap().ends_with('Z'), "{reported}");
        assert_eq!(reported["expires_at"].is_string(), expires_in.is_some(), "{reported}");
        assert_eq!(ended.stderr.contains("(expires 20"), expires_in.is_some(), "{}", ended.stderr);
        assert!(!ended.stderr.contains("did not confirm"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn finish_takes_the_restrictions_and_status_shows_the_expiry() {
    let machine = machine(Scenario::ready()).await;
    let url = machine.keymint(["start"]).output().await.exits_with(0).stdout;
    let address = sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap();
    let finish = ["finish", &address, "--expires", "90d", "--read-only"];
    machine.keymint(finish).output().await.exits_with(0);
    let [key] = machine.sandbox.keys().try_into().unwrap();
    assert_eq!(
        (key.expires_in_seconds, &key.scopes[..]),
        (Some(7_776_000), &["api.all.read".to_owned()][..])
    );

    let status = machine.keymint(["status"]).output().await.exits_with(0).stdout;
    assert!(status.contains(", expires in "), "{status}");
    let status = machine.keymint(["status", "--json"]).output().await.exits_with(0).json();
    assert_eq!(status["keys"][0]["key_id"], key.id);
    assert!(status["keys"][0]["expires_at"].is_string(), "{status}");
}

/// The names of the fields are not verified, and a server may ignore a field that it does not know.
#[tokio::test]
async fn a_restriction_that_the_server_does_not_confirm_is_warned_of_and_the_key_is_delivered() {
    for (args, warned) in [
        (&["--expires", "1d", "--read-only"][..], "the expiry and the scopes"),
        (&["--expires", "1d"], "the expiry"),
        (&["--scope", "a"], "the scopes"),
    ] {
        let scenario = Scenario::ready().confirm_no_restrictions();
        let ended = create(scenario).args(args).sign_in().await.exits_with(0);
        let warning = format!("warning: the server did not confirm {warned}: check the key");
        assert!(ended.stderr.contains(&warning), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_refusal_names_the_restrictions_that_may_be_the_reason() {
    for (args, status, hint) in [
        (&["--expires", "90d", "--scope", "a"][..], 400, Some("--expires or --scope may be the reason")),
        (&["--read-only"], 403, Some("--read-only may be the reason")),
        (&["--read-only"], 401, None),
        (&["--read-only"], 404, None),
        (&[], 403, None),
    ] {
        let error = json!({ "error": { "message": "Keys must expire within 30 days.", "code": null } });
        let reply = Reply::status(status).json(&error);
        let scenario = Scenario::ready().reply(Step::CreateKey, reply);
        let ended = create(scenario).args(["--json"]).args(args).sign_in().await.exits_with(7);
        let reported = ended.json();
        assert!(reported["message"].as_str().unwrap().contains("within 30 days"), "{reported}");
        let shown = reported["hint"].as_str().unwrap();
        assert_eq!(shown.contains("may be the reason"), hint.is_some(), "{shown}");
        assert!(shown.contains(hint.unwrap_or_default()), "{shown}");
    }
}

#[tokio::test]
async fn a_value_that_no_key_can_have_ends_the_run_before_anything_is_contacted() {
    for (args, words) in [
        (&["--expires", "366d"][..], "--expires: the lifetime of a key is 1 s to 365 days"),
        (&["--expires", "90"], "--expires: it must be a time such as 90d"),
        (&["--scope", "a b"], "--scope: not a scope"),
        (
            &["--scope", "openid email profile offline_access"],
            "the OAuth scope of the sign-in is --oauth-scope",
        ),
    ] {
        let machine = machine(Scenario::ready()).await;
        let ended = machine.keymint(["create"]).args(args).output().await.exits_with(2);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert!(machine.sandbox.requests().is_empty());
    }
    let machine = machine(Scenario::ready()).await;
    machine.keymint(["create", "--read-only", "--scope", "a"]).output().await.exits_with(2);
}
