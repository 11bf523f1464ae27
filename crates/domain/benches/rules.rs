//! Benchmarks of the selection of a target. Time and memory must grow at most linearly with the number of
//! organizations or projects.

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use keymint_domain::testing::{organization, project};
use keymint_domain::{Organization, Project, by_preference, default_project};

const COUNTS: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

#[global_allocator]
static MEMORY: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = COUNTS)]
fn organizations_by_preference(bencher: Bencher<'_, '_>, count: usize) {
    let organizations: Vec<_> = (0..count).map(numbered).collect();
    bencher.counter(ItemsCount::new(count)).bench_local(|| by_preference(black_box(&organizations)).len());
}

/// Creates an organization that is default, personal or neither, by its number.
fn numbered(n: usize) -> Organization {
    let mut organization = organization(&format!("org-{n}"));
    (organization.is_default, organization.personal) = (n % 3 == 2, n % 3 == 1);
    organization
}

/// Only the last project is a default one.
#[divan::bench(args = COUNTS)]
fn the_default_project(bencher: Bencher<'_, '_>, count: usize) {
    let projects: Vec<Project> = (1..=count).map(|n| project(&format!("proj_{n}"), n == count)).collect();
    bencher.counter(ItemsCount::new(count)).bench_local(|| default_project(black_box(&projects)).is_some());
}
