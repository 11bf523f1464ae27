use super::{ContractViolation, POLLS, abandon, check, is_the_list, refusal, success};
use crate::platform::listing::Listing;
use crate::platform::login::{Login, LoginOrganization};
use crate::platform::new_key::NewKey;
use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::ports::PlatformApi;
use crate::secret::{AccessToken, ApiKey, SessionKey};
use crate::service_error::Step;
use crate::testing::{organization, project};
use std::collections::HashSet;

/// The prepared account of the platform. A thorough check needs two accounts: one that has organizations with
/// several projects and with none, and one without an organization.
pub struct Account<'a> {
    /// A token that is valid for a login.
    pub token: AccessToken,
    /// The application that the login is for.
    pub app: &'a str,
    /// The organizations with their projects, in the server's order.
    pub organizations: Vec<(Organization, Vec<Project>)>,
}

/// Checks that lists are complete and in order, that each key is a new one, that unauthorized requests and missing
/// items are refused, and that a dropped call does not affect another one.
///
/// It creates keys in every project.
///
/// # Errors
///
/// The first [`ContractViolation`].
pub async fn platform(platform: &dyn PlatformApi, account: &Account<'_>) -> Result<(), ContractViolation> {
    let Login { session, organizations, .. } =
        success(Step::Login, platform.login(&account.token, account.app).await)?;
    login_lists(organizations, account)?;

    lists(platform, account, &session).await?;
    keys(platform, account, &session).await?;
    refusals(platform, account, &session).await?;

    let target = account.targets().next().unwrap_or_else(nowhere);
    for polls in POLLS {
        abandon(polls, platform.organizations(&session)).await;
        abandon(polls, platform.projects(&session, &target.organization_id)).await;
        abandon(polls, platform.create_api_key(&session, &target, &NewKey::named("dropped"))).await;
    }
    lists(platform, account, &session).await
}

/// Checks that the lists in the login's response, if they claim to be complete, are those of the account.
fn login_lists(listed: Listing<LoginOrganization>, account: &Account<'_>) -> Result<(), ContractViolation> {
    if !listed.complete {
        return Ok(());
    }
    let organizations = account.organizations.iter().map(|(organization, _)| organization.clone());
    let named = listed.items.iter().map(|entry| entry.organization.clone()).collect::<Vec<_>>();
    is_the_list("the organizations of the login", &named.into(), organizations.collect())?;
    for (entry, (organization, projects)) in listed.items.iter().zip(&account.organizations) {
        if entry.projects.complete {
            let what = format!("the projects of {} of the login", organization.id);
            is_the_list(&what, &entry.projects, projects.clone())?;
        }
    }
    Ok(())
}

async fn lists(
    platform: &dyn PlatformApi,
    account: &Account<'_>,
    session: &SessionKey,
) -> Result<(), ContractViolation> {
    let organizations = account.organizations.iter().map(|(organization, _)| organization.clone());
    let listed = success(Step::ListOrganizations, platform.organizations(session).await)?;
    is_the_list("the organizations", &listed, organizations.collect())?;
    for (organization, projects) in &account.organizations {
        let listed = success(Step::ListProjects, platform.projects(session, &organization.id).await)?;
        is_the_list(&format!("the projects of {}", organization.id), &listed, projects.clone())?;
    }
    Ok(())
}

async fn keys(
    platform: &dyn PlatformApi,
    account: &Account<'_>,
    session: &SessionKey,
) -> Result<(), ContractViolation> {
    let (mut made, mut texts) = (Vec::new(), HashSet::new());
    for target in account.targets().chain(account.targets()) {
        let created = platform.create_api_key(session, &target, &NewKey::named("Codex CLI")).await;
        let key = success(Step::CreateKey, created)?.secret;
        let text = key.expose().to_owned();
        check(text.starts_with("sk-"), "what was created is not a key: it does not begin with sk-")?;
        check(texts.insert(text), "two creations gave the same key")?;
        made.push(key);
    }
    for key in &made {
        success(Step::CheckKey, platform.check_key(key).await)?;
    }
    Ok(())
}

async fn refusals(
    platform: &dyn PlatformApi,
    account: &Account<'_>,
    session: &SessionKey,
) -> Result<(), ContractViolation> {
    let stranger = SessionKey::parse("sess-never-opened".to_owned()).expect("a constant");
    let secrets = [account.token.expose(), session.expose(), stranger.expose()];

    let target = account.targets().next().unwrap_or_else(nowhere);
    let created = platform.create_api_key(&stranger, &target, &NewKey::named("refused")).await;
    refusal(Step::CreateKey, created, &[401], &secrets)?;
    refusal(Step::ListOrganizations, platform.organizations(&stranger).await, &[401], &secrets)?;
    let listed = platform.projects(&stranger, &target.organization_id).await;
    refusal(Step::ListProjects, listed, &[401], &secrets)?;

    let created = platform.create_api_key(session, &nowhere(), &NewKey::named("refused")).await;
    refusal(Step::CreateKey, created, &[403, 404], &secrets)?;
    let listed = platform.projects(session, &nowhere().organization_id).await;
    refusal(Step::ListProjects, listed, &[403, 404], &secrets)?;

    let made_up = ApiKey::parse("sk-never-created".to_owned()).expect("a constant");
    refusal(Step::CheckKey, platform.check_key(&made_up).await, &[401], &[made_up.expose()])
}

fn nowhere() -> Target {
    Target::new(&organization("org-unknown"), &project("proj_unknown", false))
}

impl Account<'_> {
    /// Returns every project.
    fn targets(&self) -> impl Iterator<Item = Target> {
        let organizations = self.organizations.iter();
        organizations.flat_map(|(organization, projects)| {
            projects.iter().map(move |project| Target::new(organization, project))
        })
    }
}
