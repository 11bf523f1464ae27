//! `keymint create`

use crate::args::CreateArgs;
use crate::config::CreateSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::flow::create::create;

pub(crate) async fn run(args: &CreateArgs, context: &Context) -> Result<(), CliError> {
    create(context, &CreateSettings::of_create(args, &context.sources)?).await
}
