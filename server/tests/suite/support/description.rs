//! The published OpenAPI document, held against what a server answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::Value;

use super::rest::Answer;
use strict::{problems, strict};

#[path = "../../../src/signalling/describe/strict.rs"]
mod strict;

/// The document as it is written; the served one differs in address and version.
pub fn openapi() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let text = include_str!("../../../src/signalling/describe/openapi.json");
    DOCUMENT.get_or_init(|| serde_json::from_str(text).unwrap())
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(target) => openapi().pointer(target.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Validators are made once for each schema of the document: polling tests get thousands of answers.
fn validator(schema: &'static Value) -> Arc<Validator> {
    static MADE: OnceLock<Mutex<HashMap<usize, Arc<Validator>>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap();
    let place = std::ptr::from_ref(schema).addr();
    Arc::clone(made.entry(place).or_insert_with(|| Arc::new(strict(openapi(), schema))))
}

/// The described path that a request's path is an instance of.
fn described(path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
    };
    let paths = openapi()["paths"].as_object().unwrap();
    paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item)
}

/// Panics if the answer is not one that the document promises: status, headers, content type, body.
pub fn check(method: &Method, path: &str, answer: &Answer) {
    let what = format!("{method} {path} -> {}", answer.status);
    let operation = described(path).map(|item| &item[method.as_str().to_ascii_lowercase()]);
    let Some(operation) = operation.filter(|operation| operation.is_object()) else {
        assert!([404, 405].contains(&answer.status.as_u16()), "{what}: there is no such operation");
        return;
    };
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{what}: the status is not described");
    let response = resolve(response);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        check_header(&what, name, resolve(header), answer);
    }
    let Some(contents) = response["content"].as_object() else {
        assert!(answer.bytes.is_empty(), "{what}: no body is described");
        return;
    };
    let given = answer.header("content-type").unwrap_or_default().split(';').next().unwrap();
    let content = contents.get(given).unwrap_or_else(|| panic!("{what}: {given} is not described"));
    if given == "application/json" {
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap();
        let wrong = problems(&validator(&content["schema"]), &body);
        assert!(wrong.is_empty(), "{what}: {wrong:?} in {body}");
    }
}

fn check_header(what: &str, name: &str, header: &'static Value, answer: &Answer) {
    let Some(text) = answer.header(name) else {
        assert!(header["required"] != true, "{what}: {name} is missing");
        return;
    };
    let value = match header["schema"]["type"].as_str() {
        Some("integer") => text.parse::<i64>().map_or(Value::Null, Value::from),
        _ => Value::from(text),
    };
    let wrong = problems(&validator(&header["schema"]), &value);
    assert!(wrong.is_empty(), "{what}: {name}: {wrong:?}");
}
