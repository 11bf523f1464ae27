//! The account: its sessions, the items that each session can see, and the created keys.

use super::CreatedKey;
use crate::{Organization, Project, Scenario};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) scenario: Scenario,
    pub(crate) keys: Vec<CreatedKey>,
    sessions: HashMap<String, Session>,
}

#[derive(Clone, Debug)]
struct Session {
    opened: Duration,
    /// The number of times that the projects of each organization were listed.
    project_lists: HashMap<String, usize>,
}

impl Session {
    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.opened)
    }
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) last_id: Option<String>,
    pub(crate) has_more: bool,
}

/// An item that does not exist, or does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFound {
    Session,
    Organization,
    Project,
    Key,
    ServiceAccount,
    /// The item after which a page should start.
    Cursor,
}

/// The reason why no key was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCreated {
    NotFound(NotFound),
    /// The organization or the project accepts no keys of users.
    UserKeysDisabled,
    /// The account is a reader in the organization.
    Reader,
    /// The key would not expire, or would expire too late.
    LivesTooLong,
    /// The organization accepts no new keys.
    NewKeysDisabled,
}

impl From<NotFound> for NotCreated {
    fn from(what: NotFound) -> Self {
        Self::NotFound(what)
    }
}

impl Account {
    pub(super) fn new(scenario: Scenario) -> Self {
        Self { scenario, keys: Vec::new(), sessions: HashMap::new() }
    }

    pub(super) fn open_session(&mut self, session_key: String, now: Duration) {
        self.sessions.insert(session_key, Session { opened: now, project_lists: HashMap::new() });
    }

    /// Returns one page of the organizations.
    pub(crate) fn organizations(
        &self,
        session_key: &str,
        after: Option<&str>,
        now: Duration,
    ) -> Result<Page, NotFound> {
        let session = self.sessions.get(session_key).ok_or(NotFound::Session)?;
        let items = self.visible_organizations(session, now).map(|it| (it.id.as_str(), &it.fields));
        page(items, after, self.scenario.page_size)
    }

    /// Returns one page of an organization's projects. The first page is counted.
    pub(crate) fn projects(
        &mut self,
        session_key: &str,
        organization: &str,
        after: Option<&str>,
        now: Duration,
    ) -> Result<Page, NotFound> {
        if let (Some(session), None) = (self.sessions.get_mut(session_key), after) {
            *session.project_lists.entry(organization.to_owned()).or_default() += 1;
        }
        let items =
            self.visible_projects(session_key, organization, now)?.map(|it| (it.id.as_str(), &it.fields));
        page(items, after, self.scenario.page_size)
    }

    /// Returns the lists of the login response, if it has any.
    pub(crate) fn login_lists(&self, session_key: &str, now: Duration) -> Result<Option<Value>, NotFound> {
        let session = self.sessions.get(session_key).ok_or(NotFound::Session)?;
        let organizations = self.visible_organizations(session, now).map(|organization| {
            let projects = self.visible_projects(session_key, &organization.id, now)?;
            Ok((&organization.fields, projects.map(|project| &project.fields).collect()))
        });
        Ok(self.scenario.login_lists.of(organizations.collect::<Result<Vec<_>, NotFound>>()?))
    }

    /// Checks that the requested key may be created.
    pub(super) fn check_creation(
        &self,
        session_key: &str,
        requested: &CreatedKey,
        now: Duration,
    ) -> Result<(), NotCreated> {
        let CreatedKey { organization, project, expires_in_seconds, .. } = requested;
        let mut projects = self.visible_projects(session_key, organization, now)?;
        let project = projects.find(|candidate| candidate.id == *project).ok_or(NotFound::Project)?;
        let mut organizations = self.scenario.organizations.iter();
        let organization =
            organizations.find(|candidate| candidate.id == *organization).ok_or(NotFound::Organization)?;
        if organization.refuses_user_keys() || project.refuses_user_keys() {
            Err(NotCreated::UserKeysDisabled)
        } else if organization.has_reader() {
            Err(NotCreated::Reader)
        } else {
            self.check_new_key(*expires_in_seconds)
        }
    }

    /// Checks the policies that apply to every new key, of users and of service accounts.
    pub(super) fn check_new_key(&self, expires_in_seconds: Option<u64>) -> Result<(), NotCreated> {
        if self.scenario.refuses_new_keys {
            return Err(NotCreated::NewKeysDisabled);
        }
        self.check_lifetime(expires_in_seconds)
    }

    pub(super) fn check_lifetime(&self, expires_in_seconds: Option<u64>) -> Result<(), NotCreated> {
        let lives_too_long = self.scenario.longest_lifetime.is_some_and(|longest| {
            expires_in_seconds.is_none_or(|seconds| Duration::from_secs(seconds) > longest)
        });
        if lives_too_long { Err(NotCreated::LivesTooLong) } else { Ok(()) }
    }

