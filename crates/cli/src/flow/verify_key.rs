//! The check of a new key.

use crate::config::SignInSettings;
use crate::error::CliError;
use crate::explain::network::not_set_up;
use crate::flow::context::Context;
use crate::ui::message::{Message, Warning};
use keymint_domain::{ApiKey, KeyCheck, check_key};
use keymint_http_adapter::Http;

/// Checks with the platform whether the key works.
pub(crate) async fn ask(
    context: &Context,
    settings: &SignInSettings,
    key: &ApiKey,
) -> Result<KeyCheck, CliError> {
    let http = Http::new(settings.http.clone());
    let platform = http.platform_api(settings.endpoints.api_base.clone()).map_err(not_set_up)?;
    check_key(&platform, key).await.map_err(|error| context.explain(error))
}

/// Checks the new key, and reports the result. The result has no effect, since the key is already delivered.
pub(crate) async fn report(context: &Context, settings: &SignInSettings, key: &ApiKey) {
    match ask(context, settings, key).await {
        Ok(check) => context.ui.report(&Message::KeyChecked(check)),
        Err(error) => context.ui.report(&Message::Warning(Warning::NotChecked(&error))),
    }
}
