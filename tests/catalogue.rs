//! Compares CATALOGUE.md, the list of hostile and faulty cases, with the existing tests.

use crate::sources::{files, root};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::Write;

/// A line of one of the tables.
struct Case<'a> {
    text: &'a str,
    /// The names of tests, each as `place::test`, or the reason why no test exists.
    test: &'a str,
}

fn cases(catalogue: &str) -> Vec<Case<'_>> {
    let rows = catalogue.lines().filter(|line| line.starts_with('|'));
    let rows = rows.filter(|line| !line.starts_with("| case") && !line.starts_with("| --"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [text, test] = cells[..] else { panic!("not two columns: {row}") };
        Case { text, test }
    })
    .collect()
}

/// Returns the texts in backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of the tests of each place. A place is a crate (the name of its directory), or a file of
/// `tests` here, or both, as in `domain/retry`.
fn tests() -> HashMap<String, HashSet<String>> {
    let mut tests = HashMap::<_, HashSet<_>>::new();
    for (path, source) in files("rs") {
        let parts: Vec<_> = path.trim_end_matches(".rs").split('/').collect();
        let places = match parts[..] {
            ["crates" | "examples", name, .., file] => vec![name.to_owned(), format!("{name}/{file}")],
            ["tests", file] => vec![file.to_owned()],
            ["tests", directory, file] => vec![directory.to_owned(), format!("{directory}/{file}")],
            _ => panic!("{path} is in no known place"),
        };
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            if line == "#[test]" || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
                let name = name.split('(').next().unwrap();
                for place in &places {
                    tests.entry(place.clone()).or_default().insert(name.to_owned());
                }
                is_test = false;
            } else if line.ends_with('}') {
                is_test = false;
            }
        }
    }
    // As in `test("a name", async (t) => {`.
    for (path, source) in files("mjs") {
        let parts: Vec<_> = path.trim_end_matches(".test.mjs").split('/').collect();
        if let ["crates", name, .., file] = parts[..] {
            let names = source.lines().filter_map(|line| line.strip_prefix("test(\"")?.split('"').next());
            tests.entry(format!("{name}/{file}")).or_default().extend(names.map(str::to_owned));
        }
    }
    tests
}

#[test]
fn every_case_has_a_test_that_is_there_or_a_reason() {
    let catalogue = fs::read_to_string(root().join("tests/CATALOGUE.md")).unwrap();
    let (cases, tests) = (cases(&catalogue), tests());
    let mut complaints = Vec::new();
    let mut seen = BTreeMap::new();
    let (mut tested, mut explained) = (0, 0);
    for Case { text, test } in &cases {
        let key = text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
        if key.len() < 8 || seen.insert(key, ()).is_some() {
            complaints.push(format!("says nothing, or is there twice: {text}"));
        }
        let names: Vec<_> = quoted(test).filter(|name| name.contains("::")).collect();
        for name in &names {
            let (place, test) = name.split_once("::").unwrap();
            if !tests.get(place).is_some_and(|tests| tests.contains(test)) {
                complaints.push(format!("no such test: {name}"));
            }
        }
        let reason = test.split_once('*').and_then(|(_, rest)| rest.rsplit_once('*'));
        let has_reason = reason.is_some_and(|(reason, _)| reason.len() > 12);
        if names.is_empty() && !has_reason {
            complaints.push(format!("neither a test nor a reason: {text}"));
        }
        if names.is_empty() { explained += 1 } else { tested += 1 }
    }
    // Not by a macro, whose output is shown only for failed tests.
    let count = cases.len();
    writeln!(std::io::stderr(), "CATALOGUE: {count} cases, {tested} with a test, {explained} with a reason")
        .unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(count > 200, "only {count}: the tables were not read");
}

#[test]
fn a_case_is_a_row_of_two_columns() {
    let table = "# Title\n\n| case, and what must happen | test |\n| --- | --- |\n| a, b | `x::y`, `z::w` |\n| c | *why* |\n";
    let cases = cases(table);
    let shown: Vec<_> = cases.iter().map(|case| (case.text, quoted(case.test).collect::<Vec<_>>())).collect();
    assert_eq!(shown, [("a, b", vec!["x::y", "z::w"]), ("c", vec![])]);
}
