//! A real browser: headless Chromium, driven through chromedriver (Debian: `chromium` and
//! `chromium-driver`).

use std::process::Stdio;
use tempfile::TempDir;
use thirtyfour::PageLoadStrategy;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A browser with a new profile and no network but the loopback.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    _profile: TempDir,
    chromedriver: Child,
}

impl Browser {
    pub(crate) async fn open() -> Self {
        Self::open_with(PageLoadStrategy::Normal).await
    }

    /// Opens a browser that waits as long as this strategy says for a page to load.
    pub(crate) async fn open_with(strategy: PageLoadStrategy) -> Self {
        // The driver's client requires a provider, although it only uses http. Every test after the first finds it
        // installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("install Debian's chromium and chromium-driver; ./scripts/test does");
        let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver ended");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // The pipe must not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_page_load_strategy(strategy).unwrap();
        for arg in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=800,700",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            capabilities.add_arg(arg).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
        Self { driver, _profile: profile, chromedriver }
    }

    pub(crate) async fn close(mut self) {
        self.driver.quit().await.unwrap();
        self.chromedriver.kill().await.unwrap();
    }
}
