//! The files of the npm package: those of the directory `package`, and the WebAssembly module with its generated
//! JavaScript.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};
use wasm_bindgen_cli_support::Bindgen;

/// The files of the package, each with its name and content.
pub type Files = Vec<(&'static str, Vec<u8>)>;

/// The build profile of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Compiles fast, for tests.
    Dev,
    /// Optimizes the module, for publication.
    Release,
}

/// Compiles the module with these features. Returns the files that also run in a browser: `keymint_bg.wasm`,
/// `keymint.js`, `client.js` and `web.js`.
///
/// # Errors
///
/// [`io::Error`] if the module does not compile, for example because Rust's wasm32 target is not installed.
pub fn module(profile: Profile, features: &str) -> io::Result<Files> {
    let module = compile(profile, features)?;
    let bind = || {
        let mut bindgen = Bindgen::new();
        bindgen.web(true)?.out_name("keymint").typescript(false).input_path(&module);
        bindgen
            .remove_name_section(profile == Profile::Release)
            .remove_producers_section(true)
            .generate_output()
    };
    let mut bound = bind().map_err(io::Error::other)?;
    Ok(vec![
        ("keymint_bg.wasm", bound.wasm_mut().emit_wasm()),
        ("keymint.js", bound.js().as_bytes().to_vec()),
        ("client.js", include_bytes!("../package/client.js").to_vec()),
        ("web.js", include_bytes!("../package/web.js").to_vec()),
    ])
}

/// Returns all files of the package.
///
/// # Errors
///
/// Those of [`module`].
pub fn package(profile: Profile, features: &str) -> io::Result<Files> {
    let manifest = include_str!("../package/package.json")
        .replace("0.0.0", env!("CARGO_PKG_VERSION"))
        .replace("HOMEPAGE", env!("CARGO_PKG_HOMEPAGE"))
        .replace("REPOSITORY", env!("CARGO_PKG_REPOSITORY"));
    let mut files = module(profile, features)?;
    files.extend([
        ("index.js", include_bytes!("../package/index.js").to_vec()),
        ("index.d.ts", include_bytes!("../package/index.d.ts").to_vec()),
        ("web.d.ts", include_bytes!("../package/web.d.ts").to_vec()),
        ("README.md", include_bytes!("../package/README.md").to_vec()),
        ("package.json", manifest.into_bytes()),
    ]);
    Ok(files)
}

/// Returns the path of the compiled module. cargo reports the path in JSON, with one message in each line.
fn compile(profile: Profile, features: &str) -> io::Result<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--package", "keymint-wasm", "--target", "wasm32-unknown-unknown"])
        .args(["--features", features, "--quiet", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    if profile == Profile::Release {
        // wasm-bindgen reads a section that cargo's stripping would remove. It strips the names itself.
        cargo.args(["--release", "--config", "profile.release.strip=false"]).env(
            "CARGO_ENCODED_RUSTFLAGS",
            without_paths(&[(workspace(), "keymint"), (cargo_home(), "cargo")]),
        );
    }
    let output = cargo.output()?;
    let messages =
        output.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    messages
        .filter_map(|message: Value| Some(message["filenames"][0].as_str()?.to_owned()))
        .find(|file| Path::new(file).ends_with("keymint_wasm.wasm"))
        .ok_or_else(|| {
            io::Error::other("the module does not compile; is the target wasm32-unknown-unknown installed?")
        })
}

fn workspace() -> PathBuf {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    Path::new(workspace).canonicalize().unwrap_or_else(|_| workspace.into())
}

fn cargo_home() -> PathBuf {
    let own = env::var_os("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| Some(env::home_dir()?.join(".cargo"))).unwrap_or_default()
}

/// Returns compiler flags that replace these directories of this machine in the module, separated as cargo reads
/// them. A path may contain blanks.
fn without_paths(directories: &[(PathBuf, &str)]) -> String {
    // An empty path would be a prefix of every path.
    let known = directories.iter().filter(|(directory, _)| !directory.as_os_str().is_empty());
    let flags = known.map(|(directory, name)| format!("--remap-path-prefix={}={name}", directory.display()));
    flags.collect::<Vec<_>>().join("\u{1f}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_directory_is_no_prefix_of_the_others() {
        let flags =
            without_paths(&[("/a b".into(), "keymint"), (PathBuf::new(), "cargo"), ("/c".into(), "rust")]);
        assert_eq!(flags, "--remap-path-prefix=/a b=keymint\u{1f}--remap-path-prefix=/c=rust");
    }
}
