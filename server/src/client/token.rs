//! In: a server's address, a client id and its secret. Out: the `Authorization` header a Socket.IO client connects with.

use std::time::Duration;

use serde::Deserialize;

use crate::sensitive::Sensitive;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No answer at all.
    #[error("{url}: no token ({detail}); is the server running?")]
    Unreachable {
        /// The token endpoint.
        url: String,
        /// What went wrong.
        detail: String,
    },
    /// The server does not know the client, or the request is wrong.
    #[error(
        "{url}: no token, HTTP {status} {detail}; check the client id and secret (the server's first-run.json has them)"
    )]
    Refused {
        /// The token endpoint.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The error code of RFC 6749 §5.2, if there was one.
        detail: String,
    },
    /// The answer is not a token.
    #[error("{url}: the answer is no OAuth 2.0 token")]
    NoToken {
        /// The token endpoint.
        url: String,
    },
}

#[derive(Deserialize)]
struct Token {
    token_type: String,
    access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Asks `base_url` (`http://127.0.0.1:8080`) for a token by the client-credentials grant, as the documented client does.
///
/// # Errors
/// No answer, a refusal, or an answer that is no token.
pub async fn request(
    base_url: &str,
    client_id: &str,
    client_secret: &Sensitive<String>,
) -> Result<Sensitive<String>, TokenError> {
    let url = format!("{}/socket.io/oauth2/token", base_url.trim_end_matches('/'));
    let unreachable =
        |error: &reqwest::Error| TokenError::Unreachable { url: url.clone(), detail: with_causes(error) };
    // A proxy of the environment must not see the secret, and could not reach a server on loopback anyway.
    let http = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()
        .map_err(|error| unreachable(&error))?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", client_secret.expose()),
    ];
    let response = http.post(&url).form(&form).send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    if !status.is_success() {
        let detail = response.json::<Refusal>().await.map(|refusal| refusal.error).unwrap_or_default();
        return Err(TokenError::Refused { url, status: status.as_u16(), detail });
    }
    match response.json::<Token>().await {
        Ok(token) => Ok(Sensitive::new(format!("{} {}", token.token_type, token.access_token))),
        Err(_) => Err(TokenError::NoToken { url }),
    }
}

/// reqwest names the reason only in its sources ("error sending request" alone helps nobody). The request itself, which
/// holds the secret, is not among them.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
