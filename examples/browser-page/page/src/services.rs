use crate::fetch::Request;
use async_trait::async_trait;
use keymint_domain::{
    AccessToken, ApiKey, AuthServer, AuthorizationGrant, CreatedKey, KeyScope, Listing, Login, NewKey,
    Organization, OrganizationId, PlatformApi, Project, ProjectId, RefreshToken, ServiceError, SessionKey,
    Step, Target, Title, Tokens,
};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

/// Both services, at the origin that the page came from, which passes their requests on.
pub(crate) struct SameOrigin;

#[async_trait]
impl AuthServer for SameOrigin {
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError> {
        let form = Serializer::new(String::new())
            .append_pair("client_id", grant.client_id())
            .append_pair("code_verifier", grant.verifier().expose())
            .append_pair("code", grant.code().expose())
            .append_pair("grant_type", "authorization_code")
            .append_pair("redirect_uri", grant.redirect_uri())
            .finish();
        let path = "/oauth/token".to_owned();
        Request::post(Step::ExchangeCode, path, "application/x-www-form-urlencoded", form)
            .answer(tokens)
            .await
    }

    async fn revoke(&self, client_id: &str, token: &RefreshToken) -> Result<(), ServiceError> {
        let token = token.expose();
        let body = json!({ "token": token, "token_type_hint": "refresh_token", "client_id": client_id });
        Request::post(Step::RevokeToken, "/oauth/revoke".to_owned(), "application/json", body.to_string())
            .answer(|_| Some(()))
            .await
    }
}

#[async_trait]
impl PlatformApi for SameOrigin {
    async fn login(&self, token: &AccessToken, app: &str) -> Result<Login, ServiceError> {
        let path = "/dashboard/onboarding/login".to_owned();
        Request::post(Step::Login, path, "application/json", json!({ "app": app }).to_string())
            .bearer(token.expose())
            .answer(|answer| {
                SessionKey::parse(text(answer, "/user/session/sensitive_id")?).ok().map(Login::new)
            })
            .await
    }

    async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError> {
        Request::get(Step::ListOrganizations, "/v1/organizations".to_owned())
            .bearer(session.expose())
            .answer(|answer| listing(answer, organization))
            .await
    }

    async fn projects(
        &self,
        session: &SessionKey,
        organization: &OrganizationId,
    ) -> Result<Listing<Project>, ServiceError> {
        let path = format!("/dashboard/organizations/{organization}/projects?detail=basic&limit=100");
        Request::get(Step::ListProjects, path)
            .bearer(session.expose())
            .header("openai-organization", organization.as_str())
            .answer(|answer| listing(answer, project))
            .await
    }

    async fn create_api_key(
        &self,
        session: &SessionKey,
        target: &Target,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let Target { organization_id, project_id, .. } = target;
        let path = format!("/dashboard/organizations/{organization_id}/projects/{project_id}/api_keys");
        let mut body = json!({ "action": "create", "name": key.name });
        if let Some(lifetime) = key.expires_in {
            body["expires_in_seconds"] = lifetime.as_secs().into();
        }
        if !key.scopes.is_empty() {
            body["scopes"] = key.scopes.iter().map(KeyScope::as_str).collect();
        }
        Request::post(Step::CreateKey, path, "application/json", body.to_string())
            .bearer(session.expose())
            .answer(|answer| ApiKey::parse(text(answer, "/key/sensitive_id")?).ok().map(CreatedKey::new))
            .await
    }

    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError> {
        Request::get(Step::CheckKey, "/v1/models".to_owned()).bearer(key.expose()).answer(|_| Some(())).await
    }
}

fn tokens(answer: &Value) -> Option<Tokens> {
    let mut tokens = Tokens::new(AccessToken::parse(text(answer, "/access_token")?).ok()?);
    tokens.refresh_token = text(answer, "/refresh_token").and_then(|token| RefreshToken::parse(token).ok());
    Some(tokens)
}

/// The first page of a list. Where there are more, the list says that it is not complete, and the
/// flow goes by what it has.
fn listing<T>(answer: &Value, read: fn(&Value) -> Option<T>) -> Option<Listing<T>> {
    let entries = answer["data"].as_array()?;
    let items: Vec<_> = entries.iter().filter_map(read).collect();
    let skipped = entries.len() - items.len();
    Some(Listing::new(items, skipped, answer["has_more"] != true))
}

fn organization(entry: &Value) -> Option<Organization> {
    let mut organization = Organization::new(OrganizationId::parse(entry["id"].as_str()?).ok()?);
    organization.title = text(entry, "/title").map(Title::new);
    organization.is_default = entry["is_default"] == true;
    organization.personal = entry["personal"] == true;
    Some(organization)
}

fn project(entry: &Value) -> Option<Project> {
    let mut project = Project::new(ProjectId::parse(entry["id"].as_str()?).ok()?);
    project.title = text(entry, "/title").map(Title::new);
    project.is_initial = entry["is_initial"] == true;
    Some(project)
}

fn text(answer: &Value, pointer: &str) -> Option<String> {
    Some(answer.pointer(pointer)?.as_str()?.to_owned())
}
