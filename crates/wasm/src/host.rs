//! The functions that the JavaScript caller provides.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, ReadableStreamDefaultReader, RequestInit};

#[wasm_bindgen]
extern "C" {
    /// An object with the methods below.
    #[derive(Clone)]
    pub type Host;

    /// Calls `fetch` of the Fetch standard. The promise resolves to a [`HostResponse`].
    #[wasm_bindgen(method)]
    pub(crate) fn fetch(this: &Host, url: &str, init: &RequestInit) -> Promise;

    /// Returns the milliseconds since any origin. They never decrease.
    #[wasm_bindgen(method)]
    pub(crate) fn now(this: &Host) -> f64;

    /// Waits for this many milliseconds. The signal aborts a wait that is no longer needed.
    #[wasm_bindgen(method)]
    pub(crate) fn sleep(this: &Host, milliseconds: f64, signal: &AbortSignal) -> Promise;

    /// Fills the bytes with random values.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn random(this: &Host, bytes: &mut [u8]) -> Result<(), JsValue>;

    /// The parts of a `Response` that are used.
    pub(crate) type HostResponse;

    #[wasm_bindgen(method, getter, js_name = "type")]
    pub(crate) fn kind(this: &HostResponse) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn status(this: &HostResponse) -> u16;

    /// Returns pairs of a name and a value.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn headers(this: &HostResponse) -> Array;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn reader(this: &HostResponse) -> Option<ReadableStreamDefaultReader>;
}
