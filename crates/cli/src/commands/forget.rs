//! `keymint forget`: removes a stored key from the keyring. On the server it stays.

use crate::args::{ForgetArgs, OutputArgs};
use crate::commands::command;
use crate::error::CliError;
use crate::explain::delivery as explain;
use crate::flow::keyring::patiently;
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use keymint_delivery_adapter::Keyring;
use serde_json::json;
use std::process::ExitCode;

pub(crate) async fn run(args: ForgetArgs) -> ExitCode {
    let asked = OutputArgs { json: args.json, ..OutputArgs::default() };
    command::run(&args.profile, asked, async |options, reporter| execute(&options.profile, reporter).await)
        .await
}

async fn execute(profile: &str, reporter: &Reporter) -> Result<(), CliError> {
    let forget = async {
        // What is no key has no last four characters, and is removed all the same.
        let key = Keyring::get(profile).await.unwrap_or_default();
        let removed = Keyring::delete(profile).await?;
        Ok((removed, key))
    };
    let (removed, key) =
        patiently(Prompter::new(reporter, false), forget).await.map_err(|error| explain::keyring(&error))?;
    let last_four = key.as_ref().map(|key| key.last_four());
    reporter.report(&if removed {
        Message::Forgotten { profile, last_four }
    } else {
        Message::NothingToForget { profile }
    });
    if reporter.wants_json() {
        let json = json!({
            "schema": "keymint.forgotten/1", "profile": profile, "removed": removed, "last4": last_four,
        });
        stdout::show(&stdout::to_json(&json))?;
    }
    Ok(())
}
