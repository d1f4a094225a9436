//! In: a schema of the published documents. Out: a validator that notices undocumented members too. For tests, in here and of
//! the whole server.

use jsonschema::Validator;
use serde_json::{Value, json};

/// A validator of a schema of `document` that admits no member it does not name: clients ignore those, we want to hear of them.
pub(crate) fn strict(document: &Value, schema: &Value) -> Validator {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(members) => {
                if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                    members.entry("additionalProperties").or_insert(json!(false));
                }
                members.values_mut().for_each(close);
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema = json!({"allOf": [schema], "components": document["components"]});
    close(&mut schema);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// What is wrong with a value, and where.
pub(crate) fn problems(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
