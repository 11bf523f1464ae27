//! The URL of the browser's last page, pasted by the user.

use crate::error::{CliError, ErrorKind};
use crate::ui::message::Message;
use crate::ui::reporter::Reporter;
use async_trait::async_trait;
use keymint_domain::{
    AuthorizationResponse, Callback, Clock, PendingAuthorization, ResponseSource, SourceError,
};
use keymint_terminal::stdin::{self, Line, StdinLines};
use keymint_tokio_clock::TokioClock;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The maximum number of wrong URLs before the program gives up.
const MOST_TRIES: usize = 5;

/// The wait for the next line of a wrapped URL.
const REST: Duration = Duration::from_millis(100);

/// The maximum length of a URL, in bytes, including its line breaks.
const LONGEST: usize = 64 * 1024;

/// The pasted URLs, of which one is the response to the sign-in.
pub(crate) struct Pasted {
    ui: Arc<Reporter>,
    clock: TokioClock,
}

impl Pasted {
    pub(crate) fn new(ui: &Arc<Reporter>, clock: TokioClock) -> Self {
        Self { ui: Arc::clone(ui), clock }
    }
}

#[async_trait]
impl ResponseSource for Pasted {
    /// Receives the response from the pasted URLs. Fails at the end of standard input, and after too many wrong URLs.
    async fn receive(
        &mut self,
        pending: &PendingAuthorization,
    ) -> Result<AuthorizationResponse, SourceError> {
        let mut lines = StdinLines::lines().await;
        for _ in 0..MOST_TRIES {
            let Some(first) = next_that_says_something(&mut lines).await else {
                return Err(SourceError::new(PasteError::Input));
            };
            let (whole, last) = whole(first, &mut lines, &self.clock).await;
            if stdin::is_cut(&whole) {
                self.ui.report(&Message::PastedInPart);
                continue;
            }
            let mut callback = pending.read_pasted(&whole);
            if let (Callback::Stray(_), Some(last)) = (&callback, last) {
                // The lines are several URLs, instead of one wrapped URL.
                callback = pending.read_pasted(&last);
            }
            match callback {
                Callback::Response(response) => return Ok(response),
                Callback::Stray(stray) => self.ui.report(&Message::Pasted(stray)),
            }
        }
        Err(SourceError::new(PasteError::Tries))
    }
}

/// The reason why no more URLs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasteError {
    #[error("standard input has ended")]
    Input,
    #[error("{MOST_TRIES} URLs were pasted, and none belongs to this sign-in")]
    Tries,
}

async fn next_that_says_something(lines: &mut StdinLines) -> Option<Line> {
    loop {
        let line = lines.next().await?;
        if !line.trim().is_empty() {
            return Some(line);
        }
    }
}

/// Returns the pasted URL, or the whole content of a pipe. `None` if it is empty.
pub(crate) async fn text(clock: &dyn Clock) -> Option<Line> {
    let mut lines = StdinLines::lines().await;
    let first = next_that_says_something(&mut lines).await?;
    Some(whole(first, &mut lines, clock).await.0)
}

/// Returns the error of standard input that ended without a line: the error of a failed read, or else `otherwise`.
pub(crate) fn no_input(otherwise: CliError) -> CliError {
    match stdin::failure() {
        Some(error) => CliError::new(ErrorKind::Internal, "standard input cannot be read").because(error),
        None => otherwise,
    }
}

/// Returns a line joined with the lines that immediately follow, since a URL may be wrapped anywhere. Also returns
/// the last of those lines.
async fn whole(first: Line, lines: &mut StdinLines, clock: &dyn Clock) -> (Line, Option<Line>) {
    let (mut whole, mut last) = (first, None);
    while whole.len() < LONGEST {
        let Ok(Some(more)) = clock.timeout(REST, lines.next()).await else { break };
        whole = Zeroizing::new(format!("{}{}", *whole, *more));
        last = Some(more);
    }
    (whole, last)
}
