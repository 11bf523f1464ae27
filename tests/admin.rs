//! `keymint admin`: keys on the server, with an admin key and without a browser.

#![cfg(target_os = "linux")]

use crate::support::{in_one_line, machine};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::{Canaries, Ended, Launch, Machine, Terminal, browse, steers_a_terminal, until};
use serde_json::json;
use std::fs;
use std::time::Duration;

/// Two projects of one organization.
fn scenario() -> Scenario {
    let project = |id: &str, title: &str| Project::new(id).titled(title);
    let acme = Organization::new("org-acme").titled("Acme").as_default();
    let acme = acme.with_project(project("proj_app", "App").as_initial());
    Scenario::of([acme.with_project(project("proj_web", "Web"))])
}

/// A command of an administrator.
fn admin(machine: &Machine, args: &str) -> Launch {
    let key = machine.sandbox.admin_key("org-acme");
    machine.keymint(args.split(' ')).env("OPENAI_ADMIN_KEY", key).current_dir(&machine.home)
}

/// Runs it to its end, and checks that no stream has a secret.
async fn run(machine: &Machine, args: &str) -> Ended {
    let ended = admin(machine, args).output().await;
    for text in [&ended.stdout, &ended.stderr] {
        assert_eq!(Canaries::of(machine.sandbox.secrets()).find(text), None, "{text}");
        assert!(!steers_a_terminal(text), "{text:?}");
    }
    assert_eq!(machine.sandbox.violations(), Vec::<String>::new());
    ended
}

/// Creates a key of this name on this machine.
async fn create(machine: &Machine, name: &str) {
    let create = machine.keymint(["create", "--print", "--name", name]).env("KEYMINT_NO_BROWSER", "1");
    let mut create = create.spawn();
    browse(&create.url().await, Consent::Allow);
    create.finish().await.exits_with(0);
}

#[tokio::test]
async fn the_keys_of_all_projects_are_listed_with_those_that_this_machine_made() {
    let scenario =
        scenario().with_key("org-acme", "proj_web", "old \u{1b}[2J\"laptop", "sk-proj-0123456789wxyz");
    let machine = machine(scenario).await;
    create(&machine, "mine").await;
    let listed = run(&machine, "admin list").await.exits_with(0);
    let made = machine.sandbox.keys().into_iter().find(|key| key.name == "mine").unwrap();
    let four = &made.value[made.value.len() - 4..];
    let line = format!(
        "  \"mine\", ending in {four}, made on this machine\n      {}, user \"Sandbox user\"",
        made.id
    );
    assert!(listed.stdout.contains(&line), "{}", listed.stdout);
    assert!(listed.stdout.contains("  \"old \\u{1b}[2J\\\"laptop\", ending in wxyz\n"), "{}", listed.stdout);
    let listed = run(&machine, "admin list --project App --json").await.exits_with(0).json();
    assert_eq!(listed["projects"].as_array().unwrap().len(), 1);
    assert_eq!(listed["projects"][0]["keys"][0]["made_here"], json!(true));

    let unknown = run(&machine, "admin list --project Mobile --json").await.exits_with(8).json();
    assert_eq!(unknown["choices"][1]["project"], json!({"id": "proj_web", "title": "Web"}));
}

#[tokio::test]
async fn an_unreadable_list_is_reported_and_the_rest_is_listed() {
    let refused = Reply::error(403, "invalid_request_error", None, "no");
    let scenario = scenario().reply(Step::Keys.nth(1), refused.clone()).reply(Step::Keys.nth(3), refused);
    let machine = machine(scenario).await;
    let listed = run(&machine, "admin list").await.exits_with(0);
    assert!(
        listed.stderr.contains("the keys of project \"App\" (proj_app) could not be read"),
        "{}",
        listed.stderr
    );
    assert!(listed.stdout.contains("(proj_app)\n  not read\n\"Web\""), "{}", listed.stdout);
    let listed = run(&machine, "admin list --json").await.exits_with(0).json();
    assert_eq!((&listed["complete"], &listed["projects"][0]["keys"]), (&json!(false), &json!(null)));
}

