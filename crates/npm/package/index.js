// The entry point for Node. It loads the module on import.
import { readFileSync } from "node:fs";
import { initSync } from "./keymint.js";

initSync({ module: readFileSync(new URL("keymint_bg.wasm", import.meta.url)) });

export * from "./client.js";
