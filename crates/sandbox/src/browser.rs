//! A simulation of the browser and its user, for tests.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE, USER_AGENT};
use hyper::http::{HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use tokio::net::TcpStream;
use url::{Host, Url, form_urlencoded};

/// Maximum number of steps. Browsers follow about as many redirects.
const MAX_STEPS: usize = 20;

/// The user's decision on the sign-in page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// The client gets a code.
    Allow,
    /// The client gets `access_denied`.
    Deny,
}

/// The last page that the browser reached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FinalPage {
    /// The URL of the page.
    pub url: String,
    /// The status of the page.
    pub status: u16,
    /// The page, read to its end.
    pub body: String,
}

/// Opens the URL of the authorization request, or a URL that redirects to it, submits the decision, and follows the
/// redirects to the client.
///
/// Returns at the end of the last page. A client that keeps the page open while it works therefore keeps
/// this function waiting: a test that also drives the client should spawn it.
///
/// # Errors
///
/// Fails if the first page is neither a redirect nor a sign-in page with such a form, if no server listens
/// at a redirect's target, or if a page is incomplete.
pub async fn sign_in(url: &str, consent: Consent) -> io::Result<FinalPage> {
    match follow(url, consent, None).await? {
        Stop::Page(page) => {
            Ok(FinalPage { url: page.url.into(), status: page.status.as_u16(), body: page.body })
        }
        Stop::Unreachable(url) => Err(invalid(format!("unexpected stop at {url}"))),
    }
}

/// Signs in on another machine, where no client listens at the redirect URI. Returns the URL of the page
/// that does not load.
///
/// # Errors
///
/// Fails as [`sign_in`] does, and if the browser is not redirected to the redirect URI.
pub async fn sign_in_remotely(url: &str, consent: Consent) -> io::Result<String> {
    let authorize_url = Url::parse(url).map_err(invalid)?;
    let redirect_uri = authorize_url.query_pairs().find(|(name, _)| name == "redirect_uri");
    let redirect_uri = redirect_uri.ok_or_else(|| invalid("no redirect URI"))?.1;
    match follow(url, consent, Some(&redirect_uri)).await? {
        Stop::Unreachable(url) => Ok(url.into()),
        Stop::Page(page) => Err(invalid(format!("the browser ended on {}", page.url))),
    }
}

enum Stop {
    Page(Page),
    /// The next URL, which the browser did not open.
    Unreachable(Url),
}

/// Follows pages and redirects up to a URL that begins with `unreachable`.
async fn follow(url: &str, consent: Consent, unreachable: Option<&str>) -> io::Result<Stop> {
    let mut browser = Browser { cookies: Vec::new() };
    let mut page = browser.navigate(Url::parse(url).map_err(invalid)?, None).await?;
    let (mut steps, mut submitted) = (0, false);
    loop {
        let form = read_form(&page.body, consent).filter(|_| page.status == StatusCode::OK && !submitted);
        page = match (page.redirect()?, form) {
            (Some(next), _) if unreachable.is_some_and(|address| next.as_str().starts_with(address)) => {
                return Ok(Stop::Unreachable(next));
            }
            (Some(next), _) => browser.navigate(next, None).await?,
            (None, Some((action, fields))) => {
                submitted = true;
                let action = page.url.join(action).map_err(invalid)?;
                browser.navigate(action, Some(fields)).await?
            }
            (None, None) if steps == 0 => {
                return Err(invalid(format!("no sign-in page: answered with {}", page.status)));
            }
            (None, None) => return Ok(Stop::Page(page)),
        };
        steps += 1;
        if steps > MAX_STEPS {
            return Err(invalid("too many redirects"));
        }
    }
}

struct Browser {
    cookies: Vec<Cookie>,
}

/// A cookie. Browsers store cookies by host and ignore the port (RFC 6265 section 8.5).
struct Cookie {
    host: String,
    name: String,
    value: String,
}

