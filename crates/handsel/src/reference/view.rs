//! A document, as a page shows it.

use serde_json::{Map, Value};

use super::{
    shapes::{self, Kind, Member, Shape},
    text::{Prose, paragraphs, prose},
};

/// An API.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) about: Vec<Prose>,
    pub(crate) groups: Vec<Group>,
    pub(crate) shapes: Vec<Shape>,
}

/// Operations that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) about: Prose,
    pub(crate) operations: Vec<Operation>,
}

/// An operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) summary: String,
    pub(crate) about: Vec<Prose>,
    pub(crate) who: String,
    pub(crate) parameters: Vec<Member>,
    pub(crate) body: Option<Body>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) curl: String,
}

/// What is sent, or answered.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) content_type: String,
    pub(crate) kind: Kind,
    pub(crate) members: Vec<Member>,
    pub(crate) example: String,
    pub(crate) is_required: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) is_good: bool,
    pub(crate) lines: Vec<Prose>,
    pub(crate) body: Option<Body>,
}

impl Api {
    /// What a document says.
    pub(crate) fn of(name: &'static str, document: &Value) -> Self {
        let schemas = &document["components"]["schemas"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let group = |tag: &Value| Group {
            name: text(&tag["name"]),
            about: prose(&text(&tag["description"])),
            operations: operations(document, &tag["name"]),
        };
        let info = &document["info"];
        let all = schemas.as_object().into_iter().flatten();
        Self {
            name,
            title: text(&info["title"]),
            version: text(&info["version"]),
            about: paragraphs(&text(&info["description"])),
            groups: document["tags"].as_array().into_iter().flatten().map(group).collect(),
            shapes: all.map(|(name, schema)| Shape::of(name, schema, schemas)).collect(),
        }
    }

    /// How many operations it has.
    pub(crate) fn size(&self) -> usize {
        self.groups.iter().map(|group| group.operations.len()).sum()
    }
}

fn operations(document: &Value, tag: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "put", "patch", "delete"] {
            let operation = &item[method];
            if operation["tags"].as_array().is_some_and(|tags| tags.contains(tag)) {
                found.push(Operation::of(
                    method,
                    path,
                    operation,
                    &document["components"]["schemas"],
                ));
            }
        }
    }
    found
}

impl Operation {
    fn of(method: &str, path: &str, operation: &Value, schemas: &Value) -> Self {
        let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|parameter| Member {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            is_required: parameter["required"] == true,
            kind: shapes::kind(&parameter["schema"]),
            about: prose(parameter["description"].as_str().unwrap_or_default()),
        });
        let body = body(&operation["requestBody"], schemas);
        let answers = operation["responses"].as_object().into_iter().flatten();
        Self {
            id: text("operationId"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text("summary").trim_end_matches('.').to_owned(),
            about: paragraphs(&text("description")),
            who: who(operation),
            parameters: parameters.collect(),
            curl: curl(method, path, operation, body.as_ref(), schemas),
            body,
            answers: answers.map(|(status, answer)| Answer::of(status, answer, schemas)).collect(),
        }
    }
}

impl Answer {
    fn of(status: &str, answer: &Value, schemas: &Value) -> Self {
        let lines = answer["description"].as_str().unwrap_or_default().lines();
        let lines = lines.map(|line| prose(line.trim_start_matches("- "))).collect();
        let is_good = status.starts_with('2');
        let body = if is_good { body(answer, schemas) } else { None };
        Self { status: status.to_owned(), is_good, lines, body }
    }
}

fn body(of: &Value, schemas: &Value) -> Option<Body> {
    let (content_type, content) = of["content"].as_object()?.iter().next()?;
    let schema = &content["schema"];
    let example = match &content["example"] {
        Value::Null => shapes::example(schema, schemas),
        example => example.clone(),
    };
    let example = match example {
        Value::String(text) => text,
        other => format!("{other:#}"),
    };
    Some(Body {
        content_type: content_type.clone(),
        kind: shapes::kind(schema),
        members: shapes::members(schema, schemas),
        example: if content_type == "text/csv" && example == "…" {
            String::new()
        } else {
            example
        },
        is_required: of["required"] == true,
    })
}

/// Who may ask, in words.
fn who(operation: &Value) -> String {
    match operation["x-who"].as_str() {
        Some("link") => return "whoever has the link".to_owned(),
        Some(who) => return who.to_owned(),
        None => {}
    }
    let schemes = operation["security"].as_array().into_iter().flatten();
    let names =
        schemes.map(|scheme| match scheme.as_object().and_then(|scheme| scheme.keys().next()) {
            Some(name) => name.clone(),
            None => "anyone".to_owned(),
        });
    names.collect::<Vec<_>>().join(" or ")
}

/// The same with curl.
fn curl(
    method: &str,
    path: &str,
    operation: &Value,
    body: Option<&Body>,
    schemas: &Value,
) -> String {
    let mut url = path.to_owned();
    let mut headers = Vec::new();
    let mut asked = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let example = match &parameter["example"] {
            Value::Null => shapes::example(&parameter["schema"], schemas),
            example => example.clone(),
        };
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        match parameter["in"].as_str() {
            Some("path") => url = url.replace(&format!("{{{name}}}"), &example),
            Some("header") => headers.push(format!("{name}: {example}")),
            Some("query") if parameter["required"] == true => {
                asked.push(format!("{name}={example}"))
            }
            _ => {}
        }
    }
    if !asked.is_empty() {
        url = format!("{url}?{}", asked.join("&"));
    }
    let scheme = operation["security"].as_array().into_iter().flatten();
    match scheme.filter_map(Value::as_object).flat_map(Map::keys).next().map(String::as_str) {
        Some("provider") => headers.push("Bank-Signature: t=1764000000,v1=5ee15ee1…".to_owned()),
        Some(name) => headers.push(format!("Authorization: Bearer ${}_TOKEN", name.to_uppercase())),
        None => {}
    }
    let mut lines = vec![match method {
        "get" => format!("curl \"$HANDSEL{url}\""),
        _ => format!("curl -X {} \"$HANDSEL{url}\"", method.to_uppercase()),
    }];
    lines.extend(headers.iter().map(|header| format!("  -H \"{header}\"")));
    match body {
        Some(body) if body.content_type == "text/csv" => {
            lines.push("  -H \"Content-Type: text/csv\"".to_owned());
            lines.push("  --data-binary @entrants.csv".to_owned());
        }
        Some(body) => {
            lines.push(format!("  -H \"Content-Type: {}\"", body.content_type));
            // On one line, and safe between the quotes of a shell.
            let compact = serde_json::from_str::<Value>(&body.example).unwrap_or_default();
            lines.push(format!("  -d '{}'", compact.to_string().replace('\'', "'\\''")));
        }
        None => {}
    }
    lines.join(" \\\n")
}
