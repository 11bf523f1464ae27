//! Text for single values: names, targets, paths, warnings.

use crate::error::Choice;
use crate::ui::message::Warning;
use crate::ui::stdout::STDOUT;
use keymint_callback_adapter as listener;
use keymint_delivery_adapter::{
    Clipboard, Command, EnvFile, KeyRecord, KeyState, Keyring, PortLockHolder, Profile, StoredItem,
    wall_clock,
};
use keymint_domain::text::{escape, in_one_piece, quote, sanitize};
use keymint_domain::{
    AdminKey, Candidate, InventoryKey, KeyCheck, KeyOwner, ProjectKey, Restriction, Stray, Target, Title,
};
use keymint_host::Obstacle;
use keymint_terminal::stdin::LONGEST_TERMINAL_LINE;
use keymint_terminal::{narrow_prose, stdout_columns};
use std::path::Path;

/// The page on which the user can list and delete keys.
pub(crate) const DASHBOARD: &str = "https://platform.openai.com/api-keys";

/// The variable of the admin key, which no flag and no file can set.
pub(crate) const ADMIN_KEY_VARIABLE: &str = AdminKey::VARIABLE;

/// The page on which admin keys are created.
pub(crate) const ADMIN_KEYS_PAGE: &str = "https://platform.openai.com/settings/organization/admin-keys";

/// The page that lists the projects, whose settings contain the service accounts.
pub(crate) const PROJECTS_PAGE: &str = "https://platform.openai.com/settings/organization/projects";

/// Returns the page on which the user can delete a key. A key of a service account is deleted on the page of the
/// projects.
pub(crate) fn deletion_page(record: &KeyRecord) -> &'static str {
    if record.service_account.is_some() { PROJECTS_PAGE } else { DASHBOARD }
}

/// The page on which the user adds credit to an account.
const BILLING: &str = "https://platform.openai.com/settings/organization/billing";

/// The maximum length of a displayed path, in characters. It exceeds the limit of every system.
const LONGEST_PATH: usize = 32 * 1024;

/// The maximum length of a displayed name or title, in characters.
const LONGEST_NAME: usize = 80;

/// Returns a name or a title in quotes.
pub(crate) fn quoted(name: &str) -> String {
    quote(name, LONGEST_NAME)
}

/// Describes a key by its name and its last four characters.
pub(crate) fn key_of(KeyRecord { name, last4, .. }: &KeyRecord) -> String {
    let ending = last4.as_ref().map_or_else(String::new, |last4| format!(", ending in {}", escape(last4)));
    format!("{}{ending}", quoted(name))
}

/// Returns advice about another sign-in of this user.
pub(crate) fn stop_sign_in(holder: &PortLockHolder) -> String {
    let kill = if cfg!(windows) { "taskkill /F /PID" } else { "kill" };
    let or_kill = holder.process().map_or_else(String::new, |process| format!(" or `{kill} {process}`"));
    format!("Complete it, or stop it with Ctrl-C{or_kill}.")
}

/// Describes the item that the keyring has for a profile, if it has one.
pub(crate) fn describe_item(item: &StoredItem) -> Option<String> {
    match item {
        StoredItem::Nothing => None,
        StoredItem::Key(key) => Some(format!("a key that ends in {}", key.last_four())),
        StoredItem::NoKey(_) => Some("an item that is not a key".to_owned()),
    }
}

/// Returns a path in a form that is safe to display.
pub(crate) fn shown(path: &Path) -> String {
    in_one_piece(sanitize(&path.to_string_lossy(), LONGEST_PATH))
}

/// Returns a path that the user named in a form that is safe to display. No part of it is hidden.
pub(crate) fn own_path(path: &Path) -> String {
    in_one_piece(escape(&path.to_string_lossy()))
}

/// Returns a path as one word of a suggested command. It is quoted if a shell would split it, expand it or run a part
/// of it, since another user may have chosen the name of a directory, such as that of a repository.
pub(crate) fn command_word(path: &Path) -> String {
    let path = escape(&path.to_string_lossy());
    let is_plain = |c: char| c.is_alphanumeric() || "_-./+,:@=".contains(c) || cfg!(windows) && c == '\\';
    if path.chars().all(is_plain) {
        path
    } else if cfg!(windows) && !path.contains(['$', '`']) {
        format!("\"{path}\"")
    } else {
        format!("'{}'", path.replace('\'', if cfg!(windows) { "''" } else { r"'\''" }))
    }
}

/// Returns the command that prints the key in this file of the recovery directory.
pub(crate) fn recover_command(path: &Path) -> String {
    let id = path.file_stem().unwrap_or_default();
    format!("`keymint recover {} --print`", escape(&id.to_string_lossy()))
}

