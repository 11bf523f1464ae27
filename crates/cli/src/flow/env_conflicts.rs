//! Environment variables that make programs use another key than the new one, or send the new key elsewhere.

use crate::config::Destinations;
use crate::os::env::Environment;
use crate::ui::message::Warning;
use keymint_delivery_adapter::VariableName;

const KEY: &str = VariableName::OPENAI;

/// The variables of OpenAI's libraries that decide at which server and for which project a key is used.
const LIBRARY_VARIABLES: [&str; 6] = [
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "OPENAI_ORGANIZATION",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT",
    "OPENAI_PROJECT_ID",
];

/// Returns the names of the variables that are set. Their values are not shown.
pub(crate) fn all_set(environment: &dyn Environment) -> Vec<&'static str> {
    [KEY].into_iter().chain(LIBRARY_VARIABLES).filter(|name| is_set(environment, name)).collect()
}

/// Returns the warnings for a key that was delivered to these destinations.
pub(crate) fn warnings<'a>(
    environment: &dyn Environment,
    destinations: &'a Destinations,
) -> Vec<Warning<'a>> {
    // Excludes the variable that `keymint run` sets itself.
    let in_files = destinations.env_files.iter().map(|file| file.variable.as_str());
    let in_variable = (destinations.stdout() || destinations.copy).then_some(KEY);
    let mut names: Vec<_> = in_files.chain(in_variable).collect();
    names.dedup();
    names.retain(|name| is_set(environment, name));
    let mut warnings: Vec<_> = names.into_iter().map(Warning::KeyVariableIsSet).collect();
    let set: Vec<_> = LIBRARY_VARIABLES.into_iter().filter(|name| is_set(environment, name)).collect();
    if !set.is_empty() {
        warnings.push(Warning::LibraryVariablesAreSet(set));
    }
    warnings
}

/// Returns whether a variable is set, including to a value that is not UTF-8.
fn is_set(environment: &dyn Environment, name: &str) -> bool {
    !matches!(environment.get(name), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EnvFileOptions, KeyringOptions, Profile};
    use crate::ui::format::of_warning;
    use std::collections::HashMap;

    #[test]
    fn only_a_variable_that_hides_the_key_is_warned_of() {
        let file = |name| EnvFileOptions {
            path: ".env".into(),
            variable: VariableName::parse(name).unwrap(),
            force: false,
            allow_tracked: false,
        };
        let to_file = |name| Destinations { env_files: vec![file(name)], ..Destinations::default() };
        let keyring = KeyringOptions { profile: Profile::default(), new: false };
        for (destinations, set, warned_of) in [
            (Destinations::default(), &["OPENAI_API_KEY"][..], &["OPENAI_API_KEY"][..]),
            (Destinations::default(), &["MY_KEY"], &[]),
            (to_file(KEY), &["OPENAI_API_KEY"], &["OPENAI_API_KEY"]),
            (to_file("MY_KEY"), &["OPENAI_API_KEY"], &[]),
            (to_file("MY_KEY"), &["MY_KEY", "OPENAI_PROJECT"], &["MY_KEY", "OPENAI_PROJECT"]),
            (Destinations { print: true, ..to_file("MY_KEY") }, &["MY_KEY", KEY], &["MY_KEY", KEY]),
            (Destinations { keyring: Some(keyring), ..Destinations::default() }, &["OPENAI_API_KEY"], &[]),
        ] {
            let environment: HashMap<&str, &str> = set.iter().map(|name| (*name, "canary")).collect();
            let warnings: Vec<_> = warnings(&environment, &destinations).iter().map(of_warning).collect();
            assert_eq!(warnings.len(), warned_of.len(), "{warnings:?}");
            for (warning, name) in warnings.iter().zip(warned_of) {
                assert!(warning.contains(name) && !warning.contains("canary"), "{warning}");
            }
        }
    }
}
