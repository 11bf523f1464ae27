//! The state after a run, and whether the key is lost.

use crate::destination::{OTHER_LINES, Site};
use crate::harness::Harness;
use keymint_testkit::Ended;

pub(crate) struct Verdict {
    /// The keys that the server created.
    keys: Vec<String>,
    /// The content of the destination.
    destination: String,
    site: Site,
    /// The contents of the files that keep keys.
    kept: Vec<String>,
    /// The contents of the temporary files of a dotenv file, each with its name.
    temp_files: Vec<(String, String)>,
    /// The content of each file in the home directory.
    files: Vec<String>,
    /// The output of the next run.
    next_run: String,
}

impl Verdict {
    pub(crate) async fn of(harness: &Harness, ended: &Ended) -> Self {
        let (destination, site) = (harness.delivered(&ended.stdout), harness.destination.site);
        let (kept, temp_files, files) = (harness.kept(), harness.temp_files(), harness.files(|_| true));
        let verdict = Self {
            keys: harness.keys(),
            destination,
            site,
            kept,
            temp_files,
            files,
            next_run: harness.next_run().await,
        };
        verdict.check_reported_temp_files(&harness.temp_files());
        verdict
    }

    /// Returns the place of the key and the report of the next run, for a table. Checks that the key is in one
    /// place as a whole, and nowhere in part.
    pub(crate) fn check(&self, cell: &str) -> String {
        let report = self.report();
        let Some(key) = self.keys.first() else {
            assert!(self.files.iter().all(|text| !has_a_key(text)), "{cell}");
            assert!(self.destination.is_empty() && self.kept.is_empty(), "{cell}");
            return row("not made", report);
        };
        assert_eq!(self.keys.len(), 1, "{cell}");
        let has = |text: &String| text.contains(key.as_str());
        let temp_files: Vec<_> = self.temp_files.iter().map(|(_, text)| text.clone()).collect();
        let places = [&[self.destination.clone()][..], &self.kept, &temp_files].concat();
        assert!(places.iter().all(|text| has(text) || !has_a_key(text)), "{cell}: a part of a key");
        let is_a_file = self.site.file().is_some() && self.site != Site::Terminal;
        let known = &places[usize::from(!is_a_file)..];
        let with_a_key = |texts: &[String]| texts.iter().filter(|text| has_a_key(text)).count();
        assert_eq!(with_a_key(&self.files), with_a_key(known), "{cell}: it is also elsewhere");
        let is_kept = self.kept.iter().any(has);
        let found = match (has(&self.destination), is_kept) {
            (true, true) => "where it was wanted, and kept",
            (true, false) => "where it was wanted",
            (false, true) => "kept",
            (false, false) if temp_files.iter().any(has) => "in a temporary file",
            (false, false) => "lost",
        };
        let is_safe = is_kept || has(&self.destination) && self.site.keeps();
        assert!(is_safe || report != "nothing", "{cell}: a key is lost\n{}", self.next_run);
        let names = if temp_files.iter().any(has) { ", and names the temporary file" } else { "" };
        row(found, &format!("{report}{names}"))
    }

    /// Returns the report of the next run about the key.
    pub(crate) fn report(&self) -> &'static str {
        let reports = |what: &str| {
            self.next_run.lines().any(|line| line.contains("was cut short") && line.contains(what))
        };
        match (reports(" may exist"), reports(" exists, and may not have been delivered")) {
            (true, _) => "it may exist",
            (false, true) => "it exists",
            (false, false) => "nothing",
        }
    }

    /// Checks that the next run names each remaining file that may contain a key. Such a file is the new file, or
    /// the old one while both are exchanging their names.
    fn check_reported_temp_files(&self, still_there: &[(String, String)]) {
        let may_have_a_key = |text: &str| has_a_key(text) || text == OTHER_LINES;
        for (name, text) in &self.temp_files {
            let is_reported = self.next_run.contains(&format!("{name} is left from a run that was killed"));
            assert_eq!(is_reported, may_have_a_key(text), "{name}: {}", self.next_run);
        }
        assert!(still_there.iter().all(|(_, text)| may_have_a_key(text)), "{still_there:?}");
    }
}

/// Returns whether a text contains a key of a user or of a service account.
pub(crate) fn has_a_key(text: &str) -> bool {
    ["sk-proj-", "sk-svcacct-"].iter().any(|kind| text.contains(kind))
}

fn row(found: &str, report: &str) -> String {
    format!("{found:<32}{report}")
}