#[tokio::test]
async fn without_an_admin_key_nothing_is_contacted() {
    let machine = machine(scenario()).await;
    for (key, words) in [
        ("", "OPENAI_ADMIN_KEY is not set"),
        ("sk-proj-0123456789wxyz", "OPENAI_ADMIN_KEY has the key of a project"),
        ("sk-admin- 0123", "OPENAI_ADMIN_KEY has no admin key"),
    ] {
        let list = machine.keymint(["admin", "list"]).env("OPENAI_ADMIN_KEY", key);
        let ended = list.output().await.exits_with(2);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("/admin-keys"), "{}", ended.stderr);
        assert!(key.is_empty() || !ended.stderr.contains(key), "{}", ended.stderr);
    }
    assert!(machine.sandbox.requests().is_empty());
    let list = machine.keymint(["admin", "list"]).env("OPENAI_ADMIN_KEY", "sk-admin-of-another-one");
    let ended = list.output().await.exits_with(7);
    assert!(ended.stderr.contains("Check the admin key in OPENAI_ADMIN_KEY"), "{}", ended.stderr);
}

#[tokio::test]
async fn only_an_id_is_revoked_without_a_question() {
    let scenario = scenario()
        .with_key("org-acme", "proj_app", "laptop", "sk-proj-0123456789wxyz")
        .with_key("org-acme", "proj_web", "laptop", "sk-proj-9876543210wxyz")
        .with_key("org-acme", "proj_web", "server", "sk-proj-9876543210abcd");
    let machine = machine(scenario).await;
    let exist = || machine.sandbox.keys().iter().filter(|key| !key.is_deleted).count();
    for (text, choices) in [("laptop", 2), ("wxyz", 2), ("server", 1), ("abcd", 1)] {
        let refused = run(&machine, &format!("admin revoke {text} --yes --json")).await.exits_with(8).json();
        assert_eq!(refused["choices"].as_array().unwrap().len(), choices, "{refused}");
        assert_eq!(refused["kind"], "no_key");
    }
    let missing = run(&machine, "admin revoke nothing --yes").await.exits_with(8);
    assert!(missing.stderr.contains("there is no key \"nothing\""), "{}", missing.stderr);
    let id = machine.sandbox.keys()[1].id.clone();
    for no_question in ["", " --no-input"] {
        run(&machine, &format!("admin revoke {id}{no_question}")).await.exits_with(2);
    }
    assert_eq!(exist(), 3);

    let revoked = run(&machine, &format!("admin revoke {id} --yes --json")).await.exits_with(0).json();
    assert_eq!((&revoked["key"]["id"], &revoked["made_here"]), (&json!(id), &json!(false)));
    assert!(machine.sandbox.keys()[1].is_deleted && exist() == 2);
    run(&machine, &format!("admin revoke {id} --yes")).await.exits_with(8);
}

#[tokio::test]
async fn a_revoked_key_of_this_machine_is_noted_and_one_of_a_lost_answer_may_be_revoked() {
    let not_found = || Reply::error(404, "invalid_request_error", None, "no");
    for (reply, code, words) in [
        (None, 0, "is revoked."),
        (Some(not_found().after_processing()), 0, "was deleted already."),
        (Some(not_found()), 7, "The key still exists"),
        (Some(Reply::error(403, "invalid_request_error", None, "no")), 7, "Check the admin key"),
        (Some(Reply::hang_up().after_processing()), 10, "may be revoked"),
    ] {
        let scenario =
            reply.into_iter().fold(scenario(), |scenario, reply| scenario.reply(Step::DeleteKey, reply));
        let machine = machine(scenario).await;
        create(&machine, "mine").await;
        let id = machine.sandbox.keys()[0].id.clone();
        let revoked =
            run(&machine, &format!("admin revoke {id} --yes --http-timeout 500ms")).await.exits_with(code);
        assert!(revoked.stderr.contains(words), "{}", revoked.stderr);
        let status = machine.keymint(["status", "--json"]).output().await.json();
        assert_eq!(status["keys"][0]["revoked_at"].is_string(), code == 0, "{status}");
    }
}

