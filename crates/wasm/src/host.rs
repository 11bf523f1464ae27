//! The functions that the JavaScript side brings.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, RequestInit};

#[wasm_bindgen]
extern "C" {
    /// An object with the methods below.
    #[derive(Clone)]
    pub type Host;

    /// `fetch` of the Fetch standard.
    #[wasm_bindgen(method)]
    pub(crate) fn fetch(this: &Host, url: &str, init: &RequestInit) -> Promise;

    /// Returns milliseconds since any origin, which never decrease.
    #[wasm_bindgen(method)]
    pub(crate) fn now(this: &Host) -> f64;

    /// Waits for milliseconds. The signal ends a wait that has no use any more.
    #[wasm_bindgen(method)]
    pub(crate) fn sleep(this: &Host, milliseconds: f64, signal: &AbortSignal) -> Promise;

    /// Fills the bytes at random.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn random(this: &Host, bytes: &mut [u8]) -> Result<(), JsValue>;
}
