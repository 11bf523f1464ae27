//! `keymint doctor` on a machine without problems, and on machines with one each.

#![cfg(target_os = "linux")]

use crate::support::{create, machine};
use keymint_sandbox::{NamedScenario, Scenario, Step};
use keymint_testkit::{Launch, Relay, Session, authority, free_port, full_disk, skipped};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// A machine without problems, until a test adds one.
struct Machine {
    machine: keymint_testkit::Machine,
    under: Vec<String>,
    args: Vec<String>,
    environment: Vec<(&'static str, OsString)>,
}

/// The findings and the exit code of the doctor.
struct Diagnosis {
    code: i32,
    json: Value,
    text: String,
}

impl Machine {
    async fn new() -> Self {
        Self::playing(Scenario::ready()).await
    }

    /// Creates a machine whose servers play this scenario.
    async fn playing(scenario: Scenario) -> Self {
        let environment = vec![
            ("BROWSER", "true".into()),
            ("DISPLAY", ":0".into()),
            (BUS, Session::shared().address.clone().into()),
        ];
        let machine = machine(scenario).await;
        Self { machine, under: Vec::new(), args: Vec::new(), environment }
    }

    /// Creates a machine that reaches its authorization server through this proxy.
    async fn behind(proxy: &str) -> Self {
        Self::new().await.option("--issuer", "https://keymint.invalid").with("HTTPS_PROXY", proxy)
    }

    fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.args.extend([name.to_owned(), value.to_owned()]);
        self
    }

    async fn examined(&self) -> Diagnosis {
        let doctor = self.machine.keymint(["doctor", "--json"]).args(&self.args).under(&self.under);
        let ended = doctor.envs(self.environment.iter().map(|(name, value)| (name, value))).output().await;
        let (code, text) = (ended.code, ended.stderr.clone());
        assert!(text.lines().all(|line| line.chars().count() <= 80 || line.contains('/')), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("canary"), "{text}");
        // Each server got at most one request, without a credential, and the doctor wrote no file.
        for request in self.machine.sandbox.requests() {
            let is_public = ["/.well-known/openid-configuration", "/v1/models"].contains(&&*request.path);
            assert!(is_public && request.method == "GET", "{request:?}");
            assert_eq!(request.header("authorization"), None);
        }
        assert_eq!(self.machine.sandbox.violations(), Vec::<String>::new());
        assert!(
            fs::read_dir(&self.machine.home).unwrap().all(|entry| entry.unwrap().file_name() == "planted")
        );
        let json = ended.json();
        assert_eq!(json["schema"], "keymint.doctor/1");
        assert!(!ended.stdout.contains("canary"), "{json}");
        Diagnosis { code, json, text }
    }

    /// Checks that this is the only finding.
    async fn finds(&self, check: &str, status: &str, message: &str) -> Diagnosis {
        let diagnosis = self.examined().await;
        assert_eq!(diagnosis.wrong(), [check], "{}", diagnosis.text);
        let finding = diagnosis.finding(check);
        assert_eq!(finding["status"], status, "{}", diagnosis.text);
        assert!(finding["message"].as_str().unwrap().contains(message), "{}", diagnosis.text);
        assert!(!finding["fix"].as_str().unwrap().is_empty(), "{}", diagnosis.text);
        assert_eq!(diagnosis.code, i32::from(status == "problem"), "{}", diagnosis.text);
        diagnosis
    }
}

impl Diagnosis {
    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.json["findings"].as_array().unwrap().iter()
    }

    fn finding(&self, check: &str) -> &Value {
        self.findings().find(|finding| finding["check"] == check).unwrap()
    }

    /// Returns the checks with a finding.
    fn wrong(&self) -> Vec<&str> {
        let wrong = self.findings().filter(|finding| finding["status"] != "ok");
        wrong.map(|finding| finding["check"].as_str().unwrap()).collect()
    }
}

/// Sets an option or a variable to a wrong value, and checks the finding.
#[tokio::test]
async fn an_invalid_setting_is_found() {
    let unreachable = format!("http://127.0.0.1:{}", free_port());
    for (name, value, check, status, message) in [
        (
            "SSL_CERT_FILE",
            "/no/such/file",
            "certificates",
            "problem",
            "SSL_CERT_FILE: /no/such/file cannot be read",
        ),
        (
            "--ca-file",
            "/dev/null",
            "certificates",
            "problem",
            "--ca-file: /dev/null cannot be read: it is not a file",
        ),
        ("--issuer", &unreachable, "issuer", "problem", "could not connect"),
        ("--api-base", "https://keymint.invalid", "api", "problem", "could not resolve keymint."),
        ("OPENAI_API_KEY", "canary", "environment", "warning", "OPENAI_API_KEY"),
        ("BROWSER", "/no/such/browser", "browser", "warning", "No browser could be started"),
        ("BROWSER", "lynx", "browser", "warning", "would take over this terminal"),
        (BUS, "unix:path=/no/such/bus", "keyring", "warning", "cannot reach a keyring"),
    ] {
        let machine = Machine::new().await;
        let machine =
            if name.starts_with("--") { machine.option(name, value) } else { machine.with(name, value) };
        machine.finds(check, status, message).await;
    }
}

