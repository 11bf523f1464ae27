//! The parsers of answers, for the fuzz targets. Not part of the public API.
//!
//! An error is the text that the user sees.

use crate::admin_entries::{ListedKey, ListedProject};
use crate::admin_wire;
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
use keymint_domain::{
    CreatedKey, KeyId, Listing, Login, Organization, Project, ProjectKey, ServiceAccount, ServiceAccountId,
    Step, Tokens,
};
use std::time::Duration;
use url::Url;

/// Parses the token endpoint's answer. Calls `learn` with each other secret in it.
pub fn tokens(body: &[u8], learn: impl Fn(&str)) -> Result<Tokens, String> {
    wire::tokens(body, learn, drop).map_err(reason)
}

/// Parses the answer to a login.
pub fn login(body: &[u8]) -> Result<Login, String> {
    wire::login(body).map_err(reason)
}

/// Parses the answer to the creation of a key.
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

/// Parses a page of the projects of the Admin API, and returns the cursor of the next one.
pub fn admin_projects(body: &[u8]) -> Result<(Listing<Project>, Option<String>), String> {
    page(body).map(|(listing, cursor)| (entries(listing, |ListedProject(project)| project), cursor))
}

/// Parses a page of the keys of a project, and returns the cursor of the next one.
pub fn admin_keys(body: &[u8]) -> Result<(Listing<ProjectKey>, Option<String>), String> {
    page(body).map(|(listing, cursor)| (entries(listing, |ListedKey(key)| key), cursor))
}

/// Parses the description of the key with this id.
pub fn project_key(body: &[u8], id: &KeyId) -> Result<ProjectKey, String> {
    admin_wire::project_key(body, id).map_err(reason)
}

/// Parses the answer to the creation of a service account.
pub fn service_account(body: &[u8]) -> Result<ServiceAccount, String> {
    admin_wire::service_account(body).map_err(reason)
}

/// Parses the answer to the creation of a service account without a key.
pub fn empty_account(body: &[u8], is_public: impl Fn(&str) -> bool) -> Result<ServiceAccountId, String> {
    admin_wire::empty_account(body, is_public).map_err(reason)
}

/// Parses the answer to the creation of a service account's key.
pub fn account_key(body: &[u8]) -> Result<CreatedKey, String> {
    admin_wire::account_key(body).map_err(reason)
}

/// Checks the answer to a deletion.
pub fn deleted(body: &[u8], id: &str) -> Result<(), String> {
    admin_wire::deleted(body, id).map_err(reason)
}

fn entries<T, U>(listing: Listing<T>, entry: fn(T) -> U) -> Listing<U> {
    let Listing { items, skipped, complete, .. } = listing;
    Listing::new(items.into_iter().map(entry).collect(), skipped, complete)
}

fn page<T: Entry>(body: &[u8]) -> Result<(Listing<T>, Option<String>), String> {
    let budget = Budget::default();
    let mut pages = Pages::new(&budget);
    pages.add(list::page(body).map_err(reason)?, body.len());
    let cursor = pages.query().map(|(_, cursor)| cursor.to_owned());
    Ok((pages.into_listing(), cursor))
}

/// Describes an error with this body, as if these secrets had been sent.
pub fn error_body(status: StatusCode, headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> String {
    let url = Url::parse("https://server.example").expect("a constant");
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.learn(secret));
    error_body::describe(Head { status, headers, url: &url }, body, &redactor).words
}

/// Describes the shape of a body, once as the answer to each request.
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
