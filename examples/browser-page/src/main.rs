//! Serves the browser page at the redirect URI's origin, beside a sandbox that plays the two services.

use keymint_browser_page_server::{Module, Site};
use keymint_sandbox::{Sandbox, Scenario};
use std::io::{self, Write};
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let new_account = Scenario::ready().project_ready_after(Duration::from_secs(3));
    let sandbox = Sandbox::start(new_account).await?;
    let module = Module::build()?;
    let listener = TcpListener::bind("localhost:5000").await?;
    writeln!(io::stdout(), "Open http://localhost:5000 in a browser.")?;
    let [issuer, api_base] = [sandbox.issuer(), sandbox.api_base()].map(str::to_owned);
    Site { module, issuer, api_base }.serve(listener).await
}