#[tokio::test]
async fn a_taken_port_is_found_at_either_address_with_its_owner() {
    for address in ["127.0.0.1", "::1"] {
        let machine = Machine::new().await;
        let _holder = TcpListener::bind((address, machine.machine.port)).unwrap();
        let diagnosis = machine.finds("port", "problem", address).await;
        let fix = diagnosis.finding("port")["fix"].as_str().unwrap();
        assert!(fix.contains(&format!("(process {})", std::process::id())), "{fix}");
    }
}

#[tokio::test]
async fn a_localhost_that_leads_elsewhere_is_found() {
    let mut machine = Machine::new().await;
    let hosts = machine.machine.home.path().join("planted");
    fs::write(&hosts, "127.0.1.1 localhost\n").unwrap();
    let hosts = hosts.to_str().unwrap();
    let probe = Launch::new("unshare", &machine.machine.home);
    if !probe.args(["-rm", "mount", "--bind", hosts, "/etc/hosts"]).succeeds().await {
        skipped("no mount namespace can be made here");
        return;
    }
    let mount = format!("mount --bind {hosts} /etc/hosts && exec \"$0\" \"$@\"");
    machine.under = ["unshare", "-rm", "sh", "-c", &mount].map(str::to_owned).to_vec();
    let diagnosis = machine.finds("localhost", "problem", "leads to 127.0.1.1").await;
    assert!(diagnosis.text.contains("hosts file"), "{}", diagnosis.text);
}

#[tokio::test]
async fn a_proxy_that_makes_no_sense_is_found_and_no_server_is_contacted_past_it() {
    let machine = Machine::behind("socks5://user:canary@host:1").await;
    let diagnosis = machine.finds("proxy", "problem", "HTTPS_PROXY must be a proxy").await;
    assert!(!diagnosis.text.contains("issuer"), "{}", diagnosis.text);
}

