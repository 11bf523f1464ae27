//! The description of an answer that is not a success.

use crate::expected::{Expected, optional};
use crate::json::{fields, object, text};
use crate::redact::Redactor;
use crate::shape::Kind;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The limit of a quoted explanation, in characters.
const LONGEST_QUOTE: usize = 300;

/// The limit of a quoted host name or content type, in characters.
const LONGEST_NAME: usize = 80;

/// The text after the status: the server's explanation if it has the agreed form, else the size and
/// type of the body. Nothing else of the body is quoted, and no other header. With the error code, if
/// the body has one.
pub(crate) fn describe(response: &Response, body: &[u8], secrets: &Redactor) -> (String, Option<String>) {
    match explanation(body, secrets) {
        Some((words, code)) if redirect_host(response).is_none() => {
            let code = code.map(|code| secrets.clean(&code, LONGEST_NAME));
            (format!(": {}", secrets.clean(&words, LONGEST_QUOTE)), code)
        }
        _ => (describe_form(response, body, secrets), None),
    }
}

/// The kind of the answer: a redirect, or the size and type of the body.
fn describe_form(response: &Response, body: &[u8], secrets: &Redactor) -> String {
    let headers = response.headers();
    if let Some(host) = redirect_host(response) {
        let host = secrets.clean(&host, LONGEST_NAME);
        return format!(", a redirect to {host}, which is not followed");
    }
    if body.is_empty() {
        return " with no explanation".to_owned();
    }
    let size = body.len();
    match content_type(headers) {
        _ if is_web_page(headers) => format!(" with a web page of {size} bytes instead of JSON"),
        Some(kind) => format!(" with {size} bytes of {}", secrets.clean(kind, LONGEST_NAME)),
        None => format!(" with {size} bytes of no stated type"),
    }
}

/// The members of an error that [`explanation`] reads. An error of the token endpoint is a text.
pub(crate) const MEMBERS: &[Expected] = &[
    optional("error.message", Kind::Text),
    optional("error.type", Kind::Text),
    optional("error.code", Kind::Text),
    optional("error_description", Kind::Text),
];

/// The human-readable part of an error: `error` and `error_description` of RFC 6749 section 5.2, or
/// the platform's `error` object, with the code in it. Tokens in the same body are redacted, since it
/// may repeat them.
fn explanation(body: &[u8], secrets: &Redactor) -> Option<(String, Option<String>)> {
    #[derive(Deserialize)]
    struct ErrorBody<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        error_description: Option<&'a RawValue>,
        #[serde(borrow)]
        access_token: Option<&'a RawValue>,
        #[serde(borrow)]
        refresh_token: Option<&'a RawValue>,
        #[serde(borrow)]
        id_token: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct PlatformError<'a> {
        #[serde(borrow)]
        code: Option<&'a RawValue>,
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
    }

    let answer: ErrorBody<'_> = object(body).ok()?;
    let tokens = [answer.access_token, answer.refresh_token, answer.id_token];
    for token in tokens.into_iter().filter_map(text).map(Zeroizing::new) {
        secrets.learn(&token);
    }
    let (code, parts) = match answer.error.and_then(fields::<PlatformError<'_>>) {
        Some(error) => {
            let code = text(error.code);
            (code.clone(), vec![text(error.kind), code, text(error.message)])
        }
        None => (text(answer.error), vec![text(answer.error), text(answer.error_description)]),
    };
    let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
    if parts.is_empty() { None } else { Some((parts.join(": "), code)) }
}

/// Returns whether the answer is meant for a browser, such as a proxy's login page or a challenge.
pub(crate) fn is_web_page(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    })
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn redirect_host(response: &Response) -> Option<String> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    response.url().join(location).ok()?.host_str().map(str::to_owned)
}
