//! The rule for a key that some destinations do not have.

use keymint_domain::testing::{FakeClock, FakeDestination};
use keymint_domain::{ApiKey, DeliveryReport, DestinationId, KeyDestination, deliver};

const KEY: &str = "sk-proj-0123456789";

fn key() -> ApiKey {
    ApiKey::parse(KEY.to_owned()).unwrap()
}

fn delivered(to: &[&FakeDestination], recovery: &FakeDestination) -> DeliveryReport {
    let mut to: Vec<Box<dyn KeyDestination>> =
        to.iter().map(|&fake| Box::new(fake.clone()) as Box<dyn KeyDestination>).collect();
    FakeClock::new().run(deliver(&key(), &mut to, &mut recovery.clone()))
}

#[test]
fn every_destination_gets_the_key_and_one_that_fails_stops_no_other() {
    let (first, broken) = (FakeDestination::new("first"), FakeDestination::new("broken").failing("full"));
    let (last, recovery) = (FakeDestination::new("last"), FakeDestination::new("recovery"));
    let report = delivered(&[&first, &broken, &last], &recovery);

    assert_eq!(report.delivered_to(), ["first", "last"].map(DestinationId::new));
    let [(id, error)] = report.failures() else { panic!("{report:?}") };
    assert_eq!((id.as_str(), error.to_string()), ("broken", "full".to_owned()));
    assert_eq!(report.kept().unwrap().unwrap().as_str(), "recovery");
    for (destination, keys) in [(&first, 1), (&broken, 0), (&last, 1), (&recovery, 1)] {
        assert_eq!(destination.keys(), vec![KEY; keys]);
    }
}

#[test]
fn a_key_is_kept_if_a_destination_failed_or_none_is_durable() {
    let durable = || FakeDestination::new("durable");
    let temporary = || FakeDestination::new("temporary").temporary();
    let broken = || FakeDestination::new("broken").failing("no");
    for (to, is_kept) in [
        (vec![durable()], false),
        (vec![durable(), temporary()], false),
        (vec![temporary()], true),
        (vec![durable(), broken()], true),
        (vec![broken()], true),
        (vec![], true),
    ] {
        let recovery = FakeDestination::new("recovery");
        let report = delivered(&to.iter().collect::<Vec<_>>(), &recovery);
        assert_eq!(report.must_be_kept(), is_kept, "{report:?}");
        assert_eq!(recovery.keys().len(), usize::from(is_kept), "{report:?}");
        assert!(!report.is_lost(), "{report:?}");
    }
}

#[test]
fn a_key_is_lost_only_if_nothing_durable_has_it() {
    let broken = FakeDestination::new("broken").failing("no");
    let durable = FakeDestination::new("durable");
    assert!(delivered(&[&broken], &broken).is_lost());
    assert!(delivered(&[&FakeDestination::new("temporary").temporary()], &broken).is_lost());
    assert!(!delivered(&[&durable, &broken], &broken).is_lost());
}
