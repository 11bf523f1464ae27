//! The settings that the embedding program provides.

use keymint_delivery_adapter::{Profile, StateDir, VariableName};
use keymint_domain::{BaseUrl, Client, Plan};
use keymint_host::Browser;
use keymint_http_adapter::HttpOptions;
use std::time::Duration;

/// The settings of each call.
#[derive(Debug)]
pub struct Settings {
    /// The OAuth client, with its authorization server.
    pub client: Client,
    /// The base URL of the platform's API.
    pub api_base: BaseUrl,
    /// The callback port. Port 0 selects any free port.
    pub callback_port: u16,
    /// The options of HTTP requests.
    pub http: HttpOptions,
    /// The browser to open if the client cannot show a URL.
    pub browser: Browser,
    /// The time limit of each wait for the user.
    pub patience: Duration,
    /// The limits of each call, and the key to create unless the call sets other values. The name of the key is not
    /// used.
    pub plan: Plan,
    /// True to revoke the refresh token at the end of a call.
    pub revokes: bool,
    /// The variable of a dotenv file that receives the key, unless a call names another one.
    pub variable: VariableName,
    /// The profile of the keyring item that receives the key.
    pub profile: Profile,
    /// The directory of journals, locks, and keys that are stored for recovery.
    pub state: StateDir,
    /// A sentence for the user on how to get a key without this server.
    pub other_way: &'static str,
}
