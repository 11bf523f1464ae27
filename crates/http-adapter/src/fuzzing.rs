//! The parsers of answers, for the fuzz targets. Not part of the public API.
//!
//! An error is the text that the user sees.

use crate::answer_log::AnswerLog;
use crate::entries::Entry;
use crate::error_body::Head;
use crate::json::InvalidBody;
use crate::list;
use crate::paging::{Budget, Pages};
use crate::redact::Redactor;
use crate::{error_body, retry_after, wire};
use http::StatusCode;
use http::header::HeaderMap;
use keymint_domain::{CreatedKey, Listing, Login, Organization, Project, Step, Tokens};
use std::time::Duration;
use url::Url;

/// Parses the token endpoint's answer, and passes the other secrets in it to `learn`.
pub fn tokens(body: &[u8], learn: impl Fn(&str)) -> Result<Tokens, String> {
    wire::tokens(body, learn, drop).map_err(reason)
}

/// Parses the login's answer.
pub fn login(body: &[u8]) -> Result<Login, String> {
    wire::login(body).map_err(reason)
}

/// Parses the creation's answer.
pub fn created_key(body: &[u8]) -> Result<CreatedKey, String> {
    wire::created_key(body).map_err(reason)
}

/// Parses a page of organizations, and returns the cursor of the next one.
pub fn organizations(body: &[u8]) -> Result<(Listing<Organization>, Option<String>), String> {
    page(body)
}

/// Parses a page of projects, and returns the cursor of the next one.
pub fn projects(body: &[u8]) -> Result<(Listing<Project>, Option<String>), String> {
    page(body)
}

fn page<T: Entry>(body: &[u8]) -> Result<(Listing<T>, Option<String>), String> {
    let budget = Budget::default();
    let mut pages = Pages::new(&budget);
    pages.add(list::page(body).map_err(reason)?, body.len());
    let cursor = pages.query().map(|(_, cursor)| cursor.to_owned());
    Ok((pages.into_listing(), cursor))
}

/// Describes an error with this body after these secrets were sent.
pub fn error_body(status: StatusCode, headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> String {
    let url = Url::parse("https://server.example").expect("a constant");
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.learn(secret));
    error_body::describe(Head { status, headers, url: &url }, body, &redactor).words
}

/// Describes the shape of a body as the answer to each request.
pub fn shape(body: &[u8]) -> String {
    let log = AnswerLog::default();
    for step in [Step::ExchangeCode, Step::Login, Step::ListOrganizations, Step::ListProjects] {
        for status in [StatusCode::OK, StatusCode::FORBIDDEN] {
            log.add(step, status, &HeaderMap::new(), Some(body));
        }
    }
    log.to_string()
}

/// Parses the wait that the server asks for.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry_after::retry_after(headers)
}

fn reason(InvalidBody(why): InvalidBody) -> String {
    why
}
