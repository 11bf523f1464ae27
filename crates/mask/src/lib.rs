//! The redaction of a key in the output of a program that has the key. Nothing in this crate reads or writes a
//! stream.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The number of consecutive bytes of the key that are redacted. Fewer bytes, such as the common prefix of all keys,
/// may occur by chance.
const ENOUGH: usize = 12;

/// The length of a possible beginning of a piece from which it is held back even while the program is silent. A
/// shorter one is shown: it may be a prompt, or the echo of the user's input. The common prefix of all keys is
/// shorter.
const WORTH_WAITING: usize = 9;

/// The text that replaces a piece.
const MARK: &[u8] = b"[redacted]";

/// The number of bytes of the text that are looked up at once. A key that is shorter than this is not searched for:
/// no server issues such keys.
const GRAM: usize = 4;

/// The binary logarithm of the number of words in the filter. It is large enough that few groups match by chance, and
/// small enough that the filter fits into the fastest cache.
const FILTER: u32 = 12;

/// The forms in which a program may print a key: plain, percent-encoded, hexadecimal and base64, in upper and lower
/// case or in both alphabets.
///
/// A text is searched by samples (the algorithm of Wu and Manber). Each piece has at least 12 bytes, so one of its
/// groups of four bytes begins at every ninth byte of the text. The text is compared in full only where a form
/// contains the sampled group.
pub struct Forms {
    forms: Vec<Form>,
    /// The distance between samples, in bytes.
    stride: usize,
    /// The positions of each group in the forms.
    places: HashMap<u32, Vec<Place>>,
    /// A Bloom filter of the groups: two bits in one word for each group.
    filter: Box<[u64; 1 << FILTER]>,
    /// The positions of each byte in the forms.
    bytes: Vec<Vec<Place>>,
    /// The length of the longest piece.
    longest: usize,
}

struct Form {
    text: Zeroizing<Vec<u8>>,
    /// The number of consecutive bytes of this form that are redacted.
    enough: usize,
}

/// A position in a form.
#[derive(Clone, Copy)]
struct Place {
    form: usize,
    at: usize,
}

impl Forms {
    /// Computes the forms of this key.
    pub fn of(key: &[u8]) -> Arc<Self> {
        let forms = forms(key);
        let lengths = || forms.iter().map(|form| form.enough);
        let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
        let (mut places, mut filter) = (HashMap::<_, Vec<_>>::new(), Box::new([0; 1 << FILTER]));
        let mut bytes = vec![Vec::new(); 256];
        for (form, Form { text, .. }) in forms.iter().enumerate() {
            for (at, &byte) in text.iter().enumerate() {
                bytes[usize::from(byte)].push(Place { form, at });
            }
            for at in 0..text.len() {
                let Some(group) = group(text, at) else { break };
                places.entry(group).or_default().push(Place { form, at });
                let (word, bits) = in_filter(group);
                filter[word] |= 1 << bits[0] | 1 << bits[1];
            }
        }
        let stride = shortest.saturating_sub(GRAM) + 1;
        Arc::new(Self { forms, stride, places, filter, bytes, longest })
    }

    /// Returns the pieces of the key in this text, in order.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((sample, group)) = self.sample(text, at) {
            let places = self.places.get(&group).into_iter().flatten();
            found.extend(places.filter_map(|place| self.piece(text, sample, *place)));
            at = sample + self.stride;
        }
        found.sort_unstable_by_key(|piece| piece.start);
        found
    }

    /// Returns the first sample from this position that a form may contain: its position and its group.
    ///
    /// It is a separate function because it handles each sample of a long stream: the compiler keeps its variables in
    /// registers.
    #[inline(never)]
    fn sample(&self, text: &[u8], from: usize) -> Option<(usize, u32)> {
        let mut rest = text.get(from..)?;
        while let Some(group) = group(rest, 0) {
            if self.may_have(group) {
                return Some((text.len() - rest.len(), group));
            }
            rest = rest.get(self.stride..)?;
        }
        None
    }

    /// Returns whether a form may contain this group. The result `false` is certain.
    fn may_have(&self, group: u32) -> bool {
        let (word, bits) = in_filter(group);
        let word = self.filter[word];
        word >> bits[0] & 1 != 0 && word >> bits[1] & 1 != 0
    }

    /// Returns the piece around this position of the text. The form has the same group at `place`.
    fn piece(&self, text: &[u8], at: usize, place: Place) -> Option<Range<usize>> {
        let form = &self.forms[place.form];
        let start = at - common_end(&text[..at], &form.text[..place.at]);
        let same = text[at..].iter().zip(&form.text[place.at..]).take_while(|(one, other)| one == other);
        let end = at + same.count();
        (end - start >= form.enough).then_some(start..end)
    }

    /// Returns the number of bytes at the end of the text that may be the beginning of a piece.
    fn beginning(&self, text: &[u8]) -> usize {
        let Some(&last) = text.last() else { return 0 };
        let lengths = self.bytes[usize::from(last)].iter().filter_map(|place| {
            let form = &self.forms[place.form];
            let length = common_end(text, &form.text[..=place.at]);
            let has_room = place.at + 1 - length + form.enough <= form.text.len();
            (has_room && length < form.enough).then_some(length)
        });
        lengths.max().unwrap_or(0)
    }
}

