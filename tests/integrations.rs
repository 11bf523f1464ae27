//! The plugin for coding agents: its manifests and the commands in its documents.

use crate::sources::{files, root};
use crate::support::{keymint, machine};
use keymint_sandbox::{Consent, Scenario};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const PLUGIN: &str = "integrations/keymint";
const MANIFESTS: [&str; 5] = [
    "plugin.json",
    ".claude-plugin/plugin.json",
    ".codex-plugin/plugin.json",
    ".cursor-plugin/plugin.json",
    "gemini-extension.json",
];

fn json(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join(path)).unwrap()).expect(path)
}

fn members(manifest: &Value) -> BTreeSet<&str> {
    manifest.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_manifest_describes_the_plugin_of_this_version() {
    let description = json(&format!("{PLUGIN}/plugin.json"))["description"].clone();
    for path in MANIFESTS {
        let manifest = json(&format!("{PLUGIN}/{path}"));
        assert_eq!(manifest["name"], "keymint", "{path}");
        assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"), "{path}");
        assert_eq!(manifest["description"], description, "{path}");
        // The formats that name the skills name their directory.
        assert!(matches!(manifest["skills"].as_str(), None | Some("./skills/")), "{path}");
    }
    let found = files("json").into_keys().filter(|path| path.starts_with(PLUGIN)).count();
    assert_eq!(found, MANIFESTS.len());
}

/// A client rejects a manifest of the Agent Plugins standard without its schema, and ignores unknown members.
#[test]
fn the_portable_manifest_has_the_members_of_its_standard_alone() {
    let manifest = json(&format!("{PLUGIN}/plugin.json"));
    assert_eq!(manifest["$schema"], "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json");
    let expected = ["$schema", "author", "description", "keywords", "license", "name", "version"];
    assert_eq!(members(&manifest), expected.into());
    assert_eq!(members(&manifest["author"]), ["name"].into());
}

#[test]
fn every_marketplace_lists_the_plugin_by_its_directory() {
    let claude_code = json("integrations/.claude-plugin/marketplace.json");
    assert!(claude_code["name"] == "keymint" && claude_code["owner"]["name"].is_string(), "{claude_code}");
    let codex = json("integrations/.agents/plugins/marketplace.json");
    assert!(codex["name"] == "keymint" && codex["plugins"][0]["policy"].is_object(), "{codex}");
    for (entry, source) in [
        (&claude_code["plugins"][0], &claude_code["plugins"][0]["source"]),
        (&codex["plugins"][0], &codex["plugins"][0]["source"]["path"]),
    ] {
        assert_eq!((&entry["name"], source), (&Value::from("keymint"), &Value::from("./keymint")));
    }
}

/// The lines between `---` are YAML, with one member in each line, whose value is a plain scalar.
#[test]
fn every_skill_has_the_head_that_agents_read() {
    let skills: BTreeMap<_, _> =
        files("md").into_iter().filter(|(path, _)| path.ends_with("/SKILL.md")).collect();
    assert_eq!(skills.keys().collect::<Vec<_>>(), [&format!("{PLUGIN}/skills/keymint/SKILL.md")]);
    for (path, skill) in skills {
        let (head, body) = skill.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        let members: BTreeMap<_, _> = head.lines().map(|line| line.split_once(": ").expect(line)).collect();
        for (name, value) in &members {
            let is_plain =
                value.starts_with(char::is_alphanumeric) && !value.contains(": ") && !value.contains(" #");
            assert!(is_plain, "{path}: {name}");
        }
        let names: Vec<_> = members.keys().copied().collect();
        assert_eq!(names, ["compatibility", "description", "license", "name"]);
        let directory = path.rsplit('/').nth(1).unwrap();
        assert_eq!(members["name"], directory);
        assert!(members["description"].len() <= 1024 && members["compatibility"].len() <= 500);
        assert!(body.lines().count() < 100, "an agent reads all of it");
    }
}

/// Returns the code lines and the texts in backquotes that begin with the name of the program.
fn commands(document: &str) -> Vec<String> {
    let (mut commands, mut is_code) = (Vec::new(), false);
    for line in document.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            commands.extend(line.starts_with("keymint ").then(|| line.to_owned()));
        } else {
            let quoted = line.split('`').skip(1).step_by(2).filter(|text| text.starts_with("keymint "));
            commands.extend(quoted.map(str::to_owned));
        }
    }
    commands
}

/// The exit code of a command that prints its help instead of doing its work.
async fn code_with_help(command: &str) -> i32 {
    let home = tempfile::tempdir().unwrap();
    let words = shell_words::split(command).unwrap();
    let own = words.iter().skip(1).take_while(|word| *word != "--");
    keymint(&home).args(own).args(["--help"]).output().await.code
}

#[tokio::test]
async fn every_command_that_the_skill_names_exists() {
    let documents: Vec<_> =
        files("md").into_iter().filter(|(path, _)| path.starts_with("integrations/")).collect();
    let commands: Vec<_> = documents.iter().flat_map(|(_, document)| commands(document)).collect();
    for words in
        ["keymint status --json", "keymint create --env-file", "keymint run --mask -- ", "keymint finish "]
    {
        assert!(commands.iter().any(|command| command.starts_with(words)), "{words}: {commands:?}");
    }
    for command in &commands {
        assert_eq!(code_with_help(command).await, 0, "{command}");
        assert!(!command.contains("--print"), "{command}");
    }
    for unknown in ["keymint mint", "keymint create --env", "keymint status --env-file"] {
        assert_eq!(code_with_help(unknown).await, 2, "{unknown}");
    }
}

#[tokio::test]
async fn an_agent_that_follows_the_skill_never_sees_the_key() {
    let machine = machine(Scenario::ready()).await;
    let project = tempfile::tempdir().unwrap();
    let agent = |words: &str| {
        machine
            .keymint(words.split(' '))
            .envs([("CLAUDECODE", "1"), ("KEYMINT_NO_BROWSER", "1")])
            .current_dir(&project)
    };
    let before = agent("status --json").output().await.exits_with(0);
    assert_eq!(before.json()["in_use"], Value::Null);

    let mut create = agent("create --env-file").spawn();
    create.browser(Consent::Allow).await;
    let created = create.finish().await.exits_with(0);

    let after = agent("status --json").output().await.exits_with(0);
    let key = machine.sandbox.keys()[0].value.clone();
    assert_eq!(after.json()["in_use"]["last4"], key[key.len() - 4..]);
    let again = agent("create --env-file").output().await.exits_with(11);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);

    assert!(fs::read_to_string(project.path().join(".env")).unwrap().contains(&key));
    for ended in [before, created, after, again] {
        assert!(
            !(ended.stdout.contains(&key) || ended.stderr.contains(&key)),
            "{}{}",
            ended.stdout,
            ended.stderr
        );
    }
}
