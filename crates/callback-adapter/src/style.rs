//! The style of every page, and the content security policy that allows this style and nothing else.

/// The text of the style element. It is a macro, so that it can be part of a constant page.
macro_rules! style {
    () => {
        "
:root {
  color-scheme: light dark;
  --paper: #f6f6f4; --card: #ffffff; --ink: #1b1c1e; --quiet: #5b5f66; --line: #e2e2de;
  --good: #1a7f4b; --care: #96600a; --bad: #b3312c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #141517; --card: #1d1f22; --ink: #ededeb; --quiet: #a4a8af; --line: #303338;
    --good: #4cc38a; --care: #e2a84b; --bad: #f2837d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 1.25rem;
  display: flex; align-items: center; justify-content: center;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
main {
  width: 100%; max-width: 28rem; padding: 2.25rem 2rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 14px;
}
h1 { margin: 1.1rem 0 .5rem; font-size: 1.4rem; line-height: 1.3; font-weight: 600; letter-spacing: -.01em; }
p { margin: .5rem 0 0; color: var(--quiet); }
p.next { color: var(--ink); }
.mark { display: block; width: 2.75rem; height: 2.75rem; border-radius: 50%; }
svg.mark { padding: .7rem; background: currentColor; }
svg.mark path {
  fill: none; stroke: var(--card); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round;
}
.good { color: var(--good); }
.care { color: var(--care); }
.bad { color: var(--bad); }
.quiet { color: var(--quiet); }
.turning {
  border: 3px solid var(--line); border-top-color: var(--good);
  animation: turn 1s linear infinite;
}
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .turning { animation-duration: 6s; } }
section + section { margin-top: 2rem; }
main:has(.end) .beginning { display: none; }
main:has(.end) .end { margin-top: 0; }
"
    };
}

/// The policy, with the hash of [`style`] (CSP level 3, section 2.3.1).
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-KlwqkHd1mY3s4UfLRrlhC2T5En01XaM97iTM5U8kGdI='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) use style;

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_policy_allows_the_style_as_it_is() {
        let source = format!("style-src 'sha256-{}'", STANDARD.encode(Sha256::digest(style!())));
        assert!(CONTENT_SECURITY_POLICY.contains(&source), "the style has changed, so put in: {source}");
    }
}
