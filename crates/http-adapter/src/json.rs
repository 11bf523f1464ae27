//! Strict JSON parsing: an array does not count as an object, and errors quote no value.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// The reason why a body violates the contract. It quotes nothing of the body.
#[derive(Debug)]
pub(crate) struct InvalidBody(pub(crate) String);

/// Parses a body that is one JSON object.
pub(crate) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, InvalidBody> {
    if body.is_empty() {
        return Err(InvalidBody("the answer is empty".to_owned()));
    }
    // serde_json does not check the strings that it skips.
    let text = str::from_utf8(body).map_err(|_| InvalidBody("it is not UTF-8".to_owned()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let Object(read) = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| invalid_body(error.inner(), &error.path().to_string(), body))?;
    json.end().map_err(|error| invalid_body(&error, ".", body))?;
    Ok(read)
}

/// Returns the reason in our own words, since serde_json's message quotes the value.
fn invalid_body(error: &serde_json::Error, path: &str, body: &[u8]) -> InvalidBody {
    let what = match error.classify() {
        Category::Data if path == "." => "it is not an object, or has a duplicate member".to_owned(),
        // Only known members are checked, so the path contains no name from the body.
        Category::Data => format!("{path} has the wrong type, or a duplicate member"),
        Category::Syntax => "it is not JSON".to_owned(),
        Category::Eof | Category::Io => "the JSON is incomplete".to_owned(),
    };
    let (line, column, size) = (error.line(), error.column(), body.len());
    InvalidBody(format!("{what} (line {line}, column {column} of {size} bytes)"))
}

/// Finds the end of a JSON object or list whose text arrives in pieces.
#[derive(Default)]
pub(crate) struct ValueEnd {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl ValueEnd {
    /// Returns whether the outermost object or list ends in this piece. The pieces must come in order.
    pub(crate) fn is_in(&mut self, piece: &[u8]) -> bool {
        piece.iter().any(|byte| {
            let is_escaped = std::mem::take(&mut self.is_escaped);
            match byte {
                b'\\' if self.in_string => self.is_escaped = !is_escaped,
                b'"' if !is_escaped => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    return self.depth == 0;
                }
                _ => {}
            }
            false
        })
    }
}

/// Parses an object. `None` if the JSON is not an object of this form.
pub(crate) fn fields<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok().map(|Object(fields)| fields)
}

/// Parses a string. A value of another type counts as absent.
pub(crate) fn text(json: Option<&RawValue>) -> Option<String> {
    value(json)
}

/// Parses a value. A value of another type counts as absent.
pub(crate) fn value<T: DeserializeOwned>(json: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(json?.get()).ok()
}

/// Parses a flag. A value of another type counts as false.
pub(crate) fn flag(json: Option<&RawValue>) -> bool {
    value(json) == Some(true)
}

/// A JSON object. A derived struct alone would also accept an array of its fields.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_object_is_found_in_text_that_arrives_in_any_pieces() {
        for (text, ends) in [
            (r#"{"a": [{}, "]}", "\\", "\"}"], "b": {}}"#, true),
            (" \r\n{}", true),
            ("[[], {}]", true),
            (r#"{"a": "}}""#, false),
            (r#"{"a": "\"}"#, false),
            ("{[}", false),
            ("", false),
            ("7", false),
            (r#""{}""#, false),
        ] {
            for length in 1..=text.len().max(1) {
                let mut end = ValueEnd::default();
                let mut pieces = text.as_bytes().chunks(length);
                let last = pieces.next_back().unwrap_or_default();
                assert!(!pieces.any(|piece| end.is_in(piece)), "{text}, {length}");
                assert_eq!(end.is_in(last), ends, "{text}, {length}");
            }
        }
    }
}
