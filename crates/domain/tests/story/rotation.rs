//! The order of a rotation: after each failure, the old or the new key works in every destination.

use crate::support::{FORBIDDEN, UNAUTHORIZED, UNAVAILABLE};
use keymint_domain::testing::{
    FakeAdmin, FakeAuthServer, FakeClock, FakeDestination, FakePlatform, admin_key, granted, project,
    project_key,
};
use keymint_domain::{
    Administrator, ApiKey, DestinationId, KeptReason, KeyDestination, KeyDetails, KeyId, KeyOwner, KnownKey,
    LastFour, OldKey, OldKeyOutcome, Plan, Ports, ProjectId, ProvisionError, Provisioner, RevocableKey,
    Rotation, RotationReport, ServiceErrorKind, Step, Timeouts, deliver,
};
use std::time::Duration;

const NOT_FOUND: ServiceErrorKind = ServiceErrorKind::Refused { status: 404, retry_after: None };

const LOST: ServiceErrorKind = ServiceErrorKind::Interrupted;

const LIMIT: Duration = Duration::from_secs(5);

fn proj() -> ProjectId {
    ProjectId::parse("proj_1").unwrap()
}

fn known(id: Option<&str>) -> KnownKey {
    let id = id.map(|id| KeyId::parse(id).unwrap());
    KnownKey { id, name: "laptop".to_owned(), last_four: LastFour::parse("aaaa") }
}

fn admin(clock: &FakeClock) -> FakeAdmin {
    FakeAdmin::new(clock).with(project("proj_1", true), vec![project_key("key_old", "laptop", "aaaa")])
}

struct Story<'a> {
    clock: &'a FakeClock,
    platform: &'a FakePlatform,
    admin: Option<&'a FakeAdmin>,
    to: &'a [FakeDestination],
    holders: &'a [&'a str],
    known: KnownKey,
    untraceable: &'a [&'a str],
}

impl<'a> Story<'a> {
    /// A rotation of the key in the keyring, whose id is known.
    fn new(
        clock: &'a FakeClock,
        platform: &'a FakePlatform,
        admin: &'a FakeAdmin,
        to: &'a [FakeDestination],
    ) -> Self {
        let (holders, known) = (&["keyring"], known(Some("key_old")));
        Self { clock, platform, admin: Some(admin), to, holders, known, untraceable: &[] }
    }

    fn rotate(&self) -> Result<RotationReport, ProvisionError> {
        let (clock, key) = (self.clock, admin_key());
        let ids = |names: &[&str]| names.iter().map(|&id| DestinationId::new(id)).collect::<Vec<_>>();
        let (holders, untraceable) = (ids(self.holders), ids(self.untraceable));
        let administrator = self.admin.map(|api| Administrator::new(api, clock, &key, 1));
        let mut to: Vec<Box<dyn KeyDestination>> =
            self.to.iter().map(|fake| Box::new(fake.clone()) as Box<dyn KeyDestination>).collect();
        let auth_server = FakeAuthServer::new(clock);
        let ports = Ports { auth_server: &auth_server, platform: self.platform, clock };
        let plan = Plan::named("laptop");
        clock.run(async {
            let old = OldKey::find(administrator.as_ref(), &proj(), &self.known, &untraceable).await?;
            let rotation = Rotation {
                holders: &holders,
                old,
                platform: self.platform,
                clock,
                timeouts: Timeouts::for_requests(LIMIT),
            };
            let create = async {
                let created = Provisioner::new(ports, &plan).provision(granted()).await?;
                Ok((created.key, created.details))
            };
            rotation.run(create, &mut to, &mut FakeDestination::new("recovery")).await
        })
    }

    fn old(&self) -> OldKeyOutcome {
        self.rotate().unwrap().old
    }
}

fn is_old_key_there(admin: &FakeAdmin) -> bool {
    admin.keys_of(&proj()).iter().any(|key| key.id.as_str() == "key_old")
}

#[test]
fn the_old_key_is_revoked_after_the_new_one_works_everywhere() {
    let clock = FakeClock::new();
    let (platform, admin) = (FakePlatform::ready(&clock), admin(&clock));
    let to = [FakeDestination::new("keyring"), FakeDestination::new("env-file:/a")];
    for known in [known(Some("key_old")), known(None)] {
        let admin = if known.id.is_some() { &admin } else { &self::admin(&clock) };
        let holders = &["keyring", "env-file:/a"];
        let story = Story { holders, known, ..Story::new(&clock, &platform, admin, &to) };
        assert_eq!(story.old(), OldKeyOutcome::Revoked);
        assert!(!is_old_key_there(admin));
        assert_eq!(admin.steps(), [Step::ListKeys, Step::DeleteKey, Step::GetKey]);
    }
    let steps: Vec<_> = platform.calls().into_iter().map(|call| call.step).collect();
    assert_eq!(steps[steps.len() - 2..], [Step::CreateKey, Step::CheckKey]);
    assert_eq!(to[0].keys(), platform.keys());
}

