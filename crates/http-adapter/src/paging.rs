//! Reads a list page by page.

use keymint_domain::Listing;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The maximum number of pages of a list: two thousand projects.
const MOST_PAGES: usize = 20;

/// The maximum size of all pages of a list, in bytes: about ten thousand entries.
pub(crate) const LONGEST_LIST: usize = 8 * 1024 * 1024;

/// The maximum size of all project lists of one search, in bytes.
const LONGEST_LISTS: usize = 8 * LONGEST_LIST;

/// The maximum number of entries in all project lists of one search.
const MOST_ENTRIES: usize = 20_000;

/// The remaining size and number of entries that several lists share.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<Size>);

#[derive(Debug, Clone, Copy)]
struct Size {
    entries: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(Size { entries: MOST_ENTRIES, bytes: LONGEST_LISTS }))
    }
}

impl Budget {
    /// Restores the full budget for another search.
    pub(crate) fn reset(&self) {
        *self.left() = *Self::default().left();
    }

    fn left(&self) -> MutexGuard<'_, Size> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_spent(&self) -> bool {
        let left = self.left();
        left.entries == 0 || left.bytes == 0
    }

    /// Takes the size of a page from the budget. Returns the number of its entries that may be kept.
    fn take(&self, entries: usize, bytes: usize) -> usize {
        let mut left = self.left();
        let granted = entries.min(left.entries);
        left.entries -= granted;
        left.bytes = left.bytes.saturating_sub(bytes);
        granted
    }
}

/// One page.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) skipped: usize,
    pub(crate) next: Next,
}

/// The continuation of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// No page follows.
    End,
    /// The page after this entry.
    After(String),
    /// Another page follows, but this one has no usable cursor.
    Unknown,
}

/// The pages of one list, requested one after the other.
pub(crate) struct Pages<'a, T> {
    listing: Listing<T>,
    budget: &'a Budget,
    /// The cursors requested so far. The request for the last one may still be in progress.
    cursors: Vec<String>,
    bytes_left: usize,
    ended: bool,
}

impl<'a, T> Pages<'a, T> {
    /// Creates a list that shares this budget. If the budget is spent, no page is requested.
    pub(crate) fn new(budget: &'a Budget) -> Self {
        let ended = budget.is_spent();
        let listing = Listing::new(Vec::new(), 0, !ended);
        Self { listing, budget, cursors: Vec::new(), bytes_left: LONGEST_LIST, ended }
    }

    /// Returns whether there is another page to request.
    pub(crate) fn has_next(&self) -> bool {
        !self.ended
    }

    /// Returns the query parameter of the next page. `None` for the first page.
    pub(crate) fn query(&self) -> Option<(&'static str, &str)> {
        self.cursors.last().map(|id| ("after", id.as_str()))
    }

    /// Returns the maximum size of the next page, in bytes.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Adds the page that was requested, with its size in bytes.
    pub(crate) fn add(&mut self, page: Page<T>, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        let (entries, granted) = (page.items.len(), self.budget.take(page.items.len(), bytes));
        self.listing.items.extend(page.items.into_iter().take(granted));
        self.listing.skipped += page.skipped;
        let pages = self.cursors.len() + 1;
        let has_room = pages < MOST_PAGES && self.bytes_left > 0 && !self.budget.is_spent();
        match page.next {
            Next::End if granted < entries => (self.ended, self.listing.complete) = (true, false),
            Next::After(id) if has_room && !self.cursors.contains(&id) => self.cursors.push(id),
            next => {
                self.ended = true;
                self.listing.complete = next == Next::End;
            }
        }
    }

    pub(crate) fn into_listing(self) -> Listing<T> {
        self.listing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads pages with these continuations, and returns the cursors that were requested.
    fn read(says: impl IntoIterator<Item = Next>) -> (Vec<Option<String>>, Listing<usize>) {
        let budget = Budget::default();
        let (mut pages, mut asked, mut says) = (Pages::new(&budget), Vec::new(), says.into_iter());
        while pages.has_next() {
            asked.push(pages.query().map(|(_, id)| id.to_owned()));
            pages.add(Page { items: vec![asked.len()], skipped: 1, next: says.next().unwrap() }, 100);
            assert_eq!(pages.bytes_left(), LONGEST_LIST - 100 * asked.len());
        }
        (asked, pages.into_listing())
    }

    fn after(id: &str) -> Next {
        Next::After(id.to_owned())
    }

    #[test]
    fn pages_are_followed_to_the_end() {
        let (asked, listing) = read([after("a"), after("b"), Next::End]);
        assert_eq!(asked, [None, Some("a".to_owned()), Some("b".to_owned())]);
        assert_eq!(listing, Listing::new(vec![1, 2, 3], 3, true));
    }

    /// Reads lists with pages of this size until no page is requested any more. Returns the number of requests, the
    /// number of entries, and whether each list was complete.
    fn read_all(budget: &Budget, entries: usize, bytes: usize) -> (usize, usize, Vec<bool>) {
        let (mut requests, mut kept, mut complete) = (0, 0, Vec::new());
        for _ in 0..10_000 {
            let mut pages = Pages::new(budget);
            while pages.has_next() {
                requests += 1;
                pages.add(Page { items: vec![0; entries], skipped: 0, next: Next::End }, bytes);
            }
            let listing = pages.into_listing();
            kept += listing.items.len();
            complete.push(listing.complete);
        }
        (requests, kept, complete)
    }

    #[test]
    fn all_lists_together_are_bounded_by_their_entries_and_by_their_bytes_until_the_next_search() {
        let budget = Budget::default();
        for (entries, bytes, requested, kept, whole) in [
            (500, 1000, 40, 20_000, 40),
            (30_000, 1000, 1, 20_000, 0),
            (499, 1000, 41, 20_000, 40),
            (1, 7 << 20, 10, 10, 10),
        ] {
            budget.reset();
            let (requests, items, complete) = read_all(&budget, entries, bytes);
            assert_eq!((requests, items), (requested, kept), "{entries} {bytes}");
            assert_eq!(complete.iter().filter(|complete| **complete).count(), whole, "{entries} {bytes}");
        }
    }

    #[test]
    fn a_list_that_leads_nowhere_or_has_no_end_ends_and_is_not_complete() {
        let pages = |number: u32| (0..number).map(|page| after(&page.to_string()));
        for (says, read_pages, complete) in [
            (vec![Next::Unknown], 1, false),
            (vec![after("a"), after("a")], 2, false),
            (vec![after("a"), after("b"), after("a")], 3, false),
            (pages(100).collect(), 20, false),
            (pages(19).chain([Next::End]).collect(), 20, true),
        ] {
            let (asked, listing) = read(says);
            assert_eq!((asked.len(), listing.items.len()), (read_pages, read_pages));
            assert_eq!(listing.complete, complete, "{asked:?}");
        }
    }
}
