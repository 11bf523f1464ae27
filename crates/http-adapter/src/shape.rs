//! The shape of a JSON body: the names, types and lengths of its members, never a value.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The maximum number of members in all bodies that are added.
const MOST_MEMBERS: usize = 200;

/// The maximum depth of nested objects and lists.
const DEEPEST: usize = 8;

/// The maximum length of a name, in characters.
const LONGEST_NAME: usize = 40;

/// The type of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
    Object,
    List,
    Null,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Text, Self::Number, Self::Flag, Self::Object, Self::List, Self::Null];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Object => "object",
            Self::List => "list",
            Self::Null => "null",
        }
    }
}

/// The members of one body, or of several bodies of one kind.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    members: Vec<Member>,
    /// True if there were more members than the limit.
    pub(crate) is_cut: bool,
}

/// All values at one path.
#[derive(Debug)]
pub(crate) struct Member {
    /// The path of names to the member, such as `data[].id`. Empty for the body itself.
    pub(crate) path: String,
    /// The number of values of each kind.
    counts: [usize; Kind::ALL.len()],
    /// The minimum and maximum length of a text, in characters, or of a list, in entries.
    lengths: Option<(usize, usize)>,
}

impl Shape {
    /// Adds a body and returns its type. `None` if the body is not JSON. The members before the error are still
    /// added.
    pub(crate) fn add(&mut self, body: &[u8]) -> Option<Kind> {
        let mut json = serde_json::Deserializer::from_str(str::from_utf8(body).ok()?);
        let kind = Walk { shape: self, path: String::new(), depth: 0 }.deserialize(&mut json).ok()?;
        json.end().ok().map(|()| kind)
    }

    /// Returns the members in the order of the bodies, without the bodies themselves.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.path.is_empty())
    }

    /// Returns the number of values of this kind at this path.
    pub(crate) fn count(&self, path: &str, kind: Kind) -> usize {
        self.member(path).map_or(0, |member| member.count(kind))
    }

    pub(crate) fn member(&self, path: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.path == path)
    }

    fn count_value(&mut self, path: &str, kind: Kind) {
        if self.member(path).is_none() {
            if self.members.len() > MOST_MEMBERS {
                self.is_cut = true;
                return;
            }
            self.members.push(Member { path: path.to_owned(), counts: Default::default(), lengths: None });
        }
        let member = self.members.iter_mut().find(|member| member.path == path);
        member.into_iter().for_each(|member| member.counts[kind as usize] += 1);
    }

    fn note_length(&mut self, path: &str, length: usize) {
        if let Some(member) = self.members.iter_mut().find(|member| member.path == path) {
            let (least, greatest) = member.lengths.unwrap_or((length, length));
            member.lengths = Some((least.min(length), greatest.max(length)));
        }
    }
}

impl Member {
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.counts[kind as usize]
    }

    /// Returns the number of values that are not null.
    pub(crate) fn present(&self) -> usize {
        self.counts.iter().sum::<usize>() - self.count(Kind::Null)
    }

    /// Returns the path of the object that has the member, or of the list that has the entry.
    pub(crate) fn parent(path: &str) -> &str {
        path.strip_suffix("[]").unwrap_or_else(|| path.rsplit_once('.').map_or("", |(parent, _)| parent))
    }
}

/// Writes the types and lengths, such as `text, 4 to 12 characters, or null`.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match (self.lengths, self.count(Kind::Text), self.count(Kind::List)) {
            (Some((least, greatest)), texts, lists) if texts == 0 || lists == 0 => {
                let unit = match (lists == 0, greatest) {
                    (true, 1) => "character",
                    (true, _) => "characters",
                    (false, 1) => "entry",
                    (false, _) => "entries",
                };
                let range =
                    if least == greatest { least.to_string() } else { format!("{least} to {greatest}") };
                format!(", {range} {unit}")
            }
            // The lengths of texts and of lists are not stored separately.
            _ => String::new(),
        };
        let mut kinds = Kind::ALL.into_iter().filter(|kind| self.count(*kind) > 0).peekable();
        while let Some(kind) = kinds.next() {
            f.write_str(kind.name())?;
            if matches!(kind, Kind::Text | Kind::List) {
                f.write_str(&length)?;
            }
            if kinds.peek().is_some() {
                f.write_str(" or ")?;
            }
        }
        Ok(())
    }
}

/// Walks through one value without keeping any of it.
struct Walk<'a> {
    shape: &'a mut Shape,
    path: String,
    depth: usize,
}

