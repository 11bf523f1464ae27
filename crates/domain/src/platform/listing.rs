//! The content of a list.

/// What a list gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The usable entries, in the server's order.
    pub items: Vec<T>,
    /// How many entries were passed over, since they had no usable id.
    pub skipped: usize,
    /// Whether the list was read to its end.
    pub complete: bool,
}

impl<T> Listing<T> {
    /// What a list gave that may have more to it.
    pub fn new(items: Vec<T>, skipped: usize, complete: bool) -> Self {
        Self { items, skipped, complete }
    }

    /// Returns whether the items are all that the server has.
    pub fn is_whole(&self) -> bool {
        self.complete && self.skipped == 0
    }
}

impl<T> From<Vec<T>> for Listing<T> {
    /// The whole list, with every entry usable.
    fn from(items: Vec<T>) -> Self {
        Self::new(items, 0, true)
    }
}
