//! A strict parser of `application/x-www-form-urlencoded` queries.
//!
//! A lenient parser replaces bytes that it cannot decode, which changes a code or a state. This parser treats such
//! a value as unreadable.

/// The maximum length of a query, in bytes. A real response has a few hundred.
const LONGEST: usize = 8 * 1024;

/// The maximum number of pairs.
const MOST_PAIRS: usize = 32;

/// The decoded pairs, in order. An unreadable value is `None`.
pub(crate) struct Parameters(Vec<(String, Option<String>)>);

/// A parameter that occurs more than once (forbidden by RFC 6749 section 3.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeated;

impl Parameters {
    /// Returns whether each value of this name is strictly percent-encoded UTF-8 without control characters.
    pub(crate) fn is_readable(&self, name: &str) -> bool {
        self.0.iter().all(|(key, value)| key != name || value.is_some())
    }

    /// Returns the only value of this name, or `None` if it is missing or unreadable.
    pub(crate) fn single(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_deref());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value.flatten()),
        }
    }
}

/// Decodes a query. `None` if it is too long, has too many pairs, is not ASCII, or has a name that is not
/// readable.
pub(crate) fn parse(query: &str) -> Option<Parameters> {
    if query.len() > LONGEST || !query.is_ascii() {
        return None;
    }
    let pieces = query.split('&');
    if pieces.clone().count() > MOST_PAIRS {
        return None;
    }
    let pairs = pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        Some((decode(name)?, decode(value)))
    });
    pairs.collect::<Option<_>>().map(Parameters)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(query: &str) -> Option<Vec<(String, String)>> {
        let pairs = parse(query)?.0.into_iter();
        pairs.map(|(name, value)| Some((name, value?))).collect()
    }

    fn pair(name: &str, value: &str) -> Option<Vec<(String, String)>> {
        Some(vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn what_is_read_and_what_is_not() {
        for (query, expected) in [
            ("a=b", pair("a", "b")),
            ("a", pair("a", "")),
            ("=x", pair("", "x")),
            ("", pair("", "")),
            ("a=b=c", pair("a", "b=c")),
            ("a=b;c=d", pair("a", "b;c=d")),
            ("a=%41%c3%A9+", pair("a", "Aé ")),
            ("a=%", None),
            ("a=%2", None),
            ("a=%zz", None),
            ("a=%+1", None),
            ("a=%ff", None),
            ("a=%00", None),
            ("a=%1b[2J", None),
            ("a=%7f", None),
            ("a=%c2%9b", None),
            ("a=\u{e9}", None),
            ("a=b\nc", None),
        ] {
            assert_eq!(read(query), expected, "{query:?}");
        }
    }

    #[test]
    fn a_value_that_is_not_readable_is_the_only_one_that_is_missing() {
        let parameters = parse("a=%0d%0a&b=%ff&c=1&c=%zz&d=2").unwrap();
        for (name, is_readable, value) in [
            ("a", false, Ok(None)),
            ("b", false, Ok(None)),
            ("c", false, Err(Repeated)),
            ("d", true, Ok(Some("2"))),
            ("e", true, Ok(None)),
        ] {
            assert_eq!(
                (parameters.is_readable(name), parameters.single(name)),
                (is_readable, value),
                "{name}"
            );
        }
        assert!(parse("%0d=1&d=2").is_none());
    }

    #[test]
    fn the_limits_are_8_kib_and_32_pairs() {
        assert!(parse(&"x".repeat(LONGEST)).is_some());
        assert!(parse(&"x".repeat(LONGEST + 1)).is_none());
        assert!(parse(&"&".repeat(MOST_PAIRS - 1)).is_some());
        assert!(parse(&"&".repeat(MOST_PAIRS)).is_none());
    }

    #[test]
    fn a_repeated_parameter_has_no_value() {
        let parameters = parse("a=1&b=2&a=1").unwrap();
        assert_eq!(parameters.single("a"), Err(Repeated));
        assert_eq!(parameters.single("b"), Ok(Some("2")));
        assert_eq!(parameters.single("c"), Ok(None));
    }

    proptest! {
        #[test]
        fn the_output_of_a_form_encoder_is_read_back(pairs in prop::collection::vec(("[^\\p{Cc}]{0,20}", "[^\\p{Cc}]{0,20}"), 1..10)) {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(read(&query), Some(pairs));
        }
    }
}
