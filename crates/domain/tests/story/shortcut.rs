//! The response to a login that makes requests for lists unnecessary.

use crate::support::{Story, run_flow_with};
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, organization, project};
use keymint_domain::{
    Event, Listing, LoginOrganization, Organization, Plan, PollPolicy, Project, ProvisionedKey, Step, Target,
    Title,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::time::Duration;

fn plan(organization: &Option<String>, project: &Option<String>, shortcut: bool) -> Plan {
    let mut plan = Plan::named("my key");
    plan.selector.organization.clone_from(organization);
    plan.selector.project.clone_from(project);
    plan.shortcut = shortcut;
    plan.polling = PollPolicy::adaptive(Duration::ZERO);
    plan
}

fn run_flow(platform: &FakePlatform, clock: &FakeClock, plan: &Plan) -> Story {
    run_flow_with(&FakeAuthServer::new(clock), platform, clock, plan)
}

/// An account of 50 organizations, the last of which is the default one, and a login that lists them all.
fn fifty(clock: &FakeClock) -> FakePlatform {
    let (platform, listed) =
        (0..50).fold((FakePlatform::empty(clock), Vec::new()), |(platform, mut listed), number| {
            let mut organization = organization(&format!("org-{number}"));
            organization.is_default = number == 49;
            let projects = vec![project(&format!("proj_{number}"), true)];
            listed.push(LoginOrganization::new(organization.clone(), projects.clone().into()));
            (platform.with(organization, projects), listed)
        });
    platform.with_login_organizations(listed.into())
}

#[test]
fn a_login_that_settles_the_target_is_followed_by_the_creation() {
    let clock = FakeClock::new();
    let latency = Duration::from_millis(50);
    let platform = fifty(&clock).latency(latency);

    let story = run_flow(&platform, &clock, &plan(&None, &None, true));

    assert_eq!((story.organization(), story.took), ("org-49", latency * 2));
    let steps: Vec<_> = platform.calls().iter().map(|call| call.step).collect();
    assert_eq!(steps, [Step::Login, Step::CreateKey]);
    let target = story.outcome.unwrap().target;
    let expected =
        [Event::CodeExchanged, Event::SignedIn, Event::TargetSelected(target), Event::CreationRequested];
    assert_eq!(story.events, expected);
}

#[test]
fn a_plan_may_request_the_lists_in_any_case() {
    let clock = FakeClock::new();
    let platform = fifty(&clock);
    assert_eq!(run_flow(&platform, &clock, &plan(&None, &None, false)).organization(), "org-49");
    assert_eq!((platform.count(Step::ListOrganizations), platform.count(Step::ListProjects)), (1, 1));
}

/// An account, and the parts of it that the response to a login contains.
#[derive(Debug, Clone)]
struct Account {
    organizations: Vec<(Organization, Vec<Project>)>,
    response: Listing<LoginOrganization>,
}

/// The part of a list that the response contains.
#[derive(Debug, Clone, Copy)]
enum View {
    Absent,
    Empty,
    /// Only the first entries.
    Cut(usize),
    Whole,
}

fn view() -> impl Strategy<Value = View> {
    prop_oneof![
        1 => Just(View::Absent),
        1 => Just(View::Empty),
        1 => (0..4usize).prop_map(View::Cut),
        12 => Just(View::Whole),
    ]
}

/// Returns whether an entry before the first preferred one lacks its flag. Each entry is given as its flag and
/// whether the response contains it.
fn lacks_a_flag(mut entries: impl Iterator<Item = (bool, bool)>) -> bool {
    entries.find(|(flag, has_flag)| *flag || !has_flag).is_some_and(|(_, has_flag)| !has_flag)
}

/// Returns this part of a list, of which some entries may lack a flag.
fn shown<T>(view: View, entries: impl Iterator<Item = T>, lacks_a_flag: bool) -> Listing<T> {
    let (limit, complete) = match view {
        View::Absent => (0, false),
        View::Empty => (0, true),
        View::Cut(limit) => (limit, false),
        View::Whole => (usize::MAX, true),
    };
    Listing::new(entries.take(limit).collect(), 0, complete && !lacks_a_flag)
}

fn title() -> impl Strategy<Value = Option<Title>> {
    prop::option::of(prop::sample::select(vec!["A", "B", "org-1", "proj_1"]).prop_map(Title::new))
}

/// Generates the policy for keys, or `None` if it is unknown.
fn policy() -> impl Strategy<Value = Option<bool>> {
    prop::option::of(prop::bool::weighted(0.2))
}

/// Generates a project, and whether the response contains its flags.
fn any_project() -> impl Strategy<Value = (Project, bool)> {
    (0..4u8, title(), any::<bool>(), policy(), prop::bool::weighted(0.97)).prop_map(
        |(number, title, is_initial, policy, has_flag)| {
            let mut project = project(&format!("proj_{number}"), is_initial);
            project.title = title;
            project.disable_user_api_keys = policy;
            (project, has_flag)
        },
    )
}

type AnyOrganization = (Organization, bool, Vec<(Project, bool)>, View);

/// Generates an organization, whether the response contains its flags, its projects, and the part of them that the
/// response contains.
fn any_organization() -> impl Strategy<Value = AnyOrganization> {
    let flags = (any::<bool>(), any::<bool>(), policy(), prop::bool::weighted(0.97));
    let projects = prop::collection::vec(any_project(), 0..4);
    (0..5u8, title(), flags, projects, view()).prop_map(
        |(number, title, (is_default, personal, policy, has_flags), projects, view)| {
            let mut organization = organization(&format!("org-{number}"));
            organization.title = title;
            organization.is_default = is_default;
            organization.personal = personal;
            organization.disable_user_api_keys = policy;
            (organization, has_flags, projects, view)
        },
    )
}

fn account() -> impl Strategy<Value = Account> {
    (prop::collection::vec(any_organization(), 1..5), view()).prop_map(|(organizations, of_all)| {
        let flags =
            organizations.iter().map(|(organization, has_flags, ..)| (organization.is_default, *has_flags));
        let of_all_lacks_a_flag = lacks_a_flag(flags);
        let entries = organizations.iter().map(|(organization, has_flags, projects, view)| {
            let mut organization = organization.clone();
            organization.is_default &= has_flags;
            organization.personal &= has_flags;
            organization.disable_user_api_keys = organization.disable_user_api_keys.filter(|_| *has_flags);
            let lacks_a_flag =
                lacks_a_flag(projects.iter().map(|(project, has_flag)| (project.is_initial, *has_flag)));
            let projects = projects.iter().map(|(project, has_flag)| {
                let mut project = project.clone();
                project.is_initial &= has_flag;
                project.disable_user_api_keys = project.disable_user_api_keys.filter(|_| *has_flag);
                project
            });
            LoginOrganization::new(organization, shown(*view, projects, lacks_a_flag))
        });
        let response = shown(of_all, entries, of_all_lacks_a_flag);
        let whole = |(organization, _, projects, _): AnyOrganization| {
            (organization, projects.into_iter().map(|(project, _)| project).collect())
        };
        Account { organizations: organizations.into_iter().map(whole).collect(), response }
    })
}

/// Generates the names of an organization and a project: an id, a title or no name.
fn names() -> impl Strategy<Value = [Option<String>; 2]> {
    let name = |prefix| {
        prop::option::of((0..5u8).prop_map(move |number| match number {
            4 => "A".to_owned(),
            id => format!("{prefix}{id}"),
        }))
    };
    prop_oneof![Just([None, None]), [name("org-"), name("proj_")]]
}

#[test]
fn a_settled_target_is_the_one_that_the_lists_lead_to() {
    let settled = Cell::new(0);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) };
    let outcome = TestRunner::new(config).run(&(account(), names()), |(account, [organization, project])| {
        let find = |shortcut| -> (Option<Target>, usize) {
            let clock = FakeClock::new();
            let platform = FakePlatform::empty(&clock).with_login_organizations(account.response.clone());
            let platform =
                account.organizations.iter().cloned().fold(platform, |platform, (organization, projects)| {
                    platform.with(organization, projects)
                });
            let story = run_flow(&platform, &clock, &plan(&organization, &project, shortcut));
            let target = story.outcome.ok().map(|ProvisionedKey { mut target, .. }| {
                // The response may lack the policy of a named target.
                target.keys_disabled_by = None;
                target
            });
            (target, platform.count(Step::ListOrganizations))
        };
        let (target, lists) = find(true);
        if lists == 0 {
            settled.set(settled.get() + 1);
            prop_assert_eq!(target, find(false).0);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(settled.get() > 700, "only {} of 10,000 accounts were settled", settled.get());
}
