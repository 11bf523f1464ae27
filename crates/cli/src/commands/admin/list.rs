//! `keymint admin list`: the keys of projects on the server.

use crate::args::AdminListArgs;
use crate::config::AdminSettings;
use crate::error::CliError;
use crate::explain::network;
use crate::flow::admin::AdminServer;
use crate::flow::context::Context;
use crate::flow::delivery::print_for_reader;
use crate::ui::format::{describe_key, indented, titled};
use crate::ui::json;
use crate::ui::message::{Message, Warning};
use keymint_delivery_adapter::MadeHere;
use keymint_domain::Inventory;
use keymint_terminal::Signals;

pub(crate) async fn run(args: &AdminListArgs, context: &Context) -> Result<(), CliError> {
    let settings = AdminSettings::resolve(&args.server.project, &args.server.endpoint, &context.sources)?;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let server = AdminServer::set_up(context, &settings).await?;
    let inventory = signals.cancel_on_signal(server.inventory()).await??;
    let made_here = server.made_here(&inventory.keys);
    for (project, error) in &inventory.unread {
        let project = titled(project.title.as_ref(), project.id.as_str());
        let warning = format!(
            "the keys of project {project} could not be read: {}",
            network::service(error.clone()).message()
        );
        context.ui.report(&Message::Warning(Warning::Text(&warning)));
    }
    let is_here = |id: &_| made_here.get(id).is_some();
    let text = if context.ui.wants_json() {
        json::admin_keys(&inventory, is_here)
    } else {
        text(&inventory, &made_here)
    };
    context.ui.clear_progress();
    print_for_reader(&mut signals, text).await
}

/// Lists each project with its keys below it.
fn text(inventory: &Inventory, made_here: &MadeHere) -> String {
    let mut keys = inventory.keys.items.iter().peekable();
    let mut lines = Vec::new();
    for project in &inventory.projects {
        lines.push(indented(0, &titled(project.title.as_ref(), project.id.as_str())));
        let before = lines.len();
        while let Some(listed) = keys.next_if(|listed| listed.project == *project) {
            let [title, details] = describe_key(&listed.key, made_here.get(&listed.key.id).is_some());
            lines.extend([indented(2, &title), indented(6, &details)]);
        }
        let is_read = inventory.unread.iter().all(|(unread, _)| unread != project);
        if before == lines.len() {
            lines.push(indented(2, if is_read { "no keys" } else { "not read" }));
        }
    }
    if lines.is_empty() {
        lines.push("The organization has no projects.".to_owned());
    }
    lines.join("\n")
}
