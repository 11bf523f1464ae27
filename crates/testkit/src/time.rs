//! Deadlines for what hangs.

use std::future::Future;
use std::time::Duration;

/// Only a run that hangs takes this long. On a busy machine, an emulator takes a minute for a few programs.
const WATCHDOG: Duration =
    Duration::from_secs(if cfg!(any(windows, target_arch = "aarch64")) { 600 } else { 60 });

/// Fails the test when `work` hangs.
pub async fn watch<T>(work: impl Future<Output = T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a watchdog, which a passing test never meets")]
    tokio::time::timeout(WATCHDOG, work).await.expect("it hangs")
}

/// Waits until something is true, and fails the test when it never is.
pub async fn until(is_true: impl Fn() -> bool) {
    watch(async {
        while !is_true() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
