//! `keymint doctor --report`: the contents of a report, and the values that it must not contain.

#![cfg(unix)]

use crate::support::{Ended, Start, create, in_one_line, keymint};
use keymint_sandbox::{Consent, NamedScenario, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::{Canaries, is_free, until};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The doctor, which writes this report after a sign-in.
fn doctor(scenario: Scenario, report: &Path) -> Start {
    let doctor = create(scenario).command("doctor").with_browser().args(["--sign-in", "--report"]);
    doctor.args([report]).env("KEYMINT_NO_BROWSER", "1")
}

/// Signs in, and returns the report. No key is requested.
async fn report(scenario: Scenario, code: i32) -> (String, Ended) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.txt");
    let ended = doctor(scenario, &path).sign_in().await.exits_with(code);
    assert_eq!(ended.count("POST", "/api_keys"), 0);
    let report = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Canaries::of(ended.secrets()).find(&report), None, "{report}");
    assert!(ended.stderr.contains(&format!("The report is in {}", path.display())), "{}", ended.stderr);
    (report, ended)
}

/// The lines that differ from what is expected.
fn differences(report: &str) -> Vec<String> {
    let lines = report.lines().filter_map(|line| line.strip_prefix("  ! "));
    lines.map(in_one_line).collect()
}

#[tokio::test]
async fn the_answers_of_the_sandbox_are_as_expected() {
    let (report, ended) = report(Scenario::ready(), 0).await;
    assert!(report.contains("\nAnswers: 0 differences "), "{report}");
    assert_eq!(differences(&report), Vec::<String>::new());
    for step in ["exchange_code", "login", "list_organizations", "list_projects"] {
        assert!(report.contains(&format!("\n{step}: 1 answer with status 200, ")), "{report}");
    }
    assert!(ended.stdout.contains("as keymint expects them"), "{}", ended.stdout);
    assert!(report.lines().count() < 100, "{report}");
}

