//! JSON as this crate wants it: objects that are objects, and errors that quote no value.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// Why an answer is not what was agreed, in words that repeat nothing of it.
#[derive(Debug)]
pub(crate) struct InvalidBody(pub(crate) String);

/// Reads a body that is one JSON object.
pub(crate) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, InvalidBody> {
    if body.is_empty() {
        return Err(InvalidBody("the answer is empty".to_owned()));
    }
    // Here and not by the parser, which does not look into the strings that it passes over.
    let text = str::from_utf8(body).map_err(|_| InvalidBody("it is not UTF-8".to_owned()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let Object(read) = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| invalid_body(error.inner(), &error.path().to_string(), body))?;
    json.end().map_err(|error| invalid_body(&error, ".", body))?;
    Ok(read)
}

/// Not the error's own text, which quotes the value that it complains about.
fn invalid_body(error: &serde_json::Error, path: &str, body: &[u8]) -> InvalidBody {
    let what = match error.classify() {
        Category::Data if path == "." => "it is not an object, or has a member twice".to_owned(),
        // Only members that this crate knows can be of the wrong type, so their names are its own.
        Category::Data => format!("{path} is of the wrong type, or has a member twice"),
        Category::Syntax => "it is not JSON".to_owned(),
        Category::Eof | Category::Io => "the JSON ends too early".to_owned(),
    };
    let (line, column, size) = (error.line(), error.column(), body.len());
    InvalidBody(format!("{what} (line {line}, column {column} of {size} bytes)"))
}

/// An object, where the JSON is one of this form.
pub(crate) fn fields<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok().map(|Object(fields)| fields)
}

/// A text; what is of another type counts as absent.
pub(crate) fn text(json: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(json?.get()).ok()
}

/// A flag; what is of another type counts as not set.
pub(crate) fn flag(json: Option<&RawValue>) -> bool {
    json.is_some_and(|json| json.get() == "true")
}

/// A JSON object, where a derived struct would also take an array of its fields.
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
