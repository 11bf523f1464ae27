//! `keymint create`

use crate::args::CreateArgs;
use crate::config::CreateSettings;
use crate::error::CliError;
use crate::explain::host::{INSTEAD_OF_CREATE, check_ci};
use crate::flow::context::Context;
use crate::flow::create::create;

pub(crate) async fn run(args: &CreateArgs, context: &Context) -> Result<(), CliError> {
    let settings = CreateSettings::of_create(args, &context.sources)?;
    check_ci(&settings.sign_in.ci, &INSTEAD_OF_CREATE)?;
    if !settings.dry_run {
        settings.destinations.check_transcript("create", &context.sources)?;
    }
    create(context, &settings).await
}
