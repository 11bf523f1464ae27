//! Text for users: untrusted text made safe to display, and numbers in readable form.

use std::error::Error;
use std::time::Duration;

/// The maximum length of the text after `sk-` inside an ordinary word, as in `task-list` or `risk-free`. Longer text
/// is masked as a key.
const LONGEST_WORD: usize = 20;

/// Returns whether a character is invisible, or changes the display of the surrounding text.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns untrusted text made safe to display, at most `longest` characters long.
///
/// Control, bidi and zero-width characters are replaced with escapes (`\u{1b}`), and text that looks like a key or a
/// session (`sk-…`, `sess-…`) is masked.
///
/// ```
/// # use keymint_domain::text::sanitize;
/// assert_eq!(sanitize("Acme\u{1b}[2J Ltd", 80), r"Acme\u{1b}[2J Ltd");
/// assert_eq!(sanitize("your sk-proj-abc123 is wrong", 80), "your sk-[redacted] is wrong");
/// assert_eq!(sanitize("a very long title", 8), "a very …");
/// ```
pub fn sanitize(text: &str, longest: usize) -> String {
    let mut shown = escape(&redact_keys(text));
    if shown.chars().count() > longest {
        shown = shown.chars().take(longest.saturating_sub(1)).collect();
        shown.push('…');
    }
    shown
}

/// Returns the text [sanitized](sanitize), and in [quotes](quote) unless it is one word, such as an error code or a
/// media type. Without the quotes, a server's text could pass for a message of this program.
///
/// ```
/// # use keymint_domain::text::quote_unless_word;
/// assert_eq!(quote_unless_word("access_denied", 80), "access_denied");
/// assert_eq!(quote_unless_word("no. Run `x`", 80), r#""no. Run `x`""#);
/// ```
pub fn quote_unless_word(text: &str, longest: usize) -> String {
    if is_word(text) { sanitize(text, longest) } else { quote(text, longest) }
}

/// Returns whether the text is one word: letters, digits and `_`, `-`, `.`, `/`, `+`, `[` and `]`.
pub fn is_word(text: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '[' | ']');
    !text.is_empty() && text.chars().all(is_allowed)
}

