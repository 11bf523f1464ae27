//! The default name of a key: user, host, date and four random characters.

/// The maximum length of a name, in characters.
const LONGEST: usize = 64;

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Returns the name `keymint USER@HOST YYYY-MM-DD xxxx`. The random characters distinguish keys of the same user.
/// `now` must begin with the date.
pub fn key_name(now: &str, random: u64) -> String {
    let mut users = ["USER", "LOGNAME", "USERNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let user = users.find(|user| !user.is_empty()).unwrap_or_default();
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    compose(&user, &host, now.split('T').next().unwrap_or_default(), random)
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
    fn a_name_contains_the_user_the_host_and_the_date() {
        assert_eq!(compose("ada", "engine", "2026-11-24", 0), "keymint ada@engine 2026-11-24 aaaa");
        assert_eq!(compose("", "engine", "2026-11-24", u64::MAX), "keymint engine 2026-11-24 7777");
        assert_eq!(compose("zoë\n", "h öst", "2026-11-24", 1), "keymint zo@hst 2026-11-24 baaa");
        let name = compose(&"u".repeat(100), &"h".repeat(100), "2026-11-24", 31);
        assert_eq!((name.len(), name.ends_with("u 2026-11-24 7aaa")), (64, true));
    }

    #[test]
    fn two_names_differ_and_have_the_date_without_the_time() {
        let [one, other] = [1, 2].map(|random| key_name("2026-11-24T10:00:00Z", random));
        assert!(one.ends_with(" 2026-11-24 baaa") && one != other, "{one}, {other}");
    }
}