/// Lets a rotation fail at each place, and checks the state of the keys.
#[test]
fn after_any_failure_before_the_revocation_the_old_key_is_as_it_was() {
    let good = || FakeDestination::new("keyring");
    let broken = || FakeDestination::new("file").failing("full");
    let none: &[&str] = &[];
    for (name, to, holders, checks, created) in [
        ("creation refused", vec![good()], none, vec![], Some(FORBIDDEN)),
        ("creation lost", vec![good()], none, vec![], Some(LOST)),
        ("a destination fails", vec![good(), broken()], none, vec![], None),
        ("every destination fails", vec![broken()], none, vec![], None),
        ("the old key is elsewhere", vec![good()], &["keyring", "env-file:/b"], vec![], None),
        ("never accepted", vec![good()], none, vec![UNAUTHORIZED; 4], None),
        ("never verified", vec![good()], none, vec![UNAVAILABLE; 4], None),
        ("cannot be verified", vec![good()], none, vec![NOT_FOUND], None),
    ] {
        let clock = FakeClock::new();
        let platform = FakePlatform::ready(&clock)
            .fail(Step::CheckKey, &checks)
            .fail(Step::CreateKey, created.as_slice());
        let admin = admin(&clock);
        let story = Story { holders, ..Story::new(&clock, &platform, &admin, &to) };
        let outcome = story.rotate();
        assert!(is_old_key_there(&admin), "{name}");
        assert_eq!(admin.steps(), [Step::ListKeys], "{name}");
        match (name, outcome.map(|report| report.old)) {
            ("creation refused", Err(ProvisionError::Service(_)))
            | ("creation lost", Err(ProvisionError::OutcomeUnknown { .. }))
            | ("never accepted", Ok(OldKeyOutcome::Kept(KeptReason::NotAccepted)))
            | (
                "never verified" | "cannot be verified",
                Ok(OldKeyOutcome::Kept(KeptReason::NotVerified(_))),
            ) => {}
            (_, Ok(OldKeyOutcome::Kept(KeptReason::NotDelivered(without)))) => {
                let missing = if holders.is_empty() { "file" } else { "env-file:/b" };
                assert_eq!(without, [DestinationId::new(missing)], "{name}");
            }
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_key_that_only_the_clipboard_has_replaces_none_unless_it_is_kept() {
    let clock = FakeClock::new();
    let (platform, admin) = (FakePlatform::ready(&clock), admin(&clock));
    let to = [FakeDestination::new("clipboard").temporary()];
    let story = Story { holders: &[], ..Story::new(&clock, &platform, &admin, &to) };
    // The recovery store also has the new key.
    assert_eq!(story.old(), OldKeyOutcome::Revoked);
}

#[test]
fn a_new_key_may_be_known_a_little_later() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::CheckKey, &[UNAUTHORIZED, LOST, UNAVAILABLE]);
    let admin = admin(&clock);
    let to = [FakeDestination::new("keyring")];
    let story = Story::new(&clock, &platform, &admin, &to);
    assert_eq!(story.old(), OldKeyOutcome::Revoked);
}

/// The platform does not let a restricted key list models, but refuses it in this way only if it knows the key.
#[test]
fn a_new_key_without_the_permission_to_list_models_is_accepted() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::CheckKey, &[FORBIDDEN]);
    let admin = admin(&clock);
    let to = [FakeDestination::new("keyring")];
    let story = Story::new(&clock, &platform, &admin, &to);
    assert_eq!(story.old(), OldKeyOutcome::Revoked);
    assert_eq!(platform.count(Step::CheckKey), 1);
}

#[test]
fn a_check_of_the_new_key_takes_no_longer_than_a_request_may() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).slow(Step::CheckKey, 100 * LIMIT);
    let admin = admin(&clock);
    let to = [FakeDestination::new("keyring")];
    let story = Story::new(&clock, &platform, &admin, &to);
    let outcome = story.old();
    assert!(matches!(outcome, OldKeyOutcome::Kept(KeptReason::NotVerified(_))), "{outcome:?}");
    let checks: Vec<_> = platform.calls().into_iter().filter(|call| call.step == Step::CheckKey).collect();
    assert_eq!(checks.len(), 4);
    assert!(checks.windows(2).all(|pair| pair[1].at.since(pair[0].at) < 2 * LIMIT + Duration::from_secs(1)));
}

/// The other copies of the old key are unknown, so the delivery of the new key does not replace them.
#[test]
fn a_key_that_went_to_an_untraceable_destination_is_kept() {
    let clock = FakeClock::new();
    let (platform, admin) = (FakePlatform::ready(&clock), admin(&clock));
    let to = [FakeDestination::new("stdout")];
    let story =
        Story { holders: &[], untraceable: &["stdout"], ..Story::new(&clock, &platform, &admin, &to) };
    let reason = KeptReason::Untraceable(vec![DestinationId::new("stdout")]);
    assert_eq!(story.old(), OldKeyOutcome::Kept(reason));
    assert!(is_old_key_there(&admin));
}

