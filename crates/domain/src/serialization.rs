//! The serde representation of values (feature `serde`).
//!
//! The documentation of the crate describes the form of each value.
//!
//! A saved authorization is serialized with its secrets, the code verifier and the state, in plain text. Write it
//! only to a file that no other user can read.

use crate::event::{Event, Observation};
use crate::oauth::authorization::{Client, SavedAuthorization};
use crate::oauth::base_url::BaseUrl;
use crate::platform::id::{OrganizationId, ProjectId};
use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::platform::title::Title;
use crate::policy::selector::Candidate;
use crate::provisioning::catalogue::CatalogueEntry;
use crate::secret::{CodeVerifier, State};
use crate::service_error::Reason;
use crate::text::redact_keys;
use serde::de::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::mem;
use std::time::Duration;
use zeroize::Zeroizing;

/// The serialized form of a target.
#[derive(Serialize, Deserialize)]
struct NestedTarget {
    organization: Named<OrganizationId>,
    project: Named<ProjectId>,
}

#[derive(Serialize, Deserialize)]
struct Named<Id> {
    id: Id,
    title: Option<Title>,
}

impl From<Target> for NestedTarget {
    fn from(target: Target) -> Self {
        let Target { organization_id, organization_title, project_id, project_title, .. } = target;
        let organization = Named { id: organization_id, title: organization_title };
        Self { organization, project: Named { id: project_id, title: project_title } }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NestedTarget::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let NestedTarget { organization, project } = NestedTarget::deserialize(deserializer)?;
        Ok(Self {
            organization_id: organization.id,
            organization_title: organization.title,
            project_id: project.id,
            project_title: project.title,
            keys_disabled_by: None,
            role: None,
        })
    }
}

impl Serialize for CatalogueEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            #[serde(flatten)]
            organization: &'a Organization,
            #[serde(skip_serializing_if = "Option::is_none")]
            projects: Option<&'a [Project]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'static str>,
        }
        let failure = self.projects.as_ref().err();
        Entry {
            organization: &self.organization,
            projects: self.projects.as_deref().ok(),
            error: failure.map(ToString::to_string),
            reason: failure.map(|failure| failure.reason().name()),
        }
        .serialize(serializer)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::WaitingForProject { observed, retry_in } => {
                let (organizations, projects) = match *observed {
                    Observation::NoOrganization => (0, 0),
                    Observation::NoDefaultProject { organizations, projects }
                    | Observation::NotOnboarded { organizations, projects } => (organizations, projects),
                    Observation::ProjectsRefused { organizations } => (organizations, 0),
                };
                map.serialize_entry("organizations", &organizations)?;
                map.serialize_entry("projects", &projects)?;
                map.serialize_entry("retry_in_ms", &milliseconds(*retry_in))?;
                if let Some(reason) = observed.reason() {
                    map.serialize_entry("reason", reason.name())?;
                }
            }
            Self::OrganizationSkipped { id, kind, reason } => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("reason", reason.name())?;
                map.serialize_entry("message", &kind.to_string())?;
            }
            Self::ListIncomplete { step, skipped, cut } => {
                map.serialize_entry("step", step.name())?;
                map.serialize_entry("skipped", skipped)?;
                map.serialize_entry("cut", cut)?;
            }
            Self::Retrying { step, kind, reason, after } => {
                map.serialize_entry("step", step.name())?;
                map.serialize_entry("reason", reason.name())?;
                map.serialize_entry("message", &kind.to_string())?;
                map.serialize_entry("after_ms", &milliseconds(*after))?;
            }
            Self::ServiceAccountCreated { id } => map.serialize_entry("id", id)?,
            Self::TargetSelected(target) => {
                let NestedTarget { organization, project } = target.clone().into();
                map.serialize_entry("organization", &organization.redacted())?;
                map.serialize_entry("project", &project.redacted())?;
            }
            Self::TargetSkipped(Candidate { organization, project }) => {
                let organization = Named { id: &organization.id, title: organization.title.clone() };
                let project =
                    project.as_ref().map(|project| Named { id: &project.id, title: project.title.clone() });
                map.serialize_entry("organization", &organization.redacted())?;
                map.serialize_entry("project", &project.map(Named::redacted))?;
                map.serialize_entry("reason", Reason::Policy.name())?;
            }
            Self::CodeExchanged | Self::SignedIn | Self::CreationRequested => {}
        }
        map.serialize_entry("event", self.name())?;
        map.end()
    }
}

