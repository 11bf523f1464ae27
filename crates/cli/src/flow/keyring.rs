//! Waiting for the keyring.

use crate::flow::context::Context;
use crate::ui::message::{Message, Warning};
use keymint_delivery_adapter::Keyring;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// After this long the user wants to know why nothing happens.
const MOMENT: Duration = Duration::from_secs(2);

/// Waits for the keyring, and says so if that takes longer than a moment.
pub(crate) async fn patiently<T>(context: &Context, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = context.clock.timeout(MOMENT, &mut work).await {
        return done;
    }
    let slow = Warning::KeyringIsSlow { may_prompt: Keyring::may_prompt() };
    context.ui.report(&Message::Warning(slow));
    work.await
}
