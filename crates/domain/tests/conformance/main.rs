//! The checks of the ports: the fakes pass them, and every broken implementation fails one.

#![allow(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

mod bent;

use bent::{Bent, BentAdmin, BentAuthServer, BentClock, BentDestination, BentPlatform};
use keymint_domain::testing::conformance::{self, Account, Administration};
use keymint_domain::testing::{
    FakeAdmin, FakeAuthServer, FakeClock, FakeDestination, FakePlatform, admin_key, approved_redirect,
    granted, organization, pending, project, project_key,
};
use keymint_domain::{AccessToken, AuthorizationGrant, Callback, Organization, Project, ProjectKey, Title};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

fn token() -> AccessToken {
    AccessToken::parse("the-access-token".to_owned()).unwrap()
}

/// Returns two grants with different codes.
fn grants() -> [AuthorizationGrant; 2] {
    let pending = pending();
    let another = approved_redirect(&pending).replace("the-code", "another-code");
    let Callback::Response(response) = pending.read_pasted(&another) else { panic!("no response") };
    [granted(), pending.accept(response).unwrap()]
}

fn account(organizations: &[(Organization, Vec<Project>)]) -> Account<'static> {
    Account { token: token(), app: "api", organizations: organizations.to_vec() }
}

/// Returns three organizations: with two projects, with none, with one.
fn full() -> Vec<(Organization, Vec<Project>)> {
    let mut titled = project("proj_1", false);
    titled.title = Some(Title::new("Project 1"));
    let mut acme = organization("org-z");
    acme.title = Some(Title::new("Acme \u{1b}[2J"));
    acme.is_default = true;
    vec![
        (acme, vec![titled, project("proj_2", true)]),
        (organization("org-b"), vec![]),
        (organization("org-c"), vec![project("proj_1_of_c", true)]),
    ]
}

fn serving(clock: &FakeClock, organizations: &[(Organization, Vec<Project>)]) -> FakePlatform {
    let platform = FakePlatform::empty(clock).latency(Duration::from_millis(7));
    organizations
        .iter()
        .cloned()
        .fold(platform, |platform, (organization, projects)| platform.with(organization, projects))
}

/// Returns two projects: with two keys of users, and with none.
fn administered() -> Vec<(Project, Vec<ProjectKey>)> {
    let keys = vec![project_key("key_1", "laptop", "aaaa"), project_key("key_2", "", "")];
    vec![(project("proj_1", true), keys), (project("proj_2", false), vec![])]
}

fn administering(clock: &FakeClock, projects: &[(Project, Vec<ProjectKey>)]) -> FakeAdmin {
    let admin = FakeAdmin::new(clock).latency(Duration::from_millis(7));
    projects.iter().cloned().fold(admin, |admin, (project, keys)| admin.with(project, keys))
}

#[test]
fn the_fakes_keep_what_the_ports_promise() {
    let clock = FakeClock::new();
    clock.run(async {
        conformance::clock(&clock).await.unwrap();
        let auth_server = FakeAuthServer::new(&clock).latency(Duration::from_millis(7));
        conformance::auth_server(&auth_server, grants()).await.unwrap();
        for organizations in [full(), vec![]] {
            let platform = serving(&clock, &organizations);
            conformance::platform(&platform, &account(&organizations)).await.unwrap();
        }
        for projects in [administered(), vec![]] {
            let admin = administering(&clock, &projects);
            conformance::admin(&admin, &Administration { key: &admin_key(), projects }).await.unwrap();
        }
        let fake = FakeDestination::new("fake");
        let read = async || fake.keys().pop();
        conformance::key_destination(&mut fake.clone(), read).await.unwrap();
        conformance::failing_key_destination(&mut fake.clone().failing("no")).await.unwrap();
    });
}

#[test]
fn a_destination_that_violates_its_contract_is_reported() {
    for (bent, expected) in [
        (Bent::HasNoName, "the destination has no name"),
        (Bent::WritesControls, "the name has control characters"),
        (Bent::ChangesItsName, "the name changed with the delivery"),
        (Bent::CutsTheKey, "the destination has something else than the key"),
        (Bent::TakesNothing, "the delivery succeeded, and the destination has no key"),
        (Bent::LeaksASecret, "the delivery is possible, and failed"),
    ] {
        let fake = FakeDestination::new("fake");
        let check = conformance::key_destination;
        let mut bent_destination = BentDestination(fake.clone(), bent);
        let broken =
            FakeClock::new().run(check(&mut bent_destination, async || fake.keys().pop())).unwrap_err();
        assert!(broken.to_string().starts_with(expected), "{bent:?}: {broken}");
    }
    for (bent, expected) in [
        (Bent::TakesWhatItShouldNot, "the delivery must fail, and succeeded"),
        (Bent::LeaksASecret, "an error of a delivery contains a secret"),
        (Bent::SaysNotSent, "an error of a delivery has control characters"),
    ] {
        let mut destination = BentDestination(FakeDestination::new("fake"), bent);
        let broken =
            FakeClock::new().run(conformance::failing_key_destination(&mut destination)).unwrap_err();
        assert_eq!(broken.to_string(), expected, "{bent:?}");
    }
}

