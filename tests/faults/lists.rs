//! Lists with invalid entries, and lists without an end.

use super::fault::{body, entries};
use super::matrix::{each, once, play};

/// Ids, as JSON, that would change the target of a URL or a header, or be invalid in it.
const HOSTILE: [&str; 20] = [
    r#""..""#,
    r#"".""#,
    r#""""#,
    r#""a/b""#,
    r#""a\\b""#,
    r#""../../v1/canary""#,
    r#""%2e%2e""#,
    r#""org?x""#,
    r#""org#x""#,
    r#""org\r\nX-Canary: y""#,
    r#""org\u0000""#,
    r#""org good""#,
    r#""\u00e9""#,
    r#""\u202eorg""#,
    r#""@canary.example""#,
    r#""//canary.example""#,
    r#""org;canary""#,
    "7",
    "null",
    r#"["canary"]"#,
];

#[tokio::test]
async fn entries_that_cannot_be_used() {
    let hostile = HOSTILE.map(|id| format!(r#"{{"id":{id},"is_default":true,"is_initial":true}}"#)).join(",");
    let long = format!(r#"{{"id":"{}","is_default":true,"is_initial":true}}"#, "y".repeat(10_000));
    let others = r#"null,7,true,"canary",[],["canary"],{}"#;
    let odd = r#"{"id":"other","is_default":"true","personal":1,"is_initial":"true"},<entry>"#;
    let no_flags = r#"{"id":"<id>","is_default":null,"personal":{},"is_initial":1}"#;
    let several = r#"<entry>,{"id":"other","is_default":true,"is_initial":true}"#;
    let beside = |entry: &str| entries(format!("{entry},<entry>"));
    play([
        //    T     S     O     P     K
        each("-     -     0x1   0x1   -   ", "hostile ids", beside(&hostile)),
        each("-     -     8x2+  8x2+  -   ", "nothing but hostile ids", entries(hostile.clone())),
        each("-     -     0x1   0x1   -   ", "an id of 10 kB", beside(&long)),
        each("-     -     0x1   0x1   -   ", "no id", beside(r#"{"title":"canary","is_default":true}"#)),
        each("-     -     0x1   0x1   -   ", "no objects", beside(others)),
        each("-     -     0x1   0x1   -   ", "an id twice", beside(r#"{"id":"other","id":"canary"}"#)),
        each("-     -     0x1   0x1   -   ", "the same entry twice", beside("<entry>")),
        each("-     -     0x1   0x1   -   ", "odd flags beside", entries(odd)),
        each("-     -     0x1   8x2+  -   ", "odd flags alone", entries(no_flags)),
        // The first of several counts.
        each("-     -     0x1   0x1   -   ", "several defaults", entries(several)),
    ])
    .await;
}

#[tokio::test]
async fn titles_that_are_odd() {
    let titled = |title: &str| {
        entries(format!(r#"{{"id":"<id>","title":{title},"is_default":true,"is_initial":true}}"#))
    };
    let long = format!("\"{}\"", "y".repeat(10_000));
    let escapes = r#""\u001b[2J\u001b]52;c;eA==\u0007""#;
    play([
        //    T     S     O     P     K
        each("-     -     0x1   0x1   -   ", "none", titled("null")),
        each("-     -     0x1   0x1   -   ", "empty", titled(r#""""#)),
        each("-     -     0x1   0x1   -   ", "a number", titled("7")),
        each("-     -     0x1   0x1   -   ", "an escape sequence", titled(escapes)),
        each("-     -     0x1   0x1   -   ", "C1 controls", titled(r#""\u009b2J\u0085""#)),
        each("-     -     0x1   0x1   -   ", "other directions", titled(r#""\u202e\u2066\u200b\u200f""#)),
        each("-     -     0x1   0x1   -   ", "more lines", titled(r#""a\nerror: b\r\nc\td""#)),
        each("-     -     0x1   0x1   -   ", "10 kB", titled(&long)),
        each("-     -     0x1   0x1   -   ", "half a character", titled(r#""\ud800""#)),
    ])
    .await;
}

#[tokio::test]
async fn lists_that_go_on() {
    let page = |list: &str, last_id: &str| {
        body(format!(r#"{{"data":[{list}],"has_more":true,"last_id":{last_id}}}"#))
    };
    let perhaps = r#"{"data":[<entry>],"has_more":"true","last_id":"x"}"#;
    play([
        //    T     S     O     P     K
        once("-     -     0x2   0x2   -   ", "to a second page", page("", r#""the-first""#)),
        each("-     -     0x20  0x20  -   ", "always to the next", page("<entry>", r#""page-<number>""#)),
        each("-     -     0x2   0x2   -   ", "in a circle", page("<entry>", r#""page""#)),
        each("-     -     0x2   0x2   -   ", "after the last entry", page("<entry>", "null")),
        each("-     -     8x2+  8x2+  -   ", "to nowhere", page("", "null")),
        each("-     -     0x1   0x1   -   ", "to a hostile place", page("<entry>", r#""a&b=../c""#)),
        each("-     -     0x2   0x2   -   ", "to a number", page("<entry>", "7")),
        each("-     -     0x1   0x1   -   ", "perhaps", body(perhaps)),
        each("-     -     8x20+ 8x20+ -   ", "with no entry at all", page("", r#""page-<number>""#)),
    ])
    .await;
}
