//! `docs/json.md` describes what the program prints.

#![cfg(target_os = "linux")]

use crate::sources::{files, root};
use crate::support::{default_project, machine};
use keymint_sandbox::{Consent, Organization, Reply, Scenario, Step};
use keymint_testkit::{Ended, Launch, Machine, Scripts, Session, browse};
use serde_json::Value;
use std::{fs, mem};

/// Returns the scenario of the examples.
fn scenario() -> Scenario {
    let [acme, closed] = [("org-acme", "Acme"), ("org-closed", "Closed")]
        .map(|(id, title)| Organization::new(id).titled(title).field("personal", false));
    let acme = acme.as_default().with_project(default_project("proj_default"));
    Scenario::of([acme, closed.field("is_default", false)])
        .reply(Step::Projects.of("org-closed"), Reply::error(403, "invalid_request_error", None, "no"))
}

/// Returns the blocks of this language in the document.
fn blocks(language: &str) -> Vec<String> {
    let document = fs::read_to_string(root().join("docs/json.md")).unwrap();
    let fence = format!("```{language}\n");
    document.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Returns the example of this schema.
fn example(schema: &str) -> Value {
    let examples = blocks("json").into_iter().map(|block| serde_json::from_str::<Value>(&block).unwrap());
    let mut examples = examples.filter(|example| example["schema"] == schema);
    examples.next().unwrap_or_else(|| panic!("{schema} is not in docs/json.md"))
}

/// Returns whether a value is as documented. `…` matches any text, and with `in_part` an example of a list may omit
/// entries.
fn fits(documented: &Value, printed: &Value, in_part: bool) -> bool {
    match (documented, printed) {
        (Value::Object(documented), Value::Object(printed)) => {
            documented.len() == printed.len()
                && documented.iter().all(|(name, documented)| {
                    let varies =
                        matches!(&**name, "last4" | "time" | "created_at" | "expires_at" | "after_ms");
                    printed.get(name).is_some_and(|printed| {
                        (varies && mem::discriminant(documented) == mem::discriminant(printed))
                            || fits(documented, printed, in_part)
                    })
                })
        }
        (Value::Array(documented), Value::Array(printed)) if in_part => {
            documented.iter().all(|documented| printed.iter().any(|printed| fits(documented, printed, true)))
        }
        (Value::Array(documented), Value::Array(printed)) => {
            documented.len() == printed.len()
                && documented
                    .iter()
                    .zip(printed)
                    .all(|(documented, printed)| fits(documented, printed, false))
        }
        (Value::String(documented), Value::String(printed)) => {
            let mut rest = printed.as_str();
            let mut parts = documented.split('…');
            let begins = rest.strip_prefix(parts.next().unwrap()).map(|after| rest = after).is_some();
            begins
                && parts.all(|part| {
                    let at = if part.is_empty() { Some(rest.len()) } else { rest.find(part) };
                    at.map(|at| rest = &rest[at + part.len()..]).is_some()
                })
                && rest.is_empty()
        }
        (documented, printed) => documented == printed,
    }
}

fn check(documented: &Value, printed: &Value, in_part: bool) {
    assert!(fits(documented, printed, in_part), "documented:\n{documented:#}\nprinted:\n{printed:#}");
}

/// Returns a printed text with the values of the documented user of the live service.
fn as_documented(text: &str, machine: &Machine) -> String {
    let home = machine.home.path().canonicalize().unwrap();
    text.replace(home.to_str().unwrap(), "/home/me")
        .replace(machine.sandbox.issuer().trim_end_matches('/'), "https://auth.openai.com")
        .replace(machine.sandbox.api_base().trim_end_matches('/'), "https://api.openai.com")
        .replace(&format!("localhost:{}", machine.port), "localhost:5000")
}

/// Runs a command that signs in.
async fn signs_in(command: Launch) -> Ended {
    let mut run = command.env("KEYMINT_NO_BROWSER", "1").spawn();
    browse(&run.url().await, Consent::Allow);
    run.finish().await
}

#[tokio::test]
async fn each_schema_is_documented_by_an_example_that_the_program_prints() {
    let machine = machine(scenario()).await;
    let session = Session::start("unlocked");
    let app = machine.home.path().join("app");
    fs::create_dir(&app).unwrap();
    let pass = Scripts::with("pass", "cat >/dev/null");
    let keymint = |args: &str| {
        machine
            .keymint(args.split(' '))
            .env("DBUS_SESSION_BUS_ADDRESS", &session.address)
            .env("PATH", pass.search_path())
            .env("KEYMINT_PROFILE", "work")
            .current_dir(&app)
    };
    let mut schemas = Vec::new();
    let mut compare = |schema: &'static str, code: i32, ended: Ended| {
        assert_eq!(ended.code, code, "{schema}: {}", ended.stderr);
        assert_eq!(ended.stdout.lines().count(), 1, "{schema}");
        let printed = serde_json::from_str(&as_documented(&ended.stdout, &machine)).unwrap();
        check(&example(schema), &printed, matches!(schema, "keymint.config/1" | "keymint.doctor/1"));
        schemas.push(schema);
    };

    let create = keymint("create --env-file --keyring --print --json --pipe-to");
    compare("keymint.created/2", 0, signs_in(create.args(["pass insert -m openai"])).await);
    compare("keymint.status/2", 0, keymint("status --json").output().await);
    let admin = |args: &str| keymint(args).env("OPENAI_ADMIN_KEY", machine.sandbox.admin_key("org-acme"));
    compare("keymint.admin_keys/1", 0, admin("admin list --json").output().await);
    let revoke = format!("admin revoke {} --yes --json", machine.sandbox.keys()[0].id);
    compare("keymint.revoked/1", 0, admin(&revoke).output().await);
    let account =
        admin("admin service-account --project proj_default --name ci --expires 90d --json --pipe-to");
    compare("keymint.service_account/1", 0, account.args(["pass insert -m openai"]).output().await);
    let import = keymint("import --env-file --force --name mine --json").input("sk-proj-imported-9f3A");
    compare("keymint.imported/1", 0, import.output().await);
    signs_in(keymint("create --keyring --force")).await.exits_with(0);
    compare("keymint.forgotten/1", 0, admin("forget --revoke --yes --json").output().await);
    compare("keymint.dry_run/1", 0, signs_in(keymint("create --dry-run --json")).await);
    compare("keymint.list/1", 0, signs_in(keymint("list --json")).await);
    compare("keymint.started/1", 0, keymint("start --json").output().await);
    compare("keymint.error/1", 8, signs_in(keymint("create --project Mobile --json")).await);
    signs_in(keymint("create --name kept --pipe-to false")).await.exits_with(9);
    compare("keymint.recovery/1", 0, keymint("recover --json").output().await);
    compare("keymint.deleted/1", 0, keymint("recover --delete --yes --json").output().await);
    signs_in(keymint("create --env-file .env.local --name old")).await.exits_with(0);
    let admin_key = machine.sandbox.admin_key("org-acme");
    let rotate = keymint("rotate old --json").env("OPENAI_ADMIN_KEY", admin_key);
    compare("keymint.rotated/1", 0, signs_in(rotate).await);
    compare("keymint.config/1", 0, keymint("config --json").output().await);
    let doctor = keymint("doctor --json").env("OPENAI_API_KEY", "another").env("BROWSER", "true");
    compare("keymint.doctor/1", 0, doctor.env("DISPLAY", ":0").output().await);

    let sources = files("rs");
    let of_documents = sources.iter().filter(|(name, _)| name.starts_with("crates/cli/src/ui/json"));
    let texts = of_documents.flat_map(|(_, source)| source.split('"'));
    let mut all: Vec<_> = texts.filter(|text| text.starts_with("keymint.")).collect();
    all.sort_unstable();
    schemas.sort_unstable();
    assert_eq!(schemas, all);
}

#[tokio::test]
async fn events_are_documented_as_they_are_printed() {
    let busy = Reply::status(429).header("retry-after", "0");
    let scenario = scenario().project_ready_in_list(2).reply(Step::CreateKey.nth(1), busy);
    let machine = machine(scenario).await;
    let create = machine.keymint(["create", "--events", "--poll-interval", "20ms"]);
    let ended = signs_in(create).await.exits_with(0);
    let events =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let printed = events(&as_documented(&ended.stderr, &machine));
    check(&events(&blocks("jsonl").concat()).into(), &printed.into(), false);

    // Shapes that are described in words are events.
    let document = fs::read_to_string(root().join("docs/json.md")).unwrap();
    let source = ["crates/cli/src/ui/events.rs", "crates/domain/src/event.rs"]
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .concat();
    let rows =
        document.split("## Events").nth(1).unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    for name in rows.map(|row| row.split('`').next().unwrap()) {
        let camel: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert!(source.contains(&camel), "{name}");
    }
}
