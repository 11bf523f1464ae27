//! Reads a list page by page.

use keymint_domain::Listing;

/// The limit of pages per list: two thousand projects.
const MOST_PAGES: usize = 20;

/// The limit of a list, in bytes of all its pages: some ten thousand entries.
pub(crate) const LONGEST_LIST: usize = 8 * 1024 * 1024;

/// One page.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) skipped: usize,
    pub(crate) next: Next,
}

/// The continuation of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This was the last page.
    End,
    /// The page after this entry.
    After(String),
    /// There is more, but the page has no usable cursor.
    Unknown,
}

/// The pages of one list, requested one after the other.
pub(crate) struct Pages<T> {
    listing: Listing<T>,
    /// The cursors that were requested; the last one may not be answered yet.
    cursors: Vec<String>,
    bytes_left: usize,
    ended: bool,
}

impl<T> Pages<T> {
    pub(crate) fn new() -> Self {
        Self { listing: Vec::new().into(), cursors: Vec::new(), bytes_left: LONGEST_LIST, ended: false }
    }

    /// Returns whether there is another page to request.
    pub(crate) fn has_next(&self) -> bool {
        !self.ended
    }

    /// The query parameter of the next page. None for the first page.
    pub(crate) fn query(&self) -> Option<(&'static str, &str)> {
        self.cursors.last().map(|id| ("after", id.as_str()))
    }

    /// The limit of the next page, in bytes.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Adds the requested page, which had this many bytes.
    pub(crate) fn add(&mut self, page: Page<T>, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.listing.items.extend(page.items);
        self.listing.skipped += page.skipped;
        let pages = self.cursors.len() + 1;
        let has_room = pages < MOST_PAGES && self.bytes_left > 0;
        match page.next {
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
        let (mut pages, mut asked, mut says) = (Pages::new(), Vec::new(), says.into_iter());
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
