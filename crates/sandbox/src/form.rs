//! Lists of named values: queries and form bodies.

pub(crate) type Pairs = Vec<(String, String)>;

/// Decodes `application/x-www-form-urlencoded`.
pub(crate) fn parse(encoded: &[u8]) -> Pairs {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

/// Returns the values of these names. Each must occur once, and no other name. The error is a message.
pub(crate) fn exactly<'a, const N: usize>(
    pairs: &'a Pairs,
    names: [&str; N],
) -> Result<[&'a str; N], String> {
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        let mut found = pairs.iter().filter(|(candidate, _)| candidate == name);
        *value = match (found.next(), found.next()) {
            (Some((_, only)), None) => only,
            (Some(_), Some(_)) => return Err(format!("{name} occurs more than once")),
            (None, _) => return Err(format!("{name} is missing")),
        };
    }
    match pairs.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("{name:?} is unexpected")),
        None => Ok(values),
    }
}

/// Returns the same as [`exactly`], and also requires this order.
pub(crate) fn exactly_in_order<'a, const N: usize>(
    pairs: &'a Pairs,
    names: [&str; N],
) -> Result<[&'a str; N], String> {
    let values = exactly(pairs, names)?;
    if pairs.iter().map(|(name, _)| name.as_str()).eq(names) {
        Ok(values)
    } else {
        Err(format!("the order must be {}", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_must_be_there_once_and_no_other() {
        let read =
            |encoded: &str| exactly(&parse(encoded.as_bytes()), ["a", "b"]).map(|values| values.join("|"));

        assert_eq!(read("a=1&b=x%20y"), Ok("1|x y".to_owned()));
        assert_eq!(read("b=2&a=1"), Ok("1|2".to_owned()));
        assert_eq!(read("a=1"), Err("b is missing".to_owned()));
        assert_eq!(read("a=1&b=2&a=1"), Err("a occurs more than once".to_owned()));
        assert_eq!(read("a=1&b=2&c=3"), Err("\"c\" is unexpected".to_owned()));
    }

    #[test]
    fn order_matters_only_where_it_is_checked() {
        let read = |encoded: &str| exactly_in_order(&parse(encoded.as_bytes()), ["a", "b"]).is_ok();

        assert!(read("a=1&b=2"));
        assert!(!read("b=2&a=1"));
    }
}
