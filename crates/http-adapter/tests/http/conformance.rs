//! The ports' conformance checks, against the sandbox.

use crate::support::{base, http};
use keymint_domain::testing::conformance::{self, Account};
use keymint_domain::testing::{organization, project};
use keymint_domain::{
    AuthServer, AuthorizationGrant, Callback, Client, Entropy, Organization, Project,
    REGISTERED_REDIRECT_URI, Title,
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
