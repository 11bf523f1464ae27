//! `start` in one process and `finish` in another.

use crate::support::{keymint, machine};
use keymint_sandbox::{Consent, Scenario, sign_in_remotely};
use keymint_testkit::Launch;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A machine on which sign-ins are started and finished.
struct Machine(keymint_testkit::Machine);

/// The end of a command: exit code, standard output, standard error.
type Ended = (i32, String, String);

impl Machine {
    async fn new() -> Self {
        Self(machine(Scenario::ready()).await)
    }

    async fn start(&self, args: &[&str]) -> Ended {
        Self::run(self.0.keymint(["start"]).args(args)).await
    }

    /// Starts a sign-in, grants it, and returns the URL of the last page.
    async fn signed_in(&self) -> String {
        answer(&self.start(&[]).await.1).await
    }

    /// Runs `finish`, which knows the servers from the pending sign-in only.
    async fn finish(&self, args: &[&str], input: &str) -> Ended {
        Self::run(keymint(&self.0.home).args(["finish"]).args(args).input(input)).await
    }

    async fn run(command: Launch) -> Ended {
        let ended = command.output().await;
        (ended.code, ended.stdout, ended.stderr)
    }

    fn pending_sign_ins(&self) -> Vec<PathBuf> {
        let directory = self.0.home.path().join(".local/state/keymint/pending");
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

async fn answer(url: &str) -> String {
    sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap()
}

#[tokio::test]
async fn a_variable_that_hides_the_key_is_also_reported_at_the_end_of_finish() {
    let machine = Machine::new().await;
    let address = machine.signed_in().await;
    let finish = keymint(&machine.0.home).args(["finish"]).env("OPENAI_API_KEY", "sk-another-one");
    let (code, _, output) = Machine::run(finish.input(&address)).await;
    assert_eq!(code, 0, "{output}");
    assert!(
        output.contains("OPENAI_API_KEY is set here already") && !output.contains("another-one"),
        "{output}"
    );
}

#[tokio::test]
async fn several_wait_at_once_and_each_is_finished_by_its_own_answer() {
    let machine = Machine::new().await;
    let (_, first, _) = machine.start(&[]).await;
    let (_, json, _) = machine.start(&["--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "keymint.started/1");
    assert!(json["expires_at"].as_str().unwrap().ends_with('Z'), "{json}");
    for (url, keys) in [(json["url"].as_str().unwrap(), 1), (&first, 2)] {
        // One of two simultaneous processes completes it.
        let answer = [answer(url).await];
        let args = answer.each_ref().map(String::as_str);
        let ((one, _, output), (other, ..)) =
            tokio::join!(machine.finish(&args, ""), machine.finish(&args, ""));
        assert_eq!((one.min(other), one.max(other)), (0, 4), "{output}");
        assert_eq!(machine.0.sandbox.keys().len(), keys, "{output}");
    }
}

#[tokio::test]
async fn a_foreign_answer_is_refused_and_uses_nothing_up() {
    let machine = Machine::new().await;
    let address = machine.signed_in().await;
    for foreign in ["http://localhost:5000/auth/callback?code=c&state=of-another", "nonsense"] {
        let (code, _, output) = machine.finish(&["--json"], foreign).await;
        assert_eq!(code, 4, "{output}");
    }
    let (code, _, output) = machine.finish(&[], "").await;
    assert_eq!(code, 2, "{output}");
    assert_eq!(machine.finish(&[], &format!("{address}\n")).await.0, 0);
}

#[tokio::test]
async fn a_destination_that_fails_its_check_uses_nothing_up() {
    let machine = Machine::new().await;
    let address = machine.signed_in().await;
    let (code, _, output) = machine.finish(&[&address, "--env-file", "/no/such/directory/.env"], "").await;
    assert_eq!((code, machine.0.count("POST", "token")), (11, 0), "{output}");
    assert_eq!(machine.finish(&[&address], "").await.0, 0);
}

#[tokio::test]
async fn a_url_is_not_taken_for_the_path_of_a_file() {
    let machine = Machine::new().await;
    let address = machine.signed_in().await;
    let (code, _, output) = machine.finish(&["--env-file", &address], "").await;
    assert!(code == 2 && output.contains("give the URL before it"), "{output}");
    assert!(!output.contains("code="), "{output}");

    let file = machine.0.home.path().join(".env");
    let (code, _, output) = machine.finish(&[&address, "--env-file", file.to_str().unwrap()], "").await;
    assert!(code == 0 && file.exists(), "{output}");
}

#[tokio::test]
async fn a_pending_sign_in_that_has_expired_is_reported_as_such() {
    let machine = Machine::new().await;
    let address = machine.signed_in().await;
    // The expiry is changed to a time in the past.
    let path = machine.pending_sign_ins().remove(0);
    let mut content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    content["expires"] = 1_000.into();
    fs::write(&path, content.to_string()).unwrap();

    let (code, _, output) = machine.finish(&[&address], "").await;
    assert_eq!((code, machine.0.sandbox.keys().len()), (5, 0), "{output}");
}

#[tokio::test]
async fn a_pending_sign_in_without_a_version_is_finished_and_of_another_version_is_reported_and_stays() {
    let machine = Machine::new().await;
    let address = machine.signed_in().await;
    let path = machine.pending_sign_ins().remove(0);
    let content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut newer = content.clone();
    newer["version"] = 2.into();
    fs::write(&path, newer.to_string()).unwrap();
    let (code, _, output) = machine.finish(&[&address], "").await;
    assert!(code == 4 && output.contains("Finish it with the version that began it"), "{output}");
    assert!(path.exists() && machine.0.count("POST", "token") == 0);

    let mut first = content;
    first.as_object_mut().unwrap().remove("version").unwrap();
    fs::write(&path, first.to_string()).unwrap();
    assert_eq!(machine.finish(&[&address], "").await.0, 0);
}

/// The directory also has a damaged file, and one without an end.
#[cfg(unix)]
#[tokio::test]
async fn a_pending_sign_in_that_others_may_write_is_named_and_one_without_an_end_stays() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new().await;
    let (_, url, _) = machine.start(&[]).await;
    let path = machine.pending_sign_ins().remove(0);
    let mut content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    content["expires"] = u64::MAX.into();
    // The client must be that of the authorization.
    content["settings"]["issuer"] = "http://127.0.0.1:9".into();
    fs::write(&path, content.to_string()).unwrap();
    fs::write(path.with_file_name("a.json"), "{").unwrap();
    let made = std::process::Command::new("mkfifo").arg(path.with_file_name("pipe.json")).status();
    assert!(made.unwrap().success());
    assert_eq!(machine.start(&[]).await.0, 0);

    let address = answer(&url).await;
    for (mode, code) in [(0o666, 4), (0o600, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (ended, _, output) = machine.finish(&[&address], "").await;
        assert_eq!(ended, code, "{mode:o}: {output}");
        let names_the_mode = output.contains(path.to_str().unwrap()) && output.contains("chmod go-w");
        assert_eq!(names_the_mode, code == 4, "{mode:o}: {output}");
    }
}

/// Neither half prints a secret, and only the private file contains one.
#[cfg(unix)]
#[tokio::test]
async fn the_verifier_is_in_the_private_file_alone() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new().await;
    let (_, url, output) = machine.start(&["-v"]).await;
    let path = machine.pending_sign_ins().remove(0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let verifier = content["authorization"]["code_verifier"].as_str().unwrap().to_owned();
    let (code, printed, more) = machine.finish(&["-v"], &answer(&url).await).await;
    assert_eq!(code, 0);
    assert!(![url, output, printed, more].iter().any(|text| text.contains(&verifier)));
}
