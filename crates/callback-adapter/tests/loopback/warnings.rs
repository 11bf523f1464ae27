//! The warnings while the listener waits.

use crate::support::{Browser, Receiving, SignIn, status};
use keymint_callback_adapter::{ListenerWarning, LoopbackListener};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn begin() -> (SignIn, UnboundedReceiver<ListenerWarning>) {
    let (observer, warnings) = unbounded_channel();
    let listener = LoopbackListener::bind(0).unwrap();
    let sign_in = SignIn::begin_at(listener.observed_by(move |warning| observer.send(warning).unwrap()));
    (sign_in, warnings)
}

/// Signs in, and returns the warnings until then.
async fn reported(
    browser: Browser,
    receiving: Receiving,
    mut warnings: UnboundedReceiver<ListenerWarning>,
) -> Vec<ListenerWarning> {
    receiving.ends_well(&browser).await;
    std::iter::from_fn(|| warnings.try_recv().ok()).collect()
}

#[tokio::test]
async fn a_browser_that_speaks_tls_is_reported_once_and_gets_no_answer() {
    let (sign_in, warnings) = begin();
    let (browser, receiving) = sign_in.receive();
    for hello in ["\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}", "\u{16}\u{3}\u{3}"] {
        assert_eq!(browser.send(hello).await, "");
    }
    assert_eq!(reported(browser, receiving, warnings).await, [ListenerWarning::SpokeTls]);
}

#[tokio::test]
async fn a_callback_of_another_sign_in_is_reported_once() {
    let (sign_in, warnings) = begin();
    let (browser, receiving) = sign_in.receive();
    for query in ["code=C&state=other", "error=access_denied&state=another"] {
        assert_eq!(status(&browser.send(browser.callback(query)).await), "400");
    }
    assert_eq!(reported(browser, receiving, warnings).await, [ListenerWarning::ForeignState]);
}

#[tokio::test]
async fn requests_that_do_not_concern_the_user_are_not_reported() {
    let (sign_in, warnings) = begin();
    let (browser, receiving) = sign_in.receive();
    for request in ["GET /favicon.ico HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "garbage\r\n\r\n", "\u{16}"]
    {
        let mut stream = browser.connect().await;
        stream.write_all(browser.fill_in(request).as_bytes()).await.unwrap();
    }
    assert_eq!(reported(browser, receiving, warnings).await, []);
}

/// Runs itself again with few file descriptors, and opens them all.
#[cfg(unix)]
#[tokio::test]
async fn too_many_open_files_are_reported_once_and_waited_out() {
    const THERE: &str = "KEYMINT_TEST_WITH_FEW_FILES";
    if std::env::var_os(THERE).is_some() {
        let (sign_in, mut warnings) = begin();
        let (browser, receiving) = sign_in.receive();
        let mut files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        files.pop().expect("some files can be opened");
        let client = browser.connect().await;
        assert_eq!(
            crate::support::within_a_minute(warnings.recv()).await,
            Some(ListenerWarning::AcceptFailed)
        );
        drop((files, client));
        assert_eq!(reported(browser, receiving, warnings).await, []);
        return;
    }
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 64 && exec \"$0\" --exact warnings::too_many_open_files_are_reported_once_and_waited_out",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(THERE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
