//! Lists as the server sends them.

/// The entries of a list that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The usable entries, in the server's order.
    pub items: Vec<T>,
    /// The number of entries that were skipped because they have no usable id.
    pub skipped: usize,
    /// True if the list was read to its end.
    pub complete: bool,
}

impl<T> Listing<T> {
    /// Creates a listing of these entries.
    pub fn new(items: Vec<T>, skipped: usize, complete: bool) -> Self {
        Self { items, skipped, complete }
    }

    /// Returns whether the items are all entries that the server has: the list is complete, and no entry was skipped.
    pub fn is_whole(&self) -> bool {
        self.complete && self.skipped == 0
    }
}

impl<T> From<Vec<T>> for Listing<T> {
    /// Creates a complete listing in which every entry is usable.
    fn from(items: Vec<T>) -> Self {
        Self::new(items, 0, true)
    }
}
