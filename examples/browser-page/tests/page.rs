//! The page in a real browser.

#![allow(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

#[path = "../../../tests/headless.rs"]
mod headless;

use headless::Browser;
use keymint_browser_page_server::{Module, Site};
use keymint_sandbox::{Reply, Sandbox, Scenario, Step};
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;
use thirtyfour::prelude::*;
use tokio::net::TcpListener;

static MODULE: LazyLock<Module> = LazyLock::new(|| Module::build().unwrap());

/// A browser that has opened the page, and the servers behind it.
struct Visit {
    browser: Browser,
    sandbox: Sandbox,
    origin: String,
}

impl Visit {
    async fn begin(scenario: Scenario) -> Self {
        let sandbox = Sandbox::start(scenario).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let [issuer, api_base] = [sandbox.issuer(), sandbox.api_base()].map(str::to_owned);
        let site = Site { module: MODULE.clone(), issuer, api_base };
        tokio::spawn(site.serve(listener));

        let browser = Browser::open().await;
        browser.driver.goto(&origin).await.unwrap();
        // The page enables it when the module is ready.
        browser.driver.query(By::Id("sign-in")).and_enabled().first().await.unwrap();
        Self { browser, sandbox, origin }
    }

    async fn click(&self, button: &str) {
        let button = self.browser.driver.query(By::Id(button)).and_clickable().first().await.unwrap();
        button.click().await.unwrap();
    }

    async fn come_back_with(&self, query: &str) {
        let address = format!("{}/auth/callback?{query}", self.origin);
        self.browser.driver.goto(address).await.unwrap();
    }

    /// Waits until the page shows this.
    async fn shows(&self, words: &str) {
        let progress = By::XPath(format!("//p[@id = 'progress'][contains(., '{words}')]"));
        self.browser.driver.query(progress).first().await.unwrap();
    }

    async fn key(&self) -> String {
        self.browser.driver.find(By::Id("key")).await.unwrap().text().await.unwrap()
    }

    async fn run(&self, script: &str) -> Value {
        self.browser.driver.execute(script, vec![]).await.unwrap().json().clone()
    }

    fn keys(&self) -> Vec<String> {
        self.sandbox.keys().into_iter().map(|key| key.value).collect()
    }
}

#[tokio::test]
async fn a_user_signs_in_and_the_page_has_the_key() {
    let visit = Visit::begin(Scenario::ready().project_ready_after(Duration::from_millis(1))).await;

    visit.click("sign-in").await;
    visit.click("continue").await;
    visit.shows("Here is your key").await;

    assert_eq!(visit.keys(), [visit.key().await]);
    assert!(visit.sandbox.refresh_tokens()[0].is_revoked);
    assert_eq!(visit.sandbox.violations(), Vec::<String>::new());
    let address = visit.browser.driver.current_url().await.unwrap();
    assert_eq!(address.as_str(), format!("{}/", visit.origin), "the code stays in the address bar");
    assert_eq!(visit.run("return sessionStorage.length").await, 0);
    visit.browser.close().await;
}

#[tokio::test]
async fn a_refusal_of_the_user_is_shown_and_no_key_is_made() {
    let visit = Visit::begin(Scenario::ready()).await;

    visit.click("sign-in").await;
    visit.click("refuse").await;
    visit.shows("the sign-in was refused: access_denied").await;

    assert_eq!((visit.keys().len(), visit.key().await), (0, String::new()));
    visit.browser.close().await;
}

#[tokio::test]
async fn an_unrequested_answer_ends_no_sign_in() {
    let visit = Visit::begin(Scenario::ready()).await;
    let driver = &visit.browser.driver;

    visit.click("sign-in").await;
    driver.query(By::Id("continue")).first().await.unwrap();
    let sign_in_page = driver.current_url().await.unwrap();
    visit.come_back_with("code=theirs&state=theirs").await;
    visit.shows("not the response to this sign-in").await;
    driver.goto(sign_in_page.as_str()).await.unwrap();
    visit.click("continue").await;
    visit.shows("Here is your key").await;

    assert_eq!(visit.keys(), [visit.key().await]);
    visit.browser.close().await;
}

#[tokio::test]
async fn a_sign_in_is_finished_once() {
    let visit = Visit::begin(Scenario::ready().reply(Step::Login, Reply::status(403))).await;

    visit.click("sign-in").await;
    visit.click("continue").await;
    visit.shows("answered 403").await;
    visit.come_back_with("code=again&state=again").await;
    visit.shows("finished already").await;

    visit.browser.close().await;
}
