//! The shapes of the answers of a run, compared with what the parsers expect.

use crate::error_body;
use crate::expected::{Comparison, Expected};
use crate::shape::{Kind, Member, Shape};
use crate::{list, login_lists, wire};
use http::StatusCode;
use http::header::HeaderMap;
use keymint_domain::Step;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The shapes of the answers of a run: the names, types and lengths of their members, never a value or an id. It
/// shows whether a service still sends what this crate expects, and can be published. For the creation or the check
/// of a key it has only the status.
///
/// Clones share the answers. Its text has one line for each member:
///
/// - `=` the member is as expected
/// - `!` it differs from what is expected
/// - `-` it is optional, and was not sent
/// - `+` it is not expected, and ignored
///
/// A status other than 2xx is also a difference. The members of such an answer have no mark. Unexpected objects have
/// a line, but their members do not.
#[derive(Debug, Clone, Default)]
pub struct AnswerLog(Arc<Mutex<Vec<Answers>>>);

/// The answers to one kind of request that had the same status.
#[derive(Debug)]
struct Answers {
    step: Step,
    status: StatusCode,
    count: usize,
    bytes: usize,
    /// What was sent instead of a JSON object.
    not_object: Option<&'static str>,
    shape: Shape,
}

impl AnswerLog {
    /// Returns the number of lines that differ from what is expected.
    pub fn differences(&self) -> usize {
        self.answers().iter().flat_map(Answers::lines).filter(|line| line.mark == '!').count()
    }

    /// Returns whether no request was answered.
    pub fn is_empty(&self) -> bool {
        self.answers().is_empty()
    }