impl<Id> Named<Id> {
    fn redacted(self) -> Self {
        Self { title: self.title.map(|title| Title::new(redact_keys(title.raw()))), ..self }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Serializes the secrets in plain text, for a file that no other user can read.
impl Serialize for SavedAuthorization {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("issuer", self.client.issuer.as_str())?;
        map.serialize_entry("client_id", &self.client.client_id)?;
        map.serialize_entry("audience", &self.client.audience)?;
        map.serialize_entry("scope", &self.client.scope)?;
        map.serialize_entry("redirect_uri", self.redirect_uri.as_str())?;
        map.serialize_entry("state", self.state.expose())?;
        map.serialize_entry("code_verifier", self.code_verifier.expose())?;
        map.end()
    }
}

#[derive(Deserialize)]
struct SavedFields {
    issuer: String,
    client_id: String,
    audience: String,
    scope: String,
    redirect_uri: String,
    state: Zeroizing<String>,
    code_verifier: Zeroizing<String>,
}

impl<'de> Deserialize<'de> for SavedAuthorization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = SavedFields::deserialize(deserializer)?;
        Ok(Self {
            client: Client {
                issuer: BaseUrl::parse(&fields.issuer).map_err(D::Error::custom)?,
                client_id: fields.client_id,
                audience: fields.audience,
                scope: fields.scope,
            },
            redirect_uri: fields.redirect_uri.parse().map_err(D::Error::custom)?,
            state: State::from_text(mem::take(&mut fields.state)),
            code_verifier: CodeVerifier::from_text(mem::take(&mut fields.code_verifier)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::authorization::PendingAuthorization;
    use crate::platform::organization::{Organization, Project, Role};
    use crate::service_error::{ServiceErrorKind, Step};
    use crate::testing::{organization, pending, project};
    use serde_json::{from_value, json, to_value};

    fn target() -> Target {
        let title = Some(Title::new("Acme\u{1b} sk-proj-0123"));
        Target::new(&Organization { title, ..organization("org-1") }, &project("proj_1", true))
    }

    #[test]
    fn a_target_is_nested_and_comes_back_as_it_was() {
        let json = json!({
            "organization": {"id": "org-1", "title": "Acme\u{1b} sk-proj-0123"},
            "project": {"id": "proj_1", "title": null},
        });
        assert_eq!(to_value(target()).unwrap(), json);
        assert_eq!(from_value::<Target>(json).unwrap(), target());
        let mut organization = organization("org-1");
        assert!(to_value(&organization).unwrap().get("role").is_none());
        organization.role = Some(Role::Reader);
        organization.disable_user_api_keys = Some(true);
        let json = to_value(&organization).unwrap();
        assert_eq!((&json["role"], &json["disable_user_api_keys"]), (&json!("reader"), &json!(true)));
        assert_eq!(from_value::<Organization>(json).unwrap(), organization);
        let bad_id = json!({"id": "../x", "title": null, "is_initial": false});
        assert!(from_value::<Project>(bad_id).unwrap_err().to_string().contains("not an id"));
    }

    #[test]
    fn an_event_has_its_name_its_facts_and_no_key() {
        let (kind, reason) = (ServiceErrorKind::TimedOut, Reason::Timeout);
        let (message, second) = ("no answer in time", Duration::from_secs(1));
        let id = organization("org-1").id;
        let observed = Observation::NoDefaultProject { organizations: 2, projects: 3 };
        for (event, json) in [
            (Event::CodeExchanged, json!({"event": "code_exchanged"})),
            (Event::SignedIn, json!({"event": "signed_in"})),
            (Event::CreationRequested, json!({"event": "creation_requested"})),
            (
                Event::WaitingForProject { observed, retry_in: second },
                json!({"event": "waiting_for_project", "organizations": 2, "projects": 3, "retry_in_ms": 1000}),
            ),
            (
                Event::WaitingForProject {
                    observed: Observation::NotOnboarded { organizations: 1, projects: 0 },
                    retry_in: second,
                },
                json!({
                    "event": "waiting_for_project",
                    "organizations": 1,
                    "projects": 0,
                    "retry_in_ms": 1000,
                    "reason": "not_onboarded",
                }),
            ),
            (
                Event::WaitingForProject {
                    observed: Observation::ProjectsRefused { organizations: 2 },
                    retry_in: second,
                },
                json!({
                    "event": "waiting_for_project",
                    "organizations": 2,
                    "projects": 0,
                    "retry_in_ms": 1000,
                    "reason": "forbidden",
                }),
            ),
            (
                Event::OrganizationSkipped { id, kind, reason },
                json!({"event": "organization_skipped", "id": "org-1", "reason": "timeout", "message": message}),
            ),
            (
                Event::ListIncomplete { step: Step::ListProjects, skipped: 1, cut: true },
                json!({"event": "list_incomplete", "step": "list_projects", "skipped": 1, "cut": true}),
            ),
            (
                Event::Retrying { step: Step::Login, kind, reason, after: second },
                json!({
                    "event": "retrying",
                    "step": "login",
                    "reason": "timeout",
                    "message": message,
                    "after_ms": 1000,
                }),
            ),
            (
                Event::TargetSelected(target()),
                json!({
                    "event": "target_selected",
                    "organization": {"id": "org-1", "title": "Acme\u{1b} sk-[redacted]"},
                    "project": {"id": "proj_1", "title": null},
                }),
            ),
            (
                Event::TargetSkipped(Candidate::of_project(&organization("org-1"), &project("proj_1", true))),
                json!({
                    "event": "target_skipped",
                    "organization": {"id": "org-1", "title": null},
                    "project": {"id": "proj_1", "title": null},
                    "reason": "policy",
                }),
            ),
        ] {
            assert_eq!(to_value(event).unwrap(), json);
        }
    }

    #[test]
    fn a_saved_authorization_comes_back_as_it_was() {
        let json = to_value(pending().into_saved()).unwrap();
        let saved: SavedAuthorization = from_value(json.clone()).unwrap();
        assert_eq!(to_value(&saved).unwrap(), json);
        assert!(PendingAuthorization::restore(saved).is_ok());
        let mut damaged = json;
        damaged["issuer"] = "no URL".into();
        assert!(from_value::<SavedAuthorization>(damaged).is_err());
    }
}