#[tokio::test]
async fn a_proxy_that_is_down_is_found() {
    let machine = Machine::behind("http://user:canary@127.0.0.1:1").await;
    let diagnosis = machine.finds("issuer", "problem", "could not connect through the proxy").await;
    assert_eq!(
        diagnosis.finding("proxy")["message"],
        "http://127.0.0.1:1 (by HTTPS_PROXY), but none for the API"
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_found_until_it_is_named() {
    let authority = authority("a company");
    let server = Relay::start([127, 0, 0, 1].into(), &authority).await;
    let machine = Machine::new().await.option("--api-base", &server.url);
    server.lead_to(machine.machine.sandbox.api_base());
    machine.finds("api", "problem", "the certificate of 127.0.0.1 is not trusted").await;

    let bundle = machine.machine.home.path().join("planted");
    fs::write(&bundle, authority.pem()).unwrap();
    let machine = machine.option("--ca-file", bundle.to_str().unwrap());
    let diagnosis = machine.examined().await;
    assert_eq!((diagnosis.wrong(), diagnosis.code), (vec![], 0), "{}", diagnosis.text);
}

#[tokio::test]
async fn an_answer_on_the_way_and_a_refused_country_are_found() {
    use NamedScenario::{Challenge, Country, PortalPage, PortalRedirect, ProxySignIn};
    for (case, step, check, status, message) in [
        (Challenge, Step::Token, "issuer", "problem", "with a challenge that only a browser can pass"),
        (Challenge, Step::Login, "api", "problem", "with a challenge that only a browser can pass"),
        (ProxySignIn, Step::Login, "api", "problem", "answered 407"),
        (Country, Step::Token, "issuer", "problem", "Country, region, or territory not supported"),
        (PortalPage, Step::Login, "api", "warning", "with a web page"),
        (PortalRedirect, Step::Token, "issuer", "warning", "a redirect to portal.test"),
    ] {
        let machine = Machine::playing(case.scenario_at(step).unwrap()).await;
        machine.finds(check, status, message).await;
    }
}

#[tokio::test]
async fn advice_that_two_findings_share_is_shown_once() {
    let unreachable = format!("http://127.0.0.1:{}", free_port());
    let machine = Machine::new().await.option("--issuer", &unreachable).option("--api-base", &unreachable);
    let diagnosis = machine.examined().await;
    assert_eq!(diagnosis.wrong(), ["issuer", "api"], "{}", diagnosis.text);
    let [of_issuer, of_api] =
        ["issuer", "api"].map(|check| diagnosis.finding(check)["fix"].as_str().unwrap());
    assert_eq!(of_issuer, of_api);
    let beginning: String = of_issuer.chars().take(16).collect();
    assert_eq!(diagnosis.text.matches(&beginning).count(), 1, "{}", diagnosis.text);
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_used_is_found() {
    let machine = Machine::new().await;
    let planted = machine.machine.home.path().join("planted");
    fs::write(&planted, "").unwrap();
    let machine = machine.with("XDG_STATE_HOME", planted);
    machine.finds("state", "problem", "cannot be used").await;

    let machine = Machine::new().await;
    let directory = machine.machine.home.path().join("planted/keymint");
    fs::create_dir_all(&directory).unwrap();
    let everybodys = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&directory, everybodys).unwrap();
    let state = machine.machine.home.path().join("planted");
    machine.with("XDG_STATE_HOME", state).finds("state", "problem", "other users can write to it").await;
}

#[tokio::test]
async fn a_keyring_that_cannot_be_used_is_found_and_no_problem() {
    let session = Session::start("unlocked");
    session.store("default", &[], "sk-proj-canary0123456789-9f3A");
    let machine = Machine::new().await.with(BUS, &session.address);
    let message = machine.examined().await.finding("keyring")["message"].clone();
    assert_eq!(message, "has a key for the profile default, ending in 9f3A");
    session.lock();
    machine.finds("keyring", "warning", "locked").await;

    // A service without a keyring answers, but stores nothing.
    let none = Session::start("none");
    Machine::new().await.with(BUS, &none.address).finds("keyring", "warning", "no default keyring").await;
}

#[tokio::test]
async fn the_findings_are_the_output_and_the_check_leaves_nothing_in_the_keyring() {
    let session = Session::start("unlocked");
    let Machine { machine, environment, .. } = Machine::new().await.with(BUS, &session.address);
    let doctor = || machine.keymint(["doctor"]).envs(environment.iter().map(|(name, value)| (name, value)));
    let ended = doctor().output().await.exits_with(0);
    assert!(
        ended.stdout.contains("✓ keyring       has no key for the profile default\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.ends_with("\nAll is well: a sign-in can begin.\n"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    let items = session.run(Command::new("secret-tool").args(["search", "--all", "service", "keymint"]));
    assert_eq!(String::from_utf8_lossy(&[items.stdout, items.stderr].concat()), "");

    let ended = doctor().stdout(full_disk()).output().await.exits_with(1);
    assert!(ended.stderr.contains("error: standard output failed"), "{}", ended.stderr);
}

#[tokio::test]
async fn another_sign_in_of_this_user_is_found() {
    let mut run = create(Scenario::ready()).start().await;
    run.url().await;
    let state = run.home.path().join(".local/state");
    let mut machine = Machine::new().await.with("XDG_STATE_HOME", state);
    machine.machine.port = run.port;
    let diagnosis = machine.examined().await;
    assert_eq!((diagnosis.wrong(), diagnosis.code), (vec!["sign-in"], 1), "{}", diagnosis.text);
    let message = diagnosis.finding("sign-in")["message"].as_str().unwrap();
    assert!(message.contains(&format!("process {}", run.process())), "{message}");
    let fix = format!("Complete it, or stop it with Ctrl-C or `kill {}`.", run.process());
    assert_eq!(diagnosis.finding("sign-in")["fix"], fix);

    // Its own sign-in would fail for the same reason.
    let report = tempfile::tempdir().unwrap();
    let report = report.path().join("report.txt");
    let mut machine = machine.option("--report", report.to_str().unwrap());
    machine.args.push("--sign-in".to_owned());
    let diagnosis = machine.examined().await;
    assert_eq!((diagnosis.wrong(), diagnosis.code), (vec!["sign-in"], 1), "{}", diagnosis.text);
    run.kill().await;
}

#[tokio::test]
async fn a_machine_that_is_reached_by_ssh_is_found_with_the_way_back() {
    let machine = Machine::new().await.with("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.5 22");
    let diagnosis = machine.finds("place", "warning", "SSH").await;
    let forward = format!("ssh -L {port}:localhost:{port} tester@192.0.2.5", port = machine.machine.port);
    assert!(diagnosis.finding("place")["fix"].as_str().unwrap().ends_with(&forward), "{}", diagnosis.text);
    assert!(diagnosis.text.lines().any(|line| line.trim() == forward), "{}", diagnosis.text);
}

#[tokio::test]
async fn a_port_that_the_server_does_not_know_is_found() {
    let machine =
        Machine::new().await.option("--issuer", "https://auth.openai.com").with("HTTPS_PROXY", "::::");
    let diagnosis = machine.examined().await;
    assert_eq!((diagnosis.wrong(), diagnosis.code), (vec!["port", "proxy"], 1), "{}", diagnosis.text);
}

#[tokio::test]
async fn an_invalid_flag_is_an_error_and_no_finding() {
    let machine = Machine::new().await;
    let doctor = machine.machine.keymint(["doctor", "--json", "--issuer", "ftp://x"]).output().await;
    assert_eq!((doctor.code, doctor.json()["kind"].as_str()), (2, Some("usage")));
}