/// Returns the flag that selects a profile, after a space. Empty for the default profile.
pub(crate) fn profile_flag(profile: &Profile) -> String {
    if profile.is_default() { String::new() } else { format!(" --profile {profile}") }
}

/// Describes the result of a key check, with advice.
pub(crate) fn key_check(check: KeyCheck) -> String {
    match check {
        KeyCheck::Works => "The platform accepts the key.".to_owned(),
        KeyCheck::Restricted => "The platform accepts the key, which may not list models.".to_owned(),
        KeyCheck::NoCredit => {
            format!("the key is fine, but its account has no credit: add some at {BILLING}")
        }
        KeyCheck::NotAccepted => {
            "the platform does not accept the key; a new one can take a minute to be known everywhere"
                .to_owned()
        }
    }
}

/// Describes the organization and then the project, each by its title, or by its id if it has no title.
pub(crate) fn describe_target(target: &Target) -> String {
    let project = plain_title_or(target.project_title.as_ref(), target.project_id.as_str());
    let organization = plain_title_or(target.organization_title.as_ref(), target.organization_id.as_str());
    format!("{organization} / {project}")
}

/// The beginnings of the ids of organizations and projects.
const ID_PREFIXES: [&str; 2] = ["org-", "proj_"];

/// Returns a title, or `otherwise` without one. A title with punctuation, or with the beginning of an id, is in quotes,
/// since it could pass for a message of this program or for an id.
pub(crate) fn plain_title_or(title: Option<&Title>, otherwise: &str) -> String {
    let is_plain = |title: &String| {
        title.starts_with(char::is_alphanumeric)
            && title.chars().all(|c| c.is_alphanumeric() || " -_".contains(c))
            && !ID_PREFIXES.iter().any(|prefix| title.starts_with(prefix))
    };
    match title.map(Title::to_string) {
        Some(title) if is_plain(&title) => title,
        Some(title) => format!("\"{title}\""),
        None => otherwise.to_owned(),
    }
}

fn title_or(title: &Option<Title>, otherwise: &str) -> String {
    title.as_ref().map_or_else(|| otherwise.to_owned(), |title| format!("\"{title}\""))
}

/// Returns a title with its id, or the id alone.
pub(crate) fn titled(title: Option<&Title>, id: &str) -> String {
    title.map_or_else(|| id.to_owned(), |title| format!("\"{title}\" ({id})"))
}

/// The mark of an organization or a project that certainly refuses to create keys of users.
pub(crate) const REFUSES_KEYS: &str = "user API keys disabled";

/// Describes an item that the user may have meant, in one line.
pub(crate) fn choice(choice: &Choice) -> String {
    match choice {
        Choice::Target(target) => candidate(target),
        Choice::Project(project) => titled(project.title.as_ref(), project.id.as_str()),
        // The id is first, since a menu cuts a long line.
        Choice::Key(InventoryKey { project, key, .. }) => {
            let [title, _] = describe_key(key, false);
            let project = titled(project.title.as_ref(), project.id.as_str());
            [format!("{}, {title}, in project {project}", key.id)]
                .into_iter()
                .chain(facts(key))
                .collect::<Vec<_>>()
                .join(", ")
        }
    }
}

/// Describes a key on the server: its name with its last four characters, and the details.
pub(crate) fn describe_key(key: &ProjectKey, is_made_here: bool) -> [String; 2] {
    let ending = key.last_four.map_or_else(String::new, |four| format!(", ending in {four}"));
    let here = if is_made_here { ", made on this machine" } else { "" };
    let details: Vec<_> = [key.id.to_string()].into_iter().chain(facts(key)).collect();
    [format!("{}{ending}{here}", title_or(&key.name, "without a name")), details.join(", ")]
}

/// Describes the owner, the creation and the expiry of a key, as far as the platform reports them.
fn facts(key: &ProjectKey) -> impl Iterator<Item = String> {
    let day =
        |time: Option<u64>| time.map(|time| wall_clock::utc_of(time).chars().take(10).collect::<String>());
    let facts = [
        key.owner.as_ref().map(describe_owner),
        day(key.created_at).map(|day| format!("created {day}")),
        day(key.expires_at).map(|day| format!("expires {day}")),
    ];
    facts.into_iter().flatten()
}

fn describe_owner(owner: &KeyOwner) -> String {
    match owner {
        KeyOwner::ServiceAccount { name, .. } => {
            format!("service account {}", title_or(name, "without a name"))
        }
        KeyOwner::User { name: Some(name) } => format!("user \"{name}\""),
        _ => "a user".to_owned(),
    }
}