struct Page {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Page {
    fn redirect(&self) -> io::Result<Option<Url>> {
        let Some(location) = self.headers.get(LOCATION).filter(|_| self.status.is_redirection()) else {
            return Ok(None);
        };
        let location = location.to_str().map_err(invalid)?;
        self.url.join(location).map(Some).map_err(invalid)
    }
}

impl Browser {
    /// Loads a page, on its own connection. A form is posted.
    async fn navigate(&mut self, url: Url, form: Option<String>) -> io::Result<Page> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = Request::builder()
            .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
            .header(USER_AGENT, "Mozilla/5.0 (keymint sandbox browser)")
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document");
        if form.is_some() {
            request = request.method(Method::POST).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let cookies: Vec<_> = self.cookies.iter().filter(|cookie| cookie.host == host).collect();
        if !cookies.is_empty() {
            let pairs: Vec<_> =
                cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        let request = request.body(Full::<Bytes>::from(form.unwrap_or_default())).map_err(invalid)?;

        let stream = connect(&url).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let exchange = async move {
            let (head, body) = sender.send_request(request).await?.into_parts();
            Ok((head, body.collect().await?.to_bytes()))
        };
        let (exchanged, _) = tokio::join!(exchange, connection);
        let (head, body) = exchanged.map_err(|error: hyper::Error| io::Error::other(error))?;

        for set_cookie in head.headers.get_all(SET_COOKIE) {
            self.store_cookie(&host, set_cookie);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Page { url, status: head.status, headers: head.headers, body })
    }

    fn store_cookie(&mut self, host: &str, set_cookie: &HeaderValue) {
        let Ok(text) = set_cookie.to_str() else { return };
        let pair = text.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        let [host, name, value] = [host, name.trim(), value.trim()].map(str::to_owned);
        self.cookies.retain(|cookie| cookie.host != host || cookie.name != name);
        self.cookies.push(Cookie { host, name, value });
    }
}

/// Connects to a loopback address. As in browsers, `localhost` is `[::1]` first, then 127.0.0.1.
async fn connect(url: &Url) -> io::Result<TcpStream> {
    let port = url.port_or_known_default().ok_or_else(|| invalid("no port"))?;
    match url.host() {
        Some(Host::Domain("localhost")) => match TcpStream::connect(("::1", port)).await {
            Ok(stream) => Ok(stream),
            Err(_) => TcpStream::connect(("127.0.0.1", port)).await,
        },
        Some(Host::Ipv4(address)) if address.is_loopback() => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) if address.is_loopback() => TcpStream::connect((address, port)).await,
        _ => Err(invalid(format!("{url} is not on loopback, the only place where this browser goes"))),
    }
}

/// Returns the form's action, and its fields as the button sends them. It parses only enough HTML for the
/// sandbox's own page.
fn read_form(page: &str, consent: Consent) -> Option<(&str, String)> {
    let button = match consent {
        Consent::Allow => r#"id="continue""#,
        Consent::Deny => r#"id="refuse""#,
    };
    let action = attribute(tag_with(page, r#"method="post""#)?, "action")?;
    let mut fields = form_urlencoded::Serializer::new(String::new());
    for tag in [tag_with(page, r#"type="hidden""#)?, tag_with(page, button)?] {
        fields.append_pair(attribute(tag, "name")?, attribute(tag, "value")?);
    }
    Some((action, fields.finish()))
}

fn tag_with<'a>(page: &'a str, text: &str) -> Option<&'a str> {
    let found = page.find(text)?;
    let start = page[..found].rfind('<')?;
    let end = found + page[found..].find('>')?;
    Some(&page[start..end])
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_sends_the_hidden_fields_and_the_button() {
        let page = r#"<form method="post" action="/decision">
            <input type="hidden" name="request" value="req-1">
            <button id="continue" name="decision" value="continue">Continue</button>
            <button id="refuse" name="decision" value="refuse">Refuse</button></form>"#;

        let sent = |consent| read_form(page, consent).unwrap();
        assert_eq!(sent(Consent::Allow), ("/decision", "request=req-1&decision=continue".to_owned()));
        assert_eq!(sent(Consent::Deny), ("/decision", "request=req-1&decision=refuse".to_owned()));
        assert!(read_form("<p>no form</p>", Consent::Deny).is_none());
    }

    #[test]
    fn a_cookie_is_replaced_by_its_name() {
        let mut browser = Browser { cookies: Vec::new() };
        for set_cookie in ["a=1; Path=/", "b=2", "a=3; HttpOnly"] {
            browser.store_cookie("localhost", &HeaderValue::from_static(set_cookie));
        }
        let kept: Vec<_> = browser.cookies.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
        assert_eq!(kept, [("b", "2"), ("a", "3")]);
    }
}
