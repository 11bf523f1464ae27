//! The requests of a round: how many, which ones, and when.

use crate::support::{Story, only_in, run_flow, run_flow_with, too_many};
use keymint_domain::testing::{Call, FakeAuthServer, FakeClock, FakePlatform, organization, project};
use keymint_domain::{Moment, Plan, Step};
use std::num::NonZeroUsize;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(20);

/// Returns the time and the requested lists of each round of these: `*` is the list of organizations.
fn rounds(platform: &FakePlatform) -> Vec<(Duration, Vec<String>)> {
    let mut rounds: Vec<(Duration, Vec<String>)> = Vec::new();
    for Call { at, step, organization, .. } in platform.calls() {
        let what = match step {
            Step::ListOrganizations => "*".to_owned(),
            Step::ListProjects => organization.unwrap().to_string(),
            _ => continue,
        };
        let at = at.since(Moment::ORIGIN);
        match rounds.last_mut() {
            Some((time, together)) if *time == at => together.push(what),
            _ => rounds.push((at, vec![what])),
        }
    }
    rounds
}

fn asked(platform: &FakePlatform) -> Vec<Vec<String>> {
    rounds(platform).into_iter().map(|(_, asked)| asked).collect()
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("org-{number}")).collect()
}

#[test]
fn the_preferred_organization_is_asked_alone_and_the_others_only_where_it_has_none() {
    let clock = FakeClock::new();
    let first = only_in(&clock, 50, 0).latency(LATENCY);
    assert!(run_flow(&first, &clock).outcome.is_ok());
    assert_eq!(asked(&first), [vec!["*".to_owned()], numbered([0])]);

    let third = only_in(&clock, 5, 2).latency(LATENCY);
    assert!(run_flow(&third, &clock).outcome.is_ok());
    assert_eq!(asked(&third), [vec!["*".to_owned()], numbered([0]), numbered(1..5)]);
    let [other, mut personal, mut default] = ["org-0", "org-1", "org-2"].map(organization);
    (personal.personal, default.is_default) = (true, true);
    let platform = FakePlatform::empty(&clock)
        .with(other, vec![project("proj_0", true)])
        .with(personal, vec![project("proj_1", true)])
        .with(default, vec![project("proj_2", false)])
        .latency(LATENCY);
    assert_eq!(run_at_width(1, &platform, &clock).organization(), "org-1");
    assert_eq!(asked(&platform), [vec!["*".to_owned()], numbered([2]), numbered([1])]);
}

#[test]
fn no_list_is_requested_once_the_answer_is_certain() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 500, 10).latency(LATENCY);

    assert_eq!(run_flow(&platform, &clock).organization(), "org-10");

    // One request runs alone, then eight, then another eight, and one starts when the ninth has finished.
    assert_eq!(platform.count(Step::ListProjects), 1 + 8 + 8 + 1);
}

fn run_at_width(width: usize, platform: &FakePlatform, clock: &FakeClock) -> Story {
    let mut plan = Plan::named("my key");
    plan.width = NonZeroUsize::new(width).unwrap();
    run_flow_with(&FakeAuthServer::new(clock), platform, clock, &plan)
}

#[test]
fn as_many_are_asked_at_once_as_the_plan_says() {
    for (width, groups) in [(1, 499), (2, 250), (8, 63), (16, 32), (499, 1), (1000, 1)] {
        let clock = FakeClock::new();
        let platform = only_in(&clock, 500, 499).latency(LATENCY);

        let story = run_at_width(width, &platform, &clock);

        assert_eq!((story.organization(), platform.in_flight_peak()), ("org-499", width.min(499)));
        assert_eq!(platform.count(Step::ListProjects), 500);
        // Login, organizations, the first one's projects, the others in their groups, creation.
        assert_eq!(story.took, LATENCY * (3 + groups + 1), "{width}");
    }
}

#[test]
fn where_one_is_asked_at_a_time_no_look_has_two_in_flight() {
    let clock = FakeClock::new();
    let ready = Duration::from_millis(700);
    let platform = only_in(&clock, 3, 2).projects_ready_after(ready).latency(LATENCY);

    let story = run_at_width(1, &platform, &clock);

    assert_eq!((story.organization(), platform.in_flight_peak()), ("org-2", 1));
    assert!(platform.count(Step::ListOrganizations) > 1);
}

