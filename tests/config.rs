//! The configuration file, and `config`, which shows the effective values.

use crate::support::{create, in_one_line, keymint};
use keymint_sandbox::{Organization, Project, Scenario};
use keymint_testkit::{Launch, skipped};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Returns the program in a home directory whose configuration file has this text.
fn configured(text: &str) -> (TempDir, PathBuf, Launch) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".config").join("keymint").join("config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let command = keymint(&home);
    (home, file, command)
}

#[tokio::test]
async fn config_shows_each_setting_with_its_source_and_no_secret() {
    let text = "pipe_to = \"vault write key=canary\"\n[profiles.work]\nhttp_timeout = 20\n";
    let (_home, file, program) = configured(text);
    let program = program
        .env("KEYMINT_PROFILE", "work")
        .env("KEYMINT_AGENT", "0")
        .env("KEYMINT_CALLBACK_PORT", "5001")
        .env("KEYMINT_SIGN_IN_TIMEOUT", "1h");
    let program = program
        .env("HTTPS_PROXY", "http://user:canary@proxy:3128")
        .env("KEYMINT_NAME", "sk-proj-canary0123456789");

    let ended = program.args(["config", "--json"]).output().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let shown = ended.json();
    let path = file.to_str().unwrap();
    assert_eq!(
        (&shown["schema"], &shown["file"], &shown["profile"]),
        (&json!("keymint.config/1"), &json!(path), &json!("work"))
    );
    let setting = |name: &str| {
        let settings = shown["settings"].as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["name"] == name).unwrap();
        (setting["value"].clone(), setting["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(setting("callback_port"), (json!(5001), "KEYMINT_CALLBACK_PORT".to_owned()));
    assert_eq!(setting("http_timeout"), (json!("20"), format!("{path}, line 3, profile work")));
    assert_eq!(setting("sign_in_timeout"), (json!("1h"), "KEYMINT_SIGN_IN_TIMEOUT".to_owned()));
    assert_eq!(setting("pipe_to"), (json!("vault …"), format!("{path}, line 1")));
    assert_eq!(setting("issuer"), (json!("https://auth.openai.com"), "default".to_owned()));
    assert_eq!(setting("keyring"), (json!(false), "default".to_owned()));
    assert_eq!(setting("env_file"), (Value::Null, "default".to_owned()));
    for server in ["issuer_proxy", "api_base_proxy"] {
        assert_eq!(setting(server), (json!("http://proxy:3128"), "HTTPS_PROXY".to_owned()));
    }
    assert_eq!(setting("profile"), (json!("work"), "KEYMINT_PROFILE".to_owned()));
    assert_eq!(setting("agent"), (json!(false), "KEYMINT_AGENT".to_owned()));
    assert_eq!(setting("ci"), (Value::Null, "default".to_owned()));
    assert!(!shown.to_string().contains("canary"), "{shown}");
}

#[tokio::test]
async fn config_shows_the_proxy_of_each_server_and_what_exempts_one() {
    let home = tempfile::tempdir().unwrap();
    // Windows does not distinguish the two names.
    let exempt = if cfg!(windows) { "- NO_PROXY" } else { "- no_proxy" };
    for (no_proxy, api_base, expected) in [
        ("", "https://api.openai.com", ["http://proxy:3128 HTTPS_PROXY"; 2]),
        ("api.openai.com", "https://api.openai.com", ["http://proxy:3128 HTTPS_PROXY", exempt]),
        ("*", "https://api.openai.com", [exempt; 2]),
        ("", "http://127.0.0.1:9", ["http://proxy:3128 HTTPS_PROXY", "- loopback address"]),
    ] {
        let program = keymint(&home).args(["config"]).env("HTTPS_PROXY", "http://proxy:3128");
        let program = program.env("no_proxy", no_proxy).env("KEYMINT_API_BASE", api_base);
        let shown = program.output().await.stdout;
        let row = |name: &str| in_one_line(shown.lines().find_map(|line| line.strip_prefix(name)).unwrap());
        assert_eq!([row("issuer_proxy"), row("api_base_proxy")], expected, "{shown}");
    }
    let without = keymint(&home).args(["config"]).output().await.stdout;
    assert!(!without.contains("proxy"), "{without}");
}

#[tokio::test]
async fn config_fits_a_terminal_and_reports_a_profile_that_no_file_has() {
    let home = tempfile::tempdir().unwrap();
    let ended = keymint(&home).args(["config", "--profile", "work"]).output().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let shown = ended.stdout;
    assert!(shown.contains("config.toml (not there)") && shown.contains("it names the place"), "{shown}");
    assert!(shown.lines().all(|line| line.starts_with("File: ") || line.chars().count() <= 80), "{shown}");
}

#[tokio::test]
async fn create_does_what_the_file_says() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("keymint");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("config.toml"), "verbose = true\n[profiles.work]\nname = \"from the file\"\n")
        .unwrap();
    let ended = create(Scenario::ready())
        .args(["--profile", "work"])
        .env("XDG_CONFIG_HOME", home.path())
        .sign_in()
        .await
        .exits_with(0);
    assert_eq!(ended.sandbox.keys()[0].name, "from the file");
    assert!(ended.stderr.contains(" s] "), "{}", ended.stderr);
}

#[tokio::test]
async fn a_named_project_needs_no_choice_that_the_file_requests() {
    let (home, ..) = configured("choose = true");
    let projects = [Project::new("proj_1").as_initial(), Project::new("proj_2")];
    let organization =
        projects.into_iter().fold(Organization::new("org-1").as_personal(), Organization::with_project);
    let create = create(Scenario::of([organization])).args(["--project", "proj_2", "--json"]);
    let ended = create.env("XDG_CONFIG_HOME", home.path().join(".config")).sign_in().await.exits_with(0);
    assert_eq!(ended.json()["project"]["id"], "proj_2");
}

