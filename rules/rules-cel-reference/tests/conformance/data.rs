//! The package's data: cases with their suites, and the descriptors of the test messages.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::{FieldDescriptorProto, FileDescriptorProto};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::types::Declaration;

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    /// `conformance/basic/self_eval_zeroish/self_eval_int_zero`; of a case without a name its number: `parsing/17`.
    pub(crate) name: String,
    /// `basic`; the group's name where it has no suites.
    pub(crate) suite: String,
    pub(crate) original: Original,
    /// The parsed tree, as text.
    pub(crate) ast: Option<String>,
    /// The type, as text.
    pub(crate) ty: Option<String>,
    /// What another implementation complains about.
    pub(crate) error: Option<String>,
}

/// What the specification says of a case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Original {
    name: Option<String>,
    pub(crate) expr: String,
    #[serde(default)]
    pub(crate) container: String,
    #[serde(default)]
    pub(crate) disable_check: bool,
    #[serde(default)]
    pub(crate) check_only: bool,
    #[serde(default)]
    pub(crate) type_env: Vec<Declaration>,
    #[serde(default)]
    pub(crate) bindings: serde_json::Map<String, Json>,
    pub(crate) value: Option<Json>,
    pub(crate) typed_result: Option<TypedResult>,
    pub(crate) eval_error: Option<Json>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypedResult {
    pub(crate) result: Option<Json>,
    pub(crate) deduced_type: Option<Json>,
}

#[derive(Deserialize)]
struct Suite {
    name: String,
    #[serde(default)]
    suites: Vec<Suite>,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    original: Original,
    ast: Option<String>,
    #[serde(rename = "type")]
    ty: Option<String>,
    error: Option<String>,
}

/// Everything that was fetched.
pub(crate) struct Data {
    folder: PathBuf,
    pub(crate) pool: DescriptorPool,
}

impl Data {
    /// The data, or nothing where it was not fetched.
    pub(crate) fn load() -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let folder = target.join("cel-spec");
        let Ok(descriptors) = std::fs::read_to_string(folder.join("descriptors.json")) else {
            println!("skipped: no conformance data in {}; `cargo xtask cel-spec` fetches it", folder.display());
            assert!(std::env::var_os("CI").is_none(), "with CI set the data must be there");
            return None;
        };
        let mut pool = DescriptorPool::global();
        for file in serde_json::from_str::<Vec<String>>(&descriptors).expect("descriptors are a list of texts") {
            let bytes = STANDARD_NO_PAD.decode(file.trim_end_matches('=')).expect("a descriptor is base64");
            let mut file = FileDescriptorProto::decode(bytes.as_slice()).expect("a descriptor decodes");
            // The package keeps the imports elsewhere.
            file.dependency = pool.files().map(|file| file.name().to_owned()).collect();
            // The cases of `checking` know the same messages by their former names.
            let former = renamed(&file);
            pool.add_file_descriptor_proto(file).expect("a descriptor knows those before");
            pool.add_file_descriptor_proto(former).expect("a descriptor knows those before");
        }
        Some(Self { folder, pool })
    }

    /// The cases of a group: `conformance`, `parsing`, `checking`.
    pub(crate) fn cases(&self, group: &str) -> Vec<Case> {
        let text = std::fs::read_to_string(self.folder.join(group).with_extension("json")).expect("the group is there");
        let root: Suite = serde_json::from_str(&text).expect("the group reads");
        let mut cases = Vec::new();
        collect(root, group, None, &mut cases);
        cases
    }
}

fn renamed(file: &FileDescriptorProto) -> FileDescriptorProto {
    let mut file = file.clone();
    let former = |name: &str| {
        name.replace("cel.expr.conformance.", "google.expr.")
            .replace("proto2", "proto2.test")
            .replace("proto3", "proto3.test")
    };
    file.name = file.name.map(|name| format!("former/{name}"));
    file.package = file.package.map(|name| former(&name));
    let rename = |field: &mut FieldDescriptorProto| {
        for name in [&mut field.type_name, &mut field.extendee] {
            *name = name.take().map(|name| former(&name));
        }
    };
    file.extension.iter_mut().for_each(rename);
    let mut messages: Vec<_> = file.message_type.iter_mut().collect();
    while let Some(message) = messages.pop() {
        if message.name() == "NestedGroup" {
            for field in message.field.iter_mut().filter(|field| field.name() == "single_id") {
                field.name = Some("nested_id".to_owned());
                field.json_name = None;
            }
        }
        message.field.iter_mut().chain(&mut message.extension).for_each(rename);
        messages.extend(&mut message.nested_type);
    }
    file
}

fn collect(of: Suite, path: &str, suite: Option<&str>, cases: &mut Vec<Case>) {
    for inner in of.suites {
        let path = format!("{path}/{}", inner.name);
        let name = inner.name.clone();
        collect(inner, &path, Some(suite.unwrap_or(&name)), cases);
    }
    for (number, test) in of.tests.into_iter().enumerate() {
        let own = test.original.name.clone().unwrap_or_else(|| number.to_string());
        cases.push(Case {
            name: format!("{path}/{own}"),
            suite: suite.unwrap_or(&of.name).to_owned(),
            original: test.original,
            ast: test.ast,
            ty: test.ty,
            error: test.error,
        });
    }
}
