//! The pages in a real browser: each state has no problem that axe-core finds, in light and dark and on a narrow
//! screen. `scripts/test` installs axe-core where npm is available. Screenshots are kept in `target/tmp/screenshots`.

use crate::headless::Browser;
use crate::sources::root;
use keymint_callback_adapter::{Details, LoopbackListener, Outcome, Progress};
use keymint_domain::testing::approved_redirect;
use keymint_domain::{BaseUrl, Client, Entropy, ResponseSource};
use keymint_sandbox::{Sandbox, Scenario};
use keymint_testkit::{skipped, watch};
use serde_json::{Value, json};
use std::path::PathBuf;
use thirtyfour::PageLoadStrategy;
use thirtyfour::prelude::*;

/// Runs axe-core, which a page's own policy allows to the driver.
const AXE: &str = "
    const done = arguments[0];
    axe.run().then(
        found => done(found.violations.map(({ id, nodes }) => id + ': ' + nodes.map(node => node.html).join(' '))),
        error => done([String(error)]),
    );";

struct Pages {
    browser: Browser,
    axe: String,
}

impl Pages {
    /// Opens the browser, or returns `None` if axe-core is not installed.
    async fn open() -> Option<Self> {
        let Ok(axe) =
            std::fs::read_to_string(root().join("target/axe-core/node_modules/axe-core/axe.min.js"))
        else {
            skipped("axe-core is not installed; scripts/test installs it where npm is available");
            return None;
        };
        // A page that waits for the outcome does not finish loading.
        let browser = watch(Browser::open_with(PageLoadStrategy::None)).await;
        Some(Self { browser, axe })
    }

    async fn goto(&self, url: &str) {
        self.browser.driver.goto(url).await.unwrap();
    }

    async fn script(&self, script: &str) -> Value {
        self.browser.driver.execute(script, []).await.unwrap().json().clone()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.browser.driver.cdp().send_raw(command, parameters).await.unwrap();
    }

    /// Waits until the page shows this text, and returns all that it shows.
    async fn shown(&self, text: &str) -> String {
        let heading = format!("//main[contains(., '{text}')]");
        let main = self.browser.driver.query(By::XPath(heading)).first().await.unwrap();
        main.text().await.unwrap()
    }

    /// Checks the page that shows this text.
    async fn check(&self, name: &str, text: &str) {
        let shown = self.shown(text).await;
        assert!(shown.contains(text), "{text:?} is hidden: {shown}");
        self.script(&format!("{}; return 0", self.axe)).await;
        for (scheme, width) in [("light", 800), ("dark", 390)] {
            let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
            let screen = json!({"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": false});
            self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
            let found = self.browser.driver.execute_async(AXE, []).await.unwrap().json().clone();
            assert_eq!(found, json!([]), "{name}, {scheme}");
            let overflow = "return document.documentElement.scrollWidth - innerWidth";
            assert_eq!(self.script(overflow).await, 0, "{name} is wider than {width} pixels");
            let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
            std::fs::create_dir_all(&directory).unwrap();
            let file = directory.join(format!("{name}-{scheme}.png"));
            self.browser.driver.screenshot(&file).await.unwrap();
        }
    }

    /// Presses the tabulator key, and returns the text of the element that has the focus, with its outline.
    async fn tab(&self) -> Value {
        self.browser.driver.action_chain().send_keys(Key::Tab).perform().await.unwrap();
        self.script(
            "const focus = document.activeElement;
             return [focus.textContent, getComputedStyle(focus).outlineStyle]",
        )
        .await
    }

    /// Returns from the sign-in to a listener, as the browser does.
    async fn come_back(&self) -> LoopbackListener {
        let mut listener = LoopbackListener::bind(0).unwrap();
        let pending = Client::default().begin(listener.redirect_uri().clone(), Entropy::from_os().unwrap());
        let redirect = approved_redirect(&pending);
        let (_, query) = redirect.split_once('?').unwrap();
        self.goto(&format!("{}?{query}", listener.redirect_uri())).await;
        watch(listener.receive(&pending)).await.unwrap();
        listener
    }
}

