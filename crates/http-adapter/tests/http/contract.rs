//! The Admin API as its vendor describes it. Prism simulates a server from the description, and checks every request
//! and answer.
//!
//! `scripts/contract` runs these tests. They need Prism and the description, which is not a part of this repository.

use crate::support::{admin_key, base, http};
use keymint_domain::{
    AdminApi, AdminKey, KeyId, KeyLifetime, KeyScope, NewKey, ProjectId, ServiceAccountId, ServiceErrorKind,
};
use keymint_http_adapter::HttpAdminApi;
use keymint_sandbox::{Sandbox, Scenario};
use std::env;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Prism on a free port, until it is dropped.
struct Prism {
    process: Child,
    url: String,
}

impl Prism {
    /// Starts `prism COMMAND DESCRIPTION [UPSTREAM]`, which answers a request or an answer that violates the
    /// description with an error.
    fn start(command: &str, upstream: Option<&str>) -> Self {
        let [prism, description] = ["KEYMINT_PRISM", "KEYMINT_ADMIN_DESCRIPTION"]
            .map(|name| env::var_os(name).unwrap_or_else(|| panic!("scripts/contract sets {name}")));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut process = Command::new(prism)
            .arg(command)
            .arg(description)
            .args(upstream)
            .args(["--errors", "--host", "127.0.0.1", "--port", &port])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let prism = Self { process, url: format!("http://127.0.0.1:{port}") };
        assert!(lines.any(|line| line.contains("Prism is listening")), "Prism has not started");
        // The log of the requests must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        prism
    }

    fn api(&self) -> HttpAdminApi {
        http().admin_api(base(&self.url)).unwrap()
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn restricted() -> NewKey {
    let mut key = NewKey::named("ci");
    key.expires_in = Some(KeyLifetime::try_from(Duration::from_secs(3600)).unwrap());
    key.scopes = vec![KeyScope::read_only()];
    key
}

/// The ids of the mock server are all `string`. The mock server does not support changing a key, which was documented
/// later.
#[tokio::test]
#[ignore = "scripts/contract runs it"]
async fn a_server_of_the_vendors_description_accepts_every_request() {
    let prism = Prism::start("mock", None);
    let (api, admin) = (&prism.api(), &admin_key());
    let project = &ProjectId::parse("proj_1").unwrap();
    let key = &KeyId::parse("string").unwrap();
    let account = &ServiceAccountId::parse("string").unwrap();
    assert_eq!(api.projects(admin).await.unwrap().skipped, 0);
    assert_eq!(api.keys(admin, project).await.unwrap().skipped, 0);
    assert_eq!(api.key(admin, project, key).await.unwrap().id, *key);
    api.delete_key(admin, project, key).await.unwrap();
    // The mock server uses the same text for the key and the ids, so the adapter no longer accepts these ids
    // afterwards.
    prism.api().create_service_account(admin, project, "ci").await.unwrap();
    assert_eq!(api.create_empty_account(admin, project, "ci").await.unwrap(), *account);
    api.add_to_project(admin, project, account).await.unwrap();
    api.create_account_key(admin, project, account, &restricted()).await.unwrap();
    api.delete_service_account(admin, project, account).await.unwrap();
}

/// Prism is a proxy between the adapter and the sandbox, and passes on what agrees with the description.
#[tokio::test]
#[ignore = "scripts/contract runs it"]
async fn the_sandbox_answers_as_the_vendor_describes() {
    let [organization, project] = ["org-sandbox-personal", "proj_sandbox_default"];
    let scenario = Scenario::ready().page_size(1);
    let scenario = scenario.with_key(organization, project, "a", "sk-proj-0123456789abcdef");
    let scenario = scenario.with_key(organization, project, "b", "sk-proj-abcdef9876543210");
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let admin = &AdminKey::parse(sandbox.admin_key(organization)).unwrap();
    let project = &ProjectId::parse(project).unwrap();
    // Starting Prism blocks this thread, on which the sandbox runs. No request is sent to it before.
    let prism = Prism::start("proxy", Some(sandbox.api_base()));
    let api = &prism.api();

    assert_eq!(api.projects(admin).await.unwrap().items.len(), 1);
    let listed = api.keys(admin, project).await.unwrap();
    assert_eq!((listed.items.len(), listed.complete, listed.skipped), (2, true, 0));
    assert_eq!(api.key(admin, project, &listed.items[0].id).await.unwrap(), listed.items[0]);
    let first = api.create_service_account(admin, project, "ci").await.unwrap();
    let empty = api.create_empty_account(admin, project, "ci").await.unwrap();
    api.add_to_project(admin, project, &empty).await.unwrap();
    let key = restricted();
    let created = api.create_account_key(admin, project, &empty, &key).await.unwrap();
    assert!(key.unconfirmed_by(&created.details).is_empty());
    let refused = api.delete_key(admin, project, &created.details.id.unwrap()).await.unwrap_err();
    assert!(matches!(refused.kind, ServiceErrorKind::Refused { status: 400, .. }), "{refused}");
    assert_eq!(api.keys(admin, project).await.unwrap().items.len(), 4);
    for account in [&first.id.unwrap(), &empty] {
        api.delete_service_account(admin, project, account).await.unwrap();
    }
    api.delete_key(admin, project, &listed.items[0].id).await.unwrap();
    assert_eq!(api.keys(admin, project).await.unwrap().items, listed.items[1..]);
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}