/// Returns the text with an escape (`\u{200d}`) for each deceptive character. It is for the user's own names, so it
/// hides nothing else.
///
/// ```
/// # use keymint_domain::text::escape;
/// assert_eq!(escape("a\u{200c}b/sk-learn"), r"a\u{200c}b/sk-learn");
/// ```
pub fn escape(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if is_deceptive(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Returns the text in quotes, [sanitized](sanitize) and cut at `longest` characters. Quotes in it, characters that
/// look like them, and backslashes are escaped, so that the text cannot end the quotes and pass for a message of
/// the program.
///
/// ```
/// # use keymint_domain::text::quote;
/// assert_eq!(quote(r#"a" is safe."#, 80), r#""a\" is safe.""#);
/// ```
pub fn quote(text: &str, longest: usize) -> String {
    format!("\"{}\"", sanitize(&escape_quotes(text), longest))
}

pub(crate) fn escape_quotes(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\\' || looks_like_a_quote(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns whether a character looks like `"` in the fonts of terminals.
fn looks_like_a_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\u{2ba}' | '\u{2ee}' | '\u{5f4}' | '\u{201c}'
            ..='\u{201d}' | '\u{201f}' | '\u{2033}' | '\u{2036}' | '\u{3003}' | '\u{ff02}'
    )
}

/// Returns a path for a message, in quotes if it has blanks or quotes, so that its end is clear. Quotes in it are
/// escaped.
///
/// ```
/// # use keymint_domain::text::in_one_piece;
/// assert_eq!(in_one_piece("/a/b".to_owned()), "/a/b");
/// assert_eq!(in_one_piece("/a b".to_owned()), "\"/a b\"");
/// ```
pub fn in_one_piece(path: String) -> String {
    if path.contains(looks_like_a_quote) {
        format!("\"{}\"", escape_quotes(&path))
    } else if path.contains(char::is_whitespace) {
        // On Windows a backslash separates directories, so it is not doubled unless it would escape a quote.
        format!("\"{path}{}\"", if path.ends_with('\\') { "\\" } else { "" })
    } else {
        path
    }
}

/// Returns the message of an error and those of its causes, the outermost first, in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Returns the JSON with deceptive characters escaped, which does not change its meaning.
///
/// ```
/// # use keymint_domain::text::escape_json;
/// assert_eq!(escape_json("[\"a\u{9b}2J\"]"), r#"["a\u009b2J"]"#);
/// ```
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_deceptive(c) {
            let mut units = [0; 2];
            safe.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Returns a duration in a suitable unit: `15 min`, `60 s`, `2.5 s`, `200 ms`.
pub fn human_duration(duration: Duration) -> String {
    let tenths = (duration.as_secs_f64() * 10.0).round() / 10.0;
    match duration.as_secs() {
        0 if tenths < 1.0 => format!("{} ms", duration.as_millis()),
        seconds if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{tenths} s"),
    }
}

/// Returns a duration in its largest unit that is precise enough: `12 days`, `36 hours`, `less than a minute`.
pub fn rough_duration(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = duration.as_secs();
    let rounded = |unit: u64| (seconds + unit / 2) / unit;
    match seconds {
        seconds if seconds > DAY * 3 / 2 => format!("{} days", rounded(DAY)),
        seconds if seconds > HOUR * 3 / 2 => format!("{} hours", rounded(HOUR)),
        seconds if seconds >= MINUTE * 3 / 2 => format!("{} minutes", rounded(MINUTE)),
        seconds if seconds >= MINUTE => "1 minute".to_owned(),
        _ => "less than a minute".to_owned(),
    }
}

/// Returns the text with everything masked that looks like a key or a session: the characters after `sk-` and
/// `sess-` at the beginning of a word, or within a word that is too long for a real one.
pub fn redact_keys(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_word = false;
    while let Some(c) = rest.chars().next() {
        let prefix = ["sk-", "sess-"].into_iter().find(|prefix| rest.starts_with(prefix));
        let after = prefix.map_or("", |prefix| &rest[prefix.len()..]);
        let end = after.find(|c| !is_key_character(c)).unwrap_or(after.len());
        if let Some(prefix) = prefix.filter(|_| !in_word || end > LONGEST_WORD) {
            masked.push_str(prefix);
            masked.push_str(if end == 0 { "" } else { "[redacted]" });
            rest = &after[end..];
        } else {
            masked.push(c);
            in_word = c.is_ascii_alphanumeric();
            rest = &rest[c.len_utf8()..];
        }
    }
    masked
}

/// Returns the text with its secret pieces masked. A piece is a run of bytes of one of these lengths that
/// `is_secret` recognizes.
///
/// # Panics
///
/// If a length is 0.
pub fn redact_pieces(
    text: &str,
    lengths: impl IntoIterator<Item = usize>,
    is_secret: impl Fn(&[u8]) -> bool,
) -> String {
    let mut is_masked = vec![false; text.len()];
    for length in lengths {
        for (start, piece) in text.as_bytes().windows(length).enumerate() {
            if is_secret(piece) {
                is_masked[start..start + length].fill(true);
            }
        }
    }
    let mut masked = String::with_capacity(text.len());
    let mut was_masked = false;
    for (at, c) in text.char_indices() {
        let is_masked = is_masked[at..at + c.len_utf8()].contains(&true);
        match (is_masked, was_masked) {
            (false, _) => masked.push(c),
            (true, false) => masked.push_str("[redacted]"),
            (true, true) => {}
        }
        was_masked = is_masked;
    }
    masked
}

/// Returns a mistyped value with everything masked that looks like a secret: keys, the login and the query of a
/// URL, a `code=` or `state=`, and long random words such as codes and tokens. It is for errors about a misplaced
/// value.
///
/// ```
/// # use keymint_domain::text::redact_typed;
/// assert_eq!(redact_typed("--nmae"), "--nmae");
/// assert_eq!(redact_typed("http://localhost:5000/cb?code=1&state=2"), "http://localhost:5000/cb?[redacted]");
/// assert_eq!(redact_typed("ac_5fW9xKq2LmZ8vR1tBn"), "[redacted]");
/// ```
pub fn redact_typed(text: &str) -> String {
    let mask = |part: &str| if part.is_empty() { "" } else { "[redacted]" };
    let query =
        ["?", "#", "code=", "state="].iter().filter_map(|mark| Some(text.find(mark)? + mark.len())).min();
    let (text, query) = text.split_at(query.unwrap_or(text.len()));
    let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    let (login, rest) = rest.split_at(rest.rfind('@').unwrap_or(0));
    let mut shown = format!("{scheme}{}", mask(login));
    for part in rest.split_inclusive(|c| !is_token_character(c)) {
        let word = part.trim_end_matches(|c| !is_token_character(c));
        shown.push_str(if is_random(word) { mask(word) } else { word });
        shown.push_str(&part[word.len()..]);
    }
    redact_keys(&(shown + mask(query)))
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Returns whether a word is too long and too mixed for a flag, a name or a number.
fn is_random(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    let (upper, lower) = (has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase));
    let shortest = if upper && lower { 20 } else { 32 };
    word.len() >= shortest && has(u8::is_ascii_digit) && (upper || lower)
}

fn is_key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rough_duration_has_one_unit() {
        for (seconds, shown) in [
            (0, "less than a minute"),
            (59, "less than a minute"),
            (60, "1 minute"),
            (89, "1 minute"),
            (90, "2 minutes"),
            (5_400, "90 minutes"),
            (5_401, "2 hours"),
            (36 * 3_600, "36 hours"),
            (36 * 3_600 + 1, "2 days"),
            (12 * 86_400 - 30, "12 days"),
            (u64::MAX / 2, "106751991167301 days"),
        ] {
            assert_eq!(rough_duration(Duration::from_secs(seconds)), shown, "{seconds}");
        }
    }

    #[test]
    fn escaped_json_is_exact_and_harmless() {
        let title = "a\u{9b}2J\u{202e}\u{7f}\u{e0041}\"é🙂";
        let json = escape_json(&serde_json::to_string(title).unwrap());
        assert_eq!(json, r#""a\u009b2J\u202e\u007f\udb40\udc41\"é🙂""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), title);
    }

    #[test]
    fn nothing_steers_a_terminal_or_hides() {
        for (outside, shown) in [
            ("plain, 漢字 and 🙂", "plain, 漢字 and 🙂"),
            ("\u{1b}]52;c;AAAA\u{7}", r"\u{1b}]52;c;AAAA\u{7}"),
            ("a\nb\tc", r"a\u{a}b\u{9}c"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("abc\u{202e}fed", r"abc\u{202e}fed"),
            ("\u{2066}x\u{200b}", r"\u{2066}x\u{200b}"),
            ("a\u{2800}b\u{16fe4}\u{1bca0}\u{1d159}", r"a\u{2800}b\u{16fe4}\u{1bca0}\u{1d159}"),
        ] {
            assert_eq!(sanitize(outside, 80), shown);
        }
    }

    #[test]
    fn a_quoted_text_does_not_end_the_quotes_around_it() {
        for (outside, shown) in [
            (r#"my key" exists. Delete "other"#, r#""my key\" exists. Delete \"other""#),
            (r"a\", r#""a\\""#),
            (r#"a\" b"#, r#""a\\\" b""#),
            ("a\u{1b}", r#""a\u{1b}""#),
            (r"a\u{1b}", r#""a\\u{1b}""#),
            ("a\u{201d} exists. \u{ff02}", "\"a\\\u{201d} exists. \\\u{ff02}\""),
            ("", "\"\""),
        ] {
            assert_eq!(quote(outside, 80), shown);
        }
        // The cut must not leave a backslash before the last quote.
        assert_eq!(quote(r#"12345""#, 6), "\"12345\u{2026}\"");
    }

    #[test]
    fn a_path_with_blanks_or_quotes_is_in_quotes_that_it_does_not_end() {
        for (path, shown) in [
            (r#"/a" is deleted. "#, r#""/a\" is deleted. ""#),
            (r#"/a\" is deleted. "b"#, r#""/a\\\" is deleted. \"b""#),
            ("/a\u{201d} is deleted.", "\"/a\\\u{201d} is deleted.\""),
            (r"/a is deleted\", r#""/a is deleted\\""#),
            ("/a\u{a0}is\u{3000}deleted", "\"/a\u{a0}is\u{3000}deleted\""),
            (r"C:\My Keys\.env", r#""C:\My Keys\.env""#),
            (r"C:\Keys\.env", r"C:\Keys\.env"),
        ] {
            assert_eq!(in_one_piece(path.to_owned()), shown);
        }
    }

    #[test]
    fn only_what_is_longer_than_the_limit_is_cut() {
        for (longest, shown) in [(9, "12345678"), (8, "12345678"), (7, "123456…"), (1, "…"), (0, "…")] {
            assert_eq!(sanitize("12345678", longest), shown);
        }
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        for (milliseconds, expected) in [
            (0, "0 ms"),
            (112, "112 ms"),
            (999, "1 s"),
            (1_000, "1 s"),
            (2_460, "2.5 s"),
            (59_999, "60 s"),
            (60_002, "60 s"),
            (90_000, "90 s"),
            (900_000, "15 min"),
            (901_000, "901 s"),
            (3_600_000, "60 min"),
        ] {
            assert_eq!(human_duration(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn keys_and_sessions_are_masked_wherever_a_word_begins() {
        for (outside, shown) in [
            ("sk-proj-a_b-c.d", "sk-[redacted]"),
            ("key=sess-123, key2=(sk-9)", "key=sess-[redacted], key2=(sk-[redacted])"),
            ("a risk-free task-list", "a risk-free task-list"),
            ("xsk-0123456789abcdefghij", "xsk-0123456789abcdefghij"),
            ("xsk-0123456789abcdefghijk", "xsk-[redacted]"),
            ("sk- alone", "sk- alone"),
            ("sk-sk-sess-x", "sk-[redacted]"),
        ] {
            assert_eq!(sanitize(outside, 80), shown);
        }
    }

    #[test]
    fn a_mistyped_value_is_shown_without_what_looks_like_a_secret() {
        const TOKEN: &str = "uI7hmlRMb51RfRDYoX3L";
        for (typed, shown) in [
            ("--nmae", "--nmae"),
            ("keymnit", "keymnit"),
            ("no-such-organization-with-a-long-name", "no-such-organization-with-a-long-name"),
            ("/home/ada/project-2026/.env", "/home/ada/project-2026/.env"),
            ("2026-11-26T18:00:00Z", "2026-11-26T18:00:00Z"),
            ("https://api.example/v1", "https://api.example/v1"),
            ("really?", "really?"),
            ("http://localhost:5000/auth/callback?code=c", "http://localhost:5000/auth/callback?[redacted]"),
            ("localhost:5000/?error=e", "localhost:5000/?[redacted]"),
            ("http://localhost:5000/#id_token=c", "http://localhost:5000/#[redacted]"),
            ("code=c&state=s", "code=[redacted]"),
            ("--state=s", "--state=[redacted]"),
            ("http://ada:pw@proxy:3128", "http://[redacted]@proxy:3128"),
            ("ada:p@w@proxy", "[redacted]@proxy"),
            (TOKEN, "[redacted]"),
            (&TOKEN[1..], &TOKEN[1..]),
            ("0123456789abcdef0123456789abcdef", "[redacted]"),
            (&format!("a/{TOKEN}/é {TOKEN}"), "a/[redacted]/é [redacted]"),
            ("sk-proj-1", "sk-[redacted]"),
            ("", ""),
        ] {
            assert_eq!(redact_typed(typed), shown);
        }
    }

    #[test]
    fn a_mask_is_not_cut_open_by_the_limit() {
        let key = "sk-proj-0123456789";
        for longest in 0..40 {
            assert!(!sanitize(&format!("ab {key}"), longest).contains("proj"));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_bounded_and_clean(outside in ".*", longest in 0_usize..100) {
            let shown = sanitize(&outside, longest);
            proptest::prop_assert!(shown.chars().count() <= longest.max(1));
            proptest::prop_assert!(!shown.chars().any(is_deceptive));
        }
    }
}
