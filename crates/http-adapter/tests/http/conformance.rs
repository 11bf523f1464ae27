//! The ports' conformance checks, against the sandbox.

use crate::support::{base, http};
use keymint_domain::testing::conformance::{self, Account, Administration};
use keymint_domain::testing::{organization, project};
use keymint_domain::{
    AdminKey, AuthServer, AuthorizationGrant, Callback, Client, Entropy, KeyId, KeyOwner, LastFour,
    Organization, Project, ProjectKey, REGISTERED_REDIRECT_URI, Title,
};
use keymint_sandbox::{Consent, LoginLists, Sandbox, Scenario, sign_in_remotely};

#[tokio::test]
async fn the_authorization_server_keeps_what_the_port_promises() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let auth_server = http().auth_server(base(sandbox.issuer())).unwrap();
    let grants = [grant(&sandbox, 1).await, grant(&sandbox, 2).await];
    conformance::auth_server(&auth_server, grants).await.unwrap();
}

#[tokio::test]
async fn the_platform_keeps_what_the_port_promises() {
    let [acme, mine] = ["org-z", "org-b"].map(keymint_sandbox::Organization::new);
    let [first, default] = ["proj_b", "proj_a"].map(keymint_sandbox::Project::new);
    let scenario = Scenario::of([
        acme.titled("Acme \u{1b}[2J")
            .as_default()
            .with_project(first.titled("É"))
            .with_project(default.as_initial()),
        mine.as_personal(),
    ]);
    let mut acme = organization("org-z");
    acme.title = Some(Title::new("Acme \u{1b}[2J"));
    acme.is_default = true;
    let mut first = project("proj_b", false);
    first.title = Some(Title::new("É"));
    let mut mine = organization("org-b");
    mine.personal = true;
    let listed = vec![(acme, vec![first, project("proj_a", true)]), (mine, vec![])];

    keeps_its_promises(scenario.clone(), listed.clone()).await;
    keeps_its_promises(scenario.clone().login_lists(LoginLists::Complete), listed.clone()).await;
    keeps_its_promises(scenario.page_size(1), listed).await;
}

#[tokio::test]
async fn the_platform_keeps_its_promises_for_a_new_account() {
    keeps_its_promises(Scenario::of([]), vec![]).await;
}

#[tokio::test]
async fn the_admin_api_keeps_what_the_port_promises() {
    let organization = keymint_sandbox::Organization::new("org-a")
        .with_project(keymint_sandbox::Project::new("proj_b").titled("B"))
        .with_project(keymint_sandbox::Project::new("proj_a"));
    for page_size in [100, 1] {
        let scenario = Scenario::of([organization.clone()])
            .page_size(page_size)
            .with_key("org-a", "proj_b", "laptop", "sk-proj-0123456789-aaaa")
            .with_key("org-a", "proj_b", "laptop", "sk-proj-9876543210-aaaa");
        let sandbox = Sandbox::start(scenario).await.unwrap();
        let key = AdminKey::parse(sandbox.admin_key("org-a")).unwrap();
        let keys = sandbox.keys().into_iter().map(|made| {
            let mut key = ProjectKey::new(KeyId::parse(&made.id).unwrap());
            key.name = Some(Title::new(&made.name));
            key.last_four = LastFour::parse("aaaa");
            key.created_at = Some(made.created_at);
            key.owner = Some(KeyOwner::User { name: Some(Title::new("Sandbox user")) });
            key
        });
        let mut first = project("proj_b", false);
        first.title = Some(Title::new("B"));
        let projects = vec![(first, keys.collect()), (project("proj_a", false), vec![])];
        let api = http().admin_api(base(sandbox.api_base())).unwrap();
        conformance::admin(&api, &Administration { key: &key, projects }).await.unwrap();
    }
}

async fn keeps_its_promises(scenario: Scenario, organizations: Vec<(Organization, Vec<Project>)>) {
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let auth_server = http().auth_server(base(sandbox.issuer())).unwrap();
    let token = auth_server.exchange_code(&grant(&sandbox, 1).await).await.unwrap().access_token;
    let platform = http().platform_api(base(sandbox.api_base())).unwrap();
    conformance::platform(&platform, &Account { token, app: "api", organizations }).await.unwrap();
}

/// The grant of a sign-in in the browser. Each `seed` is a different sign-in.
async fn grant(sandbox: &Sandbox, seed: u8) -> AuthorizationGrant {
    let entropy = Entropy::fill_with(|bytes| {
        bytes.fill(seed);
        Ok::<_, ()>(())
    });
    let client = Client::at(base(sandbox.issuer()));
    let pending = client.begin(REGISTERED_REDIRECT_URI.parse().unwrap(), entropy.unwrap());
    let address = sign_in_remotely(pending.authorize_url().as_str(), Consent::Allow).await.unwrap();
    match pending.read_pasted(&address) {
        Callback::Response(response) => pending.accept(response).unwrap(),
        other => panic!("{other:?}"),
    }
}
