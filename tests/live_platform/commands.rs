//! Commands other than `create` that sign in.

use super::{Remedy, check, helps, run};
use crate::support::{create, in_one_line, machine};
use keymint_sandbox::{
    Consent, NamedScenario, Organization, Project, Reply, Scenario, Step, sign_in_remotely,
};
#[cfg(target_os = "linux")]
use keymint_testkit::{Session, Terminal, browse};
use std::time::Duration;

/// The other commands that sign in end in the same way as `create`.
#[tokio::test]
async fn finish_and_list_end_with_the_same_kind_reason_and_hint() {
    use NamedScenario::{
        Challenge, Country, NetworkSignIn, NotOnboarded, OrganizationsNotFound, PortalPage, ProjectArchived,
        ProxySignIn, Role,
    };
    let at = |scenario: NamedScenario, step| scenario.scenario_at(step).unwrap();
    for (scenario, end, hint, remedies) in [
        (at(Challenge, Step::Token), (7, "server", "challenge"), "another network", &[][..]),
        (at(Country, Step::Login), (7, "server", "country"), "country or region of this network", &[]),
        (at(NetworkSignIn, Step::Organizations), (7, "server", "portal"), "captive portal", &[]),
        (at(ProxySignIn, Step::Login), (7, "server", "proxy"), "proxy in HTTPS_PROXY", &[]),
        (at(PortalPage, Step::CreateKey), (10, "outcome_unknown", "portal"), "captive portal", &[]),
        (Role.scenario(), (7, "server", "role"), "ask an owner", &[Remedy::Owner, Remedy::Role]),
        (ProjectArchived.scenario(), (7, "server", "not_found"), "archived", &[]),
        (NotOnboarded.scenario(), (8, "no_project", "not_onboarded"), "https://platform.openai.com/", &[]),
    ] {
        let machine = machine(scenario).await;
        let url = machine.keymint(["start"]).output().await.exits_with(0).stdout;
        let address = sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap();
        let finish = ["finish", &address, "--json", "--events", "--project-timeout", "1s"];
        let ended = machine.keymint(finish).output().await;
        check("finish", &ended, end, &[hint], remedies);
        assert_eq!(machine.sandbox.violations(), Vec::<String>::new());
    }
    for (scenario, end, hint) in [
        (at(Challenge, Step::Organizations), (7, "server", "challenge"), "another network"),
        (at(Country, Step::Token), (7, "server", "country"), "country or region of this network"),
        (at(PortalPage, Step::Login), (7, "server", "portal"), "captive portal"),
        (
            OrganizationsNotFound.scenario(),
            (7, "server", "not_found"),
            "does not list organizations for this sign-in",
        ),
    ] {
        check("list", &run(create(scenario).command("list")).await, end, &[hint], &[]);
    }
}

/// `run` signs in where no key is stored, and ends as `create` does. Its command is not started.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn run_ends_with_the_same_code_and_hint_and_does_not_start_its_command() {
    use NamedScenario::{Challenge, KeyLimit, NotOnboarded, PortalPage, ProxySignIn, Role, UserKeysDisabled};
    let at = |scenario: NamedScenario, step| scenario.scenario_at(step).unwrap();
    let session = Session::shared();
    for (profile, scenario, code, hint, remedies) in [
        ("run-challenge", at(Challenge, Step::Login), 7, "another network", &[][..]),
        ("run-proxy", at(ProxySignIn, Step::Token), 7, "proxy in HTTPS_PROXY", &[]),
        ("run-portal", at(PortalPage, Step::CreateKey), 10, "captive portal", &[]),
        ("run-limit", KeyLimit.scenario(), 7, "its limit of keys", &[]),
        ("run-role", Role.scenario(), 7, "ask an owner", &[Remedy::Owner, Remedy::Role]),
        ("run-policy", UserKeysDisabled.scenario(), 7, "disables user API keys", &[Remedy::Owner]),
        ("run-onboarding", NotOnboarded.scenario(), 8, "https://platform.openai.com/", &[]),
    ] {
        let machine = machine(scenario).await;
        let run = machine.keymint(["run", "--profile", profile, "--", "echo", "it", "ran"]).envs([
            ("DBUS_SESSION_BUS_ADDRESS", &*session.address),
            ("KEYMINT_NO_BROWSER", "1"),
            ("KEYMINT_PROJECT_TIMEOUT", "1s"),
            ("KEYMINT_ORGANIZATION", if profile == "run-policy" { "Acme" } else { "" }),
        ]);
        let mut terminal = Terminal::start(run);
        browse(&terminal.url().await, Consent::Allow);
        let (ended, shown) = terminal.end().await;
        let shown = in_one_line(&shown);
        assert_eq!(ended, code, "{profile}: {shown}");
        let (_, error) = shown.split_once("error:").expect(&shown);
        assert!(error.contains(hint) && !error.contains("it ran"), "{profile}: {shown}");
        helps(profile, error, remedies);
        assert_eq!((machine.sandbox.keys().len(), session.stored(profile)), (0, String::new()), "{profile}");
        assert_eq!(machine.sandbox.violations(), Vec::<String>::new(), "{profile}");
    }
}

