// The page is loaded twice: before the sign-in, and when the browser comes back from it.
import load, { SignIn } from "/keymint/web.js";

/** The item of the session storage, which outlives the page, and which no other tab or origin can read. */
const ITEM = "keymint";

const button = document.querySelector("#sign-in");
const progress = document.querySelector("#progress");

function show(text) {
  progress.textContent = text;
}

function begin() {
  const signIn = SignIn.begin({
    issuer: button.dataset.issuer,
    redirectUri: `${location.origin}/auth/callback`,
  });
  const { authorizeUrl } = signIn;
  sessionStorage.setItem(ITEM, signIn.save());
  location.assign(authorizeUrl);
}

async function finish(callback) {
  const saved = sessionStorage.getItem(ITEM);
  if (saved === null) throw new Error("no sign-in was begun in this tab, or it was finished already");
  const grant = SignIn.restore(saved).accept(callback);
  // A sign-in is finished once. A stray address has not come so far.
  sessionStorage.removeItem(ITEM);
  const { key } = await grant.createKey({
    name: "keymint browser-page",
    apiBase: location.origin,
    // The page's origin passes the requests on to the two servers.
    fetch: (url, init) => fetch(new URL(url).pathname + new URL(url).search, init),
    onEvent: ({ event, message }) => show(message ?? event.replaceAll("_", " ")),
  });
  document.querySelector("#key").textContent = key.reveal();
}

await load();
button.onclick = begin;
button.disabled = false;

if (location.pathname === "/auth/callback") {
  const callback = location.pathname + location.search;
  // The code leaves the address bar and the history.
  history.replaceState(null, "", "/");
  try {
    await finish(callback);
    show("Here is your key. It is shown this once.");
  } catch (error) {
    show(error.message);
    if (error.kind === "sign_in_refused") sessionStorage.removeItem(ITEM);
  }
}
