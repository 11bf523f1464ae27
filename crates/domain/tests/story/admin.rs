//! The requests of an administrator: which are retried, and what exists on the server after a failure.

use crate::support::{FORBIDDEN, NO_CONNECTION, UNAUTHORIZED, UNAVAILABLE};
use keymint_domain::testing::{FakeAdmin, FakeClock, admin_key, project, project_key};
use keymint_domain::{
    Administrator, Clock, Event, KeyChange, KeyId, KeyScope, NewKey, ProjectId, RevokeError,
    ServiceAccountError, ServiceErrorKind, Step, StoppedRevocation,
};
use std::sync::Mutex;
use std::time::Duration;

const NOT_FOUND: ServiceErrorKind = ServiceErrorKind::Refused { status: 404, retry_after: None };

fn proj() -> ProjectId {
    ProjectId::parse("proj_1").unwrap()
}

fn key_1() -> KeyId {
    KeyId::parse("key_1").unwrap()
}

fn with_two_keys(clock: &FakeClock) -> FakeAdmin {
    let keys = vec![project_key("key_1", "laptop", "aaaa"), project_key("key_2", "laptop", "aaaa")];
    FakeAdmin::new(clock).with(project("proj_1", true), keys)
}

fn ids(admin: &FakeAdmin) -> Vec<String> {
    admin.keys_of(&proj()).iter().map(|key| key.id.to_string()).collect()
}

/// Returns a key that expires and has one scope.
fn restricted() -> NewKey {
    let mut key = NewKey::named("ci");
    key.expires_in = Some(Duration::from_secs(3600).try_into().unwrap());
    key.scopes = vec![KeyScope::read_only()];
    key
}

#[test]
fn a_list_is_read_again_after_a_transient_failure() {
    let clock = FakeClock::new();
    let api = with_two_keys(&clock).fail(Step::ListKeys, &[UNAVAILABLE, ServiceErrorKind::TimedOut]);
    let (key, events) = (admin_key(), Mutex::default());
    let observer = |event: Event| Vec::push(&mut events.lock().unwrap(), event.name());
    let admin = Administrator::new(&api, &clock, &key, 1).observed_by(&observer);
    assert_eq!(clock.run(admin.keys(&proj())).unwrap().items.len(), 2);
    assert_eq!(*events.lock().unwrap(), ["retrying", "retrying"]);
    assert_eq!(clock.run(admin.projects()).unwrap().items, [project("proj_1", true)]);
    assert_eq!(clock.run(admin.key(&proj(), &key_1())).unwrap(), api.keys_of(&proj())[0]);
}

#[test]
fn a_changed_key_is_described_as_the_server_has_it() {
    let clock = FakeClock::new();
    let api = with_two_keys(&clock).fail(Step::UpdateKey, &[UNAVAILABLE]);
    let key = admin_key();
    let admin = Administrator::new(&api, &clock, &key, 1);
    let details = clock.run(admin.update_key(&proj(), &key_1(), &KeyChange::from(&restricted()))).unwrap();
    let changed = clock.run(admin.key(&proj(), &key_1())).unwrap();
    assert_eq!((details.id, details.expires_at), (Some(key_1()), changed.expires_at));
    assert!(changed.expires_at.is_some());
    assert_eq!(api.steps(), [Step::UpdateKey, Step::UpdateKey, Step::GetKey]);
}