    /// Adds an answer. The body is `None` if it was not read, or is longer than allowed.
    pub(crate) fn add(&self, step: Step, status: StatusCode, headers: &HeaderMap, body: Option<&[u8]>) {
        let mut all = self.answers();
        let same = |answers: &Answers| answers.step == step && answers.status == status;
        let index = all.iter().position(same).unwrap_or_else(|| {
            let shape = Shape::default();
            all.push(Answers { step, status, count: 0, bytes: 0, not_object: None, shape });
            all.len() - 1
        });
        let answers = &mut all[index];
        answers.count += 1;
        answers.bytes += body.map_or(0, <[u8]>::len);
        let not_object = match body {
            None if headers.contains_key("cf-mitigated") => Some("a challenge"),
            None => Some("a body that was not read"),
            Some([]) => Some("an empty body"),
            Some(_) if error_body::is_web_page(headers) => Some("a web page"),
            Some(body) => match answers.shape.add(body) {
                None => Some("a body that is not JSON"),
                Some(Kind::Object) => None,
                Some(kind) => Some(kind.name()),
            },
        };
        answers.not_object = answers.not_object.or(not_object);
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Answers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers {
    /// Returns the members that the parser of this answer reads. `None` for an answer that is not compared.
    fn expected(&self) -> Option<Vec<Expected>> {
        let tables = match self.step {
            _ if !self.status.is_success() => return Some(Vec::new()),
            Step::ExchangeCode => [wire::TOKENS, &[]],
            Step::Login => [wire::LOGIN, login_lists::ORGANIZATIONS],
            Step::ListOrganizations => [list::ORGANIZATIONS, &[]],
            Step::ListProjects => [list::PROJECTS, &[]],
            _ => return None,
        };
        Some(tables.concat())
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let Some(expected) = self.expected() else { return Vec::new() };
        let line = |mark, path, text| Line { mark, path, text };
        let mut lines = Vec::new();
        let succeeded = self.status.is_success();
        if !succeeded {
            lines.push(line('!', "status", "expected: 2xx".to_owned()));
        }
        if let Some(instead) = self.not_object {
            lines.push(line('!', "body", format!("{instead}; expected: a JSON object")));
        }
        for expected in &expected {
            let (mark, text) = match expected.compare(&self.shape) {
                Some(Comparison::AsExpected(text)) => ('=', text),
                Some(Comparison::Difference(text)) => ('!', text),
                Some(Comparison::NotSent) => ('-', "not sent".to_owned()),
                None => continue,
            };
            lines.push(line(mark, expected.path, text));
        }
        // A list's entries already have a line if their members are expected.
        let is_known = |path: &str| {
            expected.iter().any(|known| known.path == path || Member::parent(known.path) == path)
        };
        // In any other object, names may be values, as in a map from project names.
        let has_names = |path: &str| {
            let parent = Member::parent(path);
            parent.is_empty() || is_known(parent) || !succeeded && ["error", "detail"].contains(&parent)
        };
        let unknown = self.shape.members();
        let unknown = unknown.filter(|member| !is_known(&member.path) && has_names(&member.path));
        let mark = if succeeded { '+' } else { ' ' };
        lines.extend(unknown.map(|member| line(mark, &member.path, member.to_string())));
        if self.shape.is_cut {
            lines.push(line(mark, "..", "more members".to_owned()));
        }
        lines
    }
}

struct Line<'a> {
    mark: char,
    path: &'a str,
    text: String,
}

impl fmt::Display for AnswerLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for answers in &*self.answers() {
            let Answers { step, status, count, bytes, .. } = answers;
            let times = if *count == 1 { "1 answer".to_owned() } else { format!("{count} answers") };
            writeln!(f, "{}: {times} with status {}, {bytes} bytes", step.name(), status.as_u16())?;
            let lines = answers.lines();
            let width = lines.iter().map(|line| line.path.len()).max().unwrap_or_default();
            for Line { mark, path, text } in lines {
                writeln!(f, "  {mark} {path:width$}  {text}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONTENT_TYPE, HeaderValue};

    fn log(answers: &[(Step, u16, &str)]) -> AnswerLog {
        let log = AnswerLog::default();
        for (step, status, body) in answers {
            log.add(*step, StatusCode::from_u16(*status).unwrap(), &HeaderMap::new(), Some(body.as_bytes()));
        }
        log
    }

    #[test]
    fn each_member_has_a_line_with_its_mark_and_without_its_value() {
        let projects = |entry: &str| format!(r#"{{"object": "list", "data": [{entry}], "has_more": false}}"#);
        let first =
            projects(r#"{"id": "proj_canary", "title": "canary", "is_initial": "canary", "org-canary": 1}"#);
        let second = projects(
            r#"{"ID": "proj_canary", "title": null, "is_initial": true, "metadata": {"canary": [{"canary": 1}]}}"#,
        );
        let log = log(&[
            (Step::Login, 200, r#"{"user": {"session": {"sensitive_id": "sess-canary"}}}"#),
            (Step::ListProjects, 200, &first),
            (Step::ListProjects, 200, &second),
            (
                Step::ListProjects,
                403,
                r#"{"error": {"message": "canary", "code": null, "hint": {"canary": 1}}}"#,
            ),
        ]);
        let text = log.to_string();
        assert_eq!(
            text,
            "\
login: 1 answer with status 200, 54 bytes
  = user                       object
  = user.session               object
  = user.session.sensitive_id  text, 11 characters
  - user.orgs                  not sent
list_projects: 2 answers with status 200, 276 bytes
  = data                            list, 1 entry
  ! data[].id                       text, 11 characters, in 1 of 2; expected: text
  = data[].title                    text, 6 characters or null, in 1 of 2
  ! data[].is_initial               text, 6 characters or flag; expected: flag
  - data[].disable_user_api_keys    not sent
  = has_more                        flag
  - last_id                         not sent
  + object                          text, 4 characters
  + data[].<name of 10 characters>  number
  + data[].<name of 2 characters>   text, 11 characters
  + data[].metadata                 object
list_projects: 1 answer with status 403, 69 bytes
  ! status         expected: 2xx
    error          object
    error.message  text, 6 characters
    error.code     null
    error.hint     object
"
        );
        assert!(!text.contains("canary"));
        assert_eq!((log.differences(), log.is_empty()), (3, false));
        assert!(AnswerLog::default().is_empty());
    }

    #[test]
    fn an_answer_that_is_not_object_differs_and_a_body_that_is_not_read_does_not() {
        let log = log(&[(Step::ExchangeCode, 200, "canary"), (Step::CheckKey, 200, "canary")]);
        let html = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        log.add(Step::Login, StatusCode::OK, &html, Some(b"<html>canary"));
        log.add(Step::ListOrganizations, StatusCode::OK, &html, None);
        assert_eq!(
            log.to_string(),
            "\
exchange_code: 1 answer with status 200, 6 bytes
  ! body  a body that is not JSON; expected: a JSON object
check_key: 1 answer with status 200, 6 bytes
login: 1 answer with status 200, 12 bytes
  ! body  a web page; expected: a JSON object
list_organizations: 1 answer with status 200, 0 bytes
  ! body  a body that was not read; expected: a JSON object
"
        );
        assert_eq!(log.differences(), 3);
    }
}
