//! The machine that a program runs on: the properties and actions that a sign-in with the browser depends on.
//!
//! - [`HostEnvironment`] is the kind of machine, judged by environment variables and files: a desktop, SSH, a
//!   container, WSL, a codespace or a remote editor. It also advises how the browser's redirect reaches the
//!   program.
//! - [`coding_agent`] and [`ci_system`] recognize a program that runs this one in place of a user.
//! - [`Browser`] opens a URL where the user can see it, or reports why it did not.
//! - [`key_name`] is the default name of a key that is created here.
//! - [`Anonymizer`] removes paths and private values from a text about this machine.
//! - [`which()`] finds a program before it is needed. [`posix_quoting()`] adapts the backslashes of a command.
//! - [`core_dumps`] keeps the memory of the program, which may contain secrets, out of core dumps.
//!
//! Nothing in this crate contacts a server, prints, or makes a sign-in fail: a user can always open the URL by hand.
//!
//! ```no_run
//! use keymint_host::{Browser, HostEnvironment, Obstacle, Opening};
//! use std::process::Command;
//! use url::Url;
//!
//! # fn main() -> Result<(), url::ParseError> {
//! let url = Url::parse("http://localhost:5000/start/one-time")?;
//! let host = HostEnvironment::detect();
//! match Browser::System.open(&host, || url, Command::spawn) {
//!     Opening::Tried => println!("Look at your browser."),
//!     Opening::NotTried(Obstacle::NoDisplay) => println!("There is no display here: open it yourself."),
//!     Opening::NotTried(_) | Opening::NotWanted => println!("Open it yourself."),
//! }
//! if let Some(advice) = host.advice(5000) {
//!     println!("{}", advice.text);
//!     advice.command.iter().for_each(|command| println!("  {command}"));
//! }
//! # Ok(())
//! # }
//! ```

mod anonymizer;
mod browser;
mod caller;
pub mod core_dumps;
mod environment;
mod key_name;
pub mod open_files;
mod quoting;
mod startable;
mod which;

pub use anonymizer::Anonymizer;
pub use browser::{Browser, InvalidLauncher, Launcher, Obstacle, Opening};
pub use caller::{Caller, ci_system, coding_agent};
pub use environment::{Advice, HostEnvironment, HostKind};
pub use key_name::key_name;
pub use quoting::posix_quoting;
pub use startable::NotStartable;
pub use which::{WhichError, search, which};
