//! The settings that the program hands in.

use keymint_delivery_adapter::{Profile, StateDir, VariableName};
use keymint_domain::{BaseUrl, Client, Plan};
use keymint_host::Browser;
use keymint_http_adapter::HttpOptions;
use std::time::Duration;

/// The settings of each call.
#[derive(Debug)]
pub struct Settings {
    /// The authorization server, and this client of it.
    pub client: Client,
    /// The platform.
    pub api_base: BaseUrl,
    /// The callback port. 0 takes any free port.
    pub callback_port: u16,
    /// How requests are sent.
    pub http: HttpOptions,
    /// The browser to open if the client cannot show a URL.
    pub browser: Browser,
    /// How long to wait for the user.
    pub patience: Duration,
    /// The limits of a run, and the key unless a call names another. The name of the key is not used.
    pub plan: Plan,
    /// True if the refresh token is revoked at the end.
    pub revokes: bool,
    /// The variable of a dotenv file that gets the key, unless a call names another.
    pub variable: VariableName,
    /// The profile whose item of the keyring gets the key.
    pub profile: Profile,
    /// The directory of journals, locks and kept keys.
    pub state: StateDir,
    /// The way to a key without this server, in a sentence for the user.
    pub other_way: &'static str,
}
