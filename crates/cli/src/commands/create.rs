//! `keymint create`

use crate::args::CreateArgs;
use crate::config::CreateSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::flow::create::create;

pub(crate) async fn run(args: &CreateArgs, context: &Context) -> Result<(), CliError> {
    let settings = CreateSettings::of_create(args, &context.sources)?;
    if !settings.dry_run {
        settings.destinations.check_transcript("create", settings.sign_in.agent)?;
    }
    create(context, &settings).await
}