#[tokio::test]
async fn in_ci_a_service_account_gets_a_restricted_key_into_a_program_in_one_command() {
    let machine = machine(scenario()).await;
    let command =
        admin(&machine, "admin service-account --project App --name ci --expires 90d --scope api.model.read")
            .args(["--scope", "model.request", "--verify", "--json", "--pipe-to"])
            .args(["sh -c 'cat >taken; env >environment'"])
            .envs([("CI", "true"), ("GITHUB_ACTIONS", "true")]);
    let ended = command.output().await.exits_with(0);
    let [key] = machine.sandbox.keys().try_into().unwrap();
    assert_eq!(fs::read_to_string(machine.home.path().join("taken")).unwrap().trim_end(), key.value);
    assert!(
        !fs::read_to_string(machine.home.path().join("environment")).unwrap().contains("OPENAI_ADMIN_KEY")
    );
    assert_eq!(key.expires_in_seconds, Some(7_776_000));
    assert_eq!(key.scopes, ["api.model.read", "model.request"]);
    assert!(key.service_account.is_some() && key.project == "proj_app");
    let printed = ended.json();
    assert_eq!(
        (&printed["schema"], &printed["service_account"]["name"]),
        (&json!("keymint.service_account/1"), &json!("ci"))
    );
    assert_eq!(printed["service_account"]["id"], json!(key.service_account));
    assert_eq!(
        (&printed["key"]["value"], &printed["delivered_to"]),
        (&json!(null), &json!([{"kind": "command"}]))
    );
    for text in [&ended.stdout, &ended.stderr] {
        assert_eq!(Canaries::of(machine.sandbox.secrets()).find(text), None, "{text}");
    }
    assert_eq!(machine.sandbox.violations(), Vec::<String>::new());
    let refused = run(&machine, &format!("admin revoke {} --yes", key.id)).await.exits_with(7);
    assert!(refused.stderr.contains("only together with the account"), "{}", refused.stderr);
    // The platform lists the key under a name of its own.
    let by_account = run(&machine, "admin revoke ci --yes").await.exits_with(8);
    assert!(by_account.stderr.contains(&key.id), "{}", by_account.stderr);
}

#[tokio::test]
async fn a_service_account_is_not_contacted_for_without_a_project_or_where_an_agent_would_keep_the_key() {
    let machine = machine(scenario()).await;
    for (args, agent, code, words) in [
        ("admin service-account --print", "0", 2, "--project has to name"),
        ("admin service-account --project App", "1", 2, "`keymint admin service-account --env-file`"),
        ("admin service-account --project App --env-file no/.env", "0", 11, "its directory does not exist"),
    ] {
        let ended = admin(&machine, args).env("KEYMINT_AGENT", agent).output().await.exits_with(code);
        assert!(ended.stderr.to_lowercase().contains(words), "{}", ended.stderr);
    }
    assert!(machine.sandbox.requests().is_empty());
    let create = machine.keymint(["create"]).env("CI", "true").output().await.exits_with(2);
    assert!(
        create
            .stderr
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("`keymint admin service-account`")
    );
}

#[tokio::test]
async fn a_service_account_that_gets_no_key_is_removed_again_or_named() {
    let refused = || Reply::error(400, "invalid_request_error", None, "Keys must expire within 30 days.");
    for (steps, code, words) in [
        (&[Step::CreateAccountKey][..], 7, "Keys must expire within 30 days"),
        (&[Step::UpdateServiceAccount], 7, "Keys must expire"),
        (&[Step::CreateServiceAccount], 7, "Keys must expire"),
        (&[Step::CreateAccountKey, Step::DeleteServiceAccount], 10, "exists without a key: "),
    ] {
        let scenario = steps.iter().fold(scenario(), |scenario, step| scenario.reply(*step, refused()));
        let machine = machine(scenario).await;
        let create = "admin service-account --project App --name ci --expires 90d --print";
        let ended = run(&machine, create).await.exits_with(code);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert!(machine.sandbox.keys().iter().all(|key| key.is_deleted));
        let status = machine.keymint(["status", "--json"]).output().await.json();
        assert_eq!(status["keys"].as_array().unwrap().len(), usize::from(code == 10), "{status}");
        if code == 10 {
            assert_eq!(status["keys"][0]["service_account"]["name"], "ci", "{status}");
            let id = status["keys"][0]["service_account"]["id"].as_str().unwrap();
            assert!(ended.stderr.contains(&format!("\"ci\" ({id})")), "{}", ended.stderr);
            let status = in_one_line(&machine.keymint(["status"]).output().await.stdout);
            assert!(status.contains(&format!("of the service account {id}")), "{status}");
            assert!(status.contains("/settings/organization/projects, and delete it"), "{status}");
        }
    }
    let scenario = scenario().reply(Step::CreateServiceAccount, Reply::hang_up().after_processing());
    let machine = machine(scenario).await;
    let ended = run(&machine, "admin service-account --project App --name ci").await.exits_with(10);
    assert!(ended.stderr.contains("a service account may exist"), "{}", ended.stderr);
    assert_eq!(machine.count("POST", "/service_accounts"), 1, "it is never repeated blindly");
}