/// The other organizations can be read, so the list is shown.
#[tokio::test]
async fn list_shows_the_reason_and_the_hint_of_projects_that_cannot_be_read() {
    let project = || Project::new("proj_1").as_initial();
    let ids = ["org-1", "org-2"];
    for (reply, reason, hint) in [
        (Reply::challenge(403), "challenge", "Use another network"),
        (Reply::page(200, "Welcome"), "portal", "captive portal"),
        (Reply::error(403, "invalid_request_error", None, "no"), "forbidden", "check its role"),
    ] {
        let scenario = Scenario::of(ids.map(|id| Organization::new(id).with_project(project())))
            .reply(Step::Projects.of("org-2"), reply);
        let ended = create(scenario).command("list").args(["--json"]).sign_in().await.exits_with(0);
        assert_eq!(ended.json()["organizations"][1]["reason"], reason);
        assert_eq!(ended.stderr.matches(hint).count(), 1, "{}", ended.stderr);
    }
}

/// The organizations are still shown if standard output is for users.
#[tokio::test]
async fn list_ends_as_create_does_if_no_list_of_projects_can_be_read() {
    let at_projects = |reply| Scenario::ready().reply(Step::Projects, reply);
    for (scenario, end, hint) in [
        (
            NamedScenario::Challenge.scenario_at(Step::Projects).unwrap(),
            (7, "server", "challenge"),
            "another network",
        ),
        (
            NamedScenario::Country.scenario_at(Step::Projects).unwrap(),
            (7, "server", "country"),
            "country or region of this network",
        ),
        (
            at_projects(Reply::error(403, "invalid_request_error", None, "no")),
            (8, "no_project", "forbidden"),
            "may not see the projects of its organizations",
        ),
        (
            at_projects(Reply::status(200).delayed(Duration::from_secs(60))),
            (6, "network", "timeout"),
            "Check the network connection",
        ),
    ] {
        let owner = [Remedy::Owner, Remedy::Account];
        let remedies = if end.0 == 8 { &owner[..] } else { &[] };
        let start = |command| create(scenario.clone()).command(command).args(["--project-timeout", "1s"]);
        for command in ["list", "create"] {
            check(command, &run(start(command)).await, end, &[hint], remedies);
        }
        let ended = start("list").sign_in().await.exits_with(end.0);
        assert!(ended.stdout.starts_with("\"Personal\" (org-sandbox-personal)"), "{}", ended.stdout);
        assert_eq!(ended.stderr.matches("error:").count(), 1, "{}", ended.stderr);
    }
}

/// Nothing in such an account keeps `list` from reading it, and it shows what `create` will meet.
#[tokio::test]
async fn list_shows_an_account_that_is_not_ready() {
    for (scenario, member, value) in [
        (NamedScenario::Role, "role", "reader".into()),
        (NamedScenario::UserKeysDisabled, "disable_user_api_keys", true.into()),
        (NamedScenario::NotOnboarded, "completed_platform_onboarding", false.into()),
    ] {
        let ended =
            create(scenario.scenario()).command("list").args(["--json"]).sign_in().await.exits_with(0);
        let list = ended.json();
        let mut organizations = list["organizations"].as_array().unwrap().iter();
        assert!(organizations.any(|organization| organization.get(member) == Some(&value)), "{list}");
    }
}
