//! Tables of many cells, a few of which run at a time.

use crate::destination::{DESTINATIONS, Destination};
use futures_util::{StreamExt, stream};
use std::future::Future;
use std::io::Write;

/// The number of simultaneous cells. More would compete for the processors.
const AT_ONCE: usize = 4;

/// The fail points of a run that creates a key, from the first record of the key.
pub(crate) const CREATION: [&str; 12] = [
    "written-down",
    "asked",
    "answered",
    "known",
    "temp-file-written",
    "file-replaced",
    "keyring-written",
    "fed",
    "delivered",
    "recovery-made",
    "kept",
    "noted",
];

/// A row of a table: its block, its name, and the work that returns its result.
pub(crate) struct Row<F> {
    pub(crate) block: String,
    pub(crate) name: &'static str,
    pub(crate) cell: F,
}

/// Returns a row for each fail point on the way to each destination.
pub(crate) fn at_each_border<F>(
    borders: &[&'static str],
    cell: impl Fn(&'static Destination, &'static str) -> F,
) -> Vec<Row<F>> {
    let mut rows = Vec::new();
    for destination in &DESTINATIONS {
        for border in borders.iter().copied().filter(|border| destination.reaches(border)) {
            rows.push(Row {
                block: destination.name.to_owned(),
                name: border,
                cell: cell(destination, border),
            });
        }
    }
    rows
}

/// Runs the rows and shows their results.
pub(crate) async fn show(title: &str, rows: Vec<Row<impl Future<Output = String>>>) {
    let mut rows = stream::iter(rows)
        .map(|Row { block, name, cell }| async move { (block, name, cell.await) })
        .buffered(AT_ONCE);
    let (mut table, mut last_block) = (format!("\n{title}\n"), String::new());
    while let Some((block, name, found)) = rows.next().await {
        if block != last_block {
            table.push_str(&format!("  {block}\n"));
        }
        table.push_str(&format!("    {name:<18}{found}\n"));
        last_block = block;
    }
    // Not by a macro, whose output is shown only for failed tests.
    std::io::stderr().write_all(table.as_bytes()).unwrap();
}
