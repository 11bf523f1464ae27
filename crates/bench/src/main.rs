//! Measures whole sign-ins: the `keymint` command against a sandbox on this machine, beside the
//! reference, which does one thing after the other.
//!
//! `keymint-bench KEYMINT SVG` measures the program `KEYMINT`, prints a table in Markdown and draws
//! it into the file `SVG`. `scripts/bench` makes `docs/performance.md` of it.

#![allow(clippy::disallowed_methods, reason = "a stop-watch looks at the clock")]
#![allow(clippy::print_stdout, reason = "the table goes there")]

mod measure;
mod reference;
mod relay;
mod report;

use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [reference::COMMAND, issuer, api_base, port] => reference::run(issuer, api_base, port.parse()?).await,
        [keymint, svg] => report::run(keymint, svg).await,
        _ => Err("usage: keymint-bench KEYMINT SVG".into()),
    }
}
