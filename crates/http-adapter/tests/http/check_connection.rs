//! Connection checks, and what the server sees of them.

use crate::support::{base, http};
use keymint_domain::ConnectFailure;
use keymint_http_adapter::CheckConnectionError;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_server_that_is_reached_hears_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        listener.accept().await.unwrap().0.read_to_end(&mut heard).await.unwrap();
        heard
    });
    http().check_connection(&base(&url)).await.unwrap();
    assert_eq!(server.await.unwrap(), b"");
}

#[tokio::test]
async fn a_server_that_is_not_reached_is_told_with_what_stands_in_the_way() {
    for (url, expected) in
        [("http://127.0.0.1:1", ConnectFailure::Connect), ("https://keymint.invalid", ConnectFailure::Dns)]
    {
        let error = http().check_connection(&base(url)).await.unwrap_err();
        let CheckConnectionError::Failed { why, detail } = &error else { panic!("{error}") };
        assert_eq!(*why, expected, "{detail}");
    }
}
