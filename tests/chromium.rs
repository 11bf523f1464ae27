//! A real browser: headless Chromium, driven through chromedriver (Debian: `chromium` and
//! `chromium-driver`). Screenshots of what it saw are kept in `target/tmp/screenshots`.

use crate::support::{create, watch};
use keymint_sandbox::{Scenario, Step};
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A browser of its own: fresh profile, no network but the loopback.
struct Browser {
    driver: WebDriver,
    _profile: TempDir,
    chromedriver: Child,
}

impl Browser {
    async fn open() -> Self {
        // The driver's client wants one, although it only speaks http. Every test after the first finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("install Debian's chromium and chromium-driver; ./scripts/test does");
        let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
        let port = watch(async {
            loop {
                let line = lines.next_line().await.unwrap().expect("chromedriver ended");
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    break port.trim_end_matches('.').to_owned();
                }
            }
        })
        .await;
        // Its pipe must not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
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

    async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        self.driver.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
    }

    /// Clicks, and lands on the page whose text has `expected` once it is complete.
    async fn click_and_read(&self, button: &str, expected: &str) -> String {
        self.driver.find(By::Id(button)).await.unwrap().click().await.unwrap();
        let main =
            self.driver.query(By::XPath(format!("//main[contains(., '{expected}')]"))).first().await.unwrap();
        main.text().await.unwrap()
    }

    async fn close(mut self) {
        self.driver.quit().await.unwrap();
        self.chromedriver.kill().await.unwrap();
    }
}

#[tokio::test]
async fn a_person_clicks_through_and_the_key_comes_out() {
    let mut run = create(Scenario::ready()).start().await;
    let url = run.url().await;
    let browser = Browser::open().await;

    browser.driver.goto(&url).await.unwrap();
    browser.screenshot("sign-in").await;
    let page = browser.click_and_read("continue", "key is ready").await;
    browser.screenshot("key-is-ready").await;
    let address = browser.driver.current_url().await.unwrap();
    browser.close().await;
    let ended = run.end().await;

    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()), "{}", ended.stderr);
    assert_eq!((address.path(), address.query()), ("/auth/done", None), "the code stays in the address bar");
    assert!(!page.contains("sk-"), "{page}");
    assert_eq!(ended.count("POST", "/oauth/token"), 1);
}

#[tokio::test]
async fn a_person_refuses_and_no_key_is_made() {
    let mut run = create(Scenario::ready()).start().await;
    let url = run.url().await;
    let browser = Browser::open().await;

    browser.driver.goto(&url).await.unwrap();
    browser.click_and_read("refuse", "refused").await;
    browser.screenshot("refused").await;
    browser.close().await;
    let ended = run.end().await;

    assert_eq!((ended.code, ended.count("POST", "/oauth/token")), (4, 0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_person_sees_when_the_server_fails_after_the_sign_in() {
    let scenario = Scenario::ready().reply(Step::Login, keymint_sandbox::Reply::status(403));
    let mut run = create(scenario).start().await;
    let url = run.url().await;
    let browser = Browser::open().await;

    browser.driver.goto(&url).await.unwrap();
    browser.click_and_read("continue", "No key").await;
    browser.screenshot("no-key").await;
    browser.close().await;

    assert_eq!(run.end().await.code, 7);
}
