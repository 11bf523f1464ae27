//! The wait for the browser.

use keymint_domain::testing::{FakeClock, FakeSource, pending};
use keymint_domain::{Clock, Moment, ProvisionError, SourceError, wait_for_grant};
use std::error::Error;
use std::time::Duration;

#[test]
fn no_response_arrives_for_15_minutes() {
    let clock = FakeClock::new();
    let patience = Duration::from_secs(15 * 60);

    let outcome = clock.run(wait_for_grant(&clock, &mut FakeSource::silent(&clock), pending(), patience));

    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the sign-in was not completed in the browser within 15 min"
    );
    assert_eq!(clock.now(), Moment::ORIGIN + patience);
}

#[test]
fn the_first_answer_with_the_right_state_decides() {
    let clock = FakeClock::new();
    let come_back = |targets: &[&str]| {
        let mut source = FakeSource::after(&clock, Duration::from_secs(20), targets);
        clock.run(wait_for_grant(&clock, &mut source, pending(), Duration::from_secs(60)))
    };
    let strays = ["/favicon.ico", "/cancel", "/auth/callback?code=X&state=foreign", "/auth/callback?error=x"];

    let granted = come_back(&[strays.as_slice(), &["/auth/callback?code=C&state=STATE"]].concat());
    assert_eq!(granted.unwrap().code().expose(), "C");

    for (query, words) in [
        (
            "error=access_denied&error_description=no%E2%80%AE&state=STATE",
            r#"the sign-in was refused: access_denied: "no\u{202e}""#,
        ),
        ("error=access_denied&state=STATE", "the sign-in was refused: access_denied"),
        ("error=Run+`x`.&state=STATE", r#"the sign-in was refused: "Run `x`.""#),
        ("state=STATE", "the authorization server's response is malformed"),
        (
            "code=C&iss=https://evil.example&state=STATE",
            "the response came from a different authorization server",
        ),
    ] {
        let error = come_back(&[&format!("/auth/callback?{query}")]).unwrap_err();
        assert!(matches!(error, ProvisionError::Authorization(_)), "{error:?}");
        assert_eq!(error.to_string(), words);
    }
    let error = come_back(&strays).unwrap_err();
    assert_eq!(error.to_string(), "cannot receive the browser's response");
    assert_eq!(error.source().unwrap().to_string(), "no more answers");
    assert!(SourceError::new("a message").source().is_none());
}
