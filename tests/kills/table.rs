//! Many cells, a few at a time, shown as one table.

use crate::destination::{DESTINATIONS, Destination};
use futures_util::{StreamExt, stream};
use std::future::Future;
use std::io::Write;

/// More at once would take the processors from each other.
const AT_ONCE: usize = 4;

/// A row of a table: the block that it stands in, its name, and what is to be found out.
pub(crate) struct Row<F> {
    pub(crate) block: String,
    pub(crate) name: &'static str,
    pub(crate) cell: F,
}

/// A row for each border that a run gets to on its way to each destination.
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

/// Shows what became of each row.
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
    // Not by a macro, whose text is shown for failed tests alone.
    std::io::stderr().write_all(table.as_bytes()).unwrap();
}
