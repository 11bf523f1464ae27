//! Cases of the live platform, each at each step where it can occur.
//!
//! No case is recognized by the wording of a message, and no hint sends the user to a remedy that cannot
//! help.

mod commands;

use crate::sources::root;
use crate::support::{Ended, Start, create};
use keymint_sandbox::{LoginLists, NamedScenario, Organization, Project, Reply, Scenario, Step};
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// The end of a run: the exit code, and the kind and the reason of its error.
type End = (i32, &'static str, &'static str);

/// The words of a hint that are permitted only if their remedy can help.
const REMEDIES: [(&str, Remedy); 8] = [
    ("sign in again", Remedy::SignIn),
    ("Run it again to sign in", Remedy::SignIn),
    ("another account", Remedy::Account),
    ("ask an owner", Remedy::Owner),
    ("role", Remedy::Role),
    ("permission", Remedy::Role),
    ("give it time", Remedy::Wait),
    ("run it again later", Remedy::Wait),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Remedy {
    SignIn,
    Account,
    /// Ask an owner of the organization.
    Owner,
    Role,
    Wait,
}

/// An answer that does not come from the platform, or that refuses the route to it.
struct OnTheWay {
    name: &'static str,
    scenario: fn(Step) -> Scenario,
    end: End,
    /// The end of a run if this is the answer to the creation.
    at_creation: End,
    hint: &'static [&'static str],
}

#[tokio::test]
async fn an_answer_on_the_way_ends_alike_at_every_step_and_no_hint_blames_the_account() {
    const CHALLENGE: &[&str] = &["another network", "`keymint start`", "`keymint finish`"];
    const PORTAL: &[&str] = &["captive portal", "not the platform"];
    const UNIDENTIFIED: &[&str] = &["does not show which server", "another network"];
    for row in [
        OnTheWay {
            name: NamedScenario::Challenge.name(),
            scenario: |step| NamedScenario::Challenge.scenario_at(step).unwrap(),
            end: (7, "server", "challenge"),
            at_creation: (7, "server", "challenge"),
            hint: CHALLENGE,
        },
        OnTheWay {
            name: "challenge with 503",
            scenario: |step| Scenario::ready().reply(step, Reply::challenge(503)),
            end: (7, "server", "challenge"),
            at_creation: (7, "server", "challenge"),
            hint: CHALLENGE,
        },
        OnTheWay {
            name: NamedScenario::Country.name(),
            scenario: |step| NamedScenario::Country.scenario_at(step).unwrap(),
            end: (7, "server", "country"),
            at_creation: (7, "server", "country"),
            hint: &["country or region of this network", "No proxy is used"],
        },
        OnTheWay {
            name: NamedScenario::PortalRedirect.name(),
            scenario: |step| NamedScenario::PortalRedirect.scenario_at(step).unwrap(),
            end: (7, "server", "portal"),
            at_creation: (10, "outcome_unknown", "portal"),
            hint: PORTAL,
        },
        OnTheWay {
            name: NamedScenario::PortalPage.name(),
            scenario: |step| NamedScenario::PortalPage.scenario_at(step).unwrap(),
            end: (7, "server", "portal"),
            at_creation: (10, "outcome_unknown", "portal"),
            hint: PORTAL,
        },
        OnTheWay {
            name: "web page with 403",
            scenario: |step| Scenario::ready().reply(step, Reply::page(403, "Blocked by the web filter")),
            end: (7, "server", "portal"),
            at_creation: (7, "server", "portal"),
            hint: PORTAL,
        },
        OnTheWay {
            name: "text with 403",
            scenario: |step| {
                let text = Reply::status(403).header("content-type", "text/plain").body("Forbidden");
                Scenario::ready().reply(step, text)
            },
            end: (7, "server", "unidentified"),
            at_creation: (7, "server", "unidentified"),
            hint: UNIDENTIFIED,
        },
        OnTheWay {
            name: "nothing with 401",
            scenario: |step| Scenario::ready().reply(step, Reply::status(401)),
            end: (7, "server", "unidentified"),
            at_creation: (7, "server", "unidentified"),
            hint: UNIDENTIFIED,
        },
        OnTheWay {
            name: "JSON of a gateway with 404",
            scenario: |step| {
                let json = serde_json::json!({ "message": "no Route matched with those values" });
                Scenario::ready().reply(step, Reply::status(404).json(&json))
            },
            end: (7, "server", "unidentified"),
            at_creation: (7, "server", "unidentified"),
            hint: UNIDENTIFIED,
        },
        OnTheWay {
            name: NamedScenario::NetworkSignIn.name(),
            scenario: |step| NamedScenario::NetworkSignIn.scenario_at(step).unwrap(),
            end: (7, "server", "portal"),
            at_creation: (7, "server", "portal"),
            hint: PORTAL,
        },
        OnTheWay {
            name: NamedScenario::ProxySignIn.name(),
            scenario: |step| NamedScenario::ProxySignIn.scenario_at(step).unwrap(),
            end: (7, "server", "proxy"),
            at_creation: (7, "server", "proxy"),
            hint: &["proxy in HTTPS_PROXY"],
        },
    ] {
        let runs = Step::FLOW.map(|step| tokio::spawn(run(create((row.scenario)(step)))));
        for (step, ended) in Step::FLOW.into_iter().zip(runs) {
            let (ended, name) = (ended.await.unwrap(), format!("{} at {}", row.name, step.name()));
            let end = if step == Step::CreateKey { row.at_creation } else { row.end };
            check(&name, &ended, end, row.hint, &[]);
            assert_eq!(asked(&ended, step), 1, "{name} was repeated: {}", ended.stderr);
            assert_eq!(ended.sandbox.keys(), [], "{name}");
        }
        if let Some(scenario) = NamedScenario::ALL.into_iter().find(|it| it.name() == row.name) {
            is_documented(scenario, row.end);
        }
    }
}

