//! In: the OpenAPI document. Out: the part of the page that describes it: operations by subject, objects, errors.

use serde_json::{Map, Value};

use super::documents::resolve;
use super::html::{code, escape, inline, prose, table};
use super::schema;

/// Operations by subject, then the objects and errors they have in common.
pub(super) fn render(document: &Value) -> String {
    let mut html = String::new();
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        html += &format!("<h3>{}</h3>", escape(name));
        html += &prose(tag["description"].as_str().unwrap_or_default());
        for (path, item) in members(&document["paths"]) {
            for (method, operation) in members(item) {
                if operation["tags"][0] == tag["name"] {
                    html += &operation_html(document, path, item, method, operation);
                }
            }
        }
    }
    html + &objects(document) + &errors(document)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn operation_html(document: &Value, path: &str, item: &Value, method: &str, operation: &Value) -> String {
    let text = |name: &str| operation[name].as_str().unwrap_or_default();
    let open = operation["security"]
        .as_array()
        .is_some_and(|ways| ways.iter().all(|way| way == &Value::Object(Map::new())));
    format!(
        "<details id=\"{id}\"><summary><b class=\"{method}\">{upper}</b> <code>{path}</code> <span>{summary}</span></summary>\
         {about}{free}{parameters}{body}{responses}</details>",
        id = escape(text("operationId")),
        upper = method.to_uppercase(),
        path = escape(path),
        summary = inline(text("summary")),
        about = prose(text("description")),
        free = if open { "<p>Needs no key.</p>" } else { "" },
        parameters = parameters(document, &[&item["parameters"], &operation["parameters"]]),
        body = body(document, &operation["requestBody"]),
        responses = responses(document, &operation["responses"]),
    )
}

fn parameters(document: &Value, lists: &[&Value]) -> String {
    let all = lists.iter().filter_map(|list| list.as_array()).flatten();
    let rows = all.map(|parameter| {
        let parameter = resolve(document, parameter);
        let text = |name: &str| parameter[name].as_str().unwrap_or_default();
        let need = if parameter["required"] == true { "" } else { " <small>optional</small>" };
        vec![
            format!("<code>{}</code>{need}", escape(text("name"))),
            escape(text("in")),
            inline(text("description")),
        ]
    });
    table(&["parameter", "in", ""], rows)
}

fn body(document: &Value, body: &Value) -> String {
    let Some((media, content)) = members(&body["content"]).next() else { return String::new() };
    let example = content.get("example").map(|example| code(&format!("{example:#}"))).unwrap_or_default();
    format!(
        "<h4>Request <small>{}</small></h4>{}{example}",
        escape(media),
        schema::members(document, &content["schema"])
    )
}

fn responses(document: &Value, responses: &Value) -> String {
    let rows = members(responses).map(|(status, response)| {
        let response = resolve(document, response);
        let contents = members(&response["content"]).map(|(media, content)| {
            let name = content["schema"]["$ref"].as_str().and_then(|target| target.rsplit('/').next());
            match name {
                Some(name) => format!("<a href=\"#{0}\">{0}</a>", escape(name)),
                None => format!("<code>{}</code>", escape(media)),
            }
        });
        let contents: Vec<_> = contents.collect();
        vec![
            format!("<code>{status}</code>"),
            inline(response["description"].as_str().unwrap_or_default()),
            contents.join(" "),
        ]
    });
    format!("<h4>Answers</h4>{}", table(&["status", "", "body"], rows))
}

/// The objects that answers hold; requests are shown where they are sent.
fn objects(document: &Value) -> String {
    let answered = members(&document["components"]["schemas"]).filter(|(name, _)| !name.ends_with("Request"));
    let all = answered.map(|(name, object)| {
        format!(
            "<details id=\"{0}\"><summary><code>{0}</code></summary>{1}{2}</details>",
            escape(name),
            prose(object["description"].as_str().unwrap_or_default()),
            schema::members(document, object)
        )
    });
    format!("<h3>objects</h3>{}", all.collect::<String>())
}

fn errors(document: &Value) -> String {
    let known = members(&document["paths"]).flat_map(|(_, item)| members(item));
    let mut statuses: Vec<(&String, &Value)> = known
        .flat_map(|(_, operation)| members(&operation["responses"]))
        .filter(|(_, response)| response["$ref"].is_string())
        .collect();
    statuses.sort_by_key(|(status, _)| *status);
    statuses.dedup_by_key(|(status, _)| *status);
    let rows = statuses.into_iter().map(|(status, response)| {
        let response = resolve(document, response);
        let exceptions =
            &response["content"]["application/json"]["schema"]["properties"]["exception"]["enum"];
        let exceptions = exceptions.as_array().into_iter().flatten().filter_map(Value::as_str);
        vec![
            format!("<code>{status}</code>"),
            exceptions.map(|name| format!("<code>{}</code>", escape(name))).collect::<Vec<_>>().join("<br>"),
            inline(response["description"].as_str().unwrap_or_default()),
        ]
    });
    format!(
        "<h3>errors</h3>{}{}",
        prose(
            "Every error of the REST channel is `{\"exception\": …, \"error\": …}`: a name for programs, a text for people. `X-Request-Id` names the answer in the server's log."
        ),
        table(&["status", "exception", "when"], rows)
    )
}
