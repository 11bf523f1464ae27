//! The outcome page.

use crate::support::{SignIn, read_to_end, read_until, status, within_a_minute};
use keymint_callback_adapter::{Details, LoopbackListener, Outcome, Progress};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Signs in, and reads the beginning of the page.
async fn open_page() -> (crate::support::Browser, LoopbackListener, TcpStream) {
    let (browser, listener) = SignIn::done().await;
    let mut page = browser.connect().await;
    page.write_all(browser.page().as_bytes()).await.unwrap();
    let beginning = read_until(&mut page, "Creating your key").await;
    assert_eq!(status(&beginning), "200");
    (browser, listener, page)
}

#[tokio::test]
async fn the_page_shows_the_outcome_and_then_the_ports_close() {
    for (outcome, expected) in [
        (Outcome::KeyDelivered, "Key ready"),
        (Outcome::KeyKept, "Key created, but not delivered"),
        (Outcome::KeyUnknown, "A key may have been created"),
        (Outcome::NoKey, "No key was created"),
        (Outcome::Refused, "The sign-in was refused"),
        (Outcome::DryRun, "Dry run complete"),
        (Outcome::Listed, "Your terminal shows the list"),
        (Outcome::KeyPartlyDelivered, "Key created, but one destination failed"),
    ] {
        let (browser, listener, page) = open_page().await;
        let (end, ()) = tokio::join!(read_to_end(page), within_a_minute(listener.conclude(outcome)));
        assert!(end.contains(expected) && end.ends_with("</html>\n\r\n0\r\n\r\n"), "{end}");
        for address in ["127.0.0.1", "::1"] {
            assert!(TcpStream::connect((address, browser.port)).await.is_err(), "{address}");
        }
    }
}

#[tokio::test]
async fn a_browser_that_asks_after_the_conclusion_still_sees_it() {
    let (browser, listener) = SignIn::done().await;
    let (page, ()) =
        tokio::join!(browser.send(browser.page()), within_a_minute(listener.conclude(Outcome::KeyDelivered)));
    assert!(page.contains("Key ready") && page.ends_with("</html>\n\r\n0\r\n\r\n"), "{page}");
}

#[tokio::test]
async fn a_conclusion_waits_neither_for_a_browser_that_never_comes_nor_for_one_that_never_reads() {
    let (_, listener) = SignIn::done().await;
    within_a_minute(listener.conclude(Outcome::NoKey)).await;

    let (_browser, listener, _unread) = open_page().await;
    within_a_minute(listener.conclude(Outcome::NoKey)).await;

    // No browser was redirected to the page.
    within_a_minute(SignIn::begin().listener.conclude(Outcome::NoKey)).await;
}

#[tokio::test]
async fn a_refused_sign_in_has_its_page_at_once() {
    let (browser, receiving) = SignIn::begin().receive();
    browser.send(browser.callback("error=access_denied&state=STATE")).await;
    let (_listener, _) = receiving.end().await;
    let page = browser.send(browser.page()).await;
    assert!(page.contains("The sign-in was refused") && !page.contains("Creating your key"), "{page}");
}

#[tokio::test]
async fn a_page_whose_program_gives_up_says_so() {
    let (_browser, listener, page) = open_page().await;
    drop(listener);
    let end = read_to_end(page).await;
    assert!(end.contains("Interrupted") && end.ends_with("</html>\n\r\n0\r\n\r\n"), "{end}");
}

#[tokio::test]
async fn the_answer_to_a_response_without_sense_is_not_cut_by_the_conclusion() {
    let (browser, receiving) = SignIn::begin().receive();
    let mut stream = browser.connect().await;
    stream.write_all(browser.callback("state=STATE").as_bytes()).await.unwrap();
    let (listener, _) = receiving.end().await;
    let (answer, ()) = tokio::join!(read_to_end(stream), within_a_minute(listener.conclude(Outcome::NoKey)));
    assert!(answer.contains("The sign-in failed") && answer.ends_with("</html>\n"), "{answer}");
}

#[tokio::test]
async fn a_second_reader_sees_the_same_and_does_not_break_the_first() {
    let (browser, listener, first) = open_page().await;
    let mut second = browser.connect().await;
    second.write_all(browser.page().as_bytes()).await.unwrap();
    read_until(&mut second, "Creating your key").await;
    drop(second);

    let mut third = browser.connect().await;
    third.write_all(browser.page().as_bytes()).await.unwrap();
    read_until(&mut third, "Creating your key").await;
    let (first, ()) =
        tokio::join!(read_to_end(first), within_a_minute(listener.conclude(Outcome::KeyDelivered)));
    assert!(first.contains("Key ready"), "{first}");
}

#[tokio::test]
async fn the_page_follows_the_progress_until_the_outcome() {
    let (_browser, listener, mut page) = open_page().await;
    for (progress, expected) in [
        (Progress::Listing, "Listing your projects"),
        (Progress::Choosing, "choose a project"),
        (Progress::Asking, "answer a question"),
        (Progress::Creating, "Creating your key"),
    ] {
        listener.show(progress);
        listener.show(progress);
        let section = read_until(&mut page, "</section>").await;
        let section =
            if section.contains(expected) { section } else { read_until(&mut page, "</section>").await };
        assert!(section.contains(expected), "{expected} {section}");
    }
    let (end, ()) = tokio::join!(read_to_end(page), within_a_minute(listener.conclude(Outcome::DryRun)));
    assert_eq!(end.matches("<section>").count(), 1, "{end}");

    // A browser that was not redirected to the page gets none.
    let begun = SignIn::begin();
    begun.listener.show(Progress::Choosing);
    assert_eq!(status(&begun.browser.send(begun.browser.page()).await), "404");
}

/// The response may have been forged, so the page repeats nothing of it.
#[tokio::test]
async fn a_refusal_is_shown_without_the_reason_that_the_program_knows() {
    let (browser, receiving) = SignIn::begin().receive();
    browser.send(browser.callback("error=access_denied&error_description=canary&state=STATE")).await;
    let (listener, _) = receiving.end().await;
    let details = Details { reason: Some("canary".to_owned()), ..Details::default() };
    let conclusion = Outcome::Refused.with(details);
    let (page, ()) =
        tokio::join!(browser.send(browser.page()), within_a_minute(listener.conclude(conclusion)));
    assert!(page.contains("The sign-in was refused") && !page.contains("canary"), "{page}");
}
