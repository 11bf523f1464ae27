//! `keymint admin`: keys on the server, with an admin key and without a browser.

mod list;
mod revoke;
mod service_account;

use crate::args::AdminCommand;
use crate::error::CliError;
use crate::flow::context::Context;

pub(crate) async fn run(command: &AdminCommand, context: &Context) -> Result<(), CliError> {
    match command {
        AdminCommand::List(args) => list::run(args, context).await,
        AdminCommand::Revoke(args) => revoke::run(args, context).await,
        AdminCommand::ServiceAccount(args) => service_account::run(args, context).await,
    }
}
