//! The targets of links and paths in the documents exist.

use crate::sources::{files, root};
use std::collections::BTreeMap;
use std::fs;

fn documents() -> BTreeMap<String, String> {
    let mut documents = files("md");
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            documents.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    documents
}

/// Returns a document without its code blocks.
fn prose(document: &str) -> String {
    let mut is_code = false;
    let lines = document.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the targets of the links of a document: `[text](here)`.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// Returns the anchors of the headings, as GitHub creates them.
fn anchors(document: &str) -> Vec<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let kept = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    kept.map(|heading| {
        heading.replace(' ', "-").replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "")
    })
    .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for (name, document) in documents() {
        let here = root().join(&name);
        for link in links(&prose(&document)).filter(|link| !link.contains("://")) {
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { here.clone() } else { here.parent().unwrap().join(path) };
            let leads_on = anchor.is_empty()
                || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(&anchor.to_owned()));
            if !target.exists() || !leads_on {
                complaints.push(format!("{link} in {name}"));
            }
        }
    }
    assert!(complaints.is_empty(), "no such place:\n{}", complaints.join("\n"));
    assert!(seen > 20, "only {seen}: the links were not read");
}

/// A moved file leaves no stale path in a document.
#[test]
fn every_source_that_a_document_names_by_its_path_is_there() {
    let mut complaints = Vec::new();
    for (name, document) in documents() {
        let beside = root().join(&name).parent().unwrap().to_owned();
        let places = [root(), root().join("crates"), root().join("crates/cli/src"), beside];
        for quoted in prose(&document).split('`').skip(1).step_by(2) {
            let path = quoted.split("::").next().unwrap();
            if path.contains('/')
                && path.ends_with(".rs")
                && !places.iter().any(|place| place.join(path).exists())
            {
                complaints.push(format!("{quoted} in {name}"));
            }
        }
    }
    assert!(complaints.is_empty(), "no such file:\n{}", complaints.join("\n"));
}

/// A newcomer reads it in a minute.
#[test]
fn the_readme_has_at_most_200_lines() {
    let lines = documents()["README.md"].lines().count();
    assert!(lines <= 200, "{lines}");
}

/// `scripts/site` refuses a page without a place, but takes longer.
#[test]
fn each_page_has_a_place_in_the_site() {
    let site = fs::read_to_string(root().join("docs/site.yml")).unwrap();
    for name in documents().keys().filter(|name| name.starts_with("docs/")) {
        let has_place = site.contains(&format!("- {name}\n")) || name.starts_with("docs/decisions/");
        assert!(has_place, "{name} is not in docs/site.yml");
    }
}

#[test]
fn each_decision_is_listed_once_by_its_title() {
    let documents = documents();
    let titles = documents.iter().filter_map(|(path, text)| {
        let file = path.strip_prefix("docs/decisions/").filter(|file| *file != "README.md")?;
        let (number, title) = text.lines().next()?.strip_prefix("# ")?.split_once(". ")?;
        Some(format!("{number}. [{title}]({file})"))
    });
    let titles: Vec<_> = titles.collect();
    let list = documents["docs/decisions/README.md"].lines();
    let listed: Vec<_> = list.filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).collect();
    assert_eq!(listed, titles);
}

/// The names that a function of a source returns: `Variant => "name"`.
fn names(source: &str) -> impl Iterator<Item = &str> {
    let arms = source.lines().filter_map(|line| line.split_once("=> \"")?.1.split_once("\","));
    arms.map(|(name, _)| name)
}

#[test]
fn each_kind_of_error_and_each_reason_is_in_the_page_on_scripting() {
    let (sources, page) = (files("rs"), &documents()["docs/scripting.md"]);
    let kinds = names(&sources["crates/cli/src/error.rs"]);
    let reasons = names(&sources["crates/domain/src/service_error/reason.rs"]);
    let names: Vec<_> = kinds.chain(reasons).collect();
    for name in &names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn each_message_in_the_page_on_troubleshooting_is_in_the_sources() {
    let sources = files("rs");
    let shipped = sources.iter().filter(|(name, _)| name.starts_with("crates/") && name.contains("/src/"));
    // A string that goes on in the next line is one message.
    let texts: Vec<_> = shipped
        .map(|(_, source)| {
            let mut lines = source.split("\\\n");
            let first = lines.next().unwrap().to_owned();
            lines.fold(first, |text, line| text + line.trim_start())
        })
        .collect();
    let headings = documents()["docs/troubleshooting.md"].clone();
    let messages: Vec<_> = headings.lines().filter_map(|line| line.strip_prefix("### \"")).collect();
    for message in &messages {
        let message = message.trim_end_matches('"');
        assert!(texts.iter().any(|text| text.contains(message)), "no such message: {message}");
    }
    assert!(messages.len() > 10, "{messages:?}");
}
