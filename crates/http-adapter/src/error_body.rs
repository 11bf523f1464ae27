//! The description of an answer that is not a success.

use crate::json::{fields, object, text};
use crate::redact::Redactor;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use keymint_domain::text::{is_word, quote, quote_unless_word};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;
use zeroize::Zeroizing;

/// The maximum length of a quoted explanation, in characters.
const LONGEST_QUOTE: usize = 300;

/// The maximum length of a quoted host name or content type, in characters.
const LONGEST_NAME: usize = 80;

/// The head of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// The URL of the request.
    pub(crate) url: &'a Url,
}

/// The description of an answer that is not a success.
#[derive(Default)]
pub(crate) struct ErrorDescription {
    /// The text after the status.
    pub(crate) words: String,
    pub(crate) code: Option<String>,
    pub(crate) error_type: Option<String>,
    /// Whether the body has the form of the servers' own errors.
    pub(crate) is_own_form: bool,
}

/// Describes the answer by the server's explanation if the explanation has a known form, or else by the size and type
/// of the body. Nothing else of the body or the headers is quoted.
pub(crate) fn describe(head: Head<'_>, body: &[u8], secrets: &Redactor) -> ErrorDescription {
    match explanation(body, secrets) {
        Some(ErrorDescription { words, code, error_type, is_own_form }) if redirect_host(head).is_none() => {
            let [code, error_type] =
                [code, error_type].map(|name| name.map(|name| secrets.clean(&name, LONGEST_NAME)));
            ErrorDescription { words: format!(": {words}"), code, error_type, is_own_form }
        }
        _ => ErrorDescription { words: describe_form(head, body, secrets), ..Default::default() },
    }
}

/// Returns whether a body reports an error, whatever its status.
pub(crate) fn has_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct ErrorBody<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    object::<ErrorBody<'_>>(body)
        .is_ok_and(|answer| answer.error.is_some_and(|error| !matches!(error.get(), "false" | r#""""#)))
}

/// Returns a description of the form of the answer: a redirect, or the size and type of the body.
fn describe_form(head: Head<'_>, body: &[u8], secrets: &Redactor) -> String {
    if let Some(host) = redirect_host(head) {
        let host = secrets.clean(&host, LONGEST_NAME);
        return format!(", a redirect to {host}, which is not followed");
    }
    if body.is_empty() {
        return " with no explanation".to_owned();
    }
    let size = body.len();
    match content_type(head.headers) {
        _ if is_web_page(head.headers) => format!(" with a web page of {size} bytes instead of JSON"),
        Some(kind) => {
            format!(" with {size} bytes of {}", quote_unless_word(&secrets.redact(kind), LONGEST_NAME))
        }
        None => format!(" with {size} bytes without a content type"),
    }
}

/// Returns the human-readable part of an error: `error` and `error_description` (RFC 6749 section 5.2), the
/// platform's `error` object, the `title` and `detail` of a gateway (RFC 9457 section 3.1), or the `message`,
/// `detail` or `errors` of other frameworks, which may be lists.
///
/// Only `error`, and `detail` without a `title`, are the servers' own form. Tokens in the same body are redacted,
/// since the explanation may repeat them.
fn explanation(body: &[u8], secrets: &Redactor) -> Option<ErrorDescription> {
    #[derive(Deserialize)]
    struct ErrorBody<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        error_description: Option<&'a RawValue>,
        #[serde(borrow)]
        title: Option<&'a RawValue>,
        #[serde(borrow)]
        detail: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
        #[serde(borrow)]
        errors: Option<&'a RawValue>,
        #[serde(borrow, rename = "type")]
        problem_type: Option<&'a RawValue>,
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
    let is_own_form = answer.title.is_none() && (answer.error.is_some() || answer.detail.is_some());
    let description = text(answer.error_description);
    let nested = [answer.error, answer.detail].into_iter().flatten().find_map(fields::<PlatformError<'_>>);
    let (code, error_type, parts) = match nested {
        Some(error) => {
            let (code, error_type) = (text(error.code), text(error.kind));
            (code.clone(), error_type.clone(), vec![error_type, code, text(error.message), description])
        }
        None => {
            let code = text(answer.error);
            let [list, detail, message, errors] =
                [answer.error, answer.detail, answer.message, answer.errors].map(texts);
            let list = if code.is_some() { None } else { list };
            let error_type = text(answer.problem_type);
            let parts = vec![code.clone(), list, description, text(answer.title), detail, message, errors];
            (code, error_type, parts)
        }
    };
    let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
    // Only a name, such as an error code, goes without quotes. Any other text could pass for a message of this program.
    let (names, texts): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| is_word(part) && part.len() <= LONGEST_NAME);
    let names = names.iter().map(|name| secrets.clean(name, LONGEST_NAME));
    let texts = (!texts.is_empty()).then(|| quote(&secrets.redact(&texts.join(": ")), LONGEST_QUOTE));
    let words: Vec<_> = names.chain(texts).collect();
    (!words.is_empty()).then(|| ErrorDescription { words: words.join(": "), code, error_type, is_own_form })
}

/// Parses a text, or a list of texts or of objects with a text, as validation frameworks send it.
fn texts(json: Option<&RawValue>) -> Option<String> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow, alias = "msg", alias = "detail")]
        message: Option<&'a RawValue>,
    }

    let entry = |json: &RawValue| {
        text(Some(json)).or_else(|| fields::<Entry<'_>>(json).and_then(|entry| text(entry.message)))
    };
    let list: Option<Vec<&RawValue>> = json.and_then(|json| serde_json::from_str(json.get()).ok());
    text(json).or_else(|| Some(list?.into_iter().filter_map(entry).collect::<Vec<_>>().join(", ")))
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

pub(crate) fn redirect_host(Head { status, headers, url }: Head<'_>) -> Option<String> {
    if !status.is_redirection() {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    url.join(location).ok()?.host_str().map(str::to_owned)
}