#[tokio::test]
async fn a_flag_without_its_destination_is_wrong_usage_and_a_default_is_not() {
    let (home, ..) = configured("var = \"MY_KEY\"");
    for (flags, place) in [
        (&["--var", "MY_KEY", "--keyring"][..], "--env-file"),
        (&["--allow-tracked", "--copy"], "--env-file"),
        (&["--force", "--print"], "--env-file or --keyring"),
        (&["--new", "--env-file"], "--keyring"),
        (&["--profile", "work", "--env-file"], "--keyring or a table in the configuration file"),
    ] {
        for command in [&["create", "--json"][..], &["finish", "http://x", "--json"], &["recover", "--json"]]
        {
            let ended = keymint(&home).args(command).args(flags).output().await;
            let (error, expected) = (ended.json(), format!("{} has no effect without {place}", flags[0]));
            assert_eq!((ended.code, &error["message"]), (2, &json!(expected)), "{command:?}");
        }
    }

    // The destination can be a default, and a default needs no destination.
    let (home, ..) = configured("var = \"MY_KEY\"\n[profiles.work]\nkeyring = true\n[profiles.home]");
    for (flags, variables) in [
        (&["--profile", "home"][..], &[("KEYMINT_NEW", "1"), ("KEYMINT_FORCE", "1")][..]),
        (&["--force", "--allow-tracked", "--var", "A"], &[("KEYMINT_ENV_FILE", ".env")]),
        (&["--new", "--force", "--profile", "work"], &[]),
        (&[], &[("KEYMINT_PROFILE", "home"), ("KEYMINT_VAR", "A"), ("KEYMINT_ALLOW_TRACKED", "1")]),
    ] {
        let recover = keymint(&home).args(["recover"]).args(flags).envs(variables.iter().copied());
        recover.output().await.exits_with(0);
    }
}

#[tokio::test]
async fn a_wrong_file_ends_every_command_that_reads_it_and_only_those() {
    let (_home, file, program) = configured("\nisuer = \"https://canary.example\"");
    let expected = format!("{}, line 2: unknown setting \"isuer\"; did you mean issuer?", file.display());
    let ended = program.args(["create", "--json"]).output().await;
    let error = ended.json();
    assert_eq!((ended.code, &error["kind"], &error["message"]), (2, &json!("usage"), &json!(expected)));
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);

    let (home, ..) = configured("\nisuer = \"https://canary.example\"");
    for (args, expected) in
        [(&["config"][..], 2), (&["recover"], 2), (&["demo"], 0), (&["completions", "bash"], 0)]
    {
        let ended = keymint(&home).args(args).output().await;
        assert_eq!(ended.code, expected, "{args:?}: {}", ended.stderr);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_write_ends_with_2_before_anything_else_happens() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, file, program) = configured("issuer = \"https://auth.example\"");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let ended = program.args(["create"]).output().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("chmod go-w"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("/oauth/authorize"), "{}", ended.stderr);
}

/// Otherwise the defaults would apply silently, although the user has a file that says otherwise.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_cannot_be_reached_ends_with_2() {
    let (home, file, program) = configured("");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/nowhere/config.toml", &file).unwrap();
    let ended = program.args(["create"]).output().await;
    assert!(ended.code == 2 && ended.stderr.contains("a link to /nowhere"), "{}", ended.stderr);

    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file.parent().unwrap(), "").unwrap();
    let ended = keymint(&home).args(["create"]).output().await;
    assert!(ended.code == 2 && ended.stderr.contains("keymint is not a directory"), "{}", ended.stderr);
}

/// In a home directory that every user may write in, another user can create the directory first.
#[cfg(unix)]
#[tokio::test]
async fn a_file_below_a_directory_of_another_user_ends_with_2_and_starts_nothing() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let (home, file, _) = configured("");
    let started = home.path().join("started");
    fs::write(&file, format!("browser = \"sh -c ': >{}'\"", started.display())).unwrap();
    let moved = home.path().join("moved.toml");
    fs::rename(&file, &moved).unwrap();
    symlink(&moved, &file).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let config = home.path().join(".config");
    if chown(&config, Some(12_345), None).is_err() {
        return skipped("only the administrator can give directories away");
    }
    let ended = keymint(&home).args(["create"]).output().await;
    assert!(ended.code == 2 && ended.stderr.contains("belongs to another user"), "{}", ended.stderr);
    assert!(!started.exists());
}

/// Rust would open another user's file if it may read it.
#[cfg(unix)]
#[tokio::test]
async fn a_file_of_another_user_ends_with_2() {
    let (home, file, program) = configured("quiet = true");
    if !Launch::new("chown", &home).args(["nobody"]).args([&file]).succeeds().await {
        // Only the administrator can give a file away.
        return;
    }
    let ended = program.args(["create"]).output().await;
    assert!(ended.code == 2 && ended.stderr.contains("it belongs to another user"), "{}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_with_as_many_profiles_as_it_can_have_is_read_at_once() {
    let profiles: String = (0..30_000).map(|number| format!("[profiles.p{number}]\nquiet=true\n")).collect();
    let (_home, _, program) = configured(&profiles);
    // The limit is of the processor's time, so that other programs do not count. The system ends a run that exceeds
    // it.
    let ten_seconds = ["sh", "-c", "ulimit -t 10; exec \"$@\"", "keymint"];
    let ended = program.under(ten_seconds).args(["config", "--profile", "p29999"]).output().await;
    assert_eq!(ended.code, 0, "{}: {}", ended.status, ended.stderr);
}
