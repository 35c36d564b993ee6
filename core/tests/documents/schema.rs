//! The published schemas accept what the parser accepts, but for what a schema cannot say.

use std::collections::BTreeSet;

use jsonschema::Validator;
use peergate_core::LoadCode;
use serde_json::{Map, Value, json};

use super::corpus::{self, Kind};

/// What a schema cannot say, by the code under which the parser refuses it. Whatever else the parser
/// refuses, a schema refuses too; and whatever a schema refuses, the parser refuses, without any
/// exception.
const EXCEPTIONS: &[(LoadCode, &str)] = &[
    (LoadCode::NotAnInteger, "to a schema 1.0 is 1"),
    (LoadCode::DuplicateRuleName, "names that must differ"),
    (LoadCode::UndefinedGroup, "references to groups"),
    (LoadCode::TooManyRules, "deny and allow are counted together"),
    (LoadCode::TooManyIdentities, "groups and rules are counted together"),
    (LoadCode::BadDistinguishedName, "the grammar of distinguished names"),
    (LoadCode::BadIp, "the grammar of IP addresses"),
    (LoadCode::BadPath, "the fine grammar of path patterns"),
    (LoadCode::ForbiddenHeader, "header names that mean something else"),
    (LoadCode::HeaderConflict, "header names that mean something else"),
    (LoadCode::PolicyIsAPath, "a path, for hosts that have files"),
];

struct Schemas {
    policy: Validator,
    source: Validator,
    deployment: Validator,
}

impl Schemas {
    fn load() -> Self {
        let policy: Value = serde_json::from_str(include_str!("../../schema/policy.schema.json")).unwrap();
        let mut deployment: Value =
            serde_json::from_str(include_str!("../../schema/deployment.schema.json")).unwrap();
        for schema in [&policy, &deployment] {
            assert!(jsonschema::meta::is_valid(schema));
        }
        // A bundle (JSON Schema, section 9.3): the reference resolves to the embedded identifier.
        deployment["$defs"]["policy"] = policy.clone();
        let mut source = deployment.clone();
        let top = source.as_object_mut().unwrap();
        top.retain(|key, _| key.starts_with('$'));
        top.insert("$ref".into(), json!("#/$defs/source"));
        let compile = |schema: &Value| jsonschema::draft202012::new(schema).unwrap();
        Self { policy: compile(&policy), source: compile(&source), deployment: compile(&deployment) }
    }

    fn accepts(&self, kind: Kind, document: &Value) -> bool {
        match kind {
            Kind::Policy => self.policy.is_valid(document),
            Kind::Source => self.source.is_valid(document),
            Kind::Deployment => self.deployment.is_valid(document),
        }
    }
}

#[test]
fn schemas_accept_the_good_corpus() {
    let schemas = Schemas::load();
    for entry in corpus::accepted() {
        let document = serde_json::from_str(&entry.text).unwrap();
        assert!(schemas.accepts(entry.kind, &document), "{}: {}", entry.about, entry.text);
    }
}

#[test]
fn schemas_refuse_the_bad_corpus_but_for_the_exceptions() {
    let schemas = Schemas::load();
    let mut wrong = Vec::new();
    for entry in corpus::refused() {
        // What is no JSON, or says something twice, no schema ever sees.
        let Ok(document) = serde_json::from_str(&entry.text) else { continue };
        let accepts = schemas.accepts(entry.kind, &document);
        if accepts && entry.schema_accepts.is_none() {
            wrong.push(format!("accepted: {}: {}", entry.about, entry.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn exceptions_of_the_corpus_are_those_of_the_list() {
    let listed: BTreeSet<&str> = EXCEPTIONS.iter().map(|(code, _)| code.code()).collect();
    for entry in corpus::refused() {
        let code = entry.code.unwrap();
        let invisible = entry.schema_accepts.as_deref() == Some("not visible to a schema");
        if entry.schema_accepts.is_some() && !invisible {
            assert!(listed.contains(code.as_str()), "{}: {code}", entry.about);
        }
    }
}

/// Every document of the corpus, damaged in every place in every way of a list.
#[test]
fn schema_and_parser_agree_on_mutated_documents() {
    let schemas = Schemas::load();
    let excused: Vec<LoadCode> = EXCEPTIONS.iter().map(|(code, _)| *code).collect();
    let (mut both_accept, mut both_refuse, mut excused_count) = (0, 0, 0);
    let mut wrong = Vec::new();
    for entry in corpus::accepted().into_iter().chain(corpus::refused()) {
        let Ok(document) = serde_json::from_str::<Value>(&entry.text) else { continue };
        if entry.text.len() > 1000 {
            continue;
        }
        for mutant in mutants(&document) {
            let loaded = corpus::load(entry.kind, &mutant.to_string());
            let agrees = match (&loaded, schemas.accepts(entry.kind, &mutant)) {
                (Ok(_), accepted) => {
                    both_accept += usize::from(accepted);
                    accepted
                }
                (Err(errors), true) => {
                    excused_count += 1;
                    errors.iter().all(|error| excused.contains(&error.code))
                }
                (Err(_), false) => {
                    both_refuse += 1;
                    true
                }
            };
            if !agrees {
                let codes =
                    loaded.map(drop).map_err(|errors| errors.iter().map(|e| e.code).collect::<Vec<_>>());
                wrong.push(format!("{codes:?}: {mutant}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    // The mutants are worth something: they go all three ways.
    assert!(both_accept > 1_000, "{both_accept}");
    assert!(both_refuse > 10_000, "{both_refuse}");
    assert!(excused_count > 100, "{excused_count}");
}

/// The document with one value replaced, one member removed, renamed or added.
fn mutants(document: &Value) -> Vec<Value> {
    let mut found = vec![
        Value::Null,
        json!(""),
        json!("x"),
        json!("GET"),
        json!("@g"),
        json!("spiffe://td/a"),
        json!("anyone"),
        json!(0),
        json!(-1),
        json!(1),
        json!(400),
        json!(1.5),
        json!(4_294_967_296_u64),
        json!(true),
        json!([]),
        json!({}),
        json!([document]),
        json!({"x": document}),
    ];
    match document {
        Value::Object(members) => {
            for (key, value) in members {
                let mut without = members.clone();
                without.remove(key);
                found.push(Value::Object(without.clone()));
                let mut renamed = without.clone();
                renamed.insert(key.to_uppercase() + "x", value.clone());
                found.push(Value::Object(renamed));
                found.extend(mutants(value).into_iter().map(|mutant| {
                    let mut changed: Map<String, Value> = members.clone();
                    changed.insert(key.clone(), mutant);
                    Value::Object(changed)
                }));
            }
            for (key, value) in [("x", json!(1)), ("mode", json!("shadow")), ("issuer", json!("CN=a"))] {
                let mut more = members.clone();
                more.insert(key.into(), value);
                found.push(Value::Object(more));
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let mut without = elements.clone();
                without.remove(index);
                found.push(Value::Array(without));
                found.extend(mutants(element).into_iter().map(|mutant| {
                    let mut changed = elements.clone();
                    changed[index] = mutant;
                    Value::Array(changed)
                }));
            }
        }
        Value::String(text) => {
            for (from, to) in
                [("a", "A"), ("a", " "), ("/", "//"), (":", ""), ("0", "00"), (".", ".."), ("=", "")]
            {
                found.push(Value::String(text.replacen(from, to, 1)));
            }
            found.push(Value::String(format!("{text}/")));
            found.push(Value::String(format!("{text}a")));
            found.push(Value::String(format!("*{text}")));
        }
        _ => {}
    }
    found
}
