//! `keymint export`: the stored key as a line for a shell or a tool, on standard output.

use crate::args::ExportArgs;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::stored_key;
use crate::ui::format::profile_flag;
use crate::ui::message::Message;
use crate::ui::stdout;
use keymint_host::coding_agent;
use std::io::{self, IsTerminal};

pub(crate) async fn run(args: &ExportArgs, context: &Context) -> Result<(), CliError> {
    let ExportArgs { format, ref var, print, .. } = *args;
    let sources = &context.sources;
    let print = sources.switch("print", print)?;
    let variable = sources.key_variable(var)?;
    let agent = sources.caller("agent", coding_agent)?;
    if let Some(agent) = agent.filter(|_| !print) {
        let message = format!(
            "{agent}, and keeps what is printed in its transcript: run `keymint run{} -- CMD`, which gives the key to \
             a command",
            profile_flag(&sources.profile)
        );
        let hint = "--print prints it into the transcript. KEYMINT_AGENT=0 says that no agent runs this.";
        return Err(CliError::new(ErrorKind::Usage, message).hint(hint));
    }
    let key = stored_key::require(stored_key::find(context).await?, sources)?;
    let line = format.line(&variable, key.expose()).map_err(|error| {
        CliError::from_source(ErrorKind::Usage, error).hint("Choose another one with --format.")
    })?;
    context.ui.clear_progress();
    stdout::show(&line)?;
    if io::stdout().is_terminal() {
        context.ui.report(&Message::Exported(format));
    }
    Ok(())
}
