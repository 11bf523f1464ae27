//! The screens of commands that list keys, projects, settings and checks.

use super::{compare, desktop, is_empty, last_four, prints, signs_in, two_organizations};
use crate::support::{KEYMINT, create, keymint, machine};
use keymint_sandbox::Scenario;
use keymint_testkit::{Launch, Session, Terminal, free_port, full_disk};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
async fn help_and_settings_on_a_narrow_terminal() {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    for (name, args) in [("config-50", "config"), ("help-50", "--help"), ("help-create-50", "create -h")] {
        let narrow = format!("stty cols 50 rows 24; exec '{KEYMINT}' {args}");
        let narrow = Launch::new("sh", &home).args(["-c", &narrow]).env("NO_COLOR", "1");
        let (code, shown) = Terminal::start(narrow).end().await;
        compare(name, code, "", &shown.replace("\r\n", "\n"));
    }
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
async fn keys_settings_and_checks() {
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
