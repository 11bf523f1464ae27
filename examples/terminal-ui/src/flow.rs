//! The sign-in, from the port to the key, with its progress as messages.

use crate::app::Message;
use keymint_callback_adapter::{LoopbackListener, Outcome, Progress};
use keymint_delivery_adapter::{EnvFile, Overwrite, VariableName};
use keymint_domain::{
    BaseUrl, Client, Entropy, KeyDestination, Plan, Ports, ProvisionError, ProvisionedKey, Provisioner,
    Revocation, Target, wait_for_grant,
};
use keymint_host::{Browser, HostEnvironment};
use keymint_http_adapter::{Http, HttpOptions};
use keymint_tokio_clock::TokioClock;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The time limit of the sign-in in the browser.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The servers, the port and the name of the key.
pub(crate) struct Setup {
    pub(crate) client: Client,
    pub(crate) api_base: BaseUrl,
    /// The callback port. 0 selects any free port. OpenAI's server accepts 5000 only.
    pub(crate) port: u16,
    pub(crate) key_name: String,
    /// The browser that opens the sign-in.
    pub(crate) browser: Browser,
    /// A dotenv file for the key. The screen shows the key in any case.
    pub(crate) env_file: Option<PathBuf>,
}

type Messages = mpsc::UnboundedSender<Message>;
type Failure = Box<dyn Error + Send + Sync>;

/// Signs in, offers the targets with [`Message::Found`], and creates the key in the one that is `chosen`. It ends
/// early if the receiver of the messages is dropped. At the end it revokes the refresh token.
pub(crate) async fn run(setup: Setup, sender: Messages, chosen: oneshot::Receiver<Target>) {
    if let Err(failure) = run_with_listener(setup, &sender, chosen).await {
        let _ = sender.send(Message::Failed(failure.to_string()));
    }
}

async fn run_with_listener(
    setup: Setup,
    sender: &Messages,
    chosen: oneshot::Receiver<Target>,
) -> Result<(), Failure> {
    // The file is checked before the sign-in, so that no key is created for a file that cannot take it.
    let file = match &setup.env_file {
        Some(path) => {
            let found = EnvFile::inspect(path, VariableName::default()).await?;
            Some(found.reserve(Overwrite::Never)?)
        }
        None => None,
    };
    let mut listener = LoopbackListener::bind(setup.port)?;
    listener.self_test().await?;
    let http = Http::new(HttpOptions::default());
    let auth_server = http.auth_server(setup.client.issuer.clone())?;
    let platform = http.platform_api(setup.api_base.clone())?;
    let clock = TokioClock::new();
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
    let mut revocation = None;
    let outcome = tokio::select! {
        outcome = make_key(&setup, ports, &mut listener, sender, chosen, &mut revocation) => outcome,
        () = sender.closed() => Err("the user has left".into()),
    };
    if let (Ok(made), Some(mut file)) = (&outcome, file) {
        let delivered = file.deliver(&made.key).await.map(|()| file.path());
        let _ = sender.send(Message::Delivered(delivered.map_err(|error| error.to_string())));
    }
    let (message, page) = match outcome {
        Ok(made) => (Message::Created(made), Outcome::KeyDelivered),
        Err(failure) => (Message::Failed(in_words(&failure)), page_about(&failure)),
    };
    // If the receiver is dropped, the program is about to end.
    let _ = sender.send(message);
    let revoking = async {
        if let Some(revocation) = revocation {
            revocation.run(&auth_server, &clock).await;
        }
    };
    tokio::join!(listener.conclude(page), revoking);
    Ok(())
}

async fn make_key(
    setup: &Setup,
    ports: Ports<'_>,
    listener: &mut LoopbackListener,
    sender: &Messages,
    chosen: oneshot::Receiver<Target>,
    revocation: &mut Option<Revocation>,
) -> Result<ProvisionedKey, Failure> {
    let plan = Plan::named(&setup.key_name);
    let observer = |event| drop(sender.send(Message::Happened(event)));

    let entropy = Entropy::from_os()?;
    let pending = setup.client.begin(listener.redirect_uri().clone(), entropy);
    let address = listener.start_url(&pending);
    sender.send(Message::Listening(address.clone()))?;
    setup.browser.open(&HostEnvironment::detect(), || address, Command::spawn);
    let grant = wait_for_grant(ports.clock, listener, pending, PATIENCE).await?;
    *revocation = Some(grant.revocation());
    sender.send(Message::BrowserIsBack)?;

    let provisioner = Provisioner::new(ports, &plan).observed_by(&observer);
    let session = provisioner.sign_in(grant).await?;
    sender.send(Message::SignedIn(session.account().map(|account| account.as_str().to_owned())))?;
    let targets = provisioner.wait_for_targets(&session).await?;
    sender.send(Message::Found { targets, doubtful: listener.browser_mismatch().is_some() })?;
    listener.show(Progress::Choosing);
    let target = chosen.await?;
    listener.show(Progress::Creating);
    Ok(provisioner.create_key(session, target).await?)
}

fn page_about(failure: &Failure) -> Outcome {
    failure.downcast_ref::<ProvisionError>().map_or(Outcome::NoKey, Outcome::from)
}

fn in_words(failure: &Failure) -> String {
    match failure.downcast_ref() {
        Some(ProvisionError::OutcomeUnknown { key_name, .. }) => {
            format!("{failure}. Look for \"{key_name}\" where the platform lists its keys, and delete it.")
        }
        _ => failure.to_string(),
    }
}
