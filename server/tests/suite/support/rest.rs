//! A polling client.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{TestServer, description};

/// The answer to a request.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Talks to one server with one key.
pub struct Rest {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Rest {
    pub fn of(server: &TestServer) -> Self {
        Self::with_key(server, server.first_run.api_key.expose())
    }

    pub fn with_key(server: &TestServer, key: &str) -> Self {
        Self { base: server.url("/dpsrest/v1"), key: key.to_owned(), http: reqwest::Client::new() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("apikey", &self.key)
    }

    /// Every answer that a test gets is held against the published description.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = self.http.execute(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let answer = Answer { status, headers, bytes: answer.bytes().await.unwrap().to_vec() };
        description::check(&method, &path, &answer);
        answer
    }

    /// The same for an address outside the REST channel.
    pub fn request_at(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// The id of fresh audio settings: telephone µ-law over Media Streams.
    pub async fn settings(&self) -> String {
        let answer = self.post("/audio_settings", &audio_settings()).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// A session that waits for its audio.
    pub async fn register(&self, call_id: &str) -> Value {
        let answer = self.post("/register_session", &registration(&self.settings().await, call_id)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
        answer.json()
    }

    /// Reads a session until it is finished, as fast as the server answers; all it read.
    pub async fn poll(&self, path: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            let answer = self.get(path).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
            seen.push(answer.json());
            if answer.json()["finished"] == json!(true) {
                return seen;
            }
        }
    }
}

pub fn audio_settings() -> Value {
    json!({"audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
        "sample_rate": 8000, "channels": 1})
}

pub fn registration(settings: &str, call_id: &str) -> Value {
    json!({"audio_settings_id": settings, "call_id": call_id, "authenticity_threshold": 0.0, "audio_total_duration": 5.0})
}

pub fn verification(settings: &str, call_id: &str, credential: &str) -> Value {
    json!({"audio_settings_id": settings, "call_id": call_id, "credential": credential,
        "authenticity_threshold": 0.0, "audio_total_duration": 5.0})
}