/// A refusal by the platform, or an account that is not ready.
struct AtThePlatform {
    scenario: NamedScenario,
    args: &'static [&'static str],
    end: End,
    /// The server's own words, which are quoted.
    quote: &'static str,
    hint: &'static [&'static str],
    /// The remedies that can help.
    remedies: &'static [Remedy],
}

#[tokio::test]
async fn a_refusal_of_the_platform_is_explained_by_what_is_known_and_quoted() {
    const POLICY: &[&str] = &["--expires", "keys of users", "its limit of keys"];
    let rows = [
        AtThePlatform {
            scenario: NamedScenario::UserKeysDisabled,
            args: &["--organization", "Acme"],
            end: (7, "server", "policy"),
            quote: "Use a service account.",
            hint: &["The organization disables user API keys", "--organization", "service account"],
            remedies: &[Remedy::Owner],
        },
        AtThePlatform {
            scenario: NamedScenario::ProjectUserKeysDisabled,
            args: &["--organization", "Acme"],
            end: (7, "server", "policy"),
            quote: "Use a service account.",
            hint: &["The project disables user API keys", "--project", "service account"],
            remedies: &[Remedy::Owner],
        },
        AtThePlatform {
            scenario: NamedScenario::ExpiryRequired,
            args: &[],
            end: (7, "server", "policy"),
            quote: "must expire sooner",
            hint: POLICY,
            remedies: &[],
        },
        // The answer does not show whether a policy or the role is the cause.
        AtThePlatform {
            scenario: NamedScenario::NewKeysDisabled,
            args: &[],
            end: (7, "server", "forbidden"),
            quote: "New API keys are disabled",
            hint: POLICY,
            remedies: &[Remedy::Role],
        },
        AtThePlatform {
            scenario: NamedScenario::KeyLimit,
            args: &[],
            end: (7, "server", "policy"),
            quote: "reached its limit",
            hint: POLICY,
            remedies: &[],
        },
        AtThePlatform {
            scenario: NamedScenario::Role,
            args: &[],
            end: (7, "server", "role"),
            quote: "insufficient permissions",
            hint: &["ask an owner"],
            remedies: &[Remedy::Owner, Remedy::Role],
        },
        AtThePlatform {
            scenario: NamedScenario::ProjectArchived,
            args: &[],
            end: (7, "server", "not_found"),
            quote: "was archived",
            hint: &["archived", "--project"],
            remedies: &[],
        },
        AtThePlatform {
            scenario: NamedScenario::OrganizationsNotFound,
            args: &[],
            end: (7, "server", "not_found"),
            quote: "Invalid URL",
            hint: &["does not list organizations for this sign-in"],
            remedies: &[],
        },
        AtThePlatform {
            scenario: NamedScenario::NotOnboarded,
            args: &["--project-timeout", "1s"],
            end: (8, "no_project", "not_onboarded"),
            quote: "",
            hint: &["https://platform.openai.com/"],
            remedies: &[],
        },
    ];
    let runs = rows.map(|row| {
        let start = create(row.scenario.scenario()).args(row.args);
        (row, tokio::spawn(run(start)))
    });
    for (row, ended) in runs {
        is_documented(row.scenario, row.end);
        let (ended, name) = (ended.await.unwrap(), row.scenario.name());
        check(name, &ended, row.end, row.hint, row.remedies);
        assert_eq!(ended.sandbox.keys(), [], "{name}");
        assert!(ended.json()["message"].as_str().unwrap().contains(row.quote), "{name}: {}", ended.stderr);
    }
}

