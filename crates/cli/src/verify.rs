//! Whether a key works.

use crate::report::{Notice, Reporter};
use crate::settings::Settings;
use keymint_domain::{ApiKey, BaseUrl};
use keymint_http_adapter::{Http, HttpOptions, KeyCheck};

/// Where credit is added to an account.
const BILLING: &str = "https://platform.openai.com/settings/organization/billing";

/// What became of the question.
pub(crate) struct Verdict {
    /// `None` where it is not known.
    pub(crate) check: Option<KeyCheck>,
    /// The same in words, with what to do.
    pub(crate) words: String,
}

/// Asks the platform.
pub(crate) async fn ask(key: &ApiKey, base: &BaseUrl, options: &HttpOptions) -> Verdict {
    let platform = match Http::new(options.clone()).platform_api(base.clone()) {
        Ok(platform) => platform,
        Err(error) => return Verdict { check: None, words: format!("the key could not be tried: {error}") },
    };
    match platform.check_key(key).await {
        Ok(check) => Verdict { check: Some(check), words: words(check) },
        Err(error) => Verdict { check: None, words: format!("the key could not be tried: {error}") },
    }
}

fn words(check: KeyCheck) -> String {
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
    let verdict = ask(key, &settings.api_base, &settings.http).await;
    reporter.tell(&match verdict.check {
        Some(KeyCheck::Works) => Notice::Verified { words: &verdict.words },
        _ => Notice::Warning(&verdict.words),
    });
}
