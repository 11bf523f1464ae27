//! The scenario of a sandbox: the account, its delays, and the failures.

use crate::reply::{Calls, Reply};
use crate::{CreatedKey, LoginLists};
use serde_json::{Map, Value};
use std::time::Duration;

/// The account behind the sign-in, and the behavior of the services.
///
/// One scenario can start many sandboxes.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) organizations: Vec<Organization>,
    pub(crate) organizations_after: Duration,
    pub(crate) default_project_after: Duration,
    pub(crate) default_project_in_list: usize,
    pub(crate) login_lists: LoginLists,
    pub(crate) longest_lifetime: Option<Duration>,
    pub(crate) refuses_new_keys: bool,
    pub(crate) keys: Vec<CreatedKey>,
    pub(crate) time_factor: u32,
    pub(crate) app: String,
    pub(crate) page_size: usize,
    pub(crate) refuses_sign_in: bool,
    pub(crate) latency: Duration,
    pub(crate) confirms_restrictions: bool,
    pub(crate) replies: Vec<(Calls, Reply)>,
}

impl Scenario {
    /// Returns an account that is usable at once: one personal organization with its default project.
    pub fn ready() -> Self {
        Self::of([Organization::new("org-sandbox-personal")
            .titled("Personal")
            .as_personal()
            .field("is_default", false)
            .with_project(Project::new("proj_sandbox_default").titled("Default project").as_initial())])
    }

    /// Returns an account with exactly these organizations, listed in this order. It may have none.
    pub fn of(organizations: impl IntoIterator<Item = Organization>) -> Self {
        Self {
            organizations: organizations.into_iter().collect(),
            organizations_after: Duration::ZERO,
            default_project_after: Duration::ZERO,
            default_project_in_list: 0,
            login_lists: LoginLists::Absent,
            longest_lifetime: None,
            refuses_new_keys: false,
            keys: Vec::new(),
            time_factor: 1,
            app: "api".to_owned(),
            page_size: 100,
            refuses_sign_in: false,
            latency: Duration::ZERO,
            confirms_restrictions: true,
            replies: Vec::new(),
        }
    }

    /// Returns the ids of the organizations.
    pub fn organization_ids(&self) -> impl Iterator<Item = &str> {
        self.organizations.iter().map(|organization| organization.id.as_str())
    }

    /// Delays organizations and projects after each login. Until then the list is empty.
    pub fn ready_after(self, delay: Duration) -> Self {
        Self { organizations_after: delay, ..self }
    }

    /// Delays initial projects after each login. Everything else exists at once.
    pub fn project_ready_after(self, delay: Duration) -> Self {
        Self { default_project_after: delay, ..self }
    }

    /// Delays initial projects until the projects of their organization are listed for the `nth` time (from 1) in a
    /// session.
    ///
    /// Further pages of one list do not count.
    pub fn project_ready_in_list(self, nth: usize) -> Self {
        Self { default_project_in_list: nth, ..self }
    }

    /// Sets the lists in the login response. The default is [`LoginLists::Absent`].
    ///
    /// They show only what exists at the login, so an account that becomes ready later has none of it there.
    pub fn login_lists(self, login_lists: LoginLists) -> Self {
        Self { login_lists, ..self }
    }

    /// Refuses keys that do not expire, or that expire later than this after their creation.
    pub fn longest_lifetime(self, longest: Duration) -> Self {
        Self { longest_lifetime: Some(longest), ..self }
    }

    /// Refuses every new key, of users and of service accounts.
    pub fn refuse_new_keys(self) -> Self {
        Self { refuses_new_keys: true, ..self }
    }

    /// Adds a key of the user that exists from the start. Keys of one name, or with the same last four characters,
    /// may be added.
    pub fn with_key(
        mut self,
        organization: impl Into<String>,
        project: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.keys.push(CreatedKey {
            organization: organization.into(),
            project: project.into(),
            name: name.into(),
            value: value.into(),
            ..CreatedKey::default()
        });
        self
    }

    /// Lets the server's time of day pass this many times faster, so that keys expire sooner.
    pub fn time_factor(self, factor: u32) -> Self {
        Self { time_factor: factor, ..self }
    }

    /// Sets the value of `app` that a login must send. The default is `api`.
    pub fn app(self, app: impl Into<String>) -> Self {
        Self { app: app.into(), ..self }
    }

    /// Sets the number of items in one page of a list, at least 1. The default is 100.
    pub fn page_size(self, items: usize) -> Self {
        Self { page_size: items.max(1), ..self }
    }

    /// Makes the authorization server refuse at once with `access_denied`, without a page.
    pub fn refuse_sign_in(self) -> Self {
        Self { refuses_sign_in: true, ..self }
    }

