use super::{ContractViolation, check};
use crate::delivery::KeyDestination;
use crate::secret::ApiKey;

/// The delivered key.
const KEY: &str = "sk-proj-a-key-for-the-check-of-a-destination-0123";

/// Checks that the destination has a stable, printable name, and exactly the key after a delivery. `read` returns
/// the content of the destination, and runs once the key is delivered.
///
/// # Errors
///
/// The first [`ContractViolation`].
pub async fn key_destination(
    destination: &mut dyn KeyDestination,
    read: impl AsyncFnOnce() -> Option<String>,
) -> Result<(), ContractViolation> {
    let id = destination.id();
    check(!id.as_str().is_empty(), "the destination has no name")?;
    check(!id.as_str().chars().any(char::is_control), "the name has control characters")?;
    if let Err(error) = destination.deliver(&key()).await {
        return Err(ContractViolation(format!("the delivery is possible, and failed: {error}")));
    }
    check(destination.id() == id, "the name changed with the delivery")?;
    match read().await {
        Some(text) if text == KEY => Ok(()),
        Some(_) => Err(ContractViolation("the destination has something else than the key".to_owned())),
        None => Err(ContractViolation("the delivery succeeded, and the destination has no key".to_owned())),
    }
}

/// Checks that the delivery fails, and that its error repeats no part of the key. The destination must be prepared
/// so that it cannot take the key.
///
/// # Errors
///
/// The first [`ContractViolation`].
pub async fn failing_key_destination(destination: &mut dyn KeyDestination) -> Result<(), ContractViolation> {
    let Err(error) = destination.deliver(&key()).await else {
        return Err(ContractViolation("the delivery must fail, and succeeded".to_owned()));
    };
    let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
    // Half of the key must not be shown either.
    let halves = [&KEY[..KEY.len() / 2], &KEY[KEY.len() / 2..]];
    check(!halves.iter().any(|half| shown.contains(half)), "an error of a delivery contains a secret")?;
    check(!error.to_string().chars().any(char::is_control), "an error of a delivery has control characters")
}

fn key() -> ApiKey {
    ApiKey::parse(KEY.to_owned()).expect("a constant")
}