/// Returns the length of the longest common suffix.
fn common_end(one: &[u8], other: &[u8]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

/// Returns the group that begins at this position.
fn group(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..)?.first_chunk::<GRAM>().map(|group| u32::from_le_bytes(*group))
}

/// Returns the word and the bits of a group in the filter.
fn in_filter(group: u32) -> (usize, [u32; 2]) {
    // Fibonacci hashing: the upper bits depend on all others. The first bit comes from the group itself, which costs
    // nothing. The second is rarely examined.
    let hash = u64::from(group).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((hash >> (64 - FILTER)) as usize, [group & 63, (hash >> (64 - FILTER - 6)) as u32 & 63])
}

fn forms(key: &[u8]) -> Vec<Form> {
    let mut forms = Vec::<Form>::new();
    if key.len() < GRAM {
        return forms;
    }
    let mut add = |text: Vec<u8>, enough: usize| {
        let text = Zeroizing::new(text);
        if !text.is_empty() && !forms.iter().any(|form| form.text == text) {
            forms.push(Form { enough: enough.min(text.len()), text });
        }
    };
    add(key.to_vec(), ENOUGH);
    // No server issues such a short key, and an encoding of it may occur by chance.
    if key.len() < ENOUGH {
        return forms;
    }
    add(key.to_ascii_lowercase(), ENOUGH);
    add(key.to_ascii_uppercase(), ENOUGH);
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        // Characters that encoders leave unencoded: those of RFC 3986, of a form, of JavaScript, and none.
        for kept in ["-._~", "-._*", "-_.!~*'()", ""] {
            let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte);
            add(percent(key, digits, is_kept), ENOUGH);
        }
        add(percent(key, digits, |_| false), 3 * ENOUGH);
        add(key.iter().flat_map(|byte| hexadecimal(*byte, digits)).collect(), 2 * ENOUGH);
    }
    // The number of bytes before the key, modulo three, decides between three encodings. Characters that also depend
    // on the bytes before the key are left out.
    for (before, mixed) in [(0, 0), (1, 2), (2, 3)] {
        let shifted = Zeroizing::new([&[0; 2][..before], key].concat());
        for alphabet in [BASE64_STANDARD, BASE64_URL_SAFE] {
            add(alphabet.encode(&shifted).split_off(mixed).into_bytes(), ENOUGH / 3 * 4);
        }
    }
    forms
}

fn percent(key: &[u8], digits: &[u8; 16], is_kept: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(3 * key.len());
    for &byte in key {
        if is_kept(byte) {
            text.push(byte);
        } else {
            text.push(b'%');
            text.extend(hexadecimal(byte, digits));
        }
    }
    text
}

