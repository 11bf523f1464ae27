// The entry point for browsers. Its default export loads the module.
import init from "./keymint.js";

export default async function load(source = new URL("keymint_bg.wasm", import.meta.url)) {
  await init({ module_or_path: source });
}

export * from "./client.js";
