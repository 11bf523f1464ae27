use crate::delivery::{DeliveryError, DestinationId, KeyDestination};
use crate::secret::ApiKey;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};

/// A destination in memory. Clones share it.
#[derive(Clone)]
pub struct FakeDestination {
    id: DestinationId,
    is_durable: bool,
    failure: Option<&'static str>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl FakeDestination {
    /// Creates a durable destination that takes every key.
    pub fn new(id: &str) -> Self {
        Self { id: DestinationId::new(id), is_durable: true, failure: None, keys: Arc::default() }
    }

    /// Makes the destination not durable.
    pub fn temporary(self) -> Self {
        Self { is_durable: false, ..self }
    }

    /// Lets each delivery fail for this reason.
    pub fn failing(self, reason: &'static str) -> Self {
        Self { failure: Some(reason), ..self }
    }

    /// Returns the keys that it has taken, the oldest first.
    pub fn keys(&self) -> Vec<String> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl KeyDestination for FakeDestination {
    fn id(&self) -> DestinationId {
        self.id.clone()
    }

    fn is_durable(&self) -> bool {
        self.is_durable
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        if let Some(reason) = self.failure {
            return Err(DeliveryError::new(reason));
        }
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key.expose().to_owned());
        Ok(())
    }
}
