//! The pages that the browser shows. They contain no script, no external resources, and no text from the request.

use crate::outcome::{Conclusion, Details, Outcome, Progress};
use crate::verdict::Verdict;
use keymint_domain::text::sanitize;
use url::Url;

/// The maximum length of a displayed detail, in characters.
const LONGEST_DETAIL: usize = 400;

macro_rules! head {
    () => {
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
            "<meta name=\"color-scheme\" content=\"light dark\">\n",
            "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http%3A//www.w3.org/2000/svg' ",
            "viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%231a7f4b'/%3E",
            "%3Cpath d='M14 16h12v5M21 16v3' fill='none' stroke='%23fff' stroke-width='3'/%3E",
            "%3Ccircle cx='10.5' cy='16' r='4' fill='none' stroke='%23fff' stroke-width='3'/%3E%3C/svg%3E\">\n",
            "<style>",
            include_str!("page.css"),
            "</style>\n",
        )
    };
}

macro_rules! brand {
    () => {
        "<p class=\"brand\">keymint</p>\n"
    };
}

/// The content security policy of every page. It allows the style, by its hash (CSP level 3, section
/// 2.3.1), the icon, which is a part of the page, and nothing else.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-ZjhXgzNyY2nHlb0HBFTMcx+5uzPulA4IdIQKiRyl7rQ='; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The beginning of the outcome page before the outcome is known. One section follows for each [`Progress`],
/// then the [end](Section::end). The style hides each section once another follows it. In a browser that does not
/// support that, the sections can be read one after the other.
///
/// The title of a document is the first one in it, and the outcome's title is sent last. The parser moves
/// an element that is directly in a table before the table (HTML, section 13.2.6.1, foster parenting). The
/// title for the waiting time is therefore in the cell of a table, with the whole content, and the
/// outcome's title follows the cell.
pub(crate) const BEGINNING: &str = concat!(
    head!(),
    "</head>\n<body>\n<table role=\"presentation\"><tr><td>\n<title>Signed in - keymint</title>\n",
    "<main aria-live=\"polite\">\n",
    brand!(),
);

/// Returns the section of the outcome page that shows the progress. After 90 s it no longer promises a result, since
/// the program may have been killed.
pub(crate) fn waiting(progress: Progress) -> String {
    const SOON: &str = "This takes a few seconds. The result will appear here.";
    let turning = "<div class=\"mark turning\"></div>".to_owned();
    let (mark, title, next) = match progress {
        Progress::Creating => (turning, "Signed in. Creating your key\u{2026}", SOON),
        Progress::Listing => (turning, "Signed in. Listing your projects\u{2026}", SOON),
        Progress::Choosing => {
            (Mark::Prompt.html(), "Signed in", "Go back to your terminal to choose a project.")
        }
        Progress::Asking => {
            (Mark::Prompt.html(), "Signed in", "Go back to your terminal to answer a question.")
        }
    };
    format!(
        "<section>\n{mark}\n<h1>{title}</h1>\n<div class=\"waiting\">\n<p class=\"soon\">{next}</p>\n\
         <p class=\"late\">No answer. Look in your terminal or agent.</p>\n</div>\n</section>\n"
    )
}

/// A section that reports a result.
pub(crate) struct Section {
    mark: Mark,
    title: String,
    next: &'static str,
    /// Markup.
    details: String,
}

impl Section {
    /// Returns the end of the outcome page, after [`BEGINNING`].
    pub(crate) fn end(&self) -> String {
        let (section, title) = (self.html(), self.document_title());
        format!("{section}</main>\n</td></tr>\n<title>{title}</title>\n</table>\n</body>\n</html>\n")
    }

    /// Returns the section as a complete page.
    pub(crate) fn page(&self) -> String {
        let (section, title) = (self.html(), self.document_title());
        format!(
            "{}<title>{title}</title>\n</head>\n<body>\n<main>\n{}{section}</main>\n</body>\n</html>\n",
            head!(),
            brand!()
        )
    }

    fn document_title(&self) -> String {
        format!("{}{} - keymint", self.mark.in_title(), self.title)
    }

    fn html(&self) -> String {
        let Self { mark, title, next, details } = self;
        format!("<section>\n{}\n<h1>{title}</h1>\n<p>{next}</p>\n{details}</section>\n", mark.html())
    }
}

