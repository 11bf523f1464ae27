//! The keys of several projects.

use crate::event::Event;
use crate::platform::listing::Listing;
use crate::platform::organization::Project;
use crate::platform::project_key::ProjectKey;
use crate::provisioning::admin::Administrator;
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::pin::pin;
use std::time::Duration;

/// The maximum number of concurrent requests for lists.
const WIDTH: usize = 8;

/// The number of keys after which no list of another project is requested.
const MANY_KEYS: usize = 20_000;

/// The time after which no list of another project is requested.
const LONG: Duration = Duration::from_secs(5 * 60);

/// A key, with its project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InventoryKey {
    /// The project.
    pub project: Project,
    /// The key.
    pub key: ProjectKey,
}

impl AsRef<ProjectKey> for InventoryKey {
    fn as_ref(&self) -> &ProjectKey {
        &self.key
    }
}

/// The keys of several projects.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inventory {
    /// The projects whose lists were requested, in the server's order.
    pub projects: Vec<Project>,
    /// The keys of those projects, project by project. The listing is also incomplete if a project or its list is
    /// missing.
    pub keys: Listing<InventoryKey>,
    /// The projects whose lists were refused.
    pub unread: Vec<(Project, ServiceError)>,
}

impl Administrator<'_> {
    /// Lists the keys of these projects, with several concurrent requests. Skips a project whose list the server
    /// refuses, and stops after 20,000 keys or 5 minutes.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if a list fails in another way.
    pub async fn inventory(&self, projects: Listing<Project>) -> Result<Inventory, ServiceError> {
        let start = self.clock.now();
        let lists =
            stream::iter(projects.items.clone()).map(async |project| match self.keys(&project.id).await {
                Err(error) if concerns_one_project(&error) => Ok((project, Err(error))),
                listed => Ok((project, Ok(listed?))),
            });
        let mut lists = pin!(lists.buffered(WIDTH));
        let mut keys = Listing::new(Vec::new(), 0, projects.is_whole());
        let (mut requested, mut unread, mut cut) = (Vec::new(), Vec::new(), false);
        while keys.items.len() < MANY_KEYS
            && self.clock.now().since(start) < LONG
            && let Some((project, list)) = lists.try_next().await?
        {
            requested.push(project.clone());
            match list {
                Ok(list) => {
                    cut |= !list.complete;
                    keys.skipped += list.skipped;
                    let with_project = |key| InventoryKey { project: project.clone(), key };
                    keys.items.extend(list.items.into_iter().map(with_project));
                }
                Err(error) => unread.push((project, error)),
            }
        }
        let has_all_projects = projects.complete && requested.len() == projects.items.len();
        for (step, skipped, cut) in [
            (Step::ListAllProjects, projects.skipped, !has_all_projects),
            (Step::ListKeys, keys.skipped, cut),
        ] {
            if skipped > 0 || cut {
                (self.observer)(Event::ListIncomplete { step, skipped, cut });
            }
        }
        keys.complete &= has_all_projects && !cut && unread.is_empty();
        Ok(Inventory { projects: requested, keys, unread })
    }
}

fn concerns_one_project(error: &ServiceError) -> bool {
    matches!(error.kind, ServiceErrorKind::Refused { status: 403 | 404, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::id::ProjectId;
    use crate::platform::title::Title;
    use crate::policy::key_match::{KeyChoice, named_key};
    use crate::testing::{FakeAdmin, FakeClock, admin_key, project_key};
    use proptest::prelude::*;

    fn project(id: &str, title: &str) -> Project {
        let mut project = Project::new(ProjectId::parse(id).unwrap());
        project.title = (!title.is_empty()).then(|| Title::new(title));
        project
    }

    fn inventory(api: &FakeAdmin, clock: &FakeClock) -> Result<Inventory, ServiceError> {
        let key = admin_key();
        let administrator = Administrator::new(api, clock, &key, 1);
        clock.run(async { administrator.inventory(administrator.projects().await?).await })
    }

    #[test]
    fn a_refused_list_is_left_out_and_any_other_failure_ends_the_inventory() {
        let refused = |status| ServiceErrorKind::Refused { status, retry_after: None };
        for (kind, listed) in [
            (None, Some(2)),
            (Some(refused(403)), Some(1)),
            (Some(refused(404)), Some(1)),
            (Some(refused(401)), None),
        ] {
            let clock = FakeClock::new();
            let api = FakeAdmin::new(&clock)
                .with(project("p1", ""), vec![project_key("key_1", "a", "aaaa")])
                .with(project("p2", ""), vec![project_key("key_2", "b", "bbbb")]);
            let api = api.fail(Step::ListKeys, kind.as_slice());
            let inventory = inventory(&api, &clock).ok();
            assert_eq!(inventory.as_ref().map(|inventory| inventory.keys.items.len()), listed, "{kind:?}");
            if let Some(inventory) = inventory {
                assert_eq!(inventory.keys.complete, kind.is_none());
                assert_eq!(inventory.unread.len(), usize::from(kind.is_some()));
            }
        }
    }

    #[test]
    fn an_organization_of_any_size_takes_limited_memory_and_time() {
        let clock = FakeClock::new();
        let organization = |latency, size| {
            (0..200).fold(FakeAdmin::new(&clock).latency(latency), |api, number| {
                let keys = (0..size).map(|key| project_key(&format!("key_{number}_{key}"), "", ""));
                api.with(project(&format!("p{number}"), ""), keys.collect())
            })
        };
        for (api, lists) in [
            (organization(Duration::ZERO, 2_000), 10),
            (organization(Duration::from_secs(29), 1), 10 * WIDTH),
        ] {
            let Inventory { projects, keys, .. } = inventory(&api, &clock).unwrap();
            assert!((lists..=lists + WIDTH).contains(&projects.len()), "{}", projects.len());
            assert_eq!(keys.items.last().unwrap().project, *projects.last().unwrap());
            assert!(!keys.complete);
            assert!(api.steps().len() < projects.len() + 2 * WIDTH, "{}", api.steps().len());
        }
    }

    proptest! {
        #[test]
        fn a_key_is_certain_only_if_no_project_has_another_one_of_this_id_or_name(
            lists in proptest::collection::vec(
                proptest::collection::vec(("key_[1-4]", "(|laptop|key_1|aaaa)", "(|aaaa|bbbb)"), 0..4), 1..4),
            text in "(key_[1-4]|laptop|aaaa)",
        ) {
            let clock = FakeClock::new();
            let keys = |list: &Vec<(String, String, String)>| {
                list.iter().map(|(id, name, four)| project_key(id, name, four)).collect::<Vec<_>>()
            };
            let api = lists.iter().enumerate().fold(FakeAdmin::new(&clock), |api, (number, list)| {
                api.with(project(&format!("p{number}"), ""), keys(list))
            });
            let inventory = inventory(&api, &clock).unwrap();
            prop_assert_eq!(inventory.keys.items.len(), lists.iter().map(Vec::len).sum::<usize>());
            let is_named = |key: &&InventoryKey| {
                key.key.id.as_str() == text || key.key.name.as_ref().is_some_and(|name| name.is(&text))
            };
            if let KeyChoice::Certain(certain) = named_key(&text, &inventory.keys) {
                prop_assert_eq!(certain.key.id.as_str(), &text);
                prop_assert!(inventory.keys.items.iter().filter(is_named).all(|other| other == certain));
            }
        }
    }
}