#[test]
fn a_revocation_says_whether_the_key_is_gone_or_as_it_was_or_neither_is_known() {
    let many = |kind| vec![kind; 4];
    for (lost, failed, outcome, left) in [
        (vec![], vec![], "revoked", &["key_2"][..]),
        (vec![], vec![UNAVAILABLE], "revoked", &["key_2"]),
        // The first request deleted the key, so the second one does not find it.
        (vec![ServiceErrorKind::Interrupted], vec![], "revoked", &["key_2"]),
        (vec![UNAVAILABLE, NO_CONNECTION], vec![], "revoked", &["key_2"]),
        (vec![], vec![FORBIDDEN], "not revoked", &["key_1", "key_2"]),
        (vec![], vec![NOT_FOUND], "still exists", &["key_1", "key_2"]),
        (vec![UNAVAILABLE], vec![NOT_FOUND], "revoked", &["key_2"]),
        (vec![], many(NO_CONNECTION), "not revoked", &["key_1", "key_2"]),
        (many(UNAVAILABLE), vec![], "unknown", &["key_2"]),
        (vec![], many(UNAVAILABLE), "unknown", &["key_1", "key_2"]),
        (vec![UNAVAILABLE], vec![UNAUTHORIZED], "unknown", &["key_2"]),
    ] {
        let clock = FakeClock::new();
        let api = with_two_keys(&clock).lose(Step::DeleteKey, &lost).fail(Step::DeleteKey, &failed);
        let key = admin_key();
        let admin = Administrator::new(&api, &clock, &key, 1);
        let shown = match clock.run(admin.revoke(&proj(), &key_1())) {
            Ok(()) => "revoked",
            Err(RevokeError::NotRevoked(_)) => "not revoked",
            Err(RevokeError::Missing(_)) => "missing",
            Err(RevokeError::StillExists(_)) => "still exists",
            Err(RevokeError::OutcomeUnknown(_)) => "unknown",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!((shown, ids(&api)), (outcome, left.iter().map(ToString::to_string).collect()), "{lost:?}");
    }
    let (clock, key, id) = (FakeClock::new(), admin_key(), KeyId::parse("key_9").unwrap());
    let api = with_two_keys(&clock);
    let revoked = clock.run(Administrator::new(&api, &clock, &key, 1).revoke(&proj(), &id));
    assert!(matches!(revoked, Err(RevokeError::Missing(_))), "{revoked:?}");
}

#[test]
fn a_confirmed_deletion_counts_unless_a_look_shows_that_the_key_exists() {
    for (look, is_believed) in
        [(None, false), (Some(NOT_FOUND), true), (Some(FORBIDDEN), true), (Some(UNAVAILABLE), true)]
    {
        let clock = FakeClock::new();
        let api = with_two_keys(&clock).keeping_deleted_keys().fail(Step::GetKey, look.as_slice());
        let key = admin_key();
        let revoked = clock.run(Administrator::new(&api, &clock, &key, 1).revoke(&proj(), &key_1()));
        match revoked {
            Ok(()) => assert!(is_believed, "{look:?}"),
            Err(RevokeError::StillExists(_)) => assert!(!is_believed, "{look:?}"),
            Err(other) => panic!("{other:?}"),
        }
        // A deletion may take some time to reach all of the server.
        let looks = if is_believed { 1 } else { 4 };
        assert_eq!(api.steps(), [&[Step::DeleteKey][..], &vec![Step::GetKey; looks]].concat());
    }
}

/// Each answer takes a second.
#[test]
fn a_revocation_that_is_stopped_says_whether_the_key_may_be_gone() {
    for (change, milliseconds, may_be_revoked, left) in [
        // Nothing was sent.
        ((|api| api) as fn(FakeAdmin) -> FakeAdmin, 0, Some(false), 2),
        (|api| api, 500, Some(true), 2),
        // Before a retry.
        (|api| api.fail(Step::DeleteKey, &[NO_CONNECTION]), 1_001, Some(false), 2),
        (|api| api.lose(Step::DeleteKey, &[UNAVAILABLE]), 1_001, Some(true), 1),
        // During the look afterwards.
        (|api| api, 1_500, None, 1),
        (|api| api.fail(Step::DeleteKey, &[NOT_FOUND]), 1_500, Some(false), 2),
        // The look has shown the key.
        (FakeAdmin::keeping_deleted_keys, 2_001, Some(true), 2),
    ] {
        let (clock, key) = (FakeClock::new(), admin_key());
        let api = change(with_two_keys(&clock).latency(Duration::from_secs(1)));
        let admin = Administrator::new(&api, &clock, &key, 1);
        let stop = clock.sleep(Duration::from_millis(milliseconds));
        let revoked = clock.run(admin.revoke_until(&proj(), &key_1(), stop));
        let stopped = match revoked {
            Ok(Ok(())) => None,
            Err(StoppedRevocation { may_be_revoked, .. }) => Some(may_be_revoked),
            other => panic!("{milliseconds}: {other:?}"),
        };
        assert_eq!((stopped, ids(&api).len()), (may_be_revoked, left), "{milliseconds}");
        assert_eq!(api.steps().is_empty(), milliseconds == 0, "{milliseconds}");
    }
}

#[test]
fn a_request_that_hangs_is_cut_and_its_outcome_is_unknown() {
    let clock = FakeClock::new();
    let api = with_two_keys(&clock).latency(Duration::from_secs(3600));
    let key = admin_key();
    let revoked = clock.run(Administrator::new(&api, &clock, &key, 1).revoke(&proj(), &key_1()));
    assert!(matches!(revoked, Err(RevokeError::OutcomeUnknown(_))), "{revoked:?}");
}

#[test]
fn a_service_account_gets_its_first_key_in_one_request() {
    let clock = FakeClock::new();
    let api = with_two_keys(&clock).fail(Step::CreateServiceAccount, &[NO_CONNECTION]);
    let key = admin_key();
    let admin = Administrator::new(&api, &clock, &key, 1);
    let created = clock.run(admin.create_service_account(&proj(), &NewKey::named("ci"))).unwrap();
    assert_eq!(api.steps(), [Step::CreateServiceAccount; 2]);
    assert_eq!(
        (created.key.secret.expose(), &api.accounts()[..]),
        (&*api.secrets()[0], &["ci".to_owned()][..])
    );
    assert!(created.id.is_some() && created.unconfirmed.is_empty());
}

#[test]
fn a_restricted_key_of_a_service_account_is_restricted_from_its_creation_on() {
    let clock = FakeClock::new();
    let api = with_two_keys(&clock);
    let key = admin_key();
    let admin = Administrator::new(&api, &clock, &key, 1);
    let created = clock.run(admin.create_service_account(&proj(), &restricted())).unwrap();
    assert_eq!(api.steps(), [Step::CreateServiceAccount, Step::UpdateServiceAccount, Step::CreateAccountKey]);
    assert!(created.unconfirmed.is_empty(), "{created:?}");
    assert_eq!(api.secrets().len(), 1);
    assert!(api.keys_of(&proj())[2].expires_at.is_some());
}

#[test]
fn a_service_account_that_gets_no_key_is_deleted_again_or_named() {
    let unknown = ServiceErrorKind::TimedOut;
    for (step, lost, failed, deletion, outcome, accounts) in [
        (Step::CreateServiceAccount, None, Some(FORBIDDEN), None, "refused", 0),
        (Step::CreateServiceAccount, Some(unknown), None, None, "unknown", 1),
        (Step::UpdateServiceAccount, None, Some(FORBIDDEN), None, "refused", 0),
        (Step::CreateAccountKey, None, Some(FORBIDDEN), None, "refused", 0),
        // The account is deleted with the key whose answer was lost.
        (Step::CreateAccountKey, Some(unknown), None, None, "refused", 0),
        (Step::CreateAccountKey, None, Some(FORBIDDEN), Some(FORBIDDEN), "left", 1),
    ] {
        let clock = FakeClock::new();
        let api = with_two_keys(&clock)
            .lose(step, lost.as_slice())
            .fail(step, failed.as_slice())
            .fail(Step::DeleteServiceAccount, deletion.as_slice());
        let key = admin_key();
        let admin = Administrator::new(&api, &clock, &key, 1);
        let shown = match clock.run(admin.create_service_account(&proj(), &restricted())) {
            Err(ServiceAccountError::Service(_)) => "refused",
            Err(ServiceAccountError::OutcomeUnknown { .. }) => "unknown",
            Err(ServiceAccountError::Left { .. }) => "left",
            other => panic!("{other:?}"),
        };
        assert_eq!((shown, api.accounts().len()), (outcome, accounts), "{step}");
        assert_eq!(ids(&api), ["key_1", "key_2"], "{step}");
    }
}
