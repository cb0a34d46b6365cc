//! Types and declarations: read from the data, and written as the data writes them.

use std::sync::Arc;

use rules_cel::{Env, Overload, Signature, Type};
use serde::Deserialize;
use serde_json::Value as Json;

/// One entry of a case's environment.
#[derive(Debug, Deserialize)]
pub(crate) struct Declaration {
    name: String,
    ident: Option<Ident>,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Ident {
    #[serde(rename = "type")]
    ty: Json,
}

#[derive(Debug, Deserialize)]
struct Function {
    overloads: Vec<Declared>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    #[serde(default)]
    params: Vec<Json>,
    result_type: Json,
    #[serde(default)]
    is_instance_function: bool,
}

/// Tells an environment what a case declares.
pub(crate) fn declare(declarations: &[Declaration], env: &mut Env<'_>) {
    for declaration in declarations {
        if let Some(ident) = &declaration.ident {
            env.variable(declaration.name.as_str(), read(&ident.ty, &mut Vec::new()));
        }
        for overload in declaration.function.iter().flat_map(|function| &function.overloads) {
            let mut letters = Vec::new();
            let params = overload.params.iter().map(|param| read(param, &mut letters)).collect();
            let result = read(&overload.result_type, &mut letters);
            let signature =
                Signature { overload: Overload::Custom(0), method: overload.is_instance_function, params, result };
            env.function(declaration.name.as_str(), signature);
        }
    }
}

/// What the cases of `checking` take for granted.
pub(crate) fn declare_common(env: &mut Env<'_>) {
    let names = [
        ("is", Type::String),
        ("ii", Type::Int),
        ("iu", Type::Uint),
        ("iz", Type::Bool),
        ("ib", Type::Bytes),
        ("id", Type::Double),
        ("ix", Type::Null),
    ];
    for (name, ty) in names {
        env.variable(name, ty);
    }
    for (name, method, params) in [("fg_s", false, vec![]), ("fi_s_s", true, vec![Type::String])] {
        env.function(name, Signature { overload: Overload::Custom(0), method, params, result: Type::String });
    }
}

/// A type of the data; `letters` are the parameters met so far.
fn read(json: &Json, letters: &mut Vec<String>) -> Type {
    let Some((kind, of)) = json.as_object().and_then(|object| object.iter().next()) else { return Type::Dyn };
    match kind.as_str() {
        "null" => Type::Null,
        "primitive" => primitive(of),
        "wrapper" => Type::wrapper(primitive(of)),
        "wellKnown" => match of.as_str() {
            Some("TIMESTAMP") => Type::Timestamp,
            Some("DURATION") => Type::Duration,
            _ => Type::Dyn,
        },
        "listType" => Type::list(read(&of["elemType"], letters)),
        "mapType" => Type::map(read(&of["keyType"], letters), read(&of["valueType"], letters)),
        "messageType" => {
            let name = of.as_str().unwrap_or_default();
            Type::well_known_message(name).unwrap_or_else(|| Type::message(name))
        }
        "type" => Type::type_of(read(of, letters)),
        "typeParam" => {
            let letter = of.as_str().unwrap_or_default().to_owned();
            let at = letters.iter().position(|known| *known == letter).unwrap_or(letters.len());
            if at == letters.len() {
                letters.push(letter);
            }
            Type::Param(u32::try_from(at).expect("few parameters"))
        }
        "abstractType" => {
            let params: Vec<Type> =
                of["parameterTypes"].as_array().into_iter().flatten().map(|param| read(param, letters)).collect();
            match (of["name"].as_str().unwrap_or_default(), params.as_slice()) {
                ("optional_type", [inner]) => Type::optional(inner.clone()),
                (name, params) => Type::Abstract(Arc::from(name), Arc::from(params)),
            }
        }
        _ => Type::Dyn,
    }
}

fn primitive(of: &Json) -> Type {
    match of.as_str().unwrap_or_default() {
        "BOOL" => Type::Bool,
        "INT64" => Type::Int,
        "UINT64" => Type::Uint,
        "DOUBLE" => Type::Double,
        "STRING" => Type::String,
        "BYTES" => Type::Bytes,
        other => panic!("the data has a primitive `{other}`"),
    }
}

/// A type of the data's JSON, as [`written`] has it.
pub(crate) fn deduced(json: &Json) -> String {
    written(&read(json, &mut Vec::new()))
}

/// A type as the data writes it.
pub(crate) fn written(ty: &Type) -> String {
    match ty {
        Type::List(element) => format!("list({})", written(element)),
        Type::Map(key, value) => format!("map({}, {})", written(key), written(value)),
        Type::Type(of) if **of == Type::type_of(Type::Dyn) => "type(type)".to_owned(),
        Type::Type(of) => format!("type({})", written(of)),
        Type::Optional(inner) => format!("optional_type({})", written(inner)),
        Type::Wrapper(inner) => format!("wrapper({})", written(inner)),
        Type::Abstract(name, params) => {
            let params: Vec<_> = params.iter().map(written).collect();
            format!("{name}({})", params.join(", "))
        }
        other => other.to_string(),
    }
}