    /// Omits the lifetime and the scopes of a key from the response, like a server that ignores unknown members.
    pub fn confirm_no_restrictions(self) -> Self {
        Self { confirms_restrictions: false, ..self }
    }

    /// Sets the latency of the token endpoint and of the platform API.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Scripts the reply to these calls. If several rules match a call, the last one applies.
    ///
    /// ```
    /// # use keymint_sandbox::{Reply, Scenario, Step};
    /// Scenario::ready()
    ///     .reply(Step::Organizations, Reply::status(500)) // every call
    ///     .reply(Step::Organizations.nth(3), Reply::default()) // but not the third
    ///     .reply(Step::Projects.of("org-2").nth(1), Reply::status(403))
    ///     .reply(Step::CreateKey, Reply::hang_up().after_processing()); // a key exists; the client does not know
    /// ```
    pub fn reply(mut self, calls: impl Into<Calls>, reply: Reply) -> Self {
        self.replies.push((calls.into(), reply));
        self
    }
}

/// An organization of the account.
///
/// A title or flag that is not set is absent from the response, not null or false.
#[derive(Clone, Debug)]
pub struct Organization {
    pub(crate) id: String,
    pub(crate) fields: Map<String, Value>,
    pub(crate) projects: Vec<Project>,
}

impl Organization {
    /// Returns an organization without title, flags and projects.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let new = Self { id: id.clone(), fields: Map::new(), projects: Vec::new() };
        new.field("object", "organization").field("id", id)
    }

    /// Returns an organization such as `org-7`, titled "Organization 7", with one ordinary project: `proj_7`,
    /// titled "Project 7".
    ///
    /// For a list of them: `Scenario::of((1..=250).map(Organization::numbered))`.
    pub fn numbered(number: usize) -> Self {
        Self::new(format!("org-{number}"))
            .titled(format!("Organization {number}"))
            .with_project(Project::new(format!("proj_{number}")).titled(format!("Project {number}")))
    }

    /// Sets the organization's title.
    pub fn titled(self, title: impl Into<String>) -> Self {
        self.field("title", title.into())
    }

    /// Marks the organization as `is_default`.
    pub fn as_default(self) -> Self {
        self.field("is_default", true)
    }

    /// Marks the organization as `personal`.
    pub fn as_personal(self) -> Self {
        self.field("personal", true)
    }

    /// Makes the account a reader, who may not create keys.
    pub fn as_reader(self) -> Self {
        self.field("role", "reader")
    }

    /// Refuses keys of users in all projects of the organization: `settings.disable_user_api_keys`.
    pub fn without_user_keys(self) -> Self {
        self.setting("disable_user_api_keys", true)
    }

    /// Adds a field with any value to the organization's `settings`.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let settings = self.fields.entry("settings").or_insert_with(|| Map::new().into());
        settings[name.into()] = value.into();
        self
    }

    /// Adds a project to the end of the organization's list.
    pub fn with_project(mut self, project: Project) -> Self {
        self.projects.push(project);
        self
    }

    /// Sets a field of the organization's JSON to any value, such as a null title, a flag of the wrong type or an
    /// unknown field.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    pub(crate) fn refuses_user_keys(&self) -> bool {
        let settings = self.fields.get("settings").and_then(Value::as_object);
        settings.is_some_and(|settings| is_true(settings, "disable_user_api_keys"))
    }

    pub(crate) fn has_reader(&self) -> bool {
        self.fields.get("role").is_some_and(|role| role == "reader")
    }
}

/// A project of an organization.
///
/// A title or flag that is not set is absent from the response, not null or false.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) id: String,
    pub(crate) fields: Map<String, Value>,
}

impl Project {
    /// Returns a project without title and flags.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let new = Self { id: id.clone(), fields: Map::new() };
        new.field("object", "organization.project").field("id", id)
    }

    /// Sets the project's title.
    pub fn titled(self, title: impl Into<String>) -> Self {
        self.field("title", title.into())
    }

    /// Marks the project as `is_initial`, that is, as a default project.
    pub fn as_initial(self) -> Self {
        self.field("is_initial", true)
    }

    /// Refuses keys of users: `disable_user_api_keys`.
    pub fn without_user_keys(self) -> Self {
        self.field("disable_user_api_keys", true)
    }

    /// Sets a field of the project's JSON to any value, such as a null title, a flag of the wrong type or an unknown
    /// field.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    pub(crate) fn is_initial(&self) -> bool {
        is_true(&self.fields, "is_initial")
    }

    pub(crate) fn refuses_user_keys(&self) -> bool {
        is_true(&self.fields, "disable_user_api_keys")
    }
}

fn is_true(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name) == Some(&Value::Bool(true))
}
