//! The default name of a key: user, host, date and four random characters.

use keymint_delivery_adapter::wall_clock;
use rand::TryRng;
use rand::rngs::{SysError, SysRng};

/// Longest name, in characters.
const LONGEST: usize = 64;

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `keymint USER@HOST YYYY-MM-DD xxxx`.
pub(crate) fn default() -> Result<String, SysError> {
    let mut users = ["USER", "LOGNAME", "USERNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let user = users.find(|user| !user.is_empty()).unwrap_or_default();
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let now = wall_clock::utc_now();
    let (date, _) = now.split_once('T').expect("a date and a time");
    Ok(compose(&user, &host, date, SysRng.try_next_u64()?))
}

fn compose(user: &str, host: &str, date: &str, random: u64) -> String {
    let printable = |text: &str| text.chars().filter(char::is_ascii_graphic).collect::<String>();
    let suffix: String = (0..4).map(|i| char::from(BASE32[(random >> (5 * i) & 31) as usize])).collect();
    let (user, host) = (printable(user), printable(host));
    let mut place = if user.is_empty() { host } else { format!("{user}@{host}") };
    place.truncate(LONGEST - "keymint  YYYY-MM-DD xxxx".len());
    format!("keymint {place} {date} {suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_who_where_and_when() {
        assert_eq!(compose("ada", "engine", "2026-11-24", 0), "keymint ada@engine 2026-11-24 aaaa");
        assert_eq!(compose("", "engine", "2026-11-24", u64::MAX), "keymint engine 2026-11-24 7777");
        assert_eq!(compose("zoë\n", "h öst", "2026-11-24", 1), "keymint zo@hst 2026-11-24 baaa");
        let name = compose(&"u".repeat(100), &"h".repeat(100), "2026-11-24", 31);
        assert_eq!((name.len(), name.ends_with("u 2026-11-24 7aaa")), (64, true));
    }

    #[test]
    fn two_names_differ() {
        assert_ne!(default().unwrap(), default().unwrap());
    }
}
