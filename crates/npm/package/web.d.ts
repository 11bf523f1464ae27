export * from "./index.js";

/**
 * Loads the module. Call it once, before anything else.
 *
 * @param source The URL of `keymint_bg.wasm` [default: next to this file].
 */
export default function load(source?: string | URL): Promise<void>;
