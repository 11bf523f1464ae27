//! The reference implementation, which uses the same library sequentially. It loads the certificates before it shows
//! the URL, opens connections only when they are needed, requests every list, one organization at a time, and looks for the
//! project every 10 s.

use crate::Outcome;
use keymint_domain::{BaseUrl, Callback, Client, Entropy, Event, Plan, PollPolicy, Ports, Provisioner};
use keymint_http_adapter::{Http, HttpOptions};
use keymint_tokio_clock::TokioClock;
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

pub(crate) const COMMAND: &str = "reference";

pub(crate) async fn run(issuer: &str, api_base: &str, port: u16) -> Outcome<()> {
    let http = Http::new(HttpOptions::default());
    let mut client = Client::default();
    // Loads the certificates. The http URLs of the sandbox would not cause that.
    http.auth_server(client.issuer.clone())?;
    client.issuer = BaseUrl::parse(issuer)?;
    let auth_server = http.auth_server(client.issuer.clone())?;
    let platform = http.platform_api(BaseUrl::parse(api_base)?)?;

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let redirect_uri = format!("http://localhost:{port}/auth/callback").parse()?;
    let entropy = Entropy::from_os()?;
    let pending = client.begin(redirect_uri, entropy);
    print_event("authorize_url", pending.authorize_url().as_str());

    let (mut browser, _) = listener.accept().await?;
    let mut line = String::new();
    BufReader::new(&mut browser).read_line(&mut line).await?;
    let target = line.split(' ').nth(1).unwrap_or_default();
    let Callback::Response(response) = pending.read_callback(target) else {
        return Err("that is no callback".into());
    };
    print_event("callback_received", "");

    let mut plan = Plan::named("reference");
    plan.width = NonZeroUsize::MIN;
    plan.shortcut = false;
    plan.polling = PollPolicy::fixed(Duration::from_secs(10), PollPolicy::DEFAULT_TIMEOUT);
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &TokioClock::new() };
    let observer = |event: Event| {
        if let Event::SignedIn = event {
            print_event("signed_in", "");
        }
    };
    let provisioner = Provisioner::new(ports, &plan).observed_by(&observer);
    let created = provisioner.provision(pending.accept(response)?).await?;
    println!("{}", created.key.expose());
    browser.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(())
}

/// Writes an event in the format of the measured program.
#[expect(clippy::print_stderr, reason = "standard error gets the events")]
fn print_event(event: &str, url: &str) {
    eprintln!("{}", serde_json::json!({"event": event, "url": url}));
}
