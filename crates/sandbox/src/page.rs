//! The authorization server's pages.

use crate::response::Response;
use crate::server_state::Authorization;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Returns the page on which the user continues or cancels.
pub(crate) fn sign_in(authorization: &Authorization, request_id: &str) -> Response {
    let client_id = escape(&authorization.client_id);
    let redirect_uri = escape(&authorization.redirect_uri);
    let request_id = escape(request_id);
    let scopes: String =
        authorization.scope.split_whitespace().map(|scope| format!("<li>{}</li>", escape(scope))).collect();
    let main = format!(
        r#"<h1>Sign in</h1>
<p class="lead">An application wants to act for you.</p>
<dl>
<dt>Application</dt><dd><code>{client_id}</code></dd>
<dt>Account</dt><dd>dev@sandbox.test</dd>
<dt>Permissions</dt><dd><ul>{scopes}</ul></dd>
<dt>Returns to</dt><dd><code>{redirect_uri}</code></dd>
</dl>
<form method="post" action="/oauth/authorize/decision">
<input type="hidden" name="request" value="{request_id}">
<button id="continue" name="decision" value="continue">Continue</button>
<button id="refuse" name="decision" value="refuse">Cancel</button>
</form>"#
    );
    page(200, "Sign in", &main)
}

/// Returns an error page with the reason.
pub(crate) fn problem(status: u16, reason: &str) -> Response {
    let reason = escape(reason);
    let main = format!(
        r#"<h1>This cannot be served</h1>
<p class="reason">{reason}</p>"#
    );
    page(status, "This cannot be served", &main)
}

fn page(status: u16, title: &str, main: &str) -> Response {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} (sandbox)</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
<main>
<p class="badge">sandbox: no real account</p>
{main}
</main>
</html>
"#
    );
    let style_hash = STANDARD.encode(Sha256::digest(STYLE));
    // `http:` in form-action, because browsers also apply it to the redirect after the form.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; \
         form-action 'self' http:; base-uri 'none'; frame-ancestors 'none'"
    );
    Response { body: html.into_bytes(), ..Response::empty(status) }
        .with("content-type", "text/html; charset=utf-8")
        .with("cache-control", "no-store")
        .with("content-security-policy", policy)
        .with("referrer-policy", "no-referrer")
        .with("x-content-type-options", "nosniff")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_request_becomes_markup() {
        let hostile = r#"<script>alert("1")</script>'&"#;
        let authorization = Authorization {
            client_id: hostile.to_owned(),
            code_challenge: String::new(),
            redirect_uri: hostile.to_owned(),
            scope: hostile.to_owned(),
            state: hostile.to_owned(),
        };
        for response in [sign_in(&authorization, hostile), problem(400, hostile)] {
            let html = String::from_utf8(response.body).unwrap();
            assert!(!html.contains("<script"), "{html}");
            assert!(html.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;"), "{html}");
        }
    }
}
