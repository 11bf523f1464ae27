use crate::local::local;
use crate::window;
use async_trait::async_trait;
use js_sys::Promise;
use keymint_domain::{Clock, Moment};
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;

/// Longest sleep in one piece: `setTimeout` counts milliseconds in 32 bits.
const LONGEST_NAP: Duration = Duration::from_secs(60 * 60);

/// The time since the page was opened.
pub(crate) struct PageClock;

#[async_trait]
impl Clock for PageClock {
    fn now(&self) -> Moment {
        let milliseconds = window().performance().expect("every window has one").now();
        Moment::ORIGIN + Duration::from_secs_f64(milliseconds / 1000.0)
    }

    async fn sleep(&self, duration: Duration) {
        let wake = self.now() + duration;
        while self.now() < wake {
            let nap = wake.since(self.now()).min(LONGEST_NAP);
            local(async move { Timer::start(nap).ring().await }).await;
        }
    }
}

/// A timer of the page, which is cleared on drop.
struct Timer {
    id: i32,
    rings: Promise,
}

impl Timer {
    fn start(after: Duration) -> Self {
        let milliseconds = after.as_nanos().div_ceil(1_000_000).try_into().expect("naps are short");
        let mut id = 0;
        let rings = Promise::new(&mut |resolve, _| {
            id = window()
                .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds)
                .expect("a timer can always be set");
        });
        Self { id, rings }
    }

    async fn ring(&self) {
        JsFuture::from(self.rings.clone()).await.expect("it is never rejected");
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        window().clear_timeout_with_handle(self.id);
    }
}
