use crate::window;
use keymint_domain::{ApiKey, DeliveryError, DestinationId, KeyDestination, async_trait};
use web_sys::Element;

/// The element of the page that shows the key.
pub(crate) struct KeyField;

impl KeyField {
    const ID: &str = "key";

    /// Finds it in the page.
    pub(crate) fn element() -> Option<Element> {
        window().document()?.get_element_by_id(Self::ID)
    }
}

#[async_trait]
impl KeyDestination for KeyField {
    fn id(&self) -> DestinationId {
        DestinationId::new(format!("page:{}", Self::ID))
    }

    /// The key is gone with the page.
    fn is_durable(&self) -> bool {
        false
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let element =
            Self::element().ok_or_else(|| DeliveryError::new("the page has no place for the key"))?;
        element.set_text_content(Some(key.expose()));
        Ok(())
    }
}