    fn visible_organizations(
        &self,
        session: &Session,
        now: Duration,
    ) -> impl Iterator<Item = &Organization> + use<'_> {
        let exist = session.age(now) >= self.scenario.organizations_after;
        self.scenario.organizations.iter().filter(move |_| exist)
    }

    fn visible_projects(
        &self,
        session_key: &str,
        organization: &str,
        now: Duration,
    ) -> Result<impl Iterator<Item = &Project>, NotFound> {
        let session = self.sessions.get(session_key).ok_or(NotFound::Session)?;
        let listed = session.project_lists.get(organization).copied().unwrap_or_default();
        let organization = self
            .visible_organizations(session, now)
            .find(|candidate| candidate.id == organization)
            .ok_or(NotFound::Organization)?;
        let initial_ones_exist = session.age(now) >= self.scenario.default_project_after
            && listed >= self.scenario.default_project_in_list;
        Ok(organization.projects.iter().filter(move |project| initial_ones_exist || !project.is_initial()))
    }
}

pub(super) fn page<'a>(
    items: impl Iterator<Item = (&'a str, &'a Map<String, Value>)>,
    after: Option<&str>,
    size: usize,
) -> Result<Page, NotFound> {
    let items: Vec<_> = items.collect();
    let start = match after {
        None => 0,
        Some(after) => 1 + items.iter().position(|(id, _)| *id == after).ok_or(NotFound::Cursor)?,
    };
    let shown: Vec<_> = items[start..].iter().take(size).collect();
    Ok(Page {
        has_more: start + shown.len() < items.len(),
        last_id: shown.last().map(|(id, _)| (*id).to_owned()),
        items: shown.into_iter().map(|(_, fields)| Value::Object((*fields).clone())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "sess-1";

    #[test]
    fn organizations_appear_when_their_time_has_come() {
        let account = account(Scenario::ready().ready_after(Duration::from_secs(3)));
        let count =
            |second| account.organizations(SESSION, None, Duration::from_secs(second)).unwrap().items.len();
        assert_eq!([count(0), count(2), count(3)], [0, 0, 1]);
    }

    #[test]
    fn only_the_initial_project_waits_for_its_time() {
        let organization = Organization::numbered(1).with_project(Project::new("proj_default").as_initial());
        let scenario =
            Scenario::of([organization]).project_ready_after(Duration::from_secs(3)).project_ready_in_list(2);
        let mut account = account(scenario);
        let mut list =
            |second| ids(&account.projects(SESSION, "org-1", None, Duration::from_secs(second)).unwrap());
        assert_eq!(list(3), ["proj_1"], "the time has come, the list has not");
        assert_eq!(list(2), ["proj_1"], "the list has come, the time has not");
        assert_eq!(list(3), ["proj_1", "proj_default"]);
    }

    #[test]
    fn a_second_page_is_not_a_second_list() {
        let organization = Organization::numbered(1).with_project(Project::new("proj_default").as_initial());
        let mut account = account(Scenario::of([organization]).page_size(1).project_ready_in_list(2));
        let mut page = |after| ids(&account.projects(SESSION, "org-1", after, Duration::ZERO).unwrap());
        assert_eq!(page(None), ["proj_1"]);
        assert_eq!(page(Some("proj_1")), [""; 0]);
        assert_eq!(page(None), ["proj_1"]);
        assert_eq!(page(Some("proj_1")), ["proj_default"]);
    }

    #[test]
    fn a_member_that_a_scenario_does_not_set_is_absent() {
        let bare = Organization::new("org-1");
        let null = Organization::new("org-2").field("title", Value::Null);
        let account = account(Scenario::of([bare, null]));
        let items = account.organizations(SESSION, None, Duration::ZERO).unwrap().items;
        assert_eq!(items[0].get("title"), None);
        assert_eq!(items[0].get("is_default"), None);
        assert_eq!(items[1].get("title"), Some(&Value::Null));
    }

    #[test]
    fn a_key_is_refused_where_the_account_says_so() {
        let (disabled, reader) = (Some(NotCreated::UserKeysDisabled), Some(NotCreated::Reader));
        for (change, refusal) in [
            ((|it| it) as fn(Organization) -> Organization, None),
            (Organization::without_user_keys, disabled),
            (|it| it.setting("disable_user_api_keys", false), None),
            (Organization::as_reader, reader),
            (|it| it.field("role", "owner"), None),
        ] {
            let account = account(Scenario::of([change(Organization::numbered(1))]));
            assert_eq!(check(&account, None), refusal);
        }
        let project = Project::new("proj_1").without_user_keys();
        let refusing = Scenario::of([Organization::new("org-1").with_project(project)]);
        assert_eq!(check(&account(refusing), None), disabled);
    }

    #[test]
    fn a_key_is_refused_unless_it_expires_in_time() {
        let longest = Duration::from_secs(60);
        let account = account(Scenario::of([Organization::numbered(1)]).longest_lifetime(longest));
        let too_long = Some(NotCreated::LivesTooLong);
        for (seconds, refusal) in [(None, too_long), (Some(61), too_long), (Some(60), None)] {
            assert_eq!(check(&account, seconds), refusal, "{seconds:?}");
        }
    }

    fn check(account: &Account, expires_in_seconds: Option<u64>) -> Option<NotCreated> {
        let (organization, project) = ("org-1".to_owned(), "proj_1".to_owned());
        let requested = CreatedKey { organization, project, expires_in_seconds, ..CreatedKey::default() };
        account.check_creation(SESSION, &requested, Duration::ZERO).err()
    }

    fn account(scenario: Scenario) -> Account {
        let mut account = Account::new(scenario);
        account.open_session(SESSION.to_owned(), Duration::ZERO);
        account
    }

    fn ids(page: &Page) -> Vec<String> {
        page.items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}
