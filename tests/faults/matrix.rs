//! Plays rows of the matrix, and checks the invariants of every cell.

use super::fault::Fault;
use super::run::{Ended, KEY_NAME, create};
use super::server::{
    ACCESS_TOKEN, API_KEY, CANARY, CODE, FaultServer, REFRESH_TOKEN, Request, SESSION_KEY, Step,
};
use keymint_testkit::{Canaries, steers_a_terminal};
use serde_json::Value;
use tokio::sync::Semaphore;

/// The number of simultaneous programs. Most of them wait. With more than a few, wine meets no time limit.
static ROOM: Semaphore = Semaphore::const_new(if cfg!(windows) { 4 } else { 24 });

/// A fault, and the expected end of the program at each step.
pub(crate) struct Row {
    name: &'static str,
    fault: Fault,
    strikes: usize,
    impatient: bool,
    cells: [Option<Expected>; 5],
}

#[derive(Clone, Copy)]
struct Expected {
    code: i32,
    requests: usize,
    or_more: bool,
}

/// Creates a row whose fault occurs at each request of the step.
pub(crate) fn each(cells: &str, name: &'static str, fault: impl Into<Fault>) -> Row {
    let mut columns = cells.split_whitespace().map(Expected::parse);
    let cells = [(); 5].map(|()| columns.next().expect("five columns"));
    assert!(columns.next().is_none(), "{name}: more than five columns");
    Row { name, fault: fault.into(), strikes: usize::MAX, impatient: false, cells }
}

/// Creates a row whose fault occurs only at the first request of the step.
pub(crate) fn once(cells: &str, name: &'static str, fault: impl Into<Fault>) -> Row {
    Row { strikes: 1, ..each(cells, name, fault) }
}

impl Row {
    /// Sets the time limit of an answer to 4 s instead of 30 s.
    pub(crate) fn impatient(mut self) -> Self {
        self.impatient = true;
        self
    }
}

impl Expected {
    fn parse(cell: &str) -> Option<Self> {
        let (code, requests) = cell.split_once('x')?;
        let (requests, or_more) = match requests.strip_suffix('+') {
            Some(requests) => (requests, true),
            None => (requests, false),
        };
        Some(Self { code: code.parse().unwrap(), requests: requests.parse().unwrap(), or_more })
    }

    fn kind(self) -> Option<&'static str> {
        Some(match self.code {
            0 => return None,
            6 => "network",
            7 => "server",
            8 => "no_project",
            10 => "outcome_unknown",
            other => panic!("no cell ends with {other}"),
        })
    }
}

/// The revocation changes neither the key nor the exit code, whatever its result. It has a time limit of its own,
/// so the run ends long before the limit of other requests.
const REVOCATION: Expected = Expected { code: 0, requests: 1, or_more: false };
const FOREVER: &str = "1h";

/// Plays all rows. Each fault that is played at the creation is also played at the revocation.
pub(crate) async fn play(rows: impl IntoIterator<Item = Row>) {
    let mut runs = Vec::new();
    for row in rows {
        let requests = if row.fault.is_absence() { 0 } else { 1 };
        let revocation = row.cells[4].map(|_| (Step::R, Expected { requests, ..REVOCATION }));
        let cells = Step::ALL.into_iter().zip(row.cells).filter_map(|(step, cell)| Some((step, cell?)));
        for (step, expected) in cells.chain(revocation) {
            let cell = Cell { step, expected, strikes: row.strikes, impatient: row.impatient };
            runs.push((format!("{}, at {step:?}", row.name), tokio::spawn(cell.play(row.fault.clone()))));
        }
    }
    let (number, mut failed) = (runs.len(), Vec::new());
    for (name, run) in runs {
        match run.await {
            Ok(complaints) if complaints.is_empty() => {}
            Ok(complaints) => failed.push(format!("\n## {name}\n{complaints}")),
            Err(panic) => failed.push(format!("\n## {name}\n{panic}\n")),
        }
    }
    assert!(failed.is_empty(), "{} of {number} cells:{}", failed.len(), failed.concat());
}

struct Cell {
    step: Step,
    expected: Expected,
    strikes: usize,
    impatient: bool,
}

