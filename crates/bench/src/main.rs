//! Measures whole sign-ins of the `keymint` command against a sandbox on this machine, in comparison with a
//! sequential reference implementation.
//!
//! `keymint-bench KEYMINT SMALL SVG` measures the program `KEYMINT` and the size of `SMALL`, a build without
//! sandbox and keyring. It prints a table in Markdown, and writes a chart of it to the file `SVG`. `scripts/bench`
//! writes `docs/performance.md` from both.

#![allow(clippy::disallowed_methods, reason = "measurements read the clock")]
#![allow(clippy::print_stdout, reason = "standard output gets the table")]

mod measure;
mod network;
mod reference;
mod report;
mod table;

use std::error::Error;
use std::fs;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [reference::COMMAND, issuer, api_base, port] => reference::run(issuer, api_base, port.parse()?).await,
        [keymint, small, svg] => {
            let rows = report::rows(keymint, small).await?;
            fs::write(svg, table::picture(&rows))?;
            print!("{}", table::table(&rows));
            Ok(())
        }
        _ => Err("usage: keymint-bench KEYMINT SMALL SVG".into()),
    }
}
