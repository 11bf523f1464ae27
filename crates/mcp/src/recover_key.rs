//! The tool `recover_key`: delivers a key that is stored for recovery because its destination failed.

use crate::call::Call;
use crate::destination::{DeliveredTo, DestinationKind, Requested, shown};
use crate::failure::{Failure, Kind};
use crate::output::Key;
use keymint_delivery_adapter::StoredKey;
use keymint_domain::DeliveryReport;
use keymint_domain::text::{escape, quote};
use serde::{Deserialize, Serialize};

/// The arguments of the tool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecoverKey {
    /// The `recovery_id` of the key, as `key_status` lists it. Needed only if several are kept.
    id: Option<String>,
    /// Where the key goes: `env_file` is a variable in a dotenv file, `keyring` the keyring of the operating system.
    destination: DestinationKind,
    /// For `env_file`: the file, in a root of the client. A relative path begins at the first root. Default: `.env`.
    path: Option<String>,
    /// For `env_file`: the variable. Default: `OPENAI_API_KEY`.
    variable: Option<String>,
}

/// A delivered key, without the key itself.
#[derive(Debug, Serialize)]
pub(crate) struct RecoveredKey {
    /// The result in one sentence for the user.
    summary: String,
    key: Key,
    delivered_to: DeliveredTo,
    /// Warnings for the user.
    warnings: Vec<String>,
}

pub(crate) async fn run(call: Call, arguments: RecoverKey) -> Result<RecoveredKey, Failure> {
    let RecoverKey { id, destination: kind, path, variable } = &arguments;
    let state = &call.settings.state;
    let stored = state.stored_keys().map_err(|error| Failure::state(&error))?;
    let stored = select(stored, id.as_deref())?;
    let unreadable =
        |error| Failure::new(Kind::Internal, format!("cannot read {}: {error}", shown(&stored.path)), "");
    let key = stored.read().map_err(unreadable)?;
    let requested = Requested { kind: *kind, path: path.as_deref(), variable: variable.as_deref() };
    let (mut to, mut warnings) = call.unless_cancelled(requested.reserve(&call)).await?;
    let mut delivery = DeliveryReport::default();
    let outcome = to.deliver(&key).await;
    delivery.add(to.port(), outcome);
    let removed = if delivery.must_be_kept() { Ok(()) } else { stored.remove() };
    stored.note_delivered(state, &key, &delivery);
    if !delivery.must_be_kept() && removed.is_ok() {
        stored.note_removed(state);
    }
    if let Some((id, error)) = delivery.failures().first() {
        return Err(Failure::new(
            Kind::DeliveryFailed,
            format!("{id} failed ({error}); the key is still kept in {}", shown(&stored.path)),
            "Call the tool again with another destination.",
        ));
    }
    if let Err(error) = removed {
        warnings.push(format!("cannot delete the recovery copy {}: {error}", shown(&stored.path)));
    }
    let key = Key { last4: Some(key.last_four().to_owned()), ..Key::from(&stored.record) };
    let summary = format!(
        "Delivered the key {} (ending in {}). It is in {}.",
        quote(&key.name, 80),
        key.last4.as_deref().unwrap_or_default(),
        to.in_words()
    );
    Ok(RecoveredKey { summary, key, delivered_to: to.delivered_to(), warnings })
}

/// Selects the key with this id, or the only key if there is no id.
fn select(mut stored: Vec<StoredKey>, id: Option<&str>) -> Result<StoredKey, Failure> {
    if let Some(id) = id {
        stored.retain(|stored| stored.id == id);
    }
    match (stored.pop(), stored.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(Failure::new(
            Kind::Usage,
            if id.is_some() { "no key with this id is kept" } else { "no key is kept for recovery" },
            "A key is kept only if its destination failed; `key_status` lists the ids.",
        )),
        (Some(last), others) => {
            let ids: Vec<_> = others.iter().chain([&last]).map(|stored| escape(&stored.id)).collect();
            let hint = format!("Name one by its id: {}.", ids.join(", "));
            Err(Failure::new(Kind::Usage, "several keys are kept", hint))
        }
    }
}
