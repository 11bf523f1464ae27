//! The configuration file, and `config`, which shows what counts.

use crate::support::{create, in_home, keymint, watch};
use keymint_sandbox::Scenario;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// The program in a home whose configuration file has this text.
fn configured(text: &str) -> (TempDir, PathBuf, Command) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".config/keymint/config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let command = keymint(&home);
    (home, file, command)
}

async fn output(command: &mut Command) -> (i32, String, String) {
    let output = watch(command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn config_shows_each_setting_with_its_source_and_no_secret() {
    let text = "pipe_to = \"vault write key=canary\"\n[profiles.work]\nhttp_timeout = 20\n";
    let (_home, file, mut program) = configured(text);
    program.env("KEYMINT_PROFILE", "work").env("KEYMINT_CALLBACK_PORT", "5001");
    program
        .env("HTTPS_PROXY", "http://user:canary@proxy:3128")
        .env("KEYMINT_NAME", "sk-proj-canary0123456789");

    let (code, shown, complaints) = output(program.args(["config", "--json"])).await;
    assert_eq!((code, complaints.as_str()), (0, ""));
    let shown: Value = serde_json::from_str(&shown).unwrap();
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
    assert_eq!(setting("pipe_to"), (json!("vault …"), format!("{path}, line 1")));
    assert_eq!(setting("issuer"), (json!("https://auth.openai.com"), "default".to_owned()));
    assert_eq!(setting("keyring"), (json!(false), "default".to_owned()));
    assert_eq!(setting("env_file"), (Value::Null, "default".to_owned()));
    assert_eq!(setting("proxy"), (json!("http://proxy:3128"), "HTTPS_PROXY".to_owned()));
    assert_eq!(setting("profile"), (json!("work"), "KEYMINT_PROFILE".to_owned()));
    assert!(!shown.to_string().contains("canary"), "{shown}");
}

#[tokio::test]
async fn config_fits_a_terminal_and_tells_of_a_profile_that_no_file_has() {
    let home = tempfile::tempdir().unwrap();
    let (code, shown, complaints) = output(keymint(&home).args(["config", "--profile", "work"])).await;
    assert_eq!((code, complaints.as_str()), (0, ""));
    assert!(shown.contains("config.toml (not there)") && shown.contains("it names the place"), "{shown}");
    assert!(shown.lines().all(|line| line.starts_with("File: ") || line.chars().count() <= 80), "{shown}");
}

#[tokio::test]
async fn create_does_what_the_file_says() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keymint");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("config.toml"), "verbose = true\n[profiles.work]\nname = \"from the file\"\n")
        .unwrap();
    let ended = create(Scenario::ready())
        .args(&["--profile", "work"])
        .env("XDG_CONFIG_HOME", home.path())
        .sign_in()
        .await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.sandbox.keys()[0].name, "from the file");
    assert!(ended.stderr.contains(" s] "), "{}", ended.stderr);
}

#[tokio::test]
async fn a_wrong_file_ends_every_command_that_reads_it_and_only_those() {
    let (_home, file, mut program) = configured("\nisuer = \"https://canary.example\"");
    let expected = format!("{}, line 2: there is no setting \"isuer\"; did you mean issuer?", file.display());
    let (code, shown, told) = output(program.args(["create", "--json"])).await;
    let error: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &error["kind"], &error["message"]), (2, &json!("usage"), &json!(expected)));
    assert!(!told.contains("canary"), "{told}");

    let (home, ..) = configured("\nisuer = \"https://canary.example\"");
    for (args, expected) in
        [(&["config"][..], 2), (&["recover"], 2), (&["demo"], 0), (&["completions", "bash"], 0)]
    {
        let (code, _, told) = output(keymint(&home).args(args)).await;
        assert_eq!(code, expected, "{args:?}: {told}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_write_ends_with_2_before_anything_else_happens() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, file, mut program) = configured("issuer = \"https://auth.example\"");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let (code, shown, told) = output(program.arg("create")).await;
    assert_eq!((code, shown.as_str()), (2, ""));
    assert!(told.contains("chmod go-w") && !told.contains("/oauth/authorize"), "{told}");
}

/// Rust would open the file of another user where it may read it.
#[cfg(unix)]
#[tokio::test]
async fn a_file_of_another_user_ends_with_2() {
    let (home, file, mut program) = configured("quiet = true");
    let given = in_home(Command::new("chown"), &home).args(["nobody"]).arg(&file).status().await;
    if !given.is_ok_and(|status| status.success()) {
        // Only the administrator can give a file away.
        return;
    }
    let (code, _, told) = output(program.arg("create")).await;
    assert!(code == 2 && told.contains("it belongs to another user"), "{told}");
}
