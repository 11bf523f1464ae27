//! The members of an answer that its parser reads. Each table is defined next to its parser.

use crate::shape::{Kind, Member, Shape};

/// A member that a parser reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// The path to the member, such as `data[].id`.
    pub(crate) path: &'static str,
    kind: Kind,
    need: Need,
}

/// The consequence if a member is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The answer or the entry of a list is unusable.
    Always,
    /// If no entry has it, the client probably chooses another target, or shows less.
    Usually,
    /// Nothing.
    Never,
}

/// Returns a member that every object must have. An object without it is unusable.
pub(crate) const fn required(path: &'static str, kind: Kind) -> Expected {
    Expected { path, kind, need: Need::Always }
}

/// Returns a member that some objects may lack, but not all.
pub(crate) const fn usual(path: &'static str, kind: Kind) -> Expected {
    Expected { path, kind, need: Need::Usually }
}

/// Returns a member that the client does not need.
pub(crate) const fn optional(path: &'static str, kind: Kind) -> Expected {
    Expected { path, kind, need: Need::Never }
}

/// The result of comparing an expected member with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    AsExpected(String),
    Difference(String),
    /// An optional member was not sent.
    NotSent,
}

impl Expected {
    /// Compares the member with the answer. `None` if the answer has no object that could have the member.
    pub(crate) fn compare(&self, shape: &Shape) -> Option<Comparison> {
        use Comparison::{AsExpected, Difference, NotSent};
        let Self { path, kind, need } = *self;
        let objects = shape.count(Member::parent(path), Kind::Object);
        let member = shape.member(path);
        let (present, of_kind) = member.map_or((0, 0), |member| (member.present(), member.count(kind)));
        if objects == 0 && present == 0 {
            return None;
        }
        let found = member.map_or_else(|| "missing".to_owned(), ToString::to_string);
        let share = if present < objects && present > 0 {
            format!(", in {present} of {objects}")
        } else {
            String::new()
        };
        let expected = kind.name();
        Some(match need {
            _ if of_kind < present => Difference(format!("{found}{share}; expected: {expected}")),
            Need::Always if present < objects => Difference(format!("{found}{share}; expected: {expected}")),
            Need::Usually if present == 0 => Difference(format!("{found}; usual: {expected}")),
            Need::Never if present == 0 => NotSent,
            _ => AsExpected(found + &share),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Checks that the parser reads each member of a table: the result of `parse` must change if the member is
    /// missing.
    pub(crate) fn each_is_read(table: &[Expected], parse: impl Fn(&[u8]) -> String) {
        let whole = parse(example(table, None).to_string().as_bytes());
        for Expected { path, .. } in table {
            let body = example(table, Some(path)).to_string();
            assert_ne!(parse(body.as_bytes()), whole, "{path} is not read: {body}");
        }
    }

    /// Returns a body with the members of a table except one. Each text is a different id, or the name of a role.
    fn example(table: &[Expected], without: Option<&str>) -> Value {
        let mut body = json!({});
        for (number, Expected { path, kind, .. }) in table.iter().enumerate() {
            if without.is_some_and(|without| path.starts_with(without)) {
                continue;
            }
            let value = match kind {
                Kind::Text if path.ends_with(".role") => json!("owner"),
                Kind::Text => json!(format!("id-{number}")),
                Kind::Number => json!(number),
                Kind::Flag => json!(true),
                Kind::Object => json!({}),
                Kind::List => json!([{}]),
                Kind::Null => Value::Null,
            };
            let pointer = format!("/{}", path.replace("[]", "/0").replace('.', "/"));
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;
        }
        body
    }

    #[test]
    fn a_member_is_compared_with_its_expectation() {
        use Comparison::{AsExpected, Difference, NotSent};
        for (body, expected, outcome) in [
            (r#"{"a": "x"}"#, required("a", Kind::Text), Some(AsExpected("text, 1 character".to_owned()))),
            (r#"{}"#, required("a", Kind::Text), Some(Difference("missing; expected: text".to_owned()))),
            (
                r#"{"a": null}"#,
                required("a", Kind::Text),
                Some(Difference("null; expected: text".to_owned())),
            ),
            (r#"{"a": 1}"#, optional("a", Kind::Text), Some(Difference("number; expected: text".to_owned()))),
            (r#"{}"#, optional("a", Kind::Text), Some(NotSent)),
            (r#"{"a": null}"#, optional("a", Kind::Text), Some(NotSent)),
            (r#"{}"#, required("a.b", Kind::Text), None),
            (r#"{"a": []}"#, required("a[].b", Kind::Text), None),
            (
                r#"{"a": [{"b": true}, {}]}"#,
                required("a[].b", Kind::Flag),
                Some(Difference("flag, in 1 of 2; expected: flag".to_owned())),
            ),
            (
                r#"{"a": [{"b": true}, {}]}"#,
                usual("a[].b", Kind::Flag),
                Some(AsExpected("flag, in 1 of 2".to_owned())),
            ),
            (
                r#"{"a": [{}, {}]}"#,
                usual("a[].b", Kind::Flag),
                Some(Difference("missing; usual: flag".to_owned())),
            ),
        ] {
            let mut shape = Shape::default();
            assert!(shape.add(body.as_bytes()).is_some());
            assert_eq!(expected.compare(&shape), outcome, "{body}");
        }
    }
}