#[test]
fn from_the_second_look_on_everything_known_is_requested_together() {
    let clock = FakeClock::new();
    let ready = Duration::from_millis(700);
    let platform = only_in(&clock, 3, 2).projects_ready_after(ready).latency(LATENCY);

    let story = run_flow(&platform, &clock);

    assert_eq!(story.organization(), "org-2");
    let together = [vec!["*".to_owned()], numbered(0..3)].concat();
    let one_by_one = [vec!["*".to_owned()], numbered([0]), numbered([1, 2])];
    assert_eq!(asked(&platform), [&one_by_one[..], &[together.clone(), together]].concat());
    // A round without a result takes one round trip. The waits are only those of the schedule.
    let begins: Vec<_> = rounds(&platform).into_iter().map(|(at, _)| at).skip(2).collect();
    assert_eq!(begins[1], begins[0] + LATENCY + Duration::from_millis(500));
    assert_eq!(begins[2], begins[1] + LATENCY + Duration::from_millis(625));
}

#[test]
fn an_organization_that_appears_while_others_are_asked_is_asked_too_and_in_its_rank() {
    let clock = FakeClock::new();
    let preferred = || {
        let mut preferred = organization("org-new");
        preferred.is_default = true;
        preferred
    };
    let platform = FakePlatform::empty(&clock)
        .with(organization("org-old"), vec![project("proj_old", true)])
        .with_later(Duration::from_millis(100), preferred(), vec![project("proj_new", true)])
        .projects_ready_after(Duration::from_millis(300))
        .latency(LATENCY);

    assert_eq!(run_flow(&platform, &clock).organization(), "org-new");

    let looks = asked(&platform);
    let expected: [&[&str]; 4] = [&["*"], &["org-old"], &["*", "org-old"], &["org-new"]];
    assert_eq!(looks, expected.map(|look| look.iter().map(ToString::to_string).collect::<Vec<_>>()));
}

#[test]
fn an_answer_that_there_are_too_many_requests_halves_how_many_are_in_flight() {
    let clock = FakeClock::new();
    let platform = (1..9).fold(only_in(&clock, 100, 99).latency(LATENCY), |platform, i| {
        platform.fail_projects_of(&format!("org-{i}"), &[too_many(1)])
    });

    let story = run_flow(&platform, &clock);

    assert_eq!(story.organization(), "org-99");
    // The eight requests are repeated, and from then on at most four run at once.
    assert_eq!((platform.count(Step::ListProjects), platform.in_flight_peak()), (108, 8));
    let sent: Vec<_> = platform.calls().into_iter().filter(|call| call.step == Step::ListProjects).collect();
    let later =
        &sent[sent.iter().position(|call| call.organization == Some(organization("org-9").id)).unwrap()..];
    let under_way =
        |at: Moment| later.iter().filter(|call| call.at <= at && at.since(call.at) < LATENCY).count();
    assert_eq!(later.iter().map(|call| under_way(call.at)).max(), Some(4));
}

#[test]
fn a_server_that_always_says_too_many_is_asked_one_by_one() {
    let clock = FakeClock::new();
    let platform = (1..40).fold(only_in(&clock, 40, 39).latency(LATENCY), |platform, i| {
        platform.fail_projects_of(&format!("org-{i}"), &[too_many(0); 2])
    });

    let story = run_flow(&platform, &clock);

    assert_eq!(story.organization(), "org-39");
    let last: Vec<_> = rounds(&platform).into_iter().rev().take(20).collect();
    assert!(last.iter().all(|(_, together)| together.len() == 1), "{last:?}");
}

#[test]
fn an_organization_that_is_listed_twice_is_asked_once() {
    let clock = FakeClock::new();
    let platform = FakePlatform::empty(&clock)
        .with(organization("org-1"), vec![project("proj_1", false)])
        .with(organization("org-1"), vec![project("proj_1", false)])
        .with(organization("org-2"), vec![project("proj_2", true)]);

    assert_eq!(run_flow(&platform, &clock).organization(), "org-2");
    assert_eq!(platform.count(Step::ListProjects), 2);
}
