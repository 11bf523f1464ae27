//! The steps of the administrator's commands: the server, the named projects, and the recorded keys of this machine.

use crate::config::AdminSettings;
use crate::error::{Choice, CliError, ErrorKind};
use crate::explain::network;
use crate::flow::context::Context;
use crate::ui::format::{DASHBOARD, describe_key};
use crate::ui::message::Message;
use keymint_delivery_adapter::{MadeHere, StateDir, threads};
use keymint_domain::{
    Administrator, Event, Inventory, InventoryKey, Listing, Project, ProjectError, ProjectKey, RevokeError,
    Timeouts,
};
use keymint_http_adapter::{Http, HttpAdminApi};
use keymint_terminal::Signals;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fmt::Display;

/// The Admin API, ready for requests.
pub(crate) struct AdminServer<'a> {
    context: &'a Context,
    settings: &'a AdminSettings,
    api: HttpAdminApi,
    jitter_seed: u64,
}

impl<'a> AdminServer<'a> {
    /// Creates the adapter. Certificates are loaded on another thread, since that takes milliseconds.
    pub(crate) async fn set_up(context: &'a Context, settings: &'a AdminSettings) -> Result<Self, CliError> {
        let (http, api_base) = (Http::new(settings.http.clone()), settings.api_base.clone());
        let api = threads::run(move || http.admin_api(api_base)).await;
        let api = api.map_err(CliError::internal)?.map_err(network::not_set_up)?;
        let jitter_seed = SysRng.try_next_u64().map_err(CliError::internal)?;
        Ok(Self { context, settings, api, jitter_seed })
    }

    /// Returns an administrator that uses the admin key.
    pub(crate) fn administrator(&self) -> Administrator<'_> {
        Administrator::new(&self.api, &self.context.clock, &self.settings.key, self.jitter_seed)
            .with_timeouts(Timeouts::for_requests(self.settings.http.request_timeout))
    }

    fn report(&self, event: Event) {
        self.context.ui.report(&Message::Flow(&event));
    }

    /// Returns the projects that the admin key may see.
    async fn projects(&self) -> Result<Listing<Project>, CliError> {
        let observer = |event| self.report(event);
        self.administrator().observed_by(&observer).projects().await.map_err(network::service)
    }

    /// Returns the project with this id or title.
    pub(crate) async fn project(&self, name: &str) -> Result<Project, CliError> {
        self.projects().await?.named(name).map_err(|error| {
            let (hint, projects) = match &error {
                ProjectError::Missing { listed, .. } => {
                    ("Name one of these, by its title or its id:", &listed.items)
                }
                ProjectError::Ambiguous { candidates, .. } => {
                    ("Name the one that you mean by its id:", candidates)
                }
            };
            let choices = projects.iter().cloned().map(Choice::Project).collect();
            CliError::from_source(ErrorKind::NoProject, error).hint(hint).choices(choices)
        })
    }

    /// Returns the keys of the named project, or else of all.
    pub(crate) async fn inventory(&self) -> Result<Inventory, CliError> {
        let projects = match &self.settings.project {
            Some(name) => vec![self.project(name).await?].into(),
            None => self.projects().await?,
        };
        let observer = |event| self.report(event);
        self.administrator().observed_by(&observer).inventory(projects).await.map_err(network::service)
    }

    /// Returns the listed keys that certainly have a record on this machine, with their records.
    pub(crate) fn made_here(&self, listed: &Listing<InventoryKey>) -> MadeHere {
        // Without a readable home directory, no key is known.
        let known = StateDir::open_default().and_then(|state| state.known_keys()).unwrap_or_default();
        MadeHere::find(known, self.settings.api_base.as_str(), listed)
    }

    /// Deletes a key, and records the revocation if this machine has a record of the key. Returns whether the key was
    /// already deleted.
    pub(crate) async fn revoke(
        &self,
        InventoryKey { project, key, .. }: &InventoryKey,
        made_here: &MadeHere,
        signals: &mut Signals,
    ) -> Result<bool, CliError> {
        let observer = |event| self.report(event);
        let administrator = self.administrator().observed_by(&observer);
        let revoking = administrator.revoke_until(&project.id, &key.id, signals.next());
        let outcome = revoking.await.map_err(|stopped| {
            if stopped.may_be_revoked {
                may_be_revoked(key, "the wait was interrupted")
            } else {
                CliError::interrupted(stopped.by, "nothing was revoked")
            }
        });
        let is_gone = match outcome? {
            Ok(()) => false,
            Err(RevokeError::Missing(_)) => true,
            Err(RevokeError::OutcomeUnknown(cause)) => return Err(may_be_revoked(key, cause)),
            Err(RevokeError::NotRevoked(error)) => return Err(network::service(error)),
            Err(RevokeError::StillExists(error)) => {
                let hint = format!("The key still exists. Run it again, or delete the key at {DASHBOARD}.");
                return Err(network::service(error).hint(hint));
            }
            Err(error) => return Err(CliError::internal(error)),
        };
        if let Some(known) = made_here.get(&key.id) {
            // A failure to record it does not matter, since the key is revoked.
            let _ = StateDir::open_default().and_then(|state| state.note_revoked(&known.id));
        }
        Ok(is_gone)
    }
}

fn may_be_revoked(key: &ProjectKey, cause: impl Display) -> CliError {
    let [title, _] = describe_key(key, false);
    let message = format!("the key {title} ({}) may be revoked: the answer was lost ({cause})", key.id);
    CliError::new(ErrorKind::OutcomeUnknown, message)
        .hint("Run it again, or look whether `keymint admin list` still shows it.")
}
