//! The service over HTTP.

use crate::service::{Begun, Service};
use crate::sign_ins::{Refusal, SignIn, Stage, Token};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use keymint_domain::text::redact_keys;
use keymint_domain::{Stray, Title};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The maximum length of a body, in bytes: longer than any URL.
const LONGEST_BODY: usize = 32 * 1024;

pub(crate) fn of(service: Arc<Service>) -> Router {
    Router::new()
        .route("/sign-ins", post(begin))
        .route("/sign-ins/{id}", get(status))
        .route("/sign-ins/{id}/callback", post(callback))
        .route("/sign-ins/{id}/key", post(hand_over))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(guard))
        .with_state(service)
}

/// Rejects requests of web pages, which could create sign-ins without limit, and forbids caching of the responses.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = if request.headers().contains_key(ORIGIN) {
        StatusCode::FORBIDDEN.into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn begin(State(service): State<Arc<Service>>) -> Result<(StatusCode, Json<Begun>), Refusal> {
    Ok((StatusCode::CREATED, Json(service.begin()?)))
}

/// The body with the URL of the browser's last page, which does not load.
#[derive(Deserialize)]
struct CallbackBody {
    address: String,
}

async fn callback(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    token: Token,
    Json(body): Json<CallbackBody>,
) -> Result<StatusCode, Refusal> {
    service.answer(id, &token, &body.address)?;
    Ok(StatusCode::ACCEPTED)
}

async fn status(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    token: Token,
) -> Result<Json<Value>, Refusal> {
    service.with(&id, &token, |sign_in| Ok(Json(described(sign_in))))
}

async fn hand_over(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    token: Token,
) -> Result<Json<Value>, Refusal> {
    let key = service.hand_over(&id, &token)?;
    Ok(Json(json!({"key": key.expose()})))
}

fn described(sign_in: &SignIn) -> Value {
    let SignIn { events, stage, .. } = sign_in;
    let titled = |id: &str, title: &Option<Title>| json!({"id": id, "title": title.as_ref().map(|title| redact_keys(title.raw()))});
    match stage {
        Stage::Waiting(_) => json!({"state": "waiting_for_callback", "events": events}),
        Stage::Working => json!({"state": "working", "events": events}),
        Stage::Created { name, target, last_four } => json!({
            "state": "created",
            "events": events,
            "organization": titled(target.organization_id.as_str(), &target.organization_title),
            "project": titled(target.project_id.as_str(), &target.project_title),
            "name": name,
            "last_four": last_four,
            "handed_over": sign_in.is_handed_over(),
        }),
        Stage::Failed(reason) => json!({"state": "failed", "events": events, "reason": reason}),
    }
}

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let value = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::Unknown)?;
        Ok(Self(token.to_owned()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::NoRandomness => (StatusCode::INTERNAL_SERVER_ERROR, "no_randomness"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "too_many_sign_ins"),
            Self::Unknown => (StatusCode::NOT_FOUND, "no_such_sign_in"),
            Self::NotTheAnswer(Stray::ForeignState) => (StatusCode::UNPROCESSABLE_ENTITY, "foreign_state"),
            Self::NotTheAnswer(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_the_address"),
            Self::AlreadyAnswered => (StatusCode::CONFLICT, "already_answered"),
            Self::NoKey => (StatusCode::CONFLICT, "no_key"),
            Self::AlreadyHandedOver => (StatusCode::GONE, "already_handed_over"),
        };
        (status, Json(json!({"error": error}))).into_response()
    }
}