#[test]
fn a_clock_that_violates_its_contract_is_reported() {
    for (bent, expected) in [
        (Bent::GoesBack, "the time went back"),
        (Bent::WakesEarly, "a sleep of 1ns was over after 0ns"),
        (Bent::CountsIn32Bits, "a sleep of 2592000s was over in no time"),
    ] {
        let clock = FakeClock::new();
        let bent_clock = BentClock(clock.clone(), bent, AtomicU32::default());
        let broken = clock.run(conformance::clock(&bent_clock)).unwrap_err();
        assert_eq!(broken.to_string(), expected, "{bent:?}");
    }
}

#[test]
fn an_authorization_server_that_violates_its_contract_is_reported() {
    for (bent, expected) in [
        (Bent::RevokesForStrangers, "revoking the refresh token must be refused, and succeeded"),
        (Bent::TakesACodeTwice, "exchanging the authorization code must be refused, and succeeded"),
        (
            Bent::SaysNotSent,
            "exchanging the authorization code is refused with [400, 401, 403], and the error is Interrupted",
        ),
        (
            Bent::NamesAnotherStep,
            "exchanging the authorization code was refused, and the error is one of checking the key",
        ),
        (Bent::LeaksASecret, "an error of exchanging the authorization code contains a secret"),
        (Bent::WritesControls, "an error of exchanging the authorization code has control characters"),
    ] {
        let clock = FakeClock::new();
        let auth_server = BentAuthServer(FakeAuthServer::new(&clock), bent);
        let broken = clock.run(conformance::auth_server(&auth_server, grants())).unwrap_err();
        assert_eq!(broken.to_string(), expected, "{bent:?}");
    }
}

#[test]
fn a_platform_that_violates_its_contract_is_reported() {
    for (bent, expected) in [
        (Bent::SortsBackwards, "the organizations were listed as"),
        (Bent::DropsTitles, "the organizations were listed as"),
        (Bent::LogsInToAnEmptyAccount, "the organizations of the login were listed as"),
        (Bent::RefusesEmptyLists, "listing the projects is possible, and failed: nothing there"),
        (Bent::GivesOneKey, "two creations gave the same key"),
        (Bent::GivesAnId, "what was created is not a key"),
        (Bent::AcceptsEveryKey, "checking the key must be refused, and succeeded"),
        (Bent::LetsStrangersIn, "listing the organizations must be refused, and succeeded"),
        (Bent::ListsWhatIsNot, "listing the projects must be refused, and succeeded"),
        (Bent::SaysNotSent, "creating the key is refused with [401], and the error is Interrupted"),
        (Bent::NamesAnotherStep, "creating the key was refused, and the error is one of checking the key"),
        (Bent::LeaksASecret, "an error of creating the key contains a secret"),
        (Bent::IsLostWithADroppedCall, "listing the organizations is possible, and failed"),
    ] {
        let clock = FakeClock::new();
        let platform =
            BentPlatform { platform: serving(&clock, &full()), bent, is_busy: AtomicBool::default() };
        let broken = clock.run(conformance::platform(&platform, &account(&full()))).unwrap_err();
        assert!(broken.to_string().starts_with(expected), "{bent:?}: {broken}");
    }
}

#[test]
fn an_admin_api_that_violates_its_contract_is_reported() {
    for (bent, expected) in [
        (Bent::SortsBackwards, "the keys of proj_1 were listed as"),
        (Bent::DropsTitles, "the keys of proj_1 were listed as"),
        (Bent::GivesOneKey, "the key key_1 is ProjectKey"),
        (Bent::GivesAnotherEnd, "the last four characters are not those of the new key"),
        (Bent::IgnoresALifetime, "the key of a service account does not expire"),
        (Bent::DeletesAnything, "deleting the key must be refused, and succeeded"),
        (Bent::LeavesKeys, "looking up the key must be refused, and succeeded"),
        (Bent::LetsStrangersIn, "listing the projects of the organization must be refused, and succeeded"),
        (Bent::NeverExpires, "the changed key does not expire"),
        (Bent::SaysNotSent, "deleting the key is refused with [400], and the error is Interrupted"),
        (Bent::NamesAnotherStep, "deleting the key was refused, and the error is one of checking the key"),
        (Bent::LeaksASecret, "an error of deleting the key contains a secret"),
        (Bent::WritesControls, "an error of deleting the key has control characters"),
    ] {
        let (clock, projects) = (FakeClock::new(), administered());
        let admin = BentAdmin(administering(&clock, &projects), bent);
        let prepared = Administration { key: &admin_key(), projects };
        let broken = clock.run(conformance::admin(&admin, &prepared)).unwrap_err();
        assert!(broken.to_string().starts_with(expected), "{bent:?}: {broken}");
    }
}
