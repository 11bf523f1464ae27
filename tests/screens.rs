//! Whole screens of the command, compared with the files in `snapshots`.

#![cfg(target_os = "linux")]

use crate::support::{Ended, KEYMINT, Run, Start, create, keymint, machine};
use keymint_sandbox::{
    Consent, NamedScenario, Organization, Project, Reply, Scenario, Step, sign_in_remotely,
};
use keymint_testkit::{Launch, Relay, Scripts, Session, Terminal, authority, browse, free_port, full_disk};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// The texts that differ between runs or machines, and their placeholders.
const VARIABLE: [(&str, &str); 15] = [
    (r"sk-proj-[\w-]+", "[KEY]"),
    (r"key_[\w-]{43}", "[KEY_ID]"),
    (r"(ending|ends) in [\w-]{4}(\W|$)", "$1 in [LAST4]$2"),
    (r#""last4":"[\w-]+""#, r#""last4":"[LAST4]""#),
    (r#"/oauth/authorize\?[^\s"]+"#, "/oauth/authorize?[QUERY]"),
    (r"(localhost|127\.0\.0\.1):\d+", "$1:[PORT]"),
    (r"port( +)\d{5}", "port$1[PORT]"),
    (r"keymint tester@\S+ \d{4}-\d\d-\d\d [a-z2-7]{4}", "keymint tester@[HOST] [DATE] [RANDOM]"),
    (r"\d{4}-\d\d-\d\dT\d{12}Z-\d+", "[ID]"),
    (r"\d{4}-\d\d-\d\d(T| )\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)", "[TIME]"),
    (r"created \d{4}-\d\d-\d\d", "created [DATE]"),
    (r"\[ *\d+\.\d{3} s\]", "[ELAPSED]"),
    (r"(again in|Retrying in|project after) [\d.]+ (ms|s)", "$1 [DURATION]"),
    // This occurs only under load.
    (r"warning: the keyring does not answer yet.*\n", ""),
    (r"\w+-\w+ \(process \d+\)", "[NAME] (process [ID])"),
];

/// Compares one screen with its snapshot.
fn compare(name: &str, code: i32, stderr: &str, stdout: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for directory in [Path::new("/tmp"), &std::env::temp_dir()] {
        settings.add_filter(&format!(r"{}/\.tmp\w{{6}}", directory.display()), "[TEMP]");
    }
    for (pattern, placeholder) in VARIABLE {
        settings.add_filter(pattern, placeholder);
    }
    let screen = format!("exit {code}\n--- stderr\n{}\n--- stdout\n{}", stderr.trim_end(), stdout.trim_end());
    settings.bind(|| insta::assert_snapshot!(name, screen));
}

/// `create` on a desktop, whatever this machine is.
fn desktop(scenario: Scenario, args: &[&str]) -> Start {
    create(scenario).args(args).env("DISPLAY", ":0")
}

/// Compares the screen of a run in which the user signs in.
async fn signs_in(name: &str, start: Start) -> Ended {
    let mut run = start.start().await;
    browse(&run.url().await, Consent::Allow);
    ends(name, run).await
}

/// Compares the screen of a run that needs no browser.
async fn ends(name: &str, run: Run) -> Ended {
    let ended = run.end().await;
    compare(name, ended.code, &ended.stderr, &ended.stdout);
    ended
}

/// Compares the screen of a command that needs no sandbox.
async fn prints(name: &str, command: Launch) -> keymint_testkit::Ended {
    let ended = command.env("DISPLAY", ":0").output().await;
    compare(name, ended.code, &ended.stderr, &ended.stdout);
    ended
}

/// Two organizations with the same title.
fn two_organizations() -> Scenario {
    let project = |id| Project::new(id).titled("Default project").as_initial();
    let web = Project::new("proj_web").titled("Web");
    Scenario::of([
        Organization::new("org-1").titled("Acme").as_default().with_project(project("proj_1")),
        Organization::new("org-2").titled("Acme").with_project(project("proj_2")).with_project(web),
    ])
}

#[tokio::test]
async fn a_key_is_printed() {
    for (name, args) in [
        ("create-stdout", &[][..]),
        ("create-verify", &["--verify", "--name", "screens"]),
        ("create-dry-run", &["--dry-run"]),
        ("create-dry-run-json", &["--dry-run", "--json"]),
        ("create-json", &["--json"]),
        ("create-events", &["--events"]),
        ("create-quiet", &["--quiet"]),
        ("create-verbose", &["--verbose"]),
    ] {
        let ended = signs_in(name, desktop(Scenario::ready(), args)).await;
        assert!(name != "create-json" || ended.json()["key"]["last4"] == last_four(&ended.key()));
    }
    let slow = Scenario::ready().project_ready_in_list(3);
    let waited = signs_in("create-waits", desktop(slow, &["--poll-interval", "20ms"])).await;
    assert_eq!(waited.count("GET", "/v1/organizations"), 3);
    let troubled =
        Scenario::ready().reply(Step::Projects.nth(1), busy()).reply(Step::CreateKey.nth(1), busy());
    signs_in("create-tries-again", desktop(troubled, &[])).await;
    let home = tempfile::tempdir().unwrap();
    let demo = keymint(&home).args(["demo"]).env("HTTP_PROXY", "http://127.0.0.1:9");
    let elsewhere = [("KEYMINT_ISSUER", "http://not.to.be.used.example"), ("KEYMINT_CALLBACK_PORT", "1")];
    prints("demo", demo.envs(elsewhere)).await;
    is_empty(&home);
}

fn last_four(key: &str) -> &str {
    &key[key.len() - 4..]
}

/// Checks that commands have left nothing in a directory.
fn is_empty(directory: impl AsRef<Path>) {
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
}

fn busy() -> Reply {
    Reply::status(429).header("retry-after", "0")
}

#[tokio::test]
async fn a_key_goes_to_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let file = file.to_str().unwrap();
    let to_file = |args: &[&str]| desktop(Scenario::ready(), &[&["--env-file", file], args].concat());
    signs_in("create-env-file", to_file(&[])).await;
    ends("error-env-file-has-a-key", to_file(&[]).start().await).await;
    signs_in("create-env-file-forced", to_file(&["--force"])).await;
    fs::remove_file(file).unwrap();
    signs_in("create-two-at-once", to_file(&["--print"])).await;
}

#[tokio::test]
async fn a_key_goes_to_a_keyring_and_is_forgotten() {
    let bus = ("DBUS_SESSION_BUS_ADDRESS", &Session::shared().address);
    let create = desktop(Scenario::ready(), &["--keyring", "--profile", "screens"]);
    let key = signs_in("create-keyring", create.env(bus.0, bus.1)).await.key();
    let home = tempfile::tempdir().unwrap();
    for name in ["forget", "forget-again"] {
        let forget = keymint(&home).args(["forget", "--yes", "--profile", "screens"]).env(bus.0, bus.1);
        let output = prints(name, forget).await.stderr;
        assert!(
            name == "forget-again" || output.contains(&format!("ends in {}, ", last_four(&key))),
            "{output}"
        );
        assert_eq!(Session::shared().stored("screens"), "");
    }
}

#[tokio::test]
async fn a_key_goes_to_a_command_or_the_clipboard() {
    let programs = Scripts::with("xclip", "cat >/dev/null; echo stored");
    let xclip = programs.path("xclip");
    let pipe_to = ["--pipe-to", xclip.to_str().unwrap()];
    signs_in("create-pipe-to", desktop(Scenario::ready(), &pipe_to)).await;
    let copy = desktop(Scenario::ready(), &["--copy"])
        .env("PATH", programs.search_path())
        .under(["setsid", "--wait"]);
    signs_in("create-copy", copy).await;
}

#[tokio::test]
async fn a_sign_in_is_completed_elsewhere() {
    let start = desktop(Scenario::ready(), &[]).with_browser().command("start").start().await;
    let start = ends("start", start).await;
    let address = sign_in_remotely(start.stdout.trim_end(), Consent::Allow).await.unwrap();
    for name in ["finish", "finish-again"] {
        prints(name, keymint(&start.home).args(["finish", &address])).await;
    }
    assert_eq!((start.sandbox.keys().len(), start.sandbox.violations().len()), (1, 0));
    is_empty(start.home.path().join(".local/state/keymint/pending"));
    let mut run = desktop(Scenario::ready(), &["--no-listen"]).stdin(Stdio::piped()).start().await;
    let address = sign_in_remotely(&run.url().await, Consent::Allow).await.unwrap();
    let wrong = "http://localhost/auth/callback?code=c&state=wrong";
    run.types(&format!("{wrong}\n{address}\n")).await;
    ends("create-paste", run).await;
}

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
    let acme = acme.with_project(Project::new("proj_0").titled("Default project").as_initial());
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

/// Writes the record of a delivered key, the nth of this machine.
fn write_record(state: &Path, number: usize, name: &str, changes: &Value) {
    let project = |id: &str, title: &str| json!({"id": id, "title": title});
    let mut record = json!({
        "version": 1, "state": "delivered", "time": format!("2026-11-0{number}T10:00:00Z"), "name": name,
        "organization": project("org-acme", "Acme"), "project": project("proj_1", "Default project"),
        "api_base": "https://api.openai.com", "last4": format!("aaa{number}"), "deliveries": []
    });
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let records = state.join("keymint/records");
    fs::create_dir_all(&records).unwrap();
    fs::set_permissions(state.join("keymint"), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&records, Permissions::from_mode(0o700)).unwrap();
    let path = records.join(format!("2026110{number}T100000000000Z-1.jsonl"));
    fs::write(&path, record.to_string()).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn the_status_of_many_keys() {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let state = home.path();
    let file = format!("env-file:{}/.env", state.display());
    let to = |to: &str, profile: Option<&str>, removed_at: Option<&str>| {
        let variable = to.starts_with("env-file:").then_some("OPENAI_API_KEY");
        json!({"to": to, "profile": profile, "variable": variable, "removed_at": removed_at, "at": "4"})
    };
    let at = |mut delivery: Value, at: &str| {
        delivery["at"] = at.into();
        json!({"deliveries": [delivery]})
    };
    let in_days = |days: i32| {
        let mut date = std::process::Command::new("date");
        date.args(["-u", "+%FT%TZ", "-d", &format!("{days} days")]);
        String::from_utf8(date.output().unwrap().stdout).unwrap().trim().to_owned()
    };
    write_record(state, 1, "lost", &json!({"state": "unknown", "last4": null}));
    write_record(state, 2, "old", &json!({}));
    write_record(state, 3, "older", &json!({}));
    write_record(state, 4, "revoked", &json!({"revoked_at": "2026-11-05T10:00:00Z"}));
    write_record(state, 5, "expired", &json!({"expires_at": in_days(-3)}));
    write_record(state, 6, "forgotten", &at(to("keyring", Some("work"), Some("3")), "2"));
    write_record(state, 7, "replaced", &at(to(&file, None, None), "3"));
    let gone = format!("env-file:{}/gone/.env", state.display());
    let deliveries = json!([to(&file, None, None), to("stdout", None, None), to(&gone, None, None)]);
    write_record(state, 8, "in use", &json!({"deliveries": deliveries, "expires_at": in_days(12)}));
    let imported = json!({"origin": "imported", "deliveries": [to("keyring", Some("default"), None)]});
    write_record(state, 9, "imported", &imported);
    fs::write(state.join(".env"), "OPENAI_API_KEY=sk-of-the-screens-aaa8\n").unwrap();
    let status = |args: &[&str]| {
        let status = keymint(&home).args(["status"]).args(args).env("XDG_STATE_HOME", state);
        status.env("DBUS_SESSION_BUS_ADDRESS", &Session::shared().address).current_dir(&home)
    };
    prints("status-of-many-keys", status(&[])).await;
    prints("status-of-all-keys", status(&["--all"])).await;
    let narrow =
        Launch::new("sh", &home).args(["-c", "stty cols 50 rows 24; exec \"$@\"", "sh", KEYMINT, "status"]);
    let narrow = narrow.env("XDG_STATE_HOME", state).env("NO_COLOR", "1").current_dir(&home);
    let terminal = Terminal::start(narrow.env("DBUS_SESSION_BUS_ADDRESS", &Session::shared().address));
    let (code, shown) = terminal.end().await;
    compare("status-of-many-keys-narrow", code, "", &shown.replace("\r\n", "\n"));
}

#[tokio::test]
async fn keys_on_the_server() {
    let scenario = |number: usize| {
        (0..number).fold(two_organizations(), |scenario, number| {
            scenario.with_key(
                "org-1",
                "proj_1",
                format!("key {number} of a laptop"),
                format!("sk-proj-{number:016}"),
            )
        })
    };
    let machine = machine(scenario(2)).await;
    let admin_key = machine.sandbox.admin_key("org-1");
    for columns in [80, 50] {
        let list = format!("stty cols {columns} rows 24; exec '{KEYMINT}' admin list");
        let list = Launch::new("sh", &machine.home).args(["-c", &list]).envs(machine.environment());
        let terminal = Terminal::start(list.env("OPENAI_ADMIN_KEY", &admin_key).env("NO_COLOR", "1"));
        let (code, shown) = terminal.end().await;
        compare(&format!("admin-list-{columns}"), code, "", &shown.replace("\r\n", "\n"));
        // An id is never broken.
        let fits = |line: &str| line.chars().count() <= columns || line.trim().starts_with("key_");
        assert!(shown.lines().all(fits), "{shown}");
    }
    let machine = crate::support::machine(scenario(1200)).await;
    let list = machine.keymint(["admin", "list"]).env("OPENAI_ADMIN_KEY", machine.sandbox.admin_key("org-1"));
    let listed = list.output().await.exits_with(0);
    let is_missing = |number: &usize| !listed.stdout.contains(&format!("\"key {number} of a laptop\""));
    let missing: Vec<_> = (0..1200).filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}: {}", listed.stdout);
}

#[tokio::test]
async fn what_there_is() {
    for (name, scenario, args) in [
        ("list", two_organizations(), &[][..]),
        ("list-json", two_organizations(), &["--json"]),
        ("list-empty", Scenario::of([]), &[]),
    ] {
        signs_in(name, desktop(scenario, args).command("list")).await;
    }
    // A line that begins with a path wraps only after the path.
    let home = tempfile::tempdir_in("/tmp").unwrap();
    prints("status", keymint(&home).args(["status"])).await;
    is_empty(&home);
    for name in ["config", "recover"] {
        prints(name, keymint(&home).args([name])).await;
    }
    let state = home.path().to_str().unwrap();
    let file = format!("{state}/.env");
    let kept = |args: &[&str]| desktop(Scenario::ready(), args).env("XDG_STATE_HOME", state);
    kept(&["--env-file", &file, "--name", "screens"]).sign_in().await;
    let key = signs_in("error-stdout-is-full", kept(&["--name", "kept"]).stdout(full_disk())).await.key();
    for (name, args) in [
        ("status-of-keys", &["status"][..]),
        ("status-of-keys-json", &["status", "--json"]),
        ("recover-list", &["recover"]),
        ("recover-list-json", &["recover", "--json"]),
        ("recover-print", &["recover", "--print"]),
        ("recover", &["recover"]),
    ] {
        let command = keymint(&home).args(args).env("XDG_STATE_HOME", state).current_dir(&home);
        let listed = prints(name, command).await.stdout;
        assert!(name != "recover-list" || listed.trim_end().ends_with(last_four(&key)), "{listed}");
    }
    let sandbox = machine(Scenario::ready()).await.sandbox;
    let servers = ["--issuer", sandbox.issuer(), "--api-base", sandbox.api_base()];
    let environment = [
        ("DBUS_SESSION_BUS_ADDRESS", &*Session::shared().address),
        ("KEYMINT_PROFILE", "doctor-screen"),
        ("BROWSER", "true"),
    ];
    let port = free_port().to_string();
    let doctor = keymint(&home).args(["doctor", "--callback-port", &port]);
    prints("doctor", doctor.args(servers).envs(environment)).await;

    let report = home.path().join("report.txt");
    let doctor = create(Scenario::ready()).command("doctor").with_browser().args(["--sign-in", "--report"]);
    let doctor = doctor.args([&report]).envs(environment).env("DISPLAY", ":0").env("KEYMINT_NO_BROWSER", "1");
    let ended = doctor.sign_in().await;
    let written = fs::read_to_string(report).unwrap();
    compare("doctor-report", ended.code, &ended.stderr, &format!("{}\n{written}", ended.stdout));
}

/// The default organization and a project of the other one accept no keys of users, who may only read there.
fn policies() -> Scenario {
    let initial = |id| Project::new(id).titled("Default project").as_initial();
    Scenario::of([
        Organization::new("org-firm")
            .titled("Firm")
            .as_default()
            .without_user_keys()
            .with_project(initial("proj_firm")),
        Organization::new("org-lab")
            .titled("Lab")
            .as_reader()
            .setting("completed_platform_onboarding", false)
            .with_project(initial("proj_lab").without_user_keys())
            .with_project(initial("proj_open").titled("Open")),
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

#[tokio::test]
async fn errors_before_anyone_has_signed_in() {
    for (name, args) in [
        ("error-sign-in-timeout", &["--sign-in-timeout", "50ms"][..]),
        ("error-sign-in-timeout-json", &["--sign-in-timeout", "50ms", "--json"]),
        ("error-no-such-folder", &["--env-file", "/no/such/folder/.env"]),
        ("error-no-such-command", &["--pipe-to", "no-such-command-anywhere"]),
        ("error-no-such-ca-file", &["--ca-file", "/no/such/file"]),
    ] {
        ends(name, desktop(Scenario::ready(), args).start().await).await;
    }
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let home = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("error-unknown-option", &["create", "--env-fiel"][..]),
        ("error-unknown-command", &["crate"]),
        ("error-conflict", &["create", "--quiet", "--verbose"]),
        ("error-nothing-to-paste", &["create", "--no-listen"]),
        ("error-wrong-time", &["create", "--http-timeout", "fast"]),
        ("error-port-in-use", &["create", "--callback-port", &port]),
    ] {
        prints(name, keymint(&home).args(args)).await;
    }
}

#[tokio::test]
async fn errors_of_a_sign_in() {
    let unreachable = format!("http://127.0.0.1:{}", free_port());
    let untrusted = Relay::start([127, 0, 0, 1].into(), &authority("Unknown")).await;
    let limits = ["--project-timeout", "1s", "--poll-interval", "200ms"];
    let login = |reply| Scenario::ready().reply(Step::Login, reply);
    let creation = |reply| Scenario::ready().reply(Step::CreateKey, reply);
    let refusal = json!({"error": {"message": "not allowed, sk-proj-canary0123", "code": "no_permission"}});
    let portal_at_the_creation = NamedScenario::PortalPage.scenario_at(Step::CreateKey).unwrap();
    for (name, scenario, args) in [
        ("error-sign-in-refused", Scenario::ready().refuse_sign_in(), &[][..]),
        ("error-unreachable", Scenario::ready(), &["--api-base", &unreachable]),
        ("error-certificate", Scenario::ready(), &["--api-base", &untrusted.url]),
        ("error-unknown-organization", two_organizations(), &["--organization", "Initech"]),
        ("error-ambiguous-organization", two_organizations(), &["--organization", "Acme", "--no-input"]),
        ("error-ambiguous-organization-json", two_organizations(), &["--organization", "Acme", "--json"]),
        ("error-unknown-project-json", two_organizations(), &["--project", "Mobile", "--json"]),
        ("error-no-organization", Scenario::of([]), &limits),
        ("error-no-project", Scenario::of([Organization::numbered(1)]), &limits),
        ("error-challenge", NamedScenario::Challenge.scenario(), &[]),
        ("error-country", NamedScenario::Country.scenario(), &[]),
        ("error-portal-at-the-creation", portal_at_the_creation, &["--name", "screens"]),
        ("error-login-403", login(Reply::status(403).json(&refusal)), &[]),
        ("error-login-403-empty", login(Reply::status(403)), &[]),
        ("error-creation-401", creation(Reply::status(401).json(&refusal)), &[]),
        ("error-creation-429", creation(busy()), &[]),
        ("error-creation-500", creation(Reply::status(500).after_processing()), &["--name", "screens"]),
    ] {
        signs_in(name, desktop(scenario, args)).await;
    }
}

#[tokio::test]
async fn help() {
    let home = tempfile::tempdir().unwrap();
    prints("help", keymint(&home).args(["--help"])).await;
    let version = keymint(&home).args(["--version"]).output().await.stdout;
    assert_eq!(version, concat!("keymint ", env!("CARGO_PKG_VERSION"), "\n"));
    let commands = "create list start finish import run export rotate status recover forget admin doctor config mcp demo sandbox completions man";
    let admin = ["admin list", "admin revoke", "admin service-account"];
    for command in commands.split(' ').chain(admin) {
        let help = keymint(&home).args(command.split(' ')).args(["--help"]);
        let help = prints(&format!("help-{}", command.replace(' ', "-")), help).await.stdout;
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(!help.contains('\u{1b}'), "{help}");
        assert!(help.split_once("\n\nExamples:\n  ").is_some(), "{help}");
        let short = keymint(&home).args(command.split(' ')).args(["-h"]).output().await.stdout;
        let is_rest = |line: &&str| line.starts_with("                ");
        let has_values = ["sandbox", "export", "completions", "admin"].contains(&command);
        assert!(has_values || short.lines().find(is_rest).is_none(), "{short}");
    }
}
