//! What is measured, and the table and the picture of it.

use crate::Outcome;
use crate::measure::{Measured, Who, World, sign_in};
use keymint_sandbox::{Organization, Project, Scenario};
use std::fmt::Write;
use std::time::Duration;

/// How often what takes no time is measured. The median is told.
const RUNS: usize = 11;

const AT_ONCE: Duration = Duration::ZERO;
const LATE: Duration = Duration::from_millis(50);

/// One line: its name, and the two durations.
struct Row {
    name: String,
    keymint: Duration,
    reference: Duration,
}

pub(crate) async fn run(keymint: &str, svg: &str) -> Outcome<()> {
    let whos = [Who::Keymint(keymint), Who::Reference];
    let world = |scenario| World { scenario, connecting: AT_ONCE, person: Duration::from_millis(100) };
    let connecting = World {
        connecting: 2 * LATE,
        person: Duration::from_millis(500),
        ..world(Scenario::ready().latency(LATE))
    };
    let mut rows = Vec::new();

    let quick = both(whos, &world(Scenario::ready()), RUNS).await?;
    rows.push(row("process start to address", &quick, |it| it.start_to_url));
    rows.push(row("callback to key, answers at once", &quick, |it| it.callback_to_key));
    let late = both(whos, &world(Scenario::ready().latency(LATE)), 5).await?;
    rows.push(row("the same, each answer 50 ms late", &late, |it| it.callback_to_key));
    let late = both(whos, &connecting, 5).await?;
    rows.push(row("the same, and 100 ms for a new connection", &late, |it| it.callback_to_key));
    for (organizations, runs) in [(50, 3), (500, 1)] {
        let scenario = only_the_last_of(organizations).latency(Duration::from_millis(20));
        let many = both(whos, &world(scenario), runs).await?;
        let name = format!("{organizations} organizations, the last has the project, answers 20 ms late");
        rows.push(row(&name, &many, |it| it.callback_to_key));
    }
    let waits = [500, 3_000, 12_000, 25_000].map(Duration::from_millis);
    let waiting = |wait| world(Scenario::ready().project_ready_after(wait));
    let (worlds, mut noticed) = (waits.map(waiting), Vec::new());
    for who in whos {
        let [a, b, c, d] = worlds.clone();
        noticed.push(tokio::try_join!(sign_in(who, a), sign_in(who, b), sign_in(who, c), sign_in(who, d))?);
    }
    let each = |who: usize| {
        let (a, b, c, d) = noticed[who];
        [a, b, c, d]
    };
    for ((wait, keymint), reference) in waits.into_iter().zip(each(0)).zip(each(1)) {
        let late = |it: Measured| it.login_to_key.saturating_sub(wait);
        let name = format!("until a project is noticed that is ready after {} s", wait.as_secs_f32());
        rows.push(Row { name, keymint: late(keymint), reference: late(reference) });
    }
    rows.push(row("processor time of a sign-in", &quick, |it| it.busy));

    print!("{}", table(&rows));
    for (who, runs) in ["keymint", "the reference"].into_iter().zip(&quick) {
        let memory = median(runs.iter().map(|it| it.memory));
        println!("\nPeak memory of {who}: {:.1} MB.", memory as f64 / 1e6);
    }
    std::fs::write(svg, picture(&rows))?;
    Ok(())
}

/// Measures the two in turn, so that a slow moment of the machine slows both.
async fn both(whos: [Who<'_>; 2], world: &World, runs: usize) -> Outcome<[Vec<Measured>; 2]> {
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..runs {
        for (who, measured) in whos.into_iter().zip(&mut measured) {
            measured.push(sign_in(who, world.clone()).await?);
        }
    }
    Ok(measured)
}

fn only_the_last_of(organizations: usize) -> Scenario {
    let last = Organization::new("org-last").with_project(Project::new("proj_default").as_initial());
    Scenario::of((1..organizations).map(Organization::numbered).chain([last]))
}

fn row(name: &str, measured: &[Vec<Measured>; 2], of: impl Fn(&Measured) -> Duration) -> Row {
    let [keymint, reference] = measured.each_ref().map(|runs| median(runs.iter().map(&of)));
    Row { name: name.to_owned(), keymint, reference }
}

fn median<T: Ord>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort();
    values.swap_remove(values.len() / 2)
}

impl Row {
    fn ratio(&self) -> f64 {
        self.keymint.as_secs_f64() / self.reference.as_secs_f64().max(1e-9)
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| | keymint | reference | ratio |\n| --- | ---: | ---: | ---: |\n");
    for row in rows {
        let [keymint, reference] = [row.keymint, row.reference].map(in_words);
        let _ = writeln!(text, "| {} | {keymint} | {reference} | {:.2} |", row.name, row.ratio());
    }
    text
}

fn in_words(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    match milliseconds {
        10_000.0.. => format!("{:.1} s", milliseconds / 1e3),
        100.0.. => format!("{milliseconds:.0} ms"),
        _ => format!("{milliseconds:.1} ms"),
    }
}

/// A bar for each row: what part of the reference's time keymint takes.
fn picture(rows: &[Row]) -> String {
    const BAR: f64 = 360.0;
    let height = 40 + 24 * rows.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"960\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"480\" y=\"20\">keymint's time (dark), and the reference's (light)</text>\n"
    );
    for (index, row) in rows.iter().enumerate() {
        let y = 34 + 24 * index;
        let _ = writeln!(
            svg,
            "<text x=\"470\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"480\" y=\"{y}\" width=\"{BAR}\" height=\"16\" fill=\"#d0d7de\"/>\
             <rect x=\"480\" y=\"{y}\" width=\"{:.1}\" height=\"16\" fill=\"#0550ae\"/>\
             <text x=\"850\" y=\"{}\">{} of {}</text>",
            y + 13,
            row.name,
            BAR * row.ratio().min(1.0),
            y + 13,
            in_words(row.keymint),
            in_words(row.reference),
        );
    }
    svg + "</svg>\n"
}
