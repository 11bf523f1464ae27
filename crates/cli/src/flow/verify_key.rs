//! Whether a key works.

use crate::config::Settings;
use crate::error::CliError;
use crate::flow::servers::explained;
use crate::ui::message::Message;
use crate::ui::reporter::Reporter;
use keymint_domain::{ApiKey, BaseUrl, KeyCheck, check_key};
use keymint_http_adapter::{Http, HttpOptions};

/// Where credit is added to an account.
const BILLING: &str = "https://platform.openai.com/settings/organization/billing";

/// Asks the platform.
pub(crate) async fn ask(key: &ApiKey, base: &BaseUrl, options: &HttpOptions) -> Result<KeyCheck, CliError> {
    let platform = Http::new(options.clone()).platform_api(base.clone()).map_err(CliError::internal)?;
    check_key(&platform, key).await.map_err(explained)
}

/// What the platform says, with what to do.
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

/// Tries the new key, and tells. Whatever is found, the key was made and delivered.
pub(crate) async fn tell(key: &ApiKey, settings: &Settings, reporter: &Reporter) {
    let (works, text) = match ask(key, &settings.api_base, &settings.http).await {
        Ok(check) => (check == KeyCheck::Works, words(check)),
        Err(failure) => (false, format!("the key could not be tried: {}", failure.message())),
    };
    reporter.report(&if works { Message::Verified { words: &text } } else { Message::Warning(&text) });
}
