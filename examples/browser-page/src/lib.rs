//! The server of the browser page: it serves the page's files, and forwards its requests to the two services. The
//! services send no CORS headers, so the page has to use its own origin.

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, client};
use hyper_util::rt::TokioIo;
use keymint_npm::Profile;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// The policy permits only the page's own script and WebAssembly, and requests to its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of keymint's npm package that run in a browser, each with its name.
#[derive(Clone)]
pub struct Module(Arc<Vec<(&'static str, Bytes)>>);

impl Module {
    /// Compiles the WebAssembly module.
    ///
    /// # Errors
    ///
    /// An error if it does not compile, for example because Rust's wasm32 target is missing.
    pub fn build() -> io::Result<Self> {
        let files = keymint_npm::module(Profile::Dev, "")?;
        Ok(Self(Arc::new(files.into_iter().map(|(name, content)| (name, content.into())).collect())))
    }

    fn file(&self, name: &str) -> Option<Bytes> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, content)| content.clone())
    }
}

/// The page's origin.
pub struct Site {
    /// The WebAssembly module.
    pub module: Module,
    /// The base URL of the authorization server, which must be `http`.
    pub issuer: String,
    /// The base URL of the platform, which must be `http`.
    pub api_base: String,
}

impl Site {
    /// Serves until it fails.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if connections can no longer be accepted.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let site = Arc::new(self);
        loop {
            let (stream, _) = listener.accept().await?;
            let site = Arc::clone(&site);
            let service = service_fn(move |request| {
                let site = Arc::clone(&site);
                async move { site.respond(request).await }
            });
            // Errors of a connection concern only that browser.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
    ) -> io::Result<Response<Either<Full<Bytes>, Incoming>>> {
        let path = request.uri().path();
        let service = match path {
            "/oauth/token" | "/oauth/revoke" => &self.issuer,
            _ if path.starts_with("/dashboard/") || path.starts_with("/v1/") => &self.api_base,
            _ => return Ok(self.file(path).map(Either::Left)),
        };
        Ok(forward(service, request).await?.map(Either::Right))
    }

    fn file(&self, path: &str) -> Response<Full<Bytes>> {
        let (status, kind, content) = match path {
            "/" | "/auth/callback" => {
                let page = include_str!("../page/index.html").replace("ISSUER", &self.issuer);
                (200, "text/html; charset=utf-8", page.into())
            }
            "/page.js" => (200, "text/javascript", include_bytes!("../page/page.js").as_slice().into()),
            _ => match path.strip_prefix("/keymint/").and_then(|name| self.module.file(name)) {
                Some(wasm) if path.ends_with(".wasm") => (200, "application/wasm", wasm),
                Some(script) => (200, "text/javascript", script),
                None => (404, "text/plain", Bytes::new()),
            },
        };
        Response::builder()
            .status(status)
            .header(CONTENT_TYPE, kind)
            .header(CONTENT_SECURITY_POLICY, POLICY)
            .header(REFERRER_POLICY, "no-referrer")
            .header(CACHE_CONTROL, "no-store")
            .body(Full::new(content))
            .expect("a constant status and constant headers")
    }
}

/// Forwards a request unchanged to another server, over a new connection.
async fn forward(base: &str, request: Request<Incoming>) -> io::Result<Response<Incoming>> {
    let address = base.strip_prefix("http://").ok_or(io::ErrorKind::Unsupported)?;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(io::Error::other)
}
