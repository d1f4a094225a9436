//! The token endpoint as RFC 6749 wants it.

use axum::body::to_bytes;

use super::*;
use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::tenant::edit::{KeyKind, edit};
use crate::tenant::scope::Scope;
use crate::tenant::secret;

const SECRET: &str = "correct horse+battery/staple";

/// One client of two tenants each; the secret of the first was chosen by a person.
fn endpoint() -> Arc<TokenEndpoint> {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    edit(&dir, |file| {
        file.add_tenant("acme")?;
        for (id, scopes) in [("client-1", Scopes::ALL), ("verifier", Scopes::from_iter([Scope::Verify]))] {
            let made = file.add_key(KeyKind::Client, "acme", scopes, None)?.id;
            let key = file.key_mut(&made)?.1;
            key.id = id.into();
            key.secrets[0].hash = secret::hash(SECRET, None).map_err(DataDirError::from)?;
        }
        Ok(())
    })
    .unwrap();
    // The keyring keeps the last good keys when the directory goes with `temp`.
    let (keyring, limiter) = (Keyring::open(&dir).unwrap(), Arc::default());
    Arc::new(TokenEndpoint::new(keyring, limiter).unwrap())
}

async fn ask(headers: &[(header::HeaderName, &str)], body: &str) -> (StatusCode, HeaderMap, Value) {
    ask_of(&endpoint(), headers, body).await
}

async fn ask_of(
    endpoint: &Arc<TokenEndpoint>,
    headers: &[(header::HeaderName, &str)],
    body: &str,
) -> (StatusCode, HeaderMap, Value) {
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    let response = token(State(Arc::clone(endpoint)), headers, Ok(Bytes::from(body.to_owned()))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn credentials() -> String {
    form(&[("grant_type", "client_credentials"), ("client_id", "client-1"), ("client_secret", SECRET)])
}

#[tokio::test]
async fn form_json_and_basic_get_a_token_of_the_tenant() {
    let json_body =
        json!({"grant_type": "client_credentials", "client_id": "client-1", "client_secret": SECRET});
    let basic = format!("Basic {}", STANDARD.encode("client-1:correct+horse%2Bbattery%2Fstaple"));
    let form_type = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let endpoint = endpoint();
    let json_type = (header::CONTENT_TYPE, "application/json; charset=utf-8");
    let answers = [
        ask_of(&endpoint, std::slice::from_ref(&form_type), &credentials()).await,
        ask_of(&endpoint, &[json_type], &json_body.to_string()).await,
        ask_of(&endpoint, &[form_type, (header::AUTHORIZATION, &basic)], "grant_type=client_credentials")
            .await,
    ];
    for (status, headers, body) in answers {
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(7200)));
        assert_eq!(body["scope"], "register verify");
        let principal = endpoint.keyring.token(body["access_token"].as_str().unwrap()).unwrap();
        assert_eq!((principal.tenant.name(), principal.scopes), ("acme", Scopes::ALL));
    }
}

#[tokio::test]
async fn refusals_are_those_of_the_rfc() {
    let wrong =
        form(&[("grant_type", "client_credentials"), ("client_id", "client-1"), ("client_secret", "no")]);
    let unknown =
        form(&[("grant_type", "client_credentials"), ("client_id", "nobody"), ("client_secret", "")]);
    let cases = [
        (wrong, 401, "invalid_client"),
        (unknown, 401, "invalid_client"),
        ("grant_type=client_credentials".into(), 401, "invalid_client"),
        ("grant_type=client_credentials&client_secret=x".into(), 401, "invalid_client"),
        (credentials().replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        ("client_id=client-1".into(), 400, "invalid_request"),
        (String::new(), 400, "invalid_request"),
        (format!("{}&client_id=client-1", credentials()), 400, "invalid_request"),
    ];
    for (body, status, error) in cases {
        let (got, headers, answer) = ask(&[], &body).await;
        assert_eq!((got.as_u16(), &answer["error"]), (status, &json!(error)), "{body}");
        assert_eq!(headers.contains_key(header::WWW_AUTHENTICATE), status == 401);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }
    let (status, _, answer) = ask(&[(header::CONTENT_TYPE, "application/json")], "[not json").await;
    assert_eq!((status.as_u16(), &answer["error"]), (400, &json!("invalid_request")));
    let (status, _, _) = ask(&[(header::AUTHORIZATION, "Basic !!!")], "grant_type=client_credentials").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_scope_is_what_the_client_asks_for_and_may_have() {
    let endpoint = endpoint();
    let with = |client: &str, scope: &str| {
        let body = credentials().replace("client-1", client);
        format!("{body}&{}", form(&[("scope", scope)]))
    };
    for (client, scope, granted) in [
        ("client-1", "verify", "verify"),
        ("client-1", "verify register", "register verify"),
        ("client-1", "", "register verify"),
        ("verifier", "", "verify"),
    ] {
        let (status, _, answer) = ask_of(&endpoint, &[], &with(client, scope)).await;
        assert_eq!((status.as_u16(), &answer["scope"]), (200, &json!(granted)), "{client} {scope:?}");
        let principal = endpoint.keyring.token(answer["access_token"].as_str().unwrap()).unwrap();
        assert_eq!(principal.scopes.to_string(), granted);
    }
    for (client, scope) in [("verifier", "register"), ("verifier", "register verify"), ("client-1", "admin")]
    {
        let (status, _, answer) = ask_of(&endpoint, &[], &with(client, scope)).await;
        assert_eq!((status.as_u16(), &answer["error"]), (400, &json!("invalid_scope")), "{client} {scope:?}");
    }
}

#[tokio::test]
async fn guesses_are_told_to_come_back_and_the_right_secret_still_gets_its_token() {
    let endpoint = endpoint();
    assert_eq!(ask_of(&endpoint, &[], &credentials()).await.0, StatusCode::OK);
    let wrong =
        form(&[("grant_type", "client_credentials"), ("client_id", "client-1"), ("client_secret", "no")]);
    let mut last = ask_of(&endpoint, &[], &wrong).await;
    for _ in 0..15 {
        last = ask_of(&endpoint, &[], &wrong).await;
    }
    assert_eq!(last.0, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.1.contains_key(header::RETRY_AFTER) && last.2["error"] == "temporarily_unavailable");
    assert_eq!(ask_of(&endpoint, &[], &credentials()).await.0, StatusCode::OK);
}
