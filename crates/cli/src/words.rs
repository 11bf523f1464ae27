//! How things are called before a person.

use keymint_domain::Target;
use keymint_domain::text::for_people;

/// Where a person sees and deletes keys.
pub(crate) const DASHBOARD: &str = "https://platform.openai.com/api-keys";

/// Longest name or title shown, in characters.
const LONGEST_NAME: usize = 80;

/// A name or a title, in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", for_people(name, LONGEST_NAME))
}

/// Organization and project, each by its title, or by its id where it has none.
pub(crate) fn place(target: &Target) -> String {
    let named = |title: &Option<String>, id: &str| title.as_deref().map_or_else(|| id.to_owned(), quoted);
    let project = named(&target.project_title, target.project_id.as_str());
    let organization = named(&target.organization_title, target.organization_id.as_str());
    format!("project {project} of organization {organization}")
}

/// The same with both ids, for a person who has to look there.
pub(crate) fn exact_place(target: &Target) -> String {
    let Target { organization_id, project_id, .. } = target;
    let titled = |title: &Option<String>| title.as_deref().map_or_else(|| "untitled".to_owned(), quoted);
    let (organization, project) = (titled(&target.organization_title), titled(&target.project_title));
    format!("Organization: {organization} ({organization_id}). Project: {project} ({project_id})")
}
