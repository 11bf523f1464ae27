//! The screens of the choice of a project, and of accounts in which no project accepts a key.

use super::{compare, desktop, signs_in, two_organizations};
use crate::support::{KEYMINT, default_project, machine};
use keymint_sandbox::{Consent, Organization, Project, Scenario};
use keymint_testkit::{Launch, Terminal, browse};

#[tokio::test]
async fn a_choice_by_number() {
    let machine = machine(two_organizations()).await;
    let create = machine.keymint(["create", "--no-browser", "--choose"]);
    let mut terminal = Terminal::start(create.env("TERM", "dumb").env("DISPLAY", ":0"));
    let mut shown = terminal.shows("&state=").await;
    shown += &terminal.shows("\r\n").await;
    let page = browse(shown.lines().find(|line| line.starts_with("http")).unwrap(), Consent::Allow);
    for answer in ["7\n", "web\n"] {
        shown += &terminal.shows("part of its name [1: Default project]: ").await;
        terminal.types(answer).await;
    }
    let (code, rest) = terminal.end().await;
    compare("create-choose", code, &[shown, rest].concat().replace("\r\n", "\n"), "");
    let page = page.await.unwrap().unwrap().body;
    let headings = ["Listing your projects", "choose a project", "Creating your key", "Key ready"];
    let found = headings.map(|heading| page.find(heading).expect(&page));
    assert!(found.is_sorted(), "{page}");
}

#[tokio::test]
async fn a_choice_in_a_menu() {
    let displayed = |output: &str| {
        let mut terminal = vt100::Parser::new(60, 600, 0);
        terminal.process(output.as_bytes());
        terminal.screen().contents()
    };
    let titles = ["\u{1b}[2J\u{202e}red", "A \u{6f22}\u{5b57} title that is too long for a narrow terminal"];
    let others = (1..=20).map(|number| {
        let title = titles.get(number - 1).copied().map_or_else(|| format!("Team {number}"), str::to_owned);
        Project::new(format!("proj_{number}")).titled(title)
    });
    let acme = Organization::new("org-acme").titled("Acme").as_default();
    let acme = acme.with_project(default_project("proj_0"));
    let acme = others.fold(acme, Organization::with_project);
    for columns in [80, 50] {
        let machine = machine(Scenario::of([acme.clone()])).await;
        let sized = format!("stty cols {columns} rows 24; exec \"$@\"");
        let create = Launch::new("sh", &machine.home).envs(machine.environment()).env("TERM", "xterm");
        let create = create.env("DISPLAY", ":0").args([
            "-c",
            &sized,
            "sh",
            KEYMINT,
            "create",
            "--no-browser",
            "--choose",
        ]);
        let mut terminal = Terminal::start(create);
        let mut shown = terminal.shows("&state=").await;
        shown += &terminal.shows("\r\n").await;
        let url = shown.lines().find(|line| line.contains("/oauth/authorize?")).unwrap();
        browse(url, Consent::Allow);
        let mut screens = String::new();
        let prompt = "to filter: ";
        for (expected, keys) in [(prompt, "\u{1b}[B\u{1b}[B"), (prompt, "team 1"), ("filter: team 1", "9\r")]
        {
            shown += &terminal.shows(expected).await;
            let screen = displayed(&shown);
            screens += &screen[screen.find("In which project").unwrap()..];
            screens += "\n\n";
            terminal.types(keys).await;
        }
        let (code, rest) = terminal.end().await;
        let end = displayed(&[shown, rest].concat());
        let chosen = &end[end.find("In which project").unwrap()..end.find("✓ Signed in as").unwrap()];
        screens.push_str(chosen);
        compare(&format!("create-choose-menu-{columns}"), code, &screens, "");
    }
}

/// The default organization and a project of the other one accept no keys of users, who may only read there.
fn policies() -> Scenario {
    Scenario::of([
        Organization::new("org-firm")
            .titled("Firm")
            .as_default()
            .without_user_keys()
            .with_project(default_project("proj_firm")),
        Organization::new("org-lab")
            .titled("Lab")
            .as_reader()
            .setting("completed_platform_onboarding", false)
            .with_project(default_project("proj_lab").without_user_keys())
            .with_project(default_project("proj_open").titled("Open")),
    ])
}

#[tokio::test]
async fn policies_that_forbid_a_key() {
    for (name, args) in [
        ("policy-skipped", &["--dry-run"][..]),
        ("policy-skipped-events", &["--dry-run", "--events"]),
        ("policy-of-the-organization", &["--organization", "Firm", "--json"]),
        ("policy-of-the-project", &["--project", "proj_lab"]),
        ("policy-role", &["--json"]),
        ("policy-ambiguous", &["--project", "Default project"]),
    ] {
        signs_in(name, desktop(policies(), args)).await;
    }
    for (name, args) in [("policy-list", &[][..]), ("policy-list-json", &["--json"])] {
        signs_in(name, desktop(policies(), args).command("list")).await;
    }
}

#[tokio::test]
async fn an_account_that_was_not_set_up() {
    let own = Organization::new("org-own").as_personal().setting("completed_platform_onboarding", false);
    let project = Project::new("proj_own").as_initial();
    let set_up_later = Scenario::of([own.clone().with_project(project)]).project_ready_in_list(3);
    signs_in("not-set-up-yet", desktop(set_up_later, &["--dry-run"])).await;
    for (name, args) in [
        ("not-set-up", &["--project-timeout", "1s"][..]),
        ("not-set-up-json", &["--project-timeout", "1s", "--json", "--quiet"]),
    ] {
        signs_in(name, desktop(Scenario::of([own.clone()]), args)).await;
    }
}