/// Describes the destinations that received a key.
pub(crate) fn places(record: &KeyRecord) -> String {
    let places = record.deliveries.iter().map(|it| destination(&it.to, it.profile.as_deref()));
    let places: Vec<_> = places.collect();
    sanitize(&places.join(", "), LONGEST_PATH)
}

/// Describes a destination of a key by its id and its slot.
pub(crate) fn destination(id: &str, slot: Option<&str>) -> String {
    match (id, slot) {
        (STDOUT, _) => "standard output".to_owned(),
        (Command::ID, _) => "the command of --pipe-to".to_owned(),
        (Clipboard::ID, _) => "the clipboard".to_owned(),
        (Keyring::ID, Some(profile)) => format!("the keyring (profile {profile})"),
        (Keyring::ID, None) => "the keyring".to_owned(),
        (id, _) => id.trim_start_matches(EnvFile::ID_PREFIX).to_owned(),
    }
}

/// Returns a line of a list, wrapped as prose.
pub(crate) fn indented(columns: usize, text: &str) -> String {
    let indent = " ".repeat(columns);
    let layout = narrow_prose(stdout_columns()).initial_indent(&indent).subsequent_indent(&indent);
    textwrap::fill(text, layout)
}

/// Describes the organization, or the project with its organization, by titles and ids. A mark follows if it
/// certainly refuses to create keys of users.
pub(crate) fn candidate(candidate: &Candidate) -> String {
    let Candidate { organization, project, .. } = candidate;
    let refuses =
        organization.refuses_keys() || project.as_ref().is_some_and(|project| project.refuses_keys());
    describe_candidate(candidate) + &marked(&[(refuses, REFUSES_KEYS)])
}

/// Describes the organization, or the project with its organization, by titles and ids.
pub(crate) fn describe_candidate(Candidate { organization, project, .. }: &Candidate) -> String {
    let organization = titled(organization.title.as_ref(), organization.id.as_str());
    match project {
        None => organization,
        Some(project) => {
            format!("{} of {organization}", titled(project.title.as_ref(), project.id.as_str()))
        }
    }
}

/// Returns the marks whose condition is true, each after a comma.
pub(crate) fn marked(marks: &[(bool, &str)]) -> String {
    marks.iter().filter(|(applies, _)| *applies).map(|(_, mark)| format!(", {mark}")).collect()
}

/// Describes the organization and the project by titles and ids, for a user who has to find them.
pub(crate) fn describe_target_exactly(target: &Target) -> String {
    let Target { organization_id, project_id, .. } = target;
    let organization = title_or(&target.organization_title, "untitled");
    let project = title_or(&target.project_title, "untitled");
    format!("Organization: {organization} ({organization_id}). Project: {project} ({project_id})")
}

/// Returns the reason why the browser was not opened. `None` if it needs a longer text.
pub(crate) fn of_obstacle(obstacle: &Obstacle) -> Option<String> {
    Some(match obstacle {
        Obstacle::Elsewhere => return None,
        Obstacle::NoDisplay => "There is no display here to show a browser on".to_owned(),
        Obstacle::TextBrowser(name) => {
            format!("{} would take over this terminal, and was not started", quoted(name))
        }
        Obstacle::CannotStart(names) if names.is_empty() => "BROWSER names no program".to_owned(),
        Obstacle::CannotStart(names) => {
            let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
            format!("No browser could be started (by {})", names.join(", "))
        }
    })
}

/// Returns the text of a warning, without its label.
pub(crate) fn of_warning(warning: &Warning<'_>) -> String {
    match warning {
        Warning::Text(text) => (*text).to_owned(),
        Warning::OtherServers { issuer, api_base } => {
            format!("signing in at {issuer} for the API at {api_base}, not at OpenAI's own")
        }
        Warning::OtherPort { port, registered } => format!(
            "OpenAI's server knows this client with callback port {registered} only, and will probably refuse {port}"
        ),
        Warning::OldKeyLeft { old } => format!(
            "an earlier rotation was cut short after its new key was delivered. The old key {} may be valid: look for \
             that name at {DASHBOARD}, and delete it if nothing uses it",
            key_of(old)
        ),
        Warning::EarlierRun(record) => format!(
            "an earlier run was cut short. Its key {} of {} {}: look for that name at {}, and delete it unless you \
             have it",
            quoted(&record.name),
            escape(&record.time),
            if record.state == KeyState::Created {
                "exists, and may not have been delivered"
            } else {
                "may exist"
            },
            deletion_page(record)
        ),
        Warning::MoreEarlierRuns(number) => {
            format!("{number} more earlier runs were cut short: `keymint status` lists their keys")
        }
        Warning::KeyringIsSlow { may_prompt: true } => {
            "the keyring does not answer yet: it may be asking for its password in a window".to_owned()
        }
        Warning::KeyringIsSlow { may_prompt: false } => "the keyring does not answer yet".to_owned(),
        Warning::NotKept(error) => {
            format!("a clipboard does not last, and the key could not be kept elsewhere: {error}")
        }
        Warning::CutAnswer => {
            "the server's answer broke off after the key; check that the key works before you rely on it"
                .to_owned()
        }
        Warning::Unconfirmed { restrictions, page } => {
            let restrictions: Vec<_> = restrictions.iter().map(Restriction::to_string).collect();
            format!(
                "the server did not confirm {}: check the key at {page} before you rely on it",
                restrictions.join(" and ")
            )
        }
        Warning::NotChecked(error) => format!("the key could not be verified: {}", error.message()),
        Warning::NotDeleted { path, error } => {
            format!("{} could not be deleted, and still has the key: {error}", own_path(path))
        }
        Warning::KeyVariableIsSet(name) => format!(
            "{name} is set here already: programs started from here use that key until you replace it"
        ),
        Warning::LibraryVariablesAreSet(names) => format!(
            "programs started from here use the new key as these say, which are set: {}",
            names.join(", ")
        ),
    }
}