/// Returns the outcome, with its details if `shows_details`.
pub(crate) fn outcome(Conclusion { outcome, details }: &Conclusion, shows_details: bool) -> Section {
    let (mark, title, next) = match outcome {
        Outcome::KeyDelivered => (Mark::Done, "Key ready", "You can close this tab."),
        Outcome::KeyPartlyDelivered => (
            Mark::Care,
            "Key created, but one destination failed",
            "The key is not lost. Your terminal or agent shows where it is.",
        ),
        Outcome::KeyKept => (
            Mark::Care,
            "Key created, but not delivered",
            "The key is not lost. Your terminal or agent shows where it is kept.",
        ),
        Outcome::KeyLost => (
            Mark::Failed,
            "Key created, but lost",
            "It could be neither delivered nor kept. Your terminal or agent shows how to delete it and create another.",
        ),
        Outcome::KeyUnknown => (
            Mark::Care,
            "A key may have been created",
            "The server\u{2019}s answer was lost. Your terminal or agent shows how to find out.",
        ),
        Outcome::NoKey => {
            (Mark::Failed, "No key was created", "Your terminal or agent shows what to do next.")
        }
        Outcome::Refused => (
            Mark::Quiet,
            "The sign-in was refused",
            "No key was created. To try again, go back to your terminal or agent.",
        ),
        Outcome::DryRun => (Mark::Done, "Dry run complete", "No key was created. You can close this tab."),
        Outcome::Listed => (Mark::Done, "Signed in", "Your terminal shows the list. You can close this tab."),
        Outcome::SignedIn => (Mark::Done, "Signed in", "You can close this tab."),
    };
    let details = if shows_details { details_html(details) } else { String::new() };
    Section { mark, title: title.to_owned(), next, details }
}

/// Returns the section for a program that ended before the outcome was known.
pub(crate) fn interrupted() -> Section {
    let next = "keymint stopped before it showed a result. Look in your terminal or agent.";
    Section { mark: Mark::Care, title: "Interrupted".to_owned(), next, details: String::new() }
}

/// Returns the page of a verdict.
pub(crate) fn verdict(verdict: Verdict) -> String {
    let right_host: String;
    let (mark, title, next) = match verdict {
        Verdict::Redirected => (
            Mark::Done,
            "Continue to the sign-in",
            "Your browser should go there by itself. If it does not, open the URL that keymint shows.",
        ),
        Verdict::Received => (Mark::Done, "Response received", "Go back to your terminal or agent."),
        Verdict::Unusable => (
            Mark::Failed,
            "The sign-in failed",
            "The response in this URL is not valid. No key was created. Go back to your terminal or agent.",
        ),
        Verdict::BadRequest => (
            Mark::Quiet,
            "This URL cannot be read",
            "Nothing was changed. keymint still waits for the sign-in.",
        ),
        Verdict::ForeignState => (
            Mark::Care,
            "This link is from an older sign-in",
            "Nothing was changed. Open the URL that keymint shows now.",
        ),
        Verdict::OtherBrowser => (
            Mark::Care,
            "Another browser began this sign-in",
            "If it was this one, another program on localhost has changed its cookie. Nothing was changed, and \
             keymint still waits. Clear this browser\u{2019}s cookies for localhost and reload this page, or open the URL \
             that keymint shows in another browser.",
        ),
        Verdict::OpenedBefore => (
            Mark::Care,
            "This link was opened before",
            "It works in one browser, and another one was first. If that was not you, stop keymint. If it \
             was, continue there, or keep your browser\u{2019}s cookies.",
        ),
        Verdict::NotANavigation => (
            Mark::Quiet,
            "This URL is only for a browser window",
            "Nothing was changed. Open it in a tab of its own.",
        ),
        Verdict::NotFound => {
            (Mark::Quiet, "Nothing to see here", "keymint uses this page to finish a sign-in.")
        }
        Verdict::OtherMethod => (
            Mark::Quiet,
            "This URL can only be opened",
            "Nothing was changed. keymint still waits for the sign-in.",
        ),
        Verdict::TooLate => (
            Mark::Quiet,
            "This sign-in was already answered",
            "Its URL works once. Your terminal or agent shows the result.",
        ),
        Verdict::Misdirected { port } => {
            right_host = format!("Use http://localhost:{port}");
            (Mark::Quiet, &*right_host, "Nothing was changed. keymint serves no other host name.")
        }
        Verdict::TooLarge => (
            Mark::Care,
            "Your browser sent too much",
            "It probably has many cookies of other programs for localhost. Clear them and reload this page. \
             Nothing was changed, and keymint still waits for the sign-in.",
        ),
    };
    Section { mark, title: title.to_owned(), next, details: String::new() }.page()
}

fn details_html(Details { target, last_four, reason, keys_page }: &Details) -> String {
    let ending = last_four.as_ref().map(|last_four| format!("ends in {last_four}"));
    let rows: String = [("Reason", reason), ("Created in", target), ("Key", &ending)]
        .into_iter()
        .filter_map(|(name, text)| Some((name, escape(&sanitize(text.as_ref()?, LONGEST_DETAIL)))))
        .map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>\n"))
        .collect();
    let rows = if rows.is_empty() { rows } else { format!("<dl>\n{rows}</dl>\n") };
    let link = keys_page.as_ref().filter(|page| page.scheme() == "https").map(link);
    rows + &link.unwrap_or_default()
}