#[test]
fn another_slot_of_a_destination_does_not_count_as_replaced() {
    let clock = FakeClock::new();
    let mut destination = FakeDestination::new("file");
    let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
    let report =
        clock.run(async { deliver(&key, &mut [Box::new(destination.clone())], &mut destination).await });
    let holders = ["A", "B"].map(|slot| DestinationId::new("file").with_slot(slot));
    let admin_key = admin_key();
    let api = admin(&clock);
    let administrator = Administrator::new(&api, &clock, &admin_key, 1);
    let rotation = Rotation {
        holders: &holders,
        old: OldKey::Found(RevocableKey {
            administrator: &administrator,
            project: proj(),
            id: KeyId::parse("key_old").unwrap(),
        }),
        platform: &FakePlatform::ready(&clock),
        clock: &clock,
        timeouts: Timeouts::default(),
    };
    let outcome = clock.run(rotation.conclude(&key, &KeyDetails::default(), &report));
    assert_eq!(outcome, OldKeyOutcome::Kept(KeptReason::NotDelivered(holders.to_vec())));
}

#[test]
fn a_revocation_that_fails_is_reported_and_the_new_key_works() {
    for (admin, is_lost, is_there) in [
        (admin as fn(&FakeClock) -> FakeAdmin, false, false),
        (|clock| admin(clock).fail(Step::DeleteKey, &[FORBIDDEN]), false, true),
        (|clock| admin(clock).keeping_deleted_keys(), false, true),
        (|clock| admin(clock).lose(Step::DeleteKey, &[UNAVAILABLE; 4]), true, false),
        (|clock| admin(clock).fail(Step::DeleteKey, &[UNAVAILABLE; 4]), true, true),
    ] {
        let clock = FakeClock::new();
        let (platform, admin) = (FakePlatform::ready(&clock), admin(&clock));
        let to = [FakeDestination::new("keyring")];
        let story = Story::new(&clock, &platform, &admin, &to);
        match story.old() {
            OldKeyOutcome::Revoked => assert!(!is_lost && !is_there),
            OldKeyOutcome::Kept(KeptReason::NotRevoked(_)) => assert!(!is_lost && is_there),
            OldKeyOutcome::MayBeRevoked(_) => assert!(is_lost),
            other => panic!("{other:?}"),
        }
        assert_eq!((to[0].keys(), is_old_key_there(&admin)), (platform.keys(), is_there));
    }
}

#[test]
fn an_old_key_that_was_deleted_during_the_rotation_counts_as_revoked() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock);
    let admin = admin(&clock).fail(Step::DeleteKey, &[NOT_FOUND]).fail(Step::GetKey, &[NOT_FOUND]);
    let to = [FakeDestination::new("keyring")];
    let story = Story::new(&clock, &platform, &admin, &to);
    assert_eq!(story.old(), OldKeyOutcome::Revoked);
}

#[test]
fn a_key_that_is_not_certainly_the_old_one_is_never_revoked() {
    let clock = FakeClock::new();
    let mut of_account = project_key("key_old", "laptop", "aaaa");
    of_account.owner = Some(KeyOwner::ServiceAccount { id: None, name: None });
    let twins = vec![project_key("key_old", "laptop", "aaaa"), project_key("key_2", "laptop", "aaaa")];
    let with = |keys| FakeAdmin::new(&clock).with(project("proj_1", true), keys);
    let not_listed = KeptReason::NotListed { is_list_partial: false };
    for (admin, id, reason) in [
        (None, Some("key_old"), KeptReason::NoAdminKey),
        (Some(admin(&clock)), Some("key_gone"), not_listed),
        (Some(with(twins.clone())), None, KeptReason::Uncertain(twins.clone())),
        (Some(admin(&clock).partial()), None, KeptReason::Uncertain(twins[..1].to_vec())),
        (Some(admin(&clock).partial()), Some("key_gone"), KeptReason::NotListed { is_list_partial: true }),
        (Some(with(vec![of_account])), Some("key_old"), KeptReason::OfServiceAccount),
    ] {
        let platform = FakePlatform::ready(&clock);
        let to = [FakeDestination::new("keyring")];
        let (admin, known) = (admin.as_ref(), known(id));
        let story = Story {
            clock: &clock,
            platform: &platform,
            admin,
            to: &to,
            holders: &[],
            known,
            untraceable: &[],
        };
        assert_eq!(story.old(), OldKeyOutcome::Kept(reason));
        assert_eq!(to[0].keys(), platform.keys());
        assert!(admin.is_none_or(|admin| admin.steps() == [Step::ListKeys]));
    }
}

#[test]
fn without_a_list_of_the_keys_no_new_one_is_created() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock);
    let admin = admin(&clock).fail(Step::ListKeys, &[FORBIDDEN]);
    let to = [FakeDestination::new("keyring")];
    let story = Story { holders: &[], known: known(None), ..Story::new(&clock, &platform, &admin, &to) };
    let error = story.rotate().unwrap_err();
    assert!(error.to_string().starts_with("listing the keys of the project failed"), "{error}");
    assert!(platform.calls().is_empty());
}