/// The lists in the login response show the same account, and lead to the same choice.
#[tokio::test]
async fn automatic_choice_skips_a_target_that_refuses_keys_and_reports_it_once() {
    for scenario in [NamedScenario::UserKeysDisabled, NamedScenario::ProjectUserKeysDisabled] {
        for lists in [LoginLists::Absent, LoginLists::Complete] {
            let ended = run(create(scenario.scenario().login_lists(lists))).await.exits_with(0);
            let name = scenario.name();
            assert_eq!(ended.json()["organization"]["id"], "org-sandbox-personal", "{name}, {lists:?}");
            let skipped = events(&ended, "target_skipped");
            assert_eq!(skipped.len(), 1, "{name}, {lists:?}: {}", ended.stderr);
            assert_eq!(skipped[0]["organization"]["id"], "org-sandbox-acme");
        }
    }
}

/// Nothing public shows the status of these refusals, so the hint names both causes with each.
#[tokio::test]
async fn an_archived_project_and_the_key_limit_are_possible_causes_with_every_status() {
    for message in ["The project was archived.", "This project has reached its limit of API keys."] {
        for (status, reason, remedies) in
            [(400, "policy", &[][..]), (403, "forbidden", &[Remedy::Role]), (404, "not_found", &[])]
        {
            let reply = Reply::error(status, "invalid_request_error", None, message);
            let ended = run(create(Scenario::ready().reply(Step::CreateKey, reply))).await;
            let (name, hint) =
                (format!("{message} {status}"), ["archived", "--project", "its limit of keys"]);
            check(&name, &ended, (7, "server", reason), &hint, remedies);
            assert!(ended.json()["message"].as_str().unwrap().contains(message), "{name}: {}", ended.stderr);
            assert_eq!(ended.sandbox.keys(), [], "{name}");
        }
    }
}

/// The role of an owner is never the reason, whichever list shows it.
#[tokio::test]
async fn a_refusal_of_new_keys_to_an_owner_is_a_policy_and_no_hint_names_the_role() {
    for lists in [LoginLists::Absent, LoginLists::Complete] {
        let project = Project::new("proj_1").as_initial();
        let organization =
            Organization::new("org-1").as_default().field("role", "owner").with_project(project);
        let refusal = Reply::error(403, "invalid_request_error", None, "New API keys are disabled.");
        let scenario = Scenario::of([organization]).login_lists(lists).reply(Step::CreateKey, refusal);
        check("owner", &run(create(scenario)).await, (7, "server", "policy"), &["its limit of keys"], &[]);
    }
}