impl Walk<'_> {
    fn inner(&mut self, path: String) -> Walk<'_> {
        Walk { shape: self.shape, path, depth: self.depth + 1 }
    }

    fn count<E>(self, kind: Kind) -> Result<Kind, E> {
        self.shape.count_value(&self.path, kind);
        Ok(kind)
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        if self.depth > DEEPEST {
            self.shape.is_cut = true;
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Kind::Null);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Kind, E> {
        self.shape.count_value(&self.path, Kind::Text);
        self.shape.note_length(&self.path, text.chars().count());
        Ok(Kind::Text)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Kind, E> {
        self.count(Kind::Number)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Kind, E> {
        self.count(Kind::Number)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Kind, E> {
        self.count(Kind::Number)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Kind, E> {
        self.count(Kind::Flag)
    }

    fn visit_unit<E: Error>(self) -> Result<Kind, E> {
        self.count(Kind::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Kind, A::Error> {
        let (path, mut length) = (format!("{}[]", self.path), 0);
        // Counted before its entries, so that the members are in the order of the body.
        self.shape.count_value(&self.path, Kind::List);
        while list.next_element_seed(self.inner(path.clone()))?.is_some() {
            length += 1;
        }
        self.shape.note_length(&self.path, length);
        Ok(Kind::List)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Kind, A::Error> {
        self.shape.count_value(&self.path, Kind::Object);
        while let Some(name) = object.next_key_seed(Name)? {
            let path = if self.path.is_empty() { name } else { format!("{}.{name}", self.path) };
            object.next_value_seed(self.inner(path))?;
        }
        Ok(Kind::Object)
    }
}

/// Reads the name of a member in a form that may be displayed. A server may use an id or even a secret as a name, so
/// only names with nothing but letters and `_` are kept, such as `is_default` or `isDefault`.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let has_capitals = name.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase));
        let is_words =
            (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_letter) && !has_capitals;
        Ok(if is_words { name.to_owned() } else { format!("<name of {} characters>", name.chars().count()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bodies: &[&str]) -> Vec<String> {
        let mut shape = Shape::default();
        for body in bodies {
            assert!(shape.add(body.as_bytes()).is_some(), "{body}");
        }
        shape.members().map(|member| format!("{}: {member}", member.path)).collect()
    }

    #[test]
    fn a_shape_has_names_types_and_lengths_and_no_value() {
        let body = r#"{"access_token": "sécret", "expires_in": 3600, "user": {"session": {"sensitive_id": "a\u0062c"}},
            "data": [{"id": "org-1", "is_default": true, "title": null}, {"id": "org-123"}, 7], "none": [], "f": -1.5}"#;
        assert_eq!(
            lines(&[body]),
            [
                "access_token: text, 6 characters",
                "expires_in: number",
                "user: object",
                "user.session: object",
                "user.session.sensitive_id: text, 3 characters",
                "data: list, 3 entries",
                "data[]: number or object",
                "data[].id: text, 5 to 7 characters",
                "data[].is_default: flag",
                "data[].title: null",
                "none: list, 0 entries",
                "f: number",
            ]
        );
    }

    #[test]
    fn bodies_of_one_kind_are_added_up() {
        let bodies = [r#"{"a": "x", "l": [1, 2]}"#, r#"{"a": null, "l": []}"#, r#"{"a": "xyz", "b": 1}"#];
        assert_eq!(
            lines(&bodies),
            ["a: text, 1 to 3 characters or null", "l: list, 0 to 2 entries", "l[]: number", "b: number"]
        );
    }

    #[test]
    fn a_name_that_may_be_an_id_or_a_secret_is_not_shown() {
        for (name, shown) in [
            ("is_default", true),
            ("isDefault", true),
            ("_", true),
            ("org-1", false),
            ("sess-abcdefghijkl", false),
            ("proj_Ab3", false),
            ("ABCDEF", false),
            ("a b", false),
            ("dev@example.com", false),
            ("", false),
            (&*"a".repeat(41), false),
            ("é", false),
        ] {
            let line = lines(&[&format!(r#"{{"{name}": 1}}"#)]).remove(0);
            let hidden = format!("<name of {} characters>: number", name.chars().count());
            assert_eq!(line, if shown { format!("{name}: number") } else { hidden });
        }
    }

    #[test]
    fn a_body_without_end_or_measure_stays_small() {
        let mut shape = Shape::default();
        let names = (0..1000).map(|number| {
            let letter = |digit: u32| char::from_digit(10 + digit, 36).unwrap();
            format!(r#""{}{}{}": 1"#, letter(number / 100), letter(number / 10 % 10), letter(number % 10))
        });
        assert!(shape.add(format!("{{{}}}", names.collect::<Vec<_>>().join(",")).as_bytes()).is_some());
        assert!(shape.is_cut && shape.members().count() == MOST_MEMBERS);

        let mut deep = Shape::default();
        assert!(deep.add(format!("{}{}", "[".repeat(50), "]".repeat(50)).as_bytes()).is_some());
        assert!(deep.is_cut && deep.members().count() == DEEPEST);
        for (body, met) in [("", 0), ("<html>", 0), (r#"{"a": 1"#, 1), (r#"{"a": 1} x"#, 1)] {
            let mut shape = Shape::default();
            assert!(shape.add(body.as_bytes()).is_none(), "{body}");
            assert_eq!(shape.members().count(), met, "{body}");
        }
        assert!(Shape::default().add(&[b'"', 0xff, b'"']).is_none());
        assert!(Shape::default().add("[".repeat(10_000).as_bytes()).is_none());
    }
}