#[tokio::test]
async fn a_key_of_a_service_account_that_its_destination_does_not_take_is_kept() {
    let machine = machine(scenario()).await;
    let create = "admin service-account --project App --name ci --pipe-to false";
    let ended = run(&machine, create).await.exits_with(9);
    assert_eq!(ended.kept().trim_end(), machine.sandbox.keys()[0].value);
}

#[tokio::test]
async fn a_service_account_is_deleted_on_the_page_of_the_projects() {
    let machine = machine(scenario().confirm_no_restrictions()).await;
    let create = "admin service-account --project App --name ci --expires 90d --pipe-to cat";
    let ended = run(&machine, create).await.exits_with(0);
    assert!(
        ended.stderr.contains("check the key at https://platform.openai.com/settings/"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("/api-keys"), "{}", ended.stderr);
    let dry_run = "admin service-account --project App --name ci --dry-run --json";
    let dry_run = run(&machine, dry_run).await.exits_with(0).json();
    assert_eq!(
        dry_run,
        json!({"schema": "keymint.dry_run/1", "project": {"id": "proj_app", "title": "App"}})
    );
}

#[tokio::test]
async fn a_policy_that_refuses_a_service_account_or_its_key_is_named() {
    let only_accounts = Reply::error(403, "invalid_request_error", None, "This project allows no new keys.");
    let hour = Duration::from_secs(3600);
    for (scenario, args, words) in [
        (
            scenario().longest_lifetime(hour),
            "--expires 90d",
            "It may require an expiry, or a shorter one (--expires)",
        ),
        (scenario().longest_lifetime(hour), "", "It may require an expiry, or a shorter one (--expires)"),
        (scenario().refuse_new_keys(), "--expires 90d", "may accept no new keys or service accounts"),
        (scenario().refuse_new_keys(), "", "may accept no new keys or service accounts"),
        (
            scenario().reply(Step::CreateAccountKey, only_accounts),
            "--expires 90d",
            "may accept no new keys or service accounts",
        ),
    ] {
        let machine = machine(scenario).await;
        let create = format!("admin service-account --project App --name ci --json {args}");
        let ended = run(&machine, create.trim_end()).await.exits_with(7);
        let error = ended.json();
        let hint = error["hint"].as_str().unwrap();
        assert!(
            hint.starts_with("No key was created. The organization or the project ") && hint.contains(words),
            "{hint}"
        );
        assert!(machine.sandbox.keys().iter().all(|key| key.is_deleted));
    }
}

#[tokio::test]
async fn a_user_picks_and_confirms_the_key_to_revoke() {
    let scenario = scenario().with_key("org-acme", "proj_app", "laptop", "sk-proj-0123456789wxyz").with_key(
        "org-acme",
        "proj_web",
        "laptop",
        "sk-proj-9876543210wxyz",
    );
    let machine = machine(scenario).await;
    let deleted = || machine.sandbox.keys().iter().map(|key| key.is_deleted).collect::<Vec<_>>();
    let (which, sure) = ("Key number (1-2) or part of its name: ", "[y/N]");
    let pasted = format!("2\n{}", "y\n".repeat(200));
    for (answers, code, words, expected) in [
        (&[(which, "2\n"), (sure, "n\n")][..], 2, "Nothing was revoked.", [false, false]),
        (&[(which, &pasted), (sure, "n\n")], 2, "Nothing was revoked.", [false, false]),
        (&[(which, "2\n"), (sure, "\u{3}")], 130, "interrupted; nothing was revoked", [false, false]),
        (&[(which, "\u{3}")], 130, "interrupted; nothing was revoked", [false, false]),
        (&[(which, "none of them\n"), (which, "web\n"), (sure, "y\n")], 0, "is revoked.", [false, true]),
    ] {
        let mut terminal = Terminal::start(admin(&machine, "admin revoke laptop").under(INTERRUPTIBLE));
        let mut shown = String::new();
        for (question, answer) in answers {
            shown += &terminal.shows(question).await;
            terminal.types(answer).await;
        }
        let (ended, rest) = terminal.end().await;
        shown += &rest;
        assert_eq!((ended, deleted()), (code, expected.to_vec()), "{shown}");
        assert!(shown.contains(words) && !shown.contains("sk-proj-"), "{shown}");
        // Long names cannot hide what tells the keys apart.
        assert!(shown.contains("   1  key_") && shown.contains("   2  key_"), "{shown}");
        // A declined question is no error.
        assert!(!shown.contains("error"), "{shown}");
    }
}

/// Ctrl-C ends it, also where the tests run with SIGINT ignored.
const INTERRUPTIBLE: [&str; 2] = ["env", "--default-signal=INT"];

#[tokio::test]
async fn a_signal_during_the_revocation_says_that_the_key_may_be_revoked() {
    let scenario = scenario()
        .with_key("org-acme", "proj_app", "laptop", "sk-proj-0123456789wxyz")
        .reply(Step::DeleteKey, Reply::default().delayed(Duration::MAX));
    let machine = machine(scenario).await;
    let id = machine.sandbox.keys()[0].id.clone();
    let revoke = admin(&machine, &format!("admin revoke {id} --yes")).spawn();
    machine.requested(&id).await;
    revoke.signal("TERM").await;
    let ended = revoke.finish().await.exits_with(10);
    assert!(ended.stderr.contains("may be revoked"), "{}", ended.stderr);
}

/// The signal ends only the look after it.
#[tokio::test]
async fn a_signal_after_the_server_has_confirmed_a_revocation_does_not_hide_that() {
    let scenario = scenario()
        .with_key("org-acme", "proj_app", "laptop", "sk-proj-0123456789wxyz")
        .reply(Step::Key, Reply::default().delayed(Duration::MAX));
    let machine = machine(scenario).await;
    let id = machine.sandbox.keys()[0].id.clone();
    let revoke = admin(&machine, &format!("admin revoke {id} --yes --http-timeout 1h")).spawn();
    until(|| machine.count("GET", &id) == 1).await;
    revoke.signal("TERM").await;
    let ended = revoke.finish().await.exits_with(0);
    assert!(ended.stderr.contains(") is revoked.") && !ended.stderr.contains("may be"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_first_signal_waits_for_the_key_of_a_service_account_and_the_second_does_not() {
    for (signals, code) in [(1, 0), (2, 10)] {
        let delayed = Reply::default().delayed(Duration::MAX);
        let machine = machine(scenario().reply(Step::CreateAccountKey, delayed)).await;
        let create = "admin service-account --project App --name ci --expires 90d --env-file";
        let mut create = admin(&machine, create).spawn();
        machine.requested("/api_keys").await;
        create.signal("TERM").await;
        create.line(|line| line.contains("The key is being created; waiting for it")).await;
        if signals == 2 {
            create.signal("TERM").await;
        } else {
            machine.sandbox.release();
        }
        let ended = create.finish().await.exits_with(code);
        let status = machine.keymint(["status", "--json"]).output().await.json();
        let id = status["keys"][0]["service_account"]["id"].as_str().unwrap();
        assert!(code == 0 || ended.stderr.contains(&format!("\"ci\" ({id}) exists")), "{}", ended.stderr);
        assert_eq!(machine.home.path().join(".env").exists(), code == 0);
    }
}
