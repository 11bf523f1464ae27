//! Time limits for tests that hang.

use std::future::Future;
use std::time::Duration;

/// The time limit of a wait. Only a hanging run reaches it. On a busy machine, an emulator takes a minute for a few
/// programs.
const WATCHDOG: Duration =
    Duration::from_secs(if cfg!(any(windows, target_arch = "aarch64")) { 600 } else { 60 });

/// Waits for the result of `work`, and fails the test if `work` hangs.
pub async fn watch<T>(work: impl Future<Output = T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a watchdog, which a passing test never meets")]
    tokio::time::timeout(WATCHDOG, work).await.expect("it hangs")
}

/// Waits until a condition is true, and fails the test if that takes too long.
pub async fn until(is_true: impl Fn() -> bool) {
    watch(async {
        while !is_true() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
