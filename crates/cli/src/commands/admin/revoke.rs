//! `keymint admin revoke`: deletes a key on the server.

use crate::args::RevokeArgs;
use crate::config::AdminSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::flow::revoke_key::{KeyRevocation, RequestedKey};
use crate::ui::json;
use crate::ui::stdout;
use keymint_domain::named_key;
use keymint_terminal::Signals;

pub(crate) async fn run(args: &RevokeArgs, context: &Context) -> Result<(), CliError> {
    let settings = AdminSettings::resolve(&args.server.project, &args.server.endpoint, &context.sources)?;
    let prompter = KeyRevocation::prompter(context, args.yes, args.no_input, "KEY is its id")?;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let revocation = KeyRevocation::prepare(context, &settings, prompter, args.yes, &mut signals).await?;
    let choice = named_key(&args.key, &revocation.inventory.keys);
    let key = revocation.revoke(RequestedKey::Named(&args.key), choice, &mut signals).await?;
    if context.ui.wants_json() {
        stdout::show(&json::revoked(key, revocation.made_here.get(&key.key.id).is_some()))?;
    }
    Ok(())
}