/// Returns the text of a listener's warning. `None` for one that the user need not know.
pub(crate) fn of_listener(warning: listener::ListenerWarning) -> Option<&'static str> {
    Some(match warning {
        listener::ListenerWarning::SpokeTls => {
            "the browser spoke https to this program, which speaks http on this machine: it is set to use https only, \
             or remembers that localhost did. Allow http for localhost in its settings, or open the URL in another \
             browser"
        }
        listener::ListenerWarning::StartOpenedTwice => {
            "the sign-in was opened in two browsers, and it was meant for one: if the other was not you, end this with \
             Ctrl-C"
        }
        listener::ListenerWarning::StartRefused => {
            "a program that is not known to be yours tried to open the sign-in, and was refused; if it was your browser, \
             open the URL above in it"
        }
        listener::ListenerWarning::ForeignState => {
            "a browser brought back the answer to another sign-in, perhaps from an older tab; it was ignored"
        }
        listener::ListenerWarning::AcceptFailed => {
            "this system hands over no more connections for now, since too many files are open; still trying"
        }
        _ => return None,
    })
}

/// Returns the reply to a pasted URL that the terminal has cut.
pub(crate) fn cut_url() -> String {
    format!(
        "The terminal cut that URL: it takes at most {LONGEST_TERMINAL_LINE} characters in a line. Put the URL \
         into a file for `keymint start` and `keymint finish <FILE`, or paste it here in several shorter lines at once"
    )
}

/// Returns the reply to a pasted URL that does not complete the sign-in.
pub(crate) fn of_stray(stray: Stray) -> &'static str {
    match stray {
        Stray::ForeignState => {
            "That URL belongs to another sign-in, or is incomplete. Paste the one that the browser ended on now:"
        }
        _ => {
            "That is not the URL that the browser ended on. It begins with http://localhost and has code= and \
             state= in it. Paste it here:"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_that_could_pass_for_a_message_or_an_id_is_in_quotes() {
        for (title, shown) in [
            ("Default project", "Default project"),
            ("Été", "Été"),
            ("A / B", "\"A / B\""),
            ("error: x", "\"error: x\""),
            (" x", "\" x\""),
            ("", "\"\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("my_web-app", "my_web-app"),
            ("org-1", "\"org-1\""),
            ("proj_1", "\"proj_1\""),
        ] {
            assert_eq!(plain_title_or(Some(&Title::new(title)), "proj_1"), shown);
        }
        assert_eq!(plain_title_or(None, "proj_1"), "proj_1");
    }
}

#[cfg(all(test, unix))]
mod unix_tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_end_of_a_recorded_key_does_not_steer_a_terminal() {
        let key = keymint_domain::ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        let mut record = KeyRecord::imported("laptop", &key, "");
        record.last4 = Some("\u{1b}[2J".to_owned());
        assert_eq!(key_of(&record), r#""laptop", ending in \u{1b}[2J"#);
    }

    #[test]
    fn a_path_in_a_suggested_command_is_read_by_a_shell_as_it_is() {
        for path in
            ["/a/.env", "/a b/$(id)", "/`id`;x&y|z", "/it's \"$HOME\"", "~x", "*", "/a#\\b!", "/é", ""]
        {
            let script = format!("printf %s {}", command_word(Path::new(path)));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), path, "{script}");
        }
        assert_eq!(command_word(Path::new("/a/b-c_1/.env")), "/a/b-c_1/.env");
    }
}