#[tokio::test]
async fn no_page_has_a_problem_that_axe_finds() {
    let Some(pages) = Pages::open().await else { return };

    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let listener = LoopbackListener::bind(0).unwrap();
    let client = Client::at(BaseUrl::parse(sandbox.issuer()).unwrap());
    let pending = client.begin(listener.redirect_uri().clone(), Entropy::from_os().unwrap());
    pages.goto(pending.authorize_url().as_str()).await;
    pages.check("consent", "Permissions").await;
    assert_eq!(pages.tab().await, json!(["Continue", "solid"]));
    assert_eq!(pages.tab().await, json!(["Cancel", "solid"]));
    pages.goto(&format!("{}/oauth/authorize", sandbox.issuer())).await;
    pages.check("consent-error", "cannot be served").await;
    let port = listener.redirect_uri().port().unwrap();
    pages.goto(&format!("http://localhost:{port}/")).await;
    pages.check("nothing", "Nothing to see here").await;
    pages.goto(&format!("http://127.0.0.1:{port}/")).await;
    pages.check("wrong-host", &format!("Use http://localhost:{port}")).await;

    for (name, outcome, title) in [
        ("delivered", Outcome::KeyDelivered, "\u{2713} Key ready - keymint"),
        ("kept", Outcome::KeyKept, "! Key created, but not delivered - keymint"),
        ("failed", Outcome::NoKey, "\u{2717} No key was created - keymint"),
        ("refused", Outcome::Refused, "The sign-in was refused - keymint"),
    ] {
        let listener = pages.come_back().await;
        assert_eq!(pages.shown("Creating").await.lines().next(), Some("keymint"));
        assert_eq!(pages.script("return document.title").await, "Signed in - keymint");
        let is_good = outcome == Outcome::KeyDelivered;
        let long = format!("the platform refused the key: {}", "project_is_archived_".repeat(10));
        let details = Details {
            target: is_good.then(|| "project \"Web\" of organization \"Acme\"".to_owned()),
            last_four: is_good.then(|| "9f3A".to_owned()),
            reason: (!is_good).then_some(long),
            keys_page: "https://platform.openai.com/api-keys".parse().ok().filter(|_| is_good),
        };
        listener.conclude(outcome.with(details)).await;
        pages.check(name, &title["\u{2713} ".len()..].replace(" - keymint", "")).await;
        assert_eq!(pages.script("return document.title").await, title);
        if is_good {
            assert_eq!(pages.tab().await, json!(["Your API keys on platform.openai.com", "solid"]));
        }
    }
    pages.browser.close().await;
}

#[tokio::test]
async fn a_page_that_waits_shows_the_progress_and_no_motion_that_is_unwanted_and_at_last_gives_up() {
    let Some(pages) = Pages::open().await else { return };
    let listener = pages.come_back().await;
    for (name, progress, text) in [
        ("creating", Progress::Creating, "Creating your key"),
        ("choosing", Progress::Choosing, "Go back to your terminal to choose a project."),
        ("asking", Progress::Asking, "Go back to your terminal to answer a question."),
        ("listing", Progress::Listing, "Listing your projects"),
    ] {
        listener.show(progress);
        pages.check(name, text).await;
    }
    let moving = "return document.getAnimations().filter(it => it.animationName == 'turn').length";
    assert_eq!(pages.script(moving).await, 1);
    let still = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
    pages.devtools("Emulation.setEmulatedMedia", still).await;
    assert_eq!(pages.script(moving).await, 0);

    let late = "No answer. Look in your terminal or agent.";
    assert!(!pages.shown("Listing").await.contains(late));
    // The 90 s are over.
    pages.script("document.getAnimations().forEach(it => it.finish())").await;
    let shown = pages.shown("Listing").await;
    assert!(shown.contains(late) && !shown.contains("The result will appear"), "{shown}");
    pages.check("late", late).await;

    // The program ends, and the page says so.
    drop(listener);
    pages.check("interrupted", "Interrupted").await;
    pages.browser.close().await;
}
