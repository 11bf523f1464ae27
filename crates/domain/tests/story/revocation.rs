//! The revocation of the refresh token at the end of a flow, whatever the result.

use crate::support::{FORBIDDEN, UNAVAILABLE};
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, granted};
use keymint_domain::{
    Clock, Plan, Ports, Provisioner, Revocation, RevocationOutcome, ServiceErrorKind, Step,
};
use std::time::Duration;

/// Runs a flow for at most this long, then its revocation.
fn revoked(
    auth_server: &FakeAuthServer,
    platform: &FakePlatform,
    clock: &FakeClock,
    limit: Duration,
) -> bool {
    let ports = Ports { auth_server, platform, clock };
    let plan = Plan::named("my key");
    let grant = granted();
    let revocation = grant.revocation();
    let provisioner = Provisioner::new(ports, &plan);
    let outcome = clock.run(ports.clock.timeout(limit, provisioner.provision(grant)));
    assert_eq!(auth_server.revocations(), 0, "before the end of the flow");
    assert_eq!(clock.run(revocation.run(auth_server, clock)), RevocationOutcome::Revoked);
    assert_eq!(auth_server.revocations(), 1);
    matches!(outcome, Ok(Ok(_)))
}

#[test]
fn the_token_is_revoked_once_after_every_end_of_a_flow() {
    let clock = &FakeClock::new();
    let forever = Duration::from_secs(3600);
    assert!(revoked(&FakeAuthServer::new(clock), &FakePlatform::ready(clock), clock, forever));
    for step in [Step::Login, Step::ListOrganizations, Step::CreateKey] {
        for platform in [
            FakePlatform::ready(clock).fail(step, &[FORBIDDEN; 9]),
            FakePlatform::ready(clock).slow(step, Duration::MAX),
        ] {
            assert!(!revoked(&FakeAuthServer::new(clock), &platform, clock, forever), "{step}");
        }
    }
    assert!(!revoked(&FakeAuthServer::new(clock), &FakePlatform::empty(clock), clock, forever));
}

#[test]
fn the_token_is_revoked_after_a_flow_that_is_dropped_at_any_step() {
    let clock = &FakeClock::new();
    let second = Duration::from_secs(1);
    for limit in [2, 4, 6, 8] {
        let auth_server = FakeAuthServer::new(clock).latency(second);
        let platform = FakePlatform::ready(clock).latency(second * 2);
        let has_key = revoked(&auth_server, &platform, clock, second * limit);
        assert!(!has_key, "after {limit} s");
    }
}

#[test]
fn a_revocation_ends_after_two_seconds_and_is_not_retried() {
    let clock = &FakeClock::new();
    let platform = &FakePlatform::ready(clock);
    for (auth_server, kind, took) in [
        (FakeAuthServer::new(clock).fail_revocation(UNAVAILABLE), UNAVAILABLE, Duration::ZERO),
        (
            FakeAuthServer::new(clock).latency(Duration::from_secs(3)),
            ServiceErrorKind::TimedOut,
            Revocation::TIME_LIMIT,
        ),
    ] {
        let ports = Ports { auth_server: &auth_server, platform, clock };
        let grant = granted();
        let revocation = grant.revocation();
        clock.run(Provisioner::new(ports, &Plan::named("my key")).provision(grant)).unwrap();
        let began = clock.now();
        let RevocationOutcome::Failed(error) = clock.run(revocation.run(&auth_server, clock)) else {
            panic!("no failure")
        };
        assert_eq!((error.step, error.kind, clock.now().since(began)), (Step::RevokeToken, kind, took));
        assert_eq!(auth_server.revocations(), 1);
    }
}

#[test]
fn a_token_is_revoked_once_however_many_revocations_it_has() {
    let clock = &FakeClock::new();
    let (auth_server, platform) = (FakeAuthServer::new(clock), FakePlatform::ready(clock));
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock };
    let grant = granted();
    let [first, second] = [grant.revocation(), grant.revocation()];
    clock.run(Provisioner::new(ports, &Plan::named("my key")).sign_in(grant)).unwrap();
    assert_eq!(clock.run(first.run(&auth_server, clock)), RevocationOutcome::Revoked);
    assert_eq!(clock.run(second.run(&auth_server, clock)), RevocationOutcome::NothingToRevoke);
    assert_eq!(auth_server.revocations(), 1);
}
