//! An example: keymint's library behind a small HTTP service, for users whose browser is on another machine.
//!
//! [`sign_ins`] has the state of each sign-in as values, [`service`] runs a sign-in from the browser's response to
//! its end, and [`routes`] is HTTP.

mod routes;
mod service;
mod sign_ins;

#[cfg(test)]
mod tests;

use keymint_delivery_adapter::{StateDir, private_files};
use keymint_domain::{BaseUrl, Client};
use keymint_sandbox::{Sandbox, Scenario};
use service::Service;
use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::{env, io};
use tokio::net::TcpListener;

/// The service is reachable from this machine only. To expose it, put a server with TLS in front of it.
const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 3000);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (client, api_base, _sandbox) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let sandbox = Sandbox::start(Scenario::ready()).await?;
            let client = Client::at(BaseUrl::parse(sandbox.issuer())?);
            (client, BaseUrl::parse(sandbox.api_base())?, Some(sandbox))
        }
        ["--openai"] => (Client::default(), BaseUrl::openai_api(), None),
        _ => return Err("usage: headless-server [--openai]".into()),
    };
    let state = private_files::standard_directory("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state");
    let state = StateDir::at(state.ok_or("there is no home directory")?.join("keymint-headless-server"));
    let service = Arc::new(Service::new(client, api_base, state));
    tokio::spawn(Arc::clone(&service).remove_expired());
    let listener = TcpListener::bind(ADDRESS).await?;
    writeln!(io::stdout(), "Listening on http://{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, routes::of(service)).await?)
}
