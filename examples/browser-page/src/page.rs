use hyper::body::Bytes;
use serde_json::Value;
use std::io;
use std::process::{Command, Stdio};
use wasm_bindgen_cli_support::Bindgen;

/// The page's files.
#[derive(Clone)]
pub struct Page {
    pub(crate) bindings: Bytes,
    pub(crate) wasm: Bytes,
}

impl Page {
    pub(crate) const SCRIPT: &[u8] = include_bytes!("../page/page.js");

    /// Compiles the page's package to WebAssembly, with these features, and puts the JavaScript around
    /// it that the page calls it by.
    ///
    /// # Errors
    ///
    /// When it does not compile, such as where Rust's wasm32 target is not installed.
    pub fn build(features: &str) -> io::Result<Self> {
        let module = compile(features)?;
        let bind = || {
            let mut bindgen = Bindgen::new();
            bindgen.web(true)?.out_name("keymint").typescript(false).input_path(&module).generate_output()
        };
        let mut bound = bind().map_err(io::Error::other)?;
        Ok(Self { bindings: bound.js().to_owned().into(), wasm: bound.wasm_mut().emit_wasm().into() })
    }

    /// Its sign-in button knows the authorization server.
    pub(crate) fn html(&self, issuer: &str) -> Bytes {
        include_str!("../page/index.html").replace("ISSUER", issuer).into()
    }
}

/// Where the module is. cargo says so in JSON, one message a line.
fn compile(features: &str) -> io::Result<String> {
    let cargo = Command::new(env!("CARGO"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page"))
        .args(["build", "--locked", "--target", "wasm32-unknown-unknown", "--features", features])
        .args(["--quiet", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()?;
    let messages =
        cargo.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    messages
        .filter_map(|message: Value| Some(message["filenames"][0].as_str()?.to_owned()))
        .find(|file| file.ends_with("/keymint_browser_page.wasm"))
        .ok_or_else(|| {
            io::Error::other("the page does not compile; is the target wasm32-unknown-unknown installed?")
        })
}
