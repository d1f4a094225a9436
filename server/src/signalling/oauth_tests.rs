//! The token endpoint as RFC 6749 wants it.

use axum::body::to_bytes;

use super::*;

const SECRET: &str = "correct horse+battery/staple";

fn endpoint() -> Arc<TokenEndpoint> {
    let client = Client {
        tenant: Tenant::new("acme"),
        client_id: "client-1".into(),
        secret_hash: hash_secret(SECRET).unwrap(),
    };
    Arc::new(TokenEndpoint::new(vec![client], Arc::new(TokenKey::new(&[7; 32]))).unwrap())
}

async fn ask(headers: &[(header::HeaderName, &str)], body: &str) -> (StatusCode, HeaderMap, Value) {
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    let response = token(State(endpoint()), headers, Ok(Bytes::from(body.to_owned()))).await;
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
    let answers = [
        ask(std::slice::from_ref(&form_type), &credentials()).await,
        ask(&[(header::CONTENT_TYPE, "application/json; charset=utf-8")], &json_body.to_string()).await,
        ask(&[form_type, (header::AUTHORIZATION, &basic)], "grant_type=client_credentials").await,
    ];
    for (status, headers, body) in answers {
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(7200)));
        let tenant = endpoint().key.check(body["access_token"].as_str().unwrap());
        assert_eq!(tenant, Ok(Tenant::new("acme")));
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
async fn more_verifications_than_allowed_are_told_to_come_back() {
    let endpoint = endpoint();
    let _all = endpoint.admitted.acquire_many(MAX_VERIFICATIONS as u32).await.unwrap();
    let response =
        token(State(Arc::clone(&endpoint)), HeaderMap::new(), Ok(Bytes::from(credentials()))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn a_hash_does_not_show_its_secret_and_is_salted() {
    let (one, two) = (hash_secret(SECRET).unwrap(), hash_secret(SECRET).unwrap());
    assert_ne!(one.expose(), two.expose());
    assert!(one.expose().starts_with("$argon2id$") && !one.expose().contains("horse"));
    assert!(matches(SECRET, one.expose()) && !matches("other", one.expose()) && !matches(SECRET, "garbage"));
}