fn hexadecimal(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// Redacts the key in a stream, however the stream is divided into parts.
///
/// It holds back bytes that may be the beginning of a piece of the key, at most 35.
pub struct Masker {
    forms: Arc<Forms>,
    /// The end of the stream so far, from the first byte that may begin an incomplete piece, and room for the next
    /// part.
    text: Zeroizing<Vec<u8>>,
    /// The number of bytes of `text` that belong to the stream.
    filled: usize,
    /// The number of those bytes that were returned or replaced.
    done: usize,
    /// True if the last of these bytes was replaced.
    is_replaced: bool,
}

impl Masker {
    /// Creates a masker for a new stream.
    pub fn new(forms: &Arc<Forms>) -> Self {
        Self { forms: Arc::clone(forms), text: Zeroizing::default(), filled: 0, done: 0, is_replaced: false }
    }

    /// Takes the next part of the stream. Returns the bytes that can be shown now.
    pub fn push(&mut self, part: &[u8]) -> Cow<'_, [u8]> {
        self.room(part.len()).copy_from_slice(part);
        self.filled(part.len())
    }

    /// Returns the buffer for the next part of the stream, of `most` bytes. After writing to it, call
    /// [`filled`](Self::filled), which takes the part without a copy.
    pub fn room(&mut self, most: usize) -> &mut [u8] {
        let may_begin = self.filled.saturating_sub(self.forms.longest.saturating_sub(1));
        let dropped = may_begin.min(self.done);
        self.text.copy_within(dropped..self.filled, 0);
        self.filled -= dropped;
        self.done -= dropped;
        let end = self.filled + most;
        if self.text.len() < end {
            self.text.resize(end, 0);
        }
        &mut self.text[self.filled..end]
    }

    /// Takes the next part of the stream from the [`room`](Self::room), of which it fills `length` bytes. Returns the
    /// bytes that can be shown now.
    ///
    /// # Panics
    ///
    /// If `length` is greater than the room.
    pub fn filled(&mut self, length: usize) -> Cow<'_, [u8]> {
        assert!(length <= self.text.len() - self.filled, "the room is shorter");
        self.filled += length;
        self.show(self.beginning())
    }

    /// Returns the bytes that are held back, unless they are long enough to be a likely beginning of the key. Call it
    /// while the program is silent.
    pub fn pause(&mut self) -> Cow<'_, [u8]> {
        let beginning = self.beginning();
        self.show(if beginning < WORTH_WAITING { 0 } else { beginning })
    }

    /// Returns the bytes that are held back, because the stream has ended.
    pub fn end(&mut self) -> Cow<'_, [u8]> {
        self.show(0)
    }

    /// Returns whether any bytes are held back.
    pub fn holds(&self) -> bool {
        self.done < self.filled
    }

    /// Returns the number of bytes at the end of the stream that may be the beginning of a piece.
    fn beginning(&self) -> usize {
        self.forms.beginning(&self.text[..self.filled])
    }

    /// Returns all bytes except this many at the end, with pieces redacted.
    fn show(&mut self, held: usize) -> Cow<'_, [u8]> {
        let limit = (self.filled - held).max(self.done);
        let mut pieces = self.forms.find(&self.text[..self.filled]);
        pieces.retain(|piece| piece.end > self.done && piece.start <= limit);
        if pieces.is_empty() {
            return Cow::Borrowed(self.show_to(limit));
        }
        let mut shown = Vec::with_capacity(self.filled);
        for Range { start, end } in pieces {
            shown.extend_from_slice(self.show_to(start));
            if end > self.done {
                shown.extend_from_slice(if self.is_replaced { b"" } else { MARK });
                (self.done, self.is_replaced) = (end, true);
            }
        }
        shown.extend_from_slice(self.show_to(limit));
        Cow::Owned(shown)
    }

    fn show_to(&mut self, end: usize) -> &[u8] {
        let start = self.done;
        if end <= start {
            return &[];
        }
        (self.done, self.is_replaced) = (end, false);
        &self.text[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const KEY: &str = "sk-proj-A1b2C3d4E5f6G7h8";

    fn masked<'a>(forms: &Arc<Forms>, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut masker, mut shown) = (Masker::new(forms), Vec::new());
        for part in parts {
            shown.extend_from_slice(&masker.push(part));
            assert!(masker.filled - masker.done < 3 * ENOUGH, "more is held back than a piece has");
        }
        shown.extend_from_slice(&masker.end());
        assert!(!masker.holds());
        shown
    }

    fn mask(text: &str, key: &str) -> String {
        String::from_utf8(masked(&Forms::of(key.as_bytes()), [text.as_bytes()])).unwrap()
    }

    /// Returns the forms that programs give a secret.
    fn encodings(secret: &str) -> Vec<String> {
        let hex = |before: &str| secret.bytes().map(|byte| format!("{before}{byte:02x}")).collect::<String>();
        let symbols = |text: &str| text.replace('-', "%2D").replace('_', "%5F").replace('/', "%2F");
        let mut forms = vec![
            secret.to_owned(),
            secret.to_lowercase(),
            secret.to_uppercase(),
            hex(""),
            hex("").to_uppercase(),
            hex("%"),
            hex("%").to_uppercase(),
            symbols(secret),
            symbols(secret).replace("%2D", "%2d").replace("%5F", "%5f").replace("%2F", "%2f"),
            secret.replace('/', "%2F"),
        ];
        for before in ["", "a", "ab", "abc"] {
            for after in ["", ".", "..", "\n"] {
                for alphabet in [BASE64_STANDARD, BASE64_URL_SAFE] {
                    let padded = alphabet.encode(format!("{before}{secret}{after}"));
                    forms.push(padded.trim_end_matches('=').to_owned());
                    forms.push(padded);
                }
            }
        }
        forms
    }

    #[test]
    fn no_longer_piece_of_the_key_is_left_and_nothing_else_is_lost() {
        for (text, shown) in [
            (KEY.to_owned(), "[redacted]"),
            (format!("stored \"{KEY}\" at\té/🙂"), "stored \"[redacted]\" at\té/🙂"),
            (format!("{KEY}{KEY}, {KEY}"), "[redacted], [redacted]"),
            (format!("first half {}", &KEY[..12]), "first half [redacted]"),
            (format!("middle {}…", &KEY[6..20]), "middle [redacted]…"),
            (format!("ends in {}", &KEY[13..]), "ends in 3d4E5f6G7h8"),
            ("see sk-proj-… or \u{1b}[31mred".to_owned(), "see sk-proj-… or \u{1b}[31mred"),
            (String::new(), ""),
        ] {
            assert_eq!(mask(&text, KEY), shown);
        }
        assert_eq!(mask("it is k!23, or k!2", "k!23"), "it is [redacted], or k!2");
        assert_eq!(mask("it is k!", "k!"), "it is k!");
    }

    #[test]
    fn each_encoding_of_the_key_is_recognized() {
        let key = "sk-proj-A1b2_C3d4/E5f6-G7h8+i9J0";
        for text in encodings(key) {
            let shown = mask(&format!("<{text}>"), key);
            assert!(shown.contains("[redacted]") && shown.len() <= "<1234[redacted]1234==>".len(), "{shown}");
        }
    }

    #[test]
    fn a_prompt_is_shown_at_once_and_the_beginning_of_the_key_is_not() {
        for (prompt, shown) in [
            ("Password: ", "Password: "),
            ("continue? y", "continue? y"),
            ("your key sk-proj-", "your key sk-proj-"),
            ("your key sk-proj-A", "your key "),
        ] {
            let (mut masker, mut seen) = (Masker::new(&Forms::of(KEY.as_bytes())), Vec::new());
            seen.extend_from_slice(&masker.push(prompt.as_bytes()));
            seen.extend_from_slice(&masker.pause());
            assert_eq!(String::from_utf8(seen).unwrap(), shown);
        }
    }

    #[test]
    fn of_a_key_that_comes_byte_by_byte_with_pauses_no_more_than_the_prefix_is_shown() {
        for text in encodings(KEY) {
            let (mut masker, mut seen) = (Masker::new(&Forms::of(KEY.as_bytes())), Vec::new());
            for byte in text.as_bytes() {
                seen.extend_from_slice(&masker.push(&[*byte]));
                seen.extend_from_slice(&masker.pause());
            }
            seen.extend_from_slice(&masker.end());
            let seen = String::from_utf8(seen).unwrap();
            assert!(seen.contains("[redacted]") && seen.len() <= 8 + 4 + 10 + 4, "{text}: {seen}");
        }
    }

    /// A long stream must be cheap: nothing is copied, and few groups of other text are looked up.
    #[test]
    fn of_a_text_without_the_key_nothing_is_copied_and_hardly_a_group_is_looked_up() {
        let forms = Forms::of(KEY.as_bytes());
        let word = |number: u32| number.wrapping_mul(0x9e37_79b1).to_string() + " lines of text, and more\n";
        let text: String = (0..10_000).map(word).collect();
        let mut masker = Masker::new(&forms);
        for part in text.as_bytes().chunks(1 << 16) {
            assert!(matches!(masker.push(part), Cow::Borrowed(_)));
        }
        let groups = || (0..text.len()).step_by(forms.stride).filter_map(|at| group(text.as_bytes(), at));
        let looked_up = groups().filter(|group| forms.may_have(*group)).count();
        assert!(looked_up * 100 < groups().count(), "{looked_up} of {}", groups().count());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn wherever_the_stream_is_cut_no_piece_is_shown_and_the_result_is_the_same(
            key in "sk-(proj-)?[A-Za-z0-9_/-]{20,60}",
            before in vec(any::<u8>(), 0..60),
            after in vec(any::<u8>(), 0..60),
            form in any::<prop::sample::Index>(),
            cuts in vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let encodings = encodings(&key);
            let form = form.get(&encodings).as_bytes();
            let text = [&before, form, &after].concat();
            let forms = Forms::of(key.as_bytes());
            let expected = masked(&forms, [&text[..]]);
            for piece in form.windows(3 * ENOUGH) {
                prop_assert!(!expected.windows(piece.len()).any(|shown| shown == piece));
            }
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.sort_unstable();
            for at in 0..=text.len() {
                prop_assert_eq!(&masked(&forms, [&text[..at], &text[at..]]), &expected, "at byte {}", at);
            }
            let bounds: Vec<_> = [0].into_iter().chain(at).chain([text.len()]).collect();
            let parts = bounds.windows(2).map(|bounds| &text[bounds[0]..bounds[1]]);
            prop_assert_eq!(&masked(&forms, parts), &expected, "at some bytes together");
            prop_assert_eq!(&masked(&forms, text.chunks(1)), &expected);
        }

        #[test]
        fn a_stream_without_the_key_stays_as_it_is(
            text in vec(any::<u8>(), 0..2000),
            length in 1..50_usize,
        ) {
            prop_assert_eq!(masked(&Forms::of(KEY.as_bytes()), text.chunks(length)), text);
        }
    }
}
