// The page is loaded twice: before the sign-in, and when the browser comes back from it.
import init, { begin, finish } from "/keymint.js";

const button = document.querySelector("#sign-in");
const progress = document.querySelector("#progress");
const redirectUri = `${location.origin}/auth/callback`;

function tell(words) {
  progress.textContent = words;
}

await init({ module_or_path: "/keymint.wasm" });
button.onclick = () => location.assign(begin(button.dataset.issuer, redirectUri));
button.disabled = false;

if (location.pathname === "/auth/callback") {
  const callback = location.pathname + location.search;
  // The code leaves the address bar and the history.
  history.replaceState(null, "", "/");
  try {
    await finish(callback, tell);
    tell("Here is your key. It is shown this once.");
  } catch (error) {
    tell(error.message);
  }
}
