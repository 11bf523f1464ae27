//! The screens of errors.

use super::{busy, desktop, ends, prints, signs_in, two_organizations};
use crate::support::keymint;
use keymint_sandbox::{NamedScenario, Organization, Reply, Scenario, Step};
use keymint_testkit::{Relay, authority, free_port};
use serde_json::json;
use std::net::TcpListener;

#[tokio::test]
async fn errors_before_the_sign_in() {
    for (name, args) in [
        ("error-sign-in-timeout", &["--sign-in-timeout", "50ms"][..]),
        ("error-sign-in-timeout-json", &["--sign-in-timeout", "50ms", "--json"]),
        ("error-no-such-directory", &["--env-file", "/no/such/directory/.env"]),
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
