//! The functions that the JavaScript side brings.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, ReadableStreamDefaultReader, RequestInit};

#[wasm_bindgen]
extern "C" {
    /// An object with the methods below.
    #[derive(Clone)]
    pub type Host;

    /// `fetch` of the Fetch standard, for a [`HostResponse`].
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

    /// The parts of a `Response`.
    pub(crate) type HostResponse;

    #[wasm_bindgen(method, getter, js_name = "type")]
    pub(crate) fn kind(this: &HostResponse) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn status(this: &HostResponse) -> u16;

    /// Pairs of a name and a value.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn headers(this: &HostResponse) -> Array;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn reader(this: &HostResponse) -> Option<ReadableStreamDefaultReader>;
}
