use crate::host::Host;
use crate::local::{AbortOnDrop, local};
use async_trait::async_trait;
use keymint_domain::{Clock, Moment};
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;

/// The maximum duration of one sleep, since `setTimeout` counts milliseconds in 32 bits.
const LONGEST_NAP: Duration = Duration::from_secs(60 * 60);

/// The clock of the JavaScript caller.
pub(crate) struct HostClock(pub(crate) Host);

#[async_trait]
impl Clock for HostClock {
    fn now(&self) -> Moment {
        let seconds = Duration::try_from_secs_f64(self.0.now() / 1000.0);
        Moment::ORIGIN + seconds.unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        let wake = self.now() + duration;
        while self.now() < wake {
            let nap = wake.since(self.now()).min(LONGEST_NAP);
            let host = self.0.clone();
            let slept = local(async move {
                let timer = AbortOnDrop::new();
                let milliseconds = (nap.as_secs_f64() * 1000.0).ceil();
                JsFuture::from(host.sleep(milliseconds, &timer.0.signal())).await.is_ok()
            });
            if !slept.await {
                // A clock that fails would fail again at once, in an endless loop.
                return;
            }
        }
    }
}
