//! The sign-in, from the free port to the key. What happens is told in messages.

use crate::app::Message;
use keymint_callback_adapter::{LoopbackListener, Outcome};
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

/// How long the person may take in the browser.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Whom to ask, where to listen, and the name of the key.
pub(crate) struct Setup {
    pub(crate) client: Client,
    pub(crate) api_base: BaseUrl,
    /// 0 stands for any that is free. OpenAI's server knows 5000 alone.
    pub(crate) port: u16,
    pub(crate) key_name: String,
    /// The browser that opens the address, where the person would see it.
    pub(crate) browser: Browser,
    /// A dotenv file that gets the key. The screen has it in any case.
    pub(crate) env_file: Option<PathBuf>,
}

type Messages = mpsc::UnboundedSender<Message>;
type Failure = Box<dyn Error + Send + Sync>;

/// Signs in, asks for the target with [`Message::Found`], and makes the key in the one that is
/// `chosen`. It ends early when nobody receives the messages any more. At the end it revokes the refresh token.
pub(crate) async fn run(setup: Setup, tell: Messages, chosen: oneshot::Receiver<Target>) {
    if let Err(failure) = run_with_listener(setup, &tell, chosen).await {
        let _ = tell.send(Message::Failed(failure.to_string()));
    }
}

async fn run_with_listener(
    setup: Setup,
    tell: &Messages,
    chosen: oneshot::Receiver<Target>,
) -> Result<(), Failure> {
    // Before the sign-in, so that no key is made for a file that cannot take it.
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
        outcome = make_key(&setup, ports, &mut listener, tell, chosen, &mut revocation) => outcome,
        () = tell.closed() => Err("the person has left".into()),
    };
    if let (Ok(made), Some(mut file)) = (&outcome, file) {
        let delivered = file.deliver(&made.key).await.map(|()| file.path());
        let _ = tell.send(Message::Delivered(delivered.map_err(|error| error.to_string())));
    }
    let (message, page) = match outcome {
        Ok(made) => (Message::Created(made), Outcome::KeyDelivered),
        Err(failure) => (Message::Failed(in_words(&failure)), page_about(&failure)),
    };
    // If nobody takes it, the program is about to end.
    let _ = tell.send(message);
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
    tell: &Messages,
    chosen: oneshot::Receiver<Target>,
    revocation: &mut Option<Revocation>,
) -> Result<ProvisionedKey, Failure> {
    let plan = Plan::named(&setup.key_name);
    let observer = |event| drop(tell.send(Message::Happened(event)));

    let entropy = Entropy::from_os()?;
    let pending = setup.client.begin(listener.redirect_uri().clone(), entropy);
    let address = listener.start_url(&pending);
    tell.send(Message::Listening(address.clone()))?;
    setup.browser.open(&HostEnvironment::detect(), || address, Command::spawn);
    let grant = wait_for_grant(ports.clock, listener, pending, PATIENCE).await?;
    *revocation = Some(grant.revocation());
    tell.send(Message::BrowserIsBack)?;

    let provisioner = Provisioner::new(ports, &plan).observed_by(&observer);
    let session = provisioner.sign_in(grant).await?;
    tell.send(Message::SignedIn(session.account().map(|account| account.as_str().to_owned())))?;
    let targets = provisioner.wait_for_targets(&session).await?;
    tell.send(Message::Found { targets, doubtful: listener.browser_mismatch().is_some() })?;
    let target = chosen.await?;
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
