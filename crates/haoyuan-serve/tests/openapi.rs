//! The description of the interface is made from its frame and the schemas of the command language, and is what the server does.
//!
//! `HAOYUAN_WRITE_OPENAPI=1 cargo test -p haoyuan-serve --test openapi` writes `openapi.json` anew.

mod common;

use common::{Running, options};
use haoyuan::refusal::Code;
use haoyuan_serve::credentials::Duty;
use haoyuan_serve::{Kind, openapi, status};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file(path)).unwrap()).unwrap()
}

/// Statuses with which a problem of the server's own, or a refusal, can be answered.
fn statuses() -> BTreeSet<u16> {
    let own = Kind::ALL.iter().map(|kind| kind.status().as_u16());
    own.chain(Code::ALL.iter().map(|code| status(*code).as_u16())).collect()
}

/// Points references into the components, with a prefix for those that another schema has under the same name.
fn move_references(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get_mut("$ref") {
                if let Some(name) = target.strip_prefix("#/$defs/") {
                    *target = format!("#/components/schemas/{prefix}{name}");
                }
            }
            object.values_mut().for_each(|value| move_references(value, prefix));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| move_references(value, prefix)),
        _ => {}
    }
}

fn document() -> Value {
    let mut document = read("openapi/frame.json");
    let mut schemas = Map::new();
    for (path, prefix, name) in [
        ("../haoyuan-platform/schema/command.schema.json", "", "command"),
        ("../haoyuan-platform/schema/answer.schema.json", "told_", "answer"),
    ] {
        let mut schema = read(path);
        move_references(&mut schema, prefix);
        let Value::Object(definitions) = schema["$defs"].take() else { panic!("{path} has definitions") };
        for (key, mut definition) in definitions {
            if key.starts_with("command_") {
                // The server has a clock of its own.
                let required = definition["required"].as_array_mut().unwrap();
                required.retain(|key| key != "at");
                definition["properties"]["at"] =
                    json!({"description": "Passed over: the time is the server's."});
            }
            schemas.insert(format!("{prefix}{key}"), definition);
        }
        let whole = json!({"description": schema["description"], "oneOf": schema["oneOf"]});
        schemas.insert(name.to_owned(), whole);
    }
    let own = document["components"]["schemas"].as_object_mut().unwrap();
    own.append(&mut schemas);
    // A day and a slot of a query are plain strings and numbers; what they must be, a format says to tools.
    own["day"]["format"] = json!("date");
    own["instant"]["format"] = json!("date-time");
    let statuses = statuses();
    // They are written out at the operations, because each has its own way of being required.
    let known = document["components"].as_object_mut().unwrap().remove("parameters").unwrap();
    for (path, methods) in document["paths"].as_object_mut().unwrap() {
        for operation in methods.as_object_mut().unwrap().values_mut() {
            let operation = operation.as_object_mut().unwrap();
            if path.starts_with("/v1/") {
                operation.entry("security").or_insert(json!([{}, {"token": []}]));
            }
            if let Some(parameters) = operation.get_mut("parameters") {
                for parameter in parameters.as_array_mut().unwrap() {
                    if let Some(name) = parameter.as_str() {
                        let name = name.to_owned();
                        *parameter = expand(&known, &name);
                    }
                }
            }
            let answer = json!({"description": "The answer.", "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/answer"}}}});
            let responses = operation.entry("responses").or_insert(json!({"200": answer}));
            let responses = responses.as_object_mut().unwrap();
            for status in &statuses {
                let is_free = path.starts_with("/health") || path == "/openapi.json";
                if !is_free || *status == 503 || *status == 405 {
                    responses.insert(status.to_string(), json!({"$ref": "#/components/responses/problem"}));
                }
            }
        }
    }
    document
}

/// A parameter of the frame by its name; `!` behind it says that it is required.
fn expand(known: &Value, name: &str) -> Value {
    let (name, required) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
    let mut parameter = known[name].clone();
    assert!(parameter.is_object(), "{name}");
    parameter["required"] = json!(required);
    parameter
}

#[test]
fn the_document_is_its_frame_and_the_schemas() {
    let text = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("HAOYUAN_WRITE_OPENAPI").is_some() {
        std::fs::write(file("openapi.json"), &text).unwrap();
        return;
    }
    assert!(
        openapi::TEXT == text,
        "`openapi.json` is old: HAOYUAN_WRITE_OPENAPI=1 cargo test -p haoyuan-serve --test openapi"
    );
}

#[test]
fn every_path_of_the_document_is_served_with_its_methods_and_no_others() {
    let running = Running::hospital(options());
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let served = running.get("/openapi.json", &[("accept", "application/json")]);
    assert_eq!(served.body, document);
    let none: [(&str, &str); 0] = [];
    for (path, methods) in document["paths"].as_object().unwrap() {
        let other = running.connect().send(
            &format!("PATCH {path} HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\n"),
            &none,
            "",
        );
        assert_eq!(other.status, 405, "{path}");
        let allowed: BTreeSet<&str> =
            other.headers["allow"].split(',').filter(|method| *method != "HEAD").collect();
        let described: Vec<String> = methods.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        assert_eq!(allowed, described.iter().map(String::as_str).collect(), "{path}");
    }
}

#[test]
fn every_route_of_the_server_is_in_the_document() {
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let paths: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let source = std::fs::read_to_string(file("src/server.rs")).unwrap();
    let mut routes: BTreeSet<String> = source
        .split(".route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .filter(|path| !path.starts_with("/demo"))
        .collect();
    assert!(routes.len() >= 6, "{routes:?}");
    let questions = std::fs::read_to_string(file("src/requests.rs")).unwrap();
    let (_, list) = questions.split_once("QUESTIONS: &[(&str, bool)] =").unwrap();
    routes.extend(
        list.split(';').next().unwrap().split('"').skip(1).step_by(2).map(|word| format!("/v1/{word}")),
    );
    assert_eq!(routes.iter().map(String::as_str).collect::<BTreeSet<_>>(), paths);
}

#[test]
fn commands_and_answers_are_as_the_document_says() {
    let running = Running::hospital(options());
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let validator = |name: &str| {
        let schema =
            json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
        jsonschema::validator_for(&schema).unwrap()
    };
    let (command, answer, problem) = (validator("command"), validator("answer"), validator("problem"));
    let token = running.patient(common::ME);
    let hold = common::hold(common::ME, "PM", 0);
    assert!(command.is_valid(&hold), "without a time");
    let granted = running.command(&hold, &token);
    assert!(answer.is_valid(&granted.body), "{granted:?}");
    for (response, expected) in [
        (running.command(&common::hold(common::ME, "PM", 50), &token), 404),
        (running.command(&json!({"command": "hold"}), &token), 422),
        (running.command(&common::hold(common::OTHER, "PM", 0), &token), 403),
        (running.get("/v1/load", &[]), 422),
    ] {
        assert_eq!(response.status, expected);
        assert!(problem.is_valid(&response.body), "{response:?}");
    }
    let schedule = running.get("/v1/schedule?class=public&channel=web&from=2026-03-10&to=2026-03-10", &[]);
    assert!(answer.is_valid(&schedule.body));
    let audit = running.command(&json!({"command": "audit"}), &running.staff(Duty::Viewer));
    assert!(answer.is_valid(&audit.body));
    let feed = running.get("/v1/feed?from=2026-03-10&to=2026-03-10", &[]);
    assert!(validator("told_feed").is_valid(&feed.body));
}
