//! The measurements of a report.

use crate::Outcome;
use crate::measure::{Conditions, Measured, Spent, Who, sign_in, spent};
use crate::network::Network;
use crate::table::{Aim, Row, Unit};
use keymint_sandbox::{LoginLists, Organization, Project, Reply, Scenario, Step};
use std::fs;
use std::time::Duration;

/// The number of runs of a fast measurement. The report has their median.
const RUNS: usize = 21;

const LATENCY: Duration = Duration::from_millis(50);
const SHORT_LATENCY: Duration = Duration::from_millis(20);

/// The size of an answer that no real server sends, in bytes.
const HUGE: usize = 200_000_000;

/// Measures the program `keymint`, and the size of the build at `small`, which has neither sandbox nor keyring.
pub(crate) async fn rows(keymint: &str, small: &str) -> Outcome<Vec<Row>> {
    let whos = [Who::Keymint(keymint), Who::Reference];
    let mut rows = Vec::new();

    let here = both(whos, &conditions(Scenario::ready(), None), RUNS).await?;
    let ms = Unit::Milliseconds;
    rows.push(row("process start to URL", Aim::at_most(3.0, ms), &here, |it| it.start_to_url));
    rows.push(row("callback to key, answers at once", Aim::at_most(3.0, ms), &here, |it| it.callback_to_key));

    for (connecting, scenario, name, aim) in [
        (Duration::ZERO, Scenario::ready(), "the same, each answer 50 ms late", 5.1),
        (2 * LATENCY, Scenario::ready(), "the same, and 100 ms for a new connection", 5.3),
        (Duration::ZERO, settled_by_the_login(), "each answer 50 ms late, the login names the project", 3.1),
        (2 * LATENCY, settled_by_the_login(), "the same, and 100 ms for a new connection", 3.2),
    ] {
        let network = Network { connecting, latency: LATENCY };
        let late = both(whos, &conditions(scenario, Some(network)), 11).await?;
        let aim = Aim::at_most(aim, Unit::Times(LATENCY));
        rows.push(row(name, aim, &late, |it| it.callback_to_key));
    }
    for (organizations, runs, aim) in [(50, 3, 250.0), (500, 1, 1_600.0)] {
        let network = Network { connecting: Duration::ZERO, latency: SHORT_LATENCY };
        let many = both(whos, &conditions(only_the_last_of(organizations), Some(network)), runs).await?;
        let name = format!("{organizations} organizations, the last has the project, answers 20 ms late");
        rows.push(row(&name, Aim::at_most(aim, ms), &many, |it| it.callback_to_key));
    }
    rows.extend(noticing(whos).await?);

    let mut spent_by = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (who, spent_by) in whos.into_iter().zip(&mut spent_by) {
            spent_by.push(spent(who, Scenario::ready(), "signed_in").await?);
        }
    }
    let busy = spent_by.each_ref().map(|runs| median(runs.iter().map(|it| it.busy)).as_secs_f64());
    rows.push(Row::new("processor time of a sign-in", Aim::at_most(10.0, ms), busy));
    let memory = spent_by.each_ref().map(|runs| median(runs.iter().map(|it| it.memory)) as f64);
    rows.push(Row::new("memory at its peak", Aim::at_most(8.0, Unit::Megabytes), memory));
    let huge = Scenario::ready().reply(Step::Token, Reply::status(200).body(vec![b' '; HUGE]));
    let Spent { memory, .. } = spent(whos[0], huge, "error").await?;
    let aim = Aim::below(16.0, Unit::Megabytes);
    rows.push(Row::alone("the same, when an answer has 200 MB", aim, memory as f64));
    for (name, path, aim) in [
        ("the program, with everything", keymint, 5.0),
        ("the program, without optional features", small, 3.5),
    ] {
        let size = fs::metadata(path)?.len();
        rows.push(Row::alone(name, Aim::at_most(aim, Unit::Megabytes), size as f64));
    }
    Ok(rows)
}

/// Measures how soon a sign-in that waits for a project notices the new project.
async fn noticing(whos: [Who<'_>; 2]) -> Outcome<impl Iterator<Item = Row>> {
    let waits = [500, 3_000, 12_000, 25_000].map(Duration::from_millis);
    let conditions = waits.map(|wait| conditions(Scenario::ready().project_ready_after(wait), None));
    let mut noticed = Vec::new();
    for who in whos {
        let [a, b, c, d] = conditions.clone();
        let (a, b, c, d) =
            tokio::try_join!(sign_in(who, a), sign_in(who, b), sign_in(who, c), sign_in(who, d))?;
        noticed.push([a, b, c, d]);
    }
    let aims = [0.7, 1.2, 1.4, 1.4].map(|aim| Aim::at_most(aim, Unit::Seconds));
    Ok(waits.into_iter().zip(aims).enumerate().map(move |(index, (wait, aim))| {
        let late = [0, 1].map(|who| noticed[who][index].login_to_key.saturating_sub(wait));
        let name = format!("until a project is noticed that is ready after {} s", wait.as_secs_f32());
        Row::new(&name, aim, late.map(|late| late.as_secs_f64()))
    }))
}

fn conditions(scenario: Scenario, network: Option<Network>) -> Conditions {
    Conditions {
        scenario,
        network,
        user_delay: Duration::from_millis(if network.is_some() { 500 } else { 100 }),
    }
}

/// An account whose project is in the answer to the login.
fn settled_by_the_login() -> Scenario {
    let default = Organization::new("org-default").as_default();
    Scenario::of([default.with_project(Project::new("proj_default").as_initial())])
        .login_lists(LoginLists::Complete)
}

/// An account of which only the last organization has a project.
fn only_the_last_of(organizations: usize) -> Scenario {
    let last = Organization::new("org-last").with_project(Project::new("proj_default").as_initial());
    Scenario::of((1..organizations).map(Organization::numbered).chain([last]))
}

/// Measures both implementations in turn, so that a slow moment of the machine affects both. The first run of each does
/// not count, since the caches are cold.
async fn both(whos: [Who<'_>; 2], conditions: &Conditions, runs: usize) -> Outcome<[Vec<Measured>; 2]> {
    for who in whos {
        sign_in(who, conditions.clone()).await?;
    }
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..runs {
        for (who, measured) in whos.into_iter().zip(&mut measured) {
            measured.push(sign_in(who, conditions.clone()).await?);
        }
    }
    Ok(measured)
}

fn row(name: &str, aim: Aim, measured: &[Vec<Measured>; 2], of: impl Fn(&Measured) -> Duration) -> Row {
    Row::new(name, aim, measured.each_ref().map(|runs| median(runs.iter().map(&of)).as_secs_f64()))
}

fn median<T: Ord>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort();
    values.swap_remove(values.len() / 2)
}
