//! Complete answers with an unexpected status.

use super::fault::status;
use super::matrix::{each, once, play};

const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[tokio::test]
async fn redirects_are_never_followed() {
    let to = |code, place: &str| status(code).header(&format!("location: {place}"));
    let refresh = status(200).header("refresh: 0; url=http://<trap>/");
    let deep = format!("http://<trap>/{}", "canary/".repeat(1_000));
    play([
        //    T     S     O     P     K
        each("7x1   7x1   7x1   7x1   10x1", "301", to(301, "http://<trap>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "302", to(302, "http://<trap>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "303", to(303, "http://<trap>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "307", to(307, "http://<trap>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "308", to(308, "http://<trap>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "300", to(300, "http://<trap>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "to the same server", to(307, "http://<here>/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "to a path", to(307, "/canary")),
        each("7x1   7x1   7x1   7x1   10x1", "to another scheme", to(307, "https://<trap>/")),
        each("7x1   7x1   7x1   7x1   10x1", "with a login", to(307, "http://a:canary@<trap>")),
        each("7x1   7x1   7x1   7x1   10x1", "to a long address", to(308, &deep)),
        each("7x1   7x1   7x1   7x1   10x1", "to nowhere", status(302)),
        each("0x1   0x1   0x1   0x1   0x1 ", "refreshes", refresh),
    ])
    .await;
}

#[tokio::test]
async fn successes_that_are_none_and_some_that_are() {
    let upgrade = status(101).body("").header("connection: upgrade\r\nupgrade: canary");
    play([
        //    T     S     O     P     K
        each("0x1   0x1   0x1   0x1   0x1 ", "201", status(201)),
        each("0x1   0x1   0x1   0x1   0x1 ", "202", status(202)),
        each("0x1   0x1   0x1   0x1   0x1 ", "203", status(203)),
        each("0x1   0x1   0x1   0x1   0x1 ", "206, whole", status(206)),
        each("7x1   7x1   7x3   7x3   10x1", "206, a part", status(206).body("{")),
        each("7x1   7x1   7x3   7x3   10x1", "204", status(204).body("")),
        each("0x1   0x1   0x1   0x1   0x1 ", "299", status(299)),
        each("7x1   7x1   7x1   7x1   10x1", "101", upgrade),
        each("7x1   7x1   7x1   7x1   10x1", "304", status(304).body("")),
        each("7x1   7x1   7x1   7x1   10x1", "600", status(600)),
        each("7x1   7x1   7x1   7x1   10x1", "999", status(999)),
    ])
    .await;
}

#[tokio::test]
async fn refusals() {
    let said = |code| status(code).body(r#"{"error":{"message":"no"}}"#);
    let challenge = |code| said(code).header("www-authenticate: Bearer error=\"canary\"");
    let bot_check = |code| status(code).html().header("cf-mitigated: challenge");
    play([
        //    T     S     O     P     K
        each("7x1   7x1   7x1   8x2+  7x1 ", "400", said(400)),
        each("7x1   7x1   7x1   7x1   7x1 ", "401", challenge(401)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "402", said(402)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "403", challenge(403)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "404", said(404)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "409", said(409)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "422", said(422)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "451", said(451)),
        // The sender of these is unknown or not the platform, so they do not concern one organization.
        each("7x1   7x1   7x1   7x1   7x1 ", "407", status(407)),
        each("7x1   7x1   7x1   7x1   7x1 ", "511", status(511)),
        each("7x1   7x1   7x1   7x1   7x1 ", "401 without an error", status(401)),
        each("7x1   7x1   7x1   7x1   7x1 ", "403 without an error", status(403)),
        each("7x1   7x1   7x1   7x1   7x1 ", "an empty 403", status(403).body("")),
        each("7x1   7x1   7x1   7x1   7x1 ", "a web page with 403", status(403).html()),
        each("7x1   7x1   7x1   7x1   7x1 ", "a bot check with 403", bot_check(403)),
        each("7x1   7x1   7x1   7x1   7x1 ", "a bot check with 503", bot_check(503)),
        // An intermediary may send these two, whatever the server did.
        each("7x1   7x3   7x2+  7x2+  10x1", "408", status(408)),
        once("7x1   0x2   0x2   0x2   10x1", "408", status(408)),
        once("7x1   0x2   0x2   0x2   10x1", "425", status(425)),
    ])
    .await;
}

#[tokio::test]
async fn servers_that_are_busy() {
    let later = |code, when: &str| status(code).header(&format!("retry-after: {when}"));
    play([
        //    T     S     O     P     K
        each("7x3   7x4   7x2+  7x2+  7x3 ", "429", status(429)),
        each("7x3   7x4   7x2+  7x2+  7x3 ", "429, now", later(429, "0")),
        once("0x2   0x2   0x2   0x2   0x2 ", "429, now", later(429, "0")),
        once("7x1   7x1   7x1   7x1   7x1 ", "429, never", later(429, "99999")),
        once("7x1   7x1   7x1   7x1   7x1 ", "429, for ever", later(429, "99999999999999999999999")),
        once("0x2   0x2   0x2   0x2   0x2 ", "429, a word", later(429, "soon")),
        once("0x2   0x2   0x2   0x2   0x2 ", "429, before now", later(429, "-1")),
        once("0x2   0x2   0x2   0x2   0x2 ", "429, long ago", later(429, LONG_AGO)),
        once("0x2   0x2   0x2   0x2   0x2 ", "429, two times", later(429, "0\r\nretry-after: 99999")),
        once("0x2   0x2   0x2   0x2   0x2 ", "a web page with 429", status(429).html()),
        once("7x1   7x1   7x1   7x1   10x1", "503, never", later(503, "99999")),
        once("7x1   0x2   0x2   0x2   10x1", "503, now", later(503, "0")),
    ])
    .await;
}

#[tokio::test]
async fn servers_that_are_broken() {
    play([
        //    T     S     O     P     K
        each("7x1   7x3   7x2+  7x2+  10x1", "500", status(500)),
        each("7x1   7x3   7x2+  7x2+  10x1", "503", status(503)),
        once("7x1   0x2   0x2   0x2   10x1", "500", status(500)),
        once("7x1   0x2   0x2   0x2   10x1", "501", status(501)),
        once("7x1   0x2   0x2   0x2   10x1", "502", status(502).html()),
        once("7x1   0x2   0x2   0x2   10x1", "503", status(503)),
        once("7x1   0x2   0x2   0x2   10x1", "504", status(504)),
        once("7x1   0x2   0x2   0x2   10x1", "520", status(520)),
        once("7x1   0x2   0x2   0x2   10x1", "524", status(524)),
    ])
    .await;
}
