//! The pages in the browser. No page has a script, a link, or text from the request.

use crate::outcome::Outcome;
use crate::verdict::Verdict;

macro_rules! opening {
    () => {
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
            "<meta name=\"color-scheme\" content=\"light dark\">\n",
            "<title>Sign-in for an API key</title>\n",
            "<style>",
            include_str!("page.css"),
            "</style>\n</head>\n<body>\n<main aria-live=\"polite\">\n",
        )
    };
}

/// The beginning of every page.
pub(crate) const OPENING: &str = opening!();

/// The content security policy of every page. It allows the style, by its hash (CSP level 3, section
/// 2.3.1), and nothing else.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-BSahhNDHSb0vk3turjZaeKc45OOr0Z/lpjthyeVmF6Q='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CLOSING: &str = "</main>\n</body>\n</html>\n";

/// The beginning of the outcome page while the key is being created.
///
/// The style hides the section once the end follows it. In a browser that does not support that, both
/// sections can be read one after the other.
pub(crate) const BEGINNING: &str = concat!(
    opening!(),
    "<section class=\"beginning\">\n<div class=\"mark turning\"></div>\n",
    "<h1>Signed in. Creating your key\u{2026}</h1>\n",
    "<p>This takes a few seconds. The result will appear here.</p>\n</section>\n",
);

/// Returns the end of the outcome page, after [`OPENING`] or [`BEGINNING`].
pub(crate) fn end(outcome: Outcome) -> String {
    let (mark, title, next) = match outcome {
        Outcome::KeyDelivered => (
            Mark::Done,
            "Your key is ready",
            "You can close this tab and go back to the program that opened it.",
        ),
        Outcome::KeyKept => (
            Mark::Care,
            "Your key was created, but not delivered",
            "It is not lost. Go back to the program that opened this tab: it says where the key is kept.",
        ),
        Outcome::KeyLost => (
            Mark::Failed,
            "Your key was created, and is lost",
            "It could be neither delivered nor kept. Go back to the program that opened this tab: \
             it says how to delete the key and make another one.",
        ),
        Outcome::KeyUnknown => (
            Mark::Care,
            "A key may have been created",
            "The server\u{2019}s answer was lost. Go back to the program that opened this tab: \
             it says how to find out.",
        ),
        Outcome::NoKey => (
            Mark::Failed,
            "No key was created",
            "Go back to the program that opened this tab: it says why, and what to do next.",
        ),
        Outcome::Refused => (
            Mark::Quiet,
            "The sign-in was refused",
            "No key was created. You can close this tab. To try again, \
             go back to the program that opened it.",
        ),
        Outcome::DryRun => (
            Mark::Done,
            "You are signed in",
            "Nothing was created, as you asked. \
             You can close this tab and go back to the program that opened it.",
        ),
    };
    section(mark, title, next) + CLOSING
}

/// Returns the end of the outcome page, after [`BEGINNING`], if the program ends before the outcome is known.
pub(crate) fn interrupted() -> String {
    let next =
        "The program that opened this tab stopped before it told how this ended. Go back and look there.";
    section(Mark::Care, "Interrupted", next) + CLOSING
}