impl Cell {
    /// Returns the problems of a run, or an empty text.
    async fn play(self, fault: Fault) -> String {
        let Self { step, expected, strikes, impatient } = self;
        let _room = ROOM.acquire().await.unwrap();
        let server = FaultServer::start(step, fault, strikes).await;
        let project_timeout = if expected.or_more { "2s" } else { "60s" };
        let http_timeout = match step {
            Step::R => FOREVER,
            _ if impatient => "4s",
            _ => "30s",
        };
        let limits = ["--project-timeout", project_timeout, "--http-timeout", http_timeout];
        let ended = create(&server.url, &server.url, &limits, async |_| {}).await;
        let complaints = complaints(step, expected, &server, &ended);
        if complaints.is_empty() {
            return String::new();
        }
        let Ended { code, stdout, stderr, .. } = ended;
        format!("{}\n{stderr}{stdout}exit code {code}\n", complaints.join("\n"))
    }
}

fn complaints(step: Step, expected: Expected, server: &FaultServer, ended: &Ended) -> Vec<String> {
    let requests = server.requests();
    let mut complaints = Vec::new();
    let mut must = |holds: bool, otherwise: String| {
        if !holds {
            complaints.push(otherwise);
        }
    };

    // The expectation of the cell.
    let count = |step| requests.iter().filter(|request| request.step == Some(step)).count();
    let enough =
        if expected.or_more { count(step) >= expected.requests } else { count(step) == expected.requests };
    must(ended.code == expected.code, format!("exit code {} is expected", expected.code));
    must(enough, format!("{} requests, not {}", count(step), expected.requests));
    let json: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
    let kind = json["kind"].as_str();
    must(kind == expected.kind(), format!("the kind is {kind:?}"));
    if ended.code == 0 {
        must(json["key"]["value"] == API_KEY, "another key".to_owned());
    }
    if ended.code == 10 {
        let message = json["message"].as_str().unwrap_or_default();
        for part in [KEY_NAME, "org-good", "proj_good", "Time: 20"] {
            must(message.contains(part), format!("the message lacks {part}"));
        }
    }

    // One code is exchanged, and one key created, whatever happens at the other steps.
    let made = usize::from(ended.code == 0);
    must(step == Step::T || count(Step::T) == 1, format!("{} token exchanges", count(Step::T)));
    must(step == Step::K || count(Step::K) == made, format!("{} creations", count(Step::K)));
    must(ended.code != 10 || count(Step::K) == 1, "a creation is repeated blindly".to_owned());
    must(count(Step::R) <= count(Step::T), "a revocation is repeated".to_owned());

    // A browser that is not late gets a last page.
    must(
        ended.page.is_empty() || ended.page.starts_with("HTTP/1.1 200 "),
        format!("the page is {:?}", ended.page),
    );

    // No other server is contacted.
    must(!server.was_trapped(), "another server was visited".to_owned());
    for stray in requests.iter().filter(|request| request.step.is_none()) {
        must(false, format!("a stray request: {stray}"));
    }

    // The output has no secret, and no character that controls a terminal.
    let output =
        [ended.stderr.as_str(), &ended.page, if ended.code == 0 { "" } else { &ended.stdout }].concat();
    let verifiers: Vec<_> = requests.iter().filter_map(Request::verifier).collect();
    must(step == Step::T || verifiers.len() == 1, "no verifier".to_owned());
    must(!output.to_lowercase().contains(CANARY), "a canary is shown".to_owned());
    let issued = [CODE, ACCESS_TOKEN, SESSION_KEY, API_KEY, REFRESH_TOKEN].map(str::to_owned);
    let secrets = Canaries::of(verifiers.into_iter().chain(issued));
    must(secrets.find(&output).is_none(), format!("{:?} is shown", secrets.find(&output)));
    let files = secrets.files_below(ended.home.path());
    must(files.is_empty(), format!("secrets are left behind: {files:?}"));
    must(!steers_a_terminal(&ended.stderr), "a control character".to_owned());
    must(!ended.stderr.contains("panicked"), "a panic".to_owned());
    must(ended.port_is_free, "the port is still bound".to_owned());
    complaints
}