fn link(to: &Url) -> String {
    let (to, host) = (escape(to.as_str()), escape(to.host_str().unwrap_or_default()));
    format!("<p><a href=\"{to}\" rel=\"noreferrer\">Your API keys on {host}</a></p>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The mark at the top of a page.
#[derive(Clone, Copy)]
enum Mark {
    Done,
    Care,
    Failed,
    Quiet,
    Prompt,
}

impl Mark {
    fn html(self) -> String {
        // The CSS class of the color, and the path of a drawing 24 units wide and high.
        let (tone, path) = match self {
            Self::Done => ("good", "M4 13l5 5L20 7"),
            Self::Care => ("care", "M12 3v11M12 20v.5"),
            Self::Failed => ("bad", "M5 5l14 14M19 5L5 19"),
            Self::Quiet => ("quiet", "M4 12h16"),
            Self::Prompt => ("good", "M4 6l6 6-6 6M13 19h7"),
        };
        format!(
            "<svg class=\"mark {tone}\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
        )
    }

    fn in_title(self) -> &'static str {
        match self {
            Self::Done => "\u{2713} ",
            Self::Care => "! ",
            Self::Failed => "\u{2717} ",
            Self::Quiet | Self::Prompt => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    fn outcomes() -> Vec<Section> {
        use Outcome::{
            DryRun, KeyDelivered, KeyKept, KeyLost, KeyPartlyDelivered, KeyUnknown, Listed, NoKey, Refused,
            SignedIn,
        };
        let keys_page = || Url::parse("https://platform.example/keys?a=1&b=\"").ok();
        let delivered = Details {
            target: Some("project \"Web\" of organization \"Acme\"".to_owned()),
            last_four: Some("9f3A".to_owned()),
            keys_page: keys_page(),
            ..Details::default()
        };
        let failed = Details {
            reason: Some("the platform refused: <b>\"no\u{202e}\" sk-proj-abcdefghijkl".to_owned()),
            keys_page: Url::parse("http://platform.example/").ok(),
            ..Details::default()
        };
        let long = Details { reason: Some("x".repeat(100_000)), ..Details::default() };
        let with_details = [KeyDelivered.with(delivered), NoKey.with(failed), KeyKept.with(long)];
        let rest = [KeyPartlyDelivered, KeyLost, KeyUnknown, Refused, DryRun, Listed, SignedIn];
        let mut all: Vec<_> = with_details.iter().map(|conclusion| outcome(conclusion, true)).collect();
        all.push(outcome(&with_details[0], false));
        all.extend(rest.map(|without| outcome(&without.into(), true)));
        all.push(interrupted());
        all
    }

    fn progress() -> [String; 4] {
        [Progress::Creating, Progress::Listing, Progress::Choosing, Progress::Asking].map(waiting)
    }

    fn verdicts() -> Vec<String> {
        use Verdict::{
            BadRequest, ForeignState, Misdirected, NotANavigation, NotFound, OpenedBefore, OtherBrowser,
            OtherMethod, Received, Redirected, TooLarge, TooLate, Unusable,
        };
        let plain = [
            Redirected,
            Received,
            Unusable,
            BadRequest,
            ForeignState,
            OtherBrowser,
            OpenedBefore,
            NotANavigation,
            NotFound,
            OtherMethod,
            TooLate,
            TooLarge,
            Misdirected { port: 5000 },
        ];
        plain.map(verdict).into()
    }

    /// Returns the text of a page or of a section, one element a line.
    fn text(html: &str) -> String {
        let shown = html.split("</style>").last().unwrap_or_default();
        let shown = shown.split('<').filter_map(|tag| Some(tag.split_once('>')?.1.trim()));
        shown.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_policy_allows_the_style_as_it_is() {
        let hash = STANDARD.encode(Sha256::digest(include_str!("page.css")));
        let source = format!("style-src 'sha256-{hash}'");
        assert!(CONTENT_SECURITY_POLICY.contains(&source), "the style has changed, so put in: {source}");
    }

    #[test]
    fn every_page_says_who_speaks_and_then_what_to_do() {
        let pages = outcomes().into_iter().map(|section| section.page()).chain(progress()).chain(verdicts());
        let texts: Vec<_> = pages.map(|page| text(&page)).collect();
        insta::assert_snapshot!("pages", texts.join("\n\n"));
    }

    #[test]
    fn every_page_is_whole_and_has_no_script_and_nothing_from_elsewhere() {
        let progress = progress().concat();
        let ends = outcomes();
        let streamed = ends.iter().map(|end| [BEGINNING, &progress, &end.end()].concat());
        for page in streamed.chain(ends.iter().map(Section::page)).chain(verdicts()) {
            assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
            for tag in ["main", "section", "svg", "h1", "p", "style", "title", "dl", "dt", "dd", "a", "table"]
            {
                let opened =
                    page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag} in {page}");
            }
            let page = page
                .replace("<a href=\"https://platform.example/keys?a=1&amp;b=%22\" rel=\"noreferrer\">", "");
            for foreign in
                ["<script", "<b>", "http://p", "https:", "href=\"h", "src=", "url(", "@import", " style="]
            {
                assert!(!page.contains(foreign), "{foreign} in {page}");
            }
        }
    }
}