#[tokio::test]
async fn each_member_that_is_renamed_missing_or_of_another_type_is_named() {
    let token = json!({ "access": "sandbox", "token_type": "Bearer", "id_token": 7 });
    let login = json!({ "user": { "session": { "id": "sess-sandbox" } } });
    let organization = json!({ "id": "org-sandbox-personal", "name": "Personal", "default": true });
    let project = json!({ "id": "proj_1", "title": null, "isInitial": true });
    let list = |entry: Value| json!({ "data": [entry], "has_more": false });
    for (step, body, code, expected) in [
        (
            Step::Token,
            token,
            1,
            &[
                "access_token missing; expected: text",
                "refresh_token missing; usual: text",
                "id_token number; expected: text",
            ][..],
        ),
        (Step::Login, login, 1, &["user.session.sensitive_id missing; expected: text"]),
        (Step::Organizations, json!({ "organizations": [] }), 0, &["data missing; expected: list"]),
        (
            Step::Organizations,
            list(organization),
            0,
            &[
                "data[].title missing; usual: text",
                "data[].is_default missing; usual: flag",
                "data[].personal missing; usual: flag",
            ],
        ),
        (
            Step::Projects,
            list(project),
            0,
            &["data[].title null; usual: text", "data[].is_initial missing; usual: flag"],
        ),
        (Step::Projects, json!([]), 1, &["body list; expected: a JSON object"]),
    ] {
        let scenario = Scenario::ready().reply(step, Reply::default().json(&body));
        let (report, ended) = report(scenario, code).await;
        assert_eq!(differences(&report), expected, "{report}");
        let count = format!("differences from what keymint expects: {}", expected.len());
        assert!(ended.stdout.contains(&count), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_report_has_no_value_of_an_answer_or_a_setting() {
    let odd = Project::new("proj_canary").titled("canary").as_initial();
    let odd = odd.field("canary@example.com", "canary").field("org-canary", json!({ "x": ["canary"] }));
    let odd = odd.field("metadata", json!({ "canary": [{ "canary": 1 }] }));
    let scenario = Scenario::of([Organization::new("org-canary").titled("canary").with_project(odd)]);
    let refusal = json!({ "error": { "message": "canary", "code": "canary", "type": "canary" } });
    let scenario = scenario.reply(Step::Projects.nth(1), Reply::status(403).json(&refusal));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.txt");
    let run = doctor(scenario, &path)
        .env("KEYMINT_ORGANIZATION", "org-canary")
        .env("KEYMINT_PROFILE", "canary")
        .env("KEYMINT_PIPE_TO", "canary --with canary")
        .env("KEYMINT_SIGN_IN_TIMEOUT", "7m")
        .env("HTTPS_PROXY", "http://canary.example:1")
        .env("DBUS_SESSION_BUS_ADDRESS", "tcp:host=canary.invalid,port=1")
        .env("KEYMINT_NO_BROWSER", "0")
        .env("BROWSER", "canary --for canary");
    let ended = run.sign_in().await.exits_with(1);
    let report = fs::read_to_string(&path).unwrap();
    for line in [
        "organization     text, 10 characters      KEYMINT_ORGANIZATION",
        "sign_in_timeout  7m                       KEYMINT_SIGN_IN_TIMEOUT",
        "issuer_proxy     -                        loopback address",
        "  ! status         expected: 2xx",
        "no program that is named can be started",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    let home = ended.home.path().display().to_string();
    for private in ["canary", "Personal", "dev@", &home] {
        assert!(!report.contains(private), "{private}\n{report}");
    }
}

#[tokio::test]
async fn lists_that_cannot_be_read_are_no_ok_in_the_findings() {
    let refused = Reply::status(403).json(&json!({ "error": { "message": "no role" } }));
    let two = || {
        let organization = |id: &str| Organization::new(id).with_project(Project::new("proj_1").as_initial());
        Scenario::of([organization("org-1").as_default(), organization("org-2")])
    };
    for (scenario, code, finding) in [
        (two().reply(Step::Projects, refused.clone()), 1, "problem  account       no_project"),
        (
            two().reply(Step::Projects.nth(1), refused),
            0,
            "warning  account       not every list could be read in full",
        ),
    ] {
        let (report, ended) = report(scenario, code).await;
        assert!(report.contains(finding), "{report}");
        assert!(!ended.stdout.contains("can be read"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_sign_in_that_fails_is_in_the_report() {
    let (report, _) = report(Scenario::ready().refuse_sign_in(), 1).await;
    assert!(report.contains("\nproblem  account       sign_in_refused\n"), "{report}");
    assert!(report.contains("\nAnswers: none. The sign-in failed before a server answered.\n"), "{report}");
}

#[tokio::test]
async fn an_answer_of_an_intermediary_or_a_refusal_is_in_the_report_by_its_reason_alone() {
    for (case, step, lines) in [
        (
            NamedScenario::Challenge,
            Step::Token,
            [
                "account       server, challenge",
                "exchange_code: 1 answer with status 403",
                "body    a challenge;",
            ],
        ),
        (
            NamedScenario::PortalPage,
            Step::Login,
            ["account       server, portal", "login: 1 answer with status 200", "body  a web page;"],
        ),
        (
            NamedScenario::Country,
            Step::Token,
            ["account       server, country", "issuer        country", "error.message  text, "],
        ),
    ] {
        let (report, _) = report(case.scenario_at(step).unwrap(), 1).await;
        for line in lines {
            assert!(report.contains(line), "{line}\n{report}");
        }
        assert!(!report.contains("territory") && !report.contains("portal.test"), "{report}");
    }
}

#[tokio::test]
async fn a_sign_in_that_is_interrupted_leaves_no_report() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.txt");
    let mut run = doctor(Scenario::ready(), &path).start().await;
    run.url().await;
    run.signal("INT").await;
    run.end().await.exits_with(130);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_signal_ends_the_doctor_whose_output_is_held_after_the_sign_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.txt");
    let (_unread, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    let mut run = doctor(Scenario::ready(), &path).stdout(writer).start().await;
    run.url().await;
    std::thread::spawn(move || filler.write_all(&[b'\n'; 1024 * 1024]));
    run.browser(Consent::Allow).await;
    let port = run.port;
    until(|| is_free(port)).await;
    run.signal("INT").await;
    run.finish().await.exits_with(130);
}

#[tokio::test]
async fn a_file_is_replaced_only_with_force_and_a_link_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let [path, link] = ["report.txt", "link"].map(|name| home.path().join(name));
    fs::write(&path, "mine").unwrap();
    symlink(&path, &link).unwrap();
    let issuer = ["--issuer", "http://127.0.0.1:1", "--api-base", "http://127.0.0.1:1"];
    let doctor =
        |report: &Path| keymint(&home).args(["doctor", "--json", "--report"]).args([report]).args(issuer);
    for report in [&path, &link] {
        let ended = doctor(report).output().await;
        assert_eq!(ended.json()["kind"], "destination_unusable", "{}", ended.stderr);
        assert!(ended.code == 11 && ended.stderr.contains("--force"), "{}", ended.stderr);
        assert_eq!(ended.stderr.matches(report.to_str().unwrap()).count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.starts_with("error: no report can be written"), "{}", ended.stderr);
    }
    let ended = doctor(&link).args(["--force"]).output().await;
    assert_eq!((ended.code, ended.json()["schema"].as_str()), (1, Some("keymint.doctor/1")));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    let report = fs::read_to_string(&link).unwrap();
    assert!(!link.is_symlink() && report.contains("Answers: none. --sign-in "), "{report}");
    assert!(report.contains("issuer           http://127.0.0.1:1       --issuer\n"), "{report}");

    let missing = home.path().join("missing/report.txt");
    let ended = doctor(&missing).output().await;
    assert!(ended.code == 11 && !ended.stderr.contains("http://127.0.0.1:1"), "{}", ended.stderr);
    let alone = keymint(&home).args(["doctor", "--sign-in"]).output().await;
    assert_eq!(alone.code, 2, "{}", alone.stderr);
}

#[tokio::test]
async fn a_report_is_written_of_a_machine_on_which_nothing_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.txt");
    let issuer = ["--issuer", "https://keymint.invalid"];
    let run = doctor(Scenario::ready(), &path).args(issuer).env("HTTPS_PROXY", "socks5://canary:1");
    run.start().await.end().await.exits_with(1);
    let report = fs::read_to_string(&path).unwrap();
    assert!(report.contains("\nproblem  proxy         HTTPS_PROXY must be a proxy"), "{report}");
    assert!(report.contains("\nproblem  account       usage\n"), "{report}");
    assert!(!report.contains("canary") && !report.contains("keymint.invalid"), "{report}");
}