/// Returns the whole page of a verdict.
pub(crate) fn whole(verdict: Verdict) -> String {
    let (mark, title, next) = match verdict {
        Verdict::Redirected => (
            Mark::Done,
            "On to the sign-in",
            "Your browser should go there by itself. If it does not, \
             open the address that the program shows.",
        ),
        Verdict::Received => (
            Mark::Done,
            "Answer received",
            "Go back to the program that opened this tab: it says how it goes on.",
        ),
        Verdict::Unusable => (
            Mark::Failed,
            "The sign-in failed",
            "The answer that came with this address makes no sense. No key was created. \
             Go back to the program that opened this tab.",
        ),
        Verdict::BadRequest => {
            (Mark::Quiet, "This address cannot be read", "Nothing was changed. The sign-in is still waiting.")
        }
        Verdict::ForeignState => (
            Mark::Care,
            "This is not the sign-in that is waiting",
            "The address belongs to another sign-in, perhaps an older tab. Nothing was changed. \
             Use the address that the program shows now.",
        ),
        Verdict::OtherBrowser => (
            Mark::Care,
            "This is not the browser that began",
            "Or another program for localhost has changed its cookie. Nothing was changed, and the sign-in \
             is still waiting. Clear this browser\u{2019}s cookies for localhost and reload this page, or \
             open the address that the program shows in another browser.",
        ),
        Verdict::OpenedBefore => (
            Mark::Care,
            "This address was opened before",
            "It works in one browser, and another one was there first. If that was not you, stop the \
             program that opened this tab. If it was, go on there, or keep your browser\u{2019}s cookies.",
        ),
        Verdict::NotANavigation => (
            Mark::Quiet,
            "This address is only for a browser window",
            "Nothing was changed. Open it in a tab of its own.",
        ),
        Verdict::NotFound => {
            (Mark::Quiet, "There is nothing here", "Only the end of a sign-in is received at this address.")
        }
        Verdict::OtherMethod => (
            Mark::Quiet,
            "This address can only be opened",
            "Nothing was changed. The sign-in is still waiting.",
        ),
        Verdict::TooLate => (
            Mark::Quiet,
            "This sign-in was already answered",
            "An address like this works once. Go back to the program that opened this tab: \
             it says how it went.",
        ),
        Verdict::Misdirected => (
            Mark::Quiet,
            "This is not the place you asked for",
            "Nothing was changed. You can close this tab.",
        ),
        Verdict::TooLarge => (
            Mark::Care,
            "Your browser sent too much",
            "Most likely it has many cookies of other programs for localhost. Clear those and reload \
             this page. Nothing was changed. The sign-in is still waiting.",
        ),
    };
    [OPENING, &section(mark, title, next), CLOSING].concat()
}

fn section(mark: Mark, title: &str, next: &str) -> String {
    let (tone, path) = mark.tone_and_path();
    format!(
        "<section class=\"end\">\n\
         <svg class=\"mark {tone}\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>\n\
         <h1>{title}</h1>\n<p class=\"next\">{next}</p>\n</section>\n"
    )
}

/// The mark at the top of a page.
#[derive(Clone, Copy)]
enum Mark {
    Done,
    Care,
    Failed,
    Quiet,
}

impl Mark {
    /// Returns the CSS class of the color, and the path of a drawing 24 units wide and high.
    fn tone_and_path(self) -> (&'static str, &'static str) {
        match self {
            Self::Done => ("good", "M4 13l5 5L20 7"),
            Self::Care => ("care", "M12 3v11M12 20v.5"),
            Self::Failed => ("bad", "M5 5l14 14M19 5L5 19"),
            Self::Quiet => ("quiet", "M4 12h16"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_policy_allows_the_style_as_it_is() {
        let hash = STANDARD.encode(Sha256::digest(include_str!("page.css")));
        let source = format!("style-src 'sha256-{hash}'");
        assert!(CONTENT_SECURITY_POLICY.contains(&source), "the style has changed, so put in: {source}");
    }

    #[test]
    fn every_ending_makes_a_whole_page_without_script_or_address() {
        use Outcome::{DryRun, KeyDelivered, KeyKept, KeyLost, KeyUnknown, NoKey, Refused};
        let ends = [KeyDelivered, KeyKept, KeyLost, KeyUnknown, NoKey, Refused, DryRun].map(end);
        for page in ends.into_iter().chain([interrupted()]).map(|end| BEGINNING.to_owned() + &end) {
            assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
            for tag in ["main", "section", "svg", "h1", "p", "style", "title"] {
                let opened =
                    page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag} in {page}");
            }
            for foreign in ["<script", "http:", "https:", "href", "src=", "url(", "@import", " style="] {
                assert!(!page.contains(foreign), "{foreign} in {page}");
            }
        }
    }
}
