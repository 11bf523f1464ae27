//! A real browser. Screenshots of what it saw are kept in `target/tmp/screenshots`.

use crate::headless::Browser;
use crate::support::create;
use keymint_sandbox::{Scenario, Step};
use keymint_testkit::watch;
use std::path::PathBuf;
use thirtyfour::prelude::*;

async fn open() -> Browser {
    watch(Browser::open()).await
}

impl Browser {
    async fn screenshot(&self, name: &str) {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        self.driver.screenshot(&directory.join(format!("{name}.png"))).await.unwrap();
    }

    /// Clicks, and lands on the page whose text has `expected` once it is complete.
    async fn click_and_read(&self, button: &str, expected: &str) -> String {
        self.driver.find(By::Id(button)).await.unwrap().click().await.unwrap();
        let main =
            self.driver.query(By::XPath(format!("//main[contains(., '{expected}')]"))).first().await.unwrap();
        main.text().await.unwrap()
    }
}

#[tokio::test]
async fn a_user_clicks_through_and_the_key_comes_out() {
    let mut run = create(Scenario::ready()).start().await;
    let url = run.url().await;
    let browser = open().await;

    browser.driver.goto(&url).await.unwrap();
    browser.screenshot("sign-in").await;
    let page = browser.click_and_read("continue", "Key ready").await;
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
async fn a_user_refuses_and_no_key_is_made() {
    let mut run = create(Scenario::ready()).start().await;
    let url = run.url().await;
    let browser = open().await;

    browser.driver.goto(&url).await.unwrap();
    browser.click_and_read("refuse", "refused").await;
    browser.screenshot("refused").await;
    browser.close().await;
    let ended = run.end().await;

    assert_eq!((ended.code, ended.count("POST", "/oauth/token")), (4, 0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_user_sees_when_the_server_fails_after_the_sign_in() {
    let scenario = Scenario::ready().reply(Step::Login, keymint_sandbox::Reply::status(403));
    let mut run = create(scenario).start().await;
    let url = run.url().await;
    let browser = open().await;

    browser.driver.goto(&url).await.unwrap();
    browser.click_and_read("continue", "No key").await;
    browser.screenshot("no-key").await;
    browser.close().await;

    assert_eq!(run.end().await.code, 7);
}
