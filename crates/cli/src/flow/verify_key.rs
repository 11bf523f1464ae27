//! The check whether a key works.

use crate::config::SignInSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::message::Message;
use keymint_domain::{ApiKey, KeyCheck, check_key};
use keymint_http_adapter::Http;

/// Where credit is added to an account.
const BILLING: &str = "https://platform.openai.com/settings/organization/billing";

/// Asks the platform.
pub(crate) async fn ask(
    context: &Context,
    settings: &SignInSettings,
    key: &ApiKey,
) -> Result<KeyCheck, CliError> {
    let http = Http::new(settings.http.clone());
    let platform = http.platform_api(settings.endpoints.api_base.clone()).map_err(CliError::internal)?;
    check_key(&platform, key).await.map_err(|error| context.explain(error))
}

/// The result in words, with what to do.
pub(crate) fn words(check: KeyCheck) -> String {
    match check {
        KeyCheck::Works => "The platform accepts the key.".to_owned(),
        KeyCheck::NoCredit => {
            format!("the key is fine, but its account has no credit: add some at {BILLING}")
        }
        _ => "the platform does not accept the key; a new one can take a minute to be known everywhere"
            .to_owned(),
    }
}

/// Checks the new key, and reports the result. It changes nothing: the key is created and delivered.
pub(crate) async fn tell(context: &Context, settings: &SignInSettings, key: &ApiKey) {
    let (works, text) = match ask(context, settings, key).await {
        Ok(check) => (check == KeyCheck::Works, words(check)),
        Err(failure) => (false, format!("the key could not be tried: {}", failure.message())),
    };
    context.ui.report(&if works { Message::Verified { words: &text } } else { Message::Warning(&text) });
}