#[tokio::test]
async fn a_key_with_the_required_expiry_is_created() {
    let scenario = NamedScenario::ExpiryRequired.scenario();
    let ended = run(create(scenario).args(["--expires", "90d"])).await.exits_with(0);
    assert_eq!(ended.sandbox.keys()[0].expires_in_seconds, Some(90 * 24 * 60 * 60));

    let scenario = NamedScenario::ExpiryRequired.scenario();
    let ended = run(create(scenario).args(["--expires", "91d"])).await;
    check("expiry too long", &ended, (7, "server", "policy"), &["--expires"], &[]);
}

#[tokio::test]
async fn an_account_that_is_not_onboarded_is_reported_at_the_first_look_and_waited_for() {
    let scenario = NamedScenario::NotOnboarded.scenario().project_ready_in_list(2);
    let ended = create(scenario.project_ready_after(Duration::ZERO)).sign_in().await.exits_with(0);
    assert_eq!(ended.stderr.matches("https://platform.openai.com/ ").count(), 1, "{}", ended.stderr);
    assert_eq!(ended.count("GET", "/v1/organizations"), 2);
}

async fn run(start: Start) -> Ended {
    let ended = start.args(["--json", "--events"]).sign_in().await;
    assert_eq!(ended.sandbox.violations(), Vec::<String>::new());
    ended
}

/// Checks the exit code, the error on standard output and its event, which are the same, and the hint.
fn check<M>(name: &str, ended: &keymint_testkit::Ended<M>, end: End, hint: &[&str], remedies: &[Remedy]) {
    let error = ended.json();
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    let said = (ended.code, &*text("kind"), &*text("reason"));
    assert_eq!(said, end, "{name}: {}", ended.stderr);

    let [event] = &events(ended, "error")[..] else { panic!("{name}: {}", ended.stderr) };
    for member in ["kind", "reason", "message", "hint"] {
        assert_eq!(event[member], error[member], "{name}");
    }
    let shown = text("hint");
    for words in hint {
        assert!(shown.contains(words), "{name}: {words:?} is not in: {shown}");
    }
    helps(name, &shown, remedies);
}

/// Checks that a hint names no other remedy than these.
fn helps(name: &str, hint: &str, remedies: &[Remedy]) {
    for (words, remedy) in REMEDIES {
        assert!(
            !hint.contains(words) || remedies.contains(&remedy),
            "{name}: {remedy:?} cannot help: {hint}"
        );
    }
}

/// Checks that the table for developers of front ends has this scenario with its end.
fn is_documented(scenario: NamedScenario, (code, kind, reason): End) {
    let document = fs::read_to_string(root().join("docs/scenarios.md")).unwrap();
    let start = format!("| `{}` | {} | ", scenario.name(), scenario.summary());
    let row = document.lines().find(|line| line.starts_with(&start));
    let end = format!(" | {code} `{kind}` | `{reason}` |");
    assert!(row.is_some_and(|row| row.ends_with(&end)), "{start}..{end} is not in docs/scenarios.md");
}

fn events<M>(ended: &keymint_testkit::Ended<M>, name: &str) -> Vec<Value> {
    let events = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

/// The number of requests of this step.
fn asked(ended: &Ended, step: Step) -> usize {
    let (method, path) = match step {
        Step::Token => ("POST", "/oauth/token"),
        Step::Login => ("POST", "/onboarding/login"),
        Step::Organizations => ("GET", "/v1/organizations"),
        Step::Projects => ("GET", "/projects"),
        _ => ("POST", "/api_keys"),
    };
    ended.count(method, path)
}
