//! Writes the npm package into a directory: `keymint-npm DIRECTORY`, or `keymint-npm DIRECTORY --checks` for the
//! one that the tests use, which compiles faster and exports the checks of the ports.

use keymint_npm::{Profile, package};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (directory, profile, features) = match &arguments[..] {
        [directory] => (directory, Profile::Release, ""),
        [directory, checks] if checks == "--checks" => (directory, Profile::Dev, "checks"),
        _ => return Err(io::Error::other("usage: keymint-npm DIRECTORY [--checks]")),
    };
    let directory = Path::new(directory);
    fs::create_dir_all(directory)?;
    for (name, content) in package(profile, features)? {
        fs::write(directory.join(name), content)?;
    }
    Ok(())
}
