//! The values that every command uses.

use crate::args::OutputArgs;
use crate::config::Sources;
use crate::error::{CliError, ErrorKind};
use crate::explain::provision::provision;
use crate::ui::message::{Message, Warning};
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use keymint_delivery_adapter::{Keyring, wall_clock};
use keymint_domain::ProvisionError;
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// The time after which the user gets an explanation for a wait.
const MOMENT: Duration = Duration::from_secs(2);

/// The user interface, the clock, and the sources of the settings.
pub(crate) struct Context {
    pub(crate) ui: Arc<Reporter>,
    pub(crate) clock: TokioClock,
    pub(crate) sources: Sources<'static>,
    output: OutputArgs,
    /// Background work, for which the program waits before it ends.
    background: Arc<Mutex<JoinSet<()>>>,
}

impl Context {
    pub(crate) fn new(sources: Sources<'static>, output: OutputArgs) -> Self {
        let (ui, clock, background) = (Arc::new(Reporter::new(output)), TokioClock::new(), Arc::default());
        Self { ui, clock, sources, output, background }
    }

    /// Returns the same context without JSON on standard output.
    pub(crate) fn without_json(&self) -> Self {
        let output = OutputArgs { json: false, ..self.output };
        Self { background: Arc::clone(&self.background), ..Self::new(self.sources.clone(), output) }
    }

    /// Starts work that continues while the last messages are shown.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.background.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
    }

    /// Waits for the background work.
    pub(crate) async fn finish_background(&self) {
        let work = mem::take(&mut *self.background.lock().unwrap_or_else(PoisonError::into_inner));
        work.join_all().await;
    }

    /// Returns a prompter for the user at the terminal. It asks nothing if `may_ask` is false.
    pub(crate) fn prompter(&self, may_ask: bool) -> Prompter<'_> {
        Prompter::new(&self.ui, may_ask)
    }

    /// Returns a prompter to confirm an act that cannot be undone, unless `yes` confirms it. Fails if neither is
    /// possible.
    pub(crate) fn confirmer(
        &self,
        yes: bool,
        no_input: bool,
        act: &str,
        hint: impl Into<String>,
    ) -> Result<Prompter<'_>, CliError> {
        let prompter = self.prompter(!yes && self.sources.may_ask(no_input)?);
        if yes || prompter.is_interactive() {
            return Ok(prompter);
        }
        let message = format!("{act} needs confirmation, and no user can be asked");
        Err(CliError::new(ErrorKind::Usage, message).hint(hint))
    }

    /// Waits for work with the keyring, and explains the wait if it takes longer than two seconds.
    pub(crate) async fn patiently<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Ok(done) = self.clock.timeout(MOMENT, &mut work).await {
            return done;
        }
        let slow = Warning::KeyringIsSlow { may_prompt: Keyring::may_prompt() };
        self.ui.report(&Message::Warning(slow));
        work.await
    }

    /// Returns the error of the flow, with its hints.
    pub(crate) fn explain(&self, error: impl Into<ProvisionError>) -> CliError {
        provision(error.into(), &wall_clock::utc_now())
    }
}
