//! The deletion of one key on the server, after the user's confirmation.

use crate::config::{AdminSettings, Profile};
use crate::error::{Choice, CliError, ErrorKind};
use crate::flow::admin::AdminServer;
use crate::flow::context::Context;
use crate::ui::format::{self, PROJECTS_PAGE, describe_key, places, profile_flag, quoted, titled};
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use keymint_delivery_adapter::MadeHere;
use keymint_domain::{Inventory, InventoryKey, KeyChoice};
use keymint_terminal::{Interrupted, Signals};

/// The keys on the server, before one of them is deleted.
pub(crate) struct KeyRevocation<'a> {
    context: &'a Context,
    server: AdminServer<'a>,
    prompter: Prompter<'a>,
    yes: bool,
    pub(crate) inventory: Inventory,
    pub(crate) made_here: MadeHere,
}

/// The key to revoke, as the command identifies it.
#[derive(Clone, Copy)]
pub(crate) enum RequestedKey<'a> {
    /// The id, the name or the last four characters that the user entered.
    Named(&'a str),
    /// The last four characters of the key that the keyring has for this profile.
    Stored(&'a str, &'a Profile),
}

impl<'a> KeyRevocation<'a> {
    /// Returns the prompter for the confirmation. If no user can be asked, only --yes permits a revocation, and only
    /// if `condition` holds.
    pub(crate) fn prompter(
        context: &'a Context,
        yes: bool,
        no_input: bool,
        condition: &str,
    ) -> Result<Prompter<'a>, CliError> {
        let hint = format!(
            "--yes revokes it without a question, if {condition}: `keymint admin list` shows the ids."
        );
        context.confirmer(yes, no_input, "a revocation", hint)
    }

    pub(crate) async fn prepare(
        context: &'a Context,
        settings: &'a AdminSettings,
        prompter: Prompter<'a>,
        yes: bool,
        signals: &mut Signals,
    ) -> Result<Self, CliError> {
        let server = AdminServer::set_up(context, settings).await?;
        let inventory = signals.cancel_on_signal(server.inventory()).await.map_err(not_revoked)??;
        let made_here = server.made_here(&inventory.keys);
        Ok(Self { context, server, prompter, yes, inventory, made_here })
    }

    /// Deletes the selected key. Asks for confirmation unless --yes is given and the selection is certain.
    pub(crate) async fn revoke<'b>(
        &self,
        requested: RequestedKey<'_>,
        choice: KeyChoice<'b, InventoryKey>,
        signals: &mut Signals,
    ) -> Result<&'b InventoryKey, CliError> {
        let selecting = select(requested, choice, self.prompter);
        let (key, is_certain) = signals.cancel_on_signal(selecting).await.map_err(not_revoked)??;
        if key.key.is_of_service_account() {
            let [title, _] = format::describe_key(&key.key, false);
            let message = format!("the key {}, {title}, belongs to a service account", key.key.id);
            return Err(CliError::new(ErrorKind::Server, message).hint(format!(
                "It is deleted only together with the account, in the settings of its project: {PROJECTS_PAGE}"
            )));
        }
        if !(self.yes && is_certain) {
            let confirming = confirm(key, &self.made_here, self.prompter);
            signals.cancel_on_signal(confirming).await.map_err(not_revoked)??;
        }
        let is_gone = self.server.revoke(key, &self.made_here, signals).await?;
        self.context.ui.report(&Message::Revoked { key, is_gone });
        Ok(key)
    }
}

fn not_revoked(signal: Interrupted) -> CliError {
    CliError::interrupted(signal, "nothing was revoked")
}

/// Selects the key, and returns whether the selection is certain.
async fn select<'a>(
    requested: RequestedKey<'_>,
    choice: KeyChoice<'a, InventoryKey>,
    prompter: Prompter<'_>,
) -> Result<(&'a InventoryKey, bool), CliError> {
    let found = match choice {
        KeyChoice::Certain(key) => return Ok((key, true)),
        KeyChoice::Ask(found) => found,
        KeyChoice::Missing { is_list_partial } => {
            let part = if is_list_partial { " in the part of the lists that could be read" } else { "" };
            let (message, hint) = match requested {
                RequestedKey::Named(text) => (
                    format!("there is no key {}{part}", quoted(text)),
                    "It may be deleted already.".to_owned(),
                ),
                RequestedKey::Stored(last_four, profile) => {
                    let forget = format!("`keymint forget{}`", profile_flag(profile));
                    let hint = format!("If it is deleted already, {forget} removes it from the keyring.");
                    (format!("the server has no key that ends in {last_four}{part}"), hint)
                }
            };
            return Err(CliError::new(ErrorKind::NoKey, message)
                .hint(format!("{hint} `keymint admin list` shows the keys.")));
        }
    };
    let choices: Vec<_> = found.iter().map(|&key| Choice::Key(key.clone())).collect();
    let lines: Vec<_> = choices.iter().map(format::choice).collect();
    let (question, message, hint) = match requested {
        RequestedKey::Named(text) => (
            format!("Which key is {}?", quoted(text)),
            format!("{} may match several keys: only an id is certain", quoted(text)),
            "Name the one that you mean by its id:",
        ),
        RequestedKey::Stored(last_four, _) => (
            format!("Which key is the stored one, which ends in {last_four}?"),
            format!("this machine has no record of the stored key, and another key may end in {last_four}"),
            "`keymint admin revoke` deletes one by its id, and `keymint forget` without --revoke the stored one:",
        ),
    };
    let selected = match found[..] {
        [_] if prompter.is_interactive() => Some(0),
        _ => prompter.select(&question, "Key", &lines, None).await,
    };
    selected
        .map(|selected| (found[selected], false))
        .ok_or_else(|| CliError::new(ErrorKind::NoKey, message).hint(hint).choices(choices))
}

/// Asks the user to confirm the key, with its details.
async fn confirm(key: &InventoryKey, made_here: &MadeHere, prompter: Prompter<'_>) -> Result<(), CliError> {
    let record = made_here.get(&key.key.id).map(|known| &known.record);
    let [title, details] = describe_key(&key.key, record.is_some());
    let project = titled(key.project.title.as_ref(), key.project.id.as_str());
    let places = record.map(places).filter(|places| !places.is_empty());
    let places = places.map_or_else(String::new, |places| format!(" This machine delivered it to {places}."));
    let question = format!(
        "The key is {title} ({details}), in project {project}.{places} A revoked key cannot be restored. Revoke it?"
    );
    match prompter.confirm(question).await {
        Some(true) => Ok(()),
        _ => Err(CliError::new(ErrorKind::Declined, "Nothing was revoked.")),
    }
}
