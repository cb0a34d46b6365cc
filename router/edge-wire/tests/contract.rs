//! Holds the hand-written messages and bounds to `proto/edge/v1/wire.proto`.

use edge_wire::codes::CodeInfo;
use edge_wire::schema::{self, Kind, Schema};
use edge_wire::{CloseCode, MoveReason, RefuseCode, RejectCode, proto};
use prost::Message;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind as ProtoKind, MessageDescriptor, Value,
};

fn contract() -> DescriptorPool {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let files = protox::compile(["edge/v1/wire.proto"], [dir]).expect("wire.proto compiles");
    DescriptorPool::from_file_descriptor_set(files).expect("descriptors are consistent")
}

fn message(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    pool.get_message_by_name(&format!("edge.v1.{name}")).unwrap_or_else(|| panic!("wire.proto has no message {name}"))
}

/// Every field holds something of its own, so that a swapped number or type changes the bytes.
fn filled(descriptor: &MessageDescriptor) -> DynamicMessage {
    let mut out = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let value = value_of(&field);
        let value = if field.is_list() { Value::List(vec![value.clone(), value]) } else { value };
        out.set_field(&field, value);
    }
    out
}

fn value_of(field: &FieldDescriptor) -> Value {
    let number = field.number();
    match field.kind() {
        ProtoKind::Bool => Value::Bool(true),
        ProtoKind::Uint32 => Value::U32(100 + number),
        ProtoKind::Uint64 => Value::U64((1 << 40) + u64::from(number)),
        ProtoKind::String => Value::String(format!("text {number}")),
        ProtoKind::Bytes => Value::Bytes(vec![number as u8; 3].into()),
        ProtoKind::Message(inner) => Value::Message(filled(&inner)),
        other => panic!("{}: version 1 has no fields of {other:?}", field.full_name()),
    }
}

fn through<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
    M::decode(bytes).expect("the contract's bytes decode").encode_to_vec()
}

#[test]
fn prost_messages_keep_every_field_of_the_contract() {
    let pool = contract();
    let check = |name: &str, through: fn(&[u8]) -> Vec<u8>| {
        let bytes = filled(&message(&pool, name)).encode_to_vec();
        assert_eq!(through(&bytes), bytes, "{name} differs from wire.proto");
    };
    check("ClassSeq", through::<proto::ClassSeq>);
    check("Attribute", through::<proto::Attribute>);
    check("Hello", through::<proto::Hello>);
    check("Reauth", through::<proto::Reauth>);
    check("Limits", through::<proto::Limits>);
    check("Welcome", through::<proto::Welcome>);
    check("Refuse", through::<proto::Refuse>);
    check("Receipt", through::<proto::Receipt>);
    check("Credit", through::<proto::Credit>);
    check("Command", through::<proto::Command>);
    check("Reject", through::<proto::Reject>);
    check("Move", through::<proto::Move>);
    assert_eq!(pool.all_messages().count(), schema::ALL.len());
}

#[test]
fn prost_field_names_are_the_contract_s() {
    let pool = contract();
    let source = include_str!("../src/proto.rs");
    for schema in schema::ALL {
        let begin = source.find(&format!("pub struct {} {{", schema.name)).expect(schema.name);
        let body = &source[begin..begin + source[begin..].find("\n}").expect("a struct ends")];
        for field in message(&pool, schema.name).fields() {
            let number = body
                .find(&format!("tag = \"{}\")]", field.number()))
                .unwrap_or_else(|| panic!("{}", field.full_name()));
            let line = body[number..].lines().nth(1).expect("a field follows its attribute").trim();
            assert!(line.starts_with(&format!("pub {}:", field.name())), "{}: {line}", field.full_name());
        }
    }
}

#[test]
fn bounds_name_every_field_of_the_contract() {
    let pool = contract();
    for schema in schema::ALL {
        let descriptor = message(&pool, schema.name);
        assert_eq!(descriptor.fields().count(), schema.fields.len(), "{}", schema.name);
        for (index, bound) in schema.fields.iter().enumerate() {
            let field = descriptor.get_field(index as u32 + 1).expect("numbers have no gaps");
            assert_eq!(field.name(), bound.name, "{}", field.full_name());
            let repeated = field.cardinality() == Cardinality::Repeated;
            assert_eq!(repeated, bound.count_max > 1, "{}", field.full_name());
            assert!(same_type(&field.kind(), &bound.kind), "{}", field.full_name());
        }
    }
}

fn same_type(contract: &ProtoKind, bound: &Kind) -> bool {
    match (contract, bound) {
        (ProtoKind::Bool, Kind::Bool)
        | (ProtoKind::Uint32, Kind::U32 { .. })
        | (ProtoKind::Uint64, Kind::U64 { .. })
        | (ProtoKind::String, Kind::Text { .. })
        | (ProtoKind::Bytes, Kind::Bytes { .. }) => true,
        (ProtoKind::Message(contract), Kind::Message(Schema { name, .. })) => contract.name() == *name,
        _ => false,
    }
}

#[test]
fn codes_are_the_contract_s() {
    let pool = contract();
    let check = |name: &str, prefix: &str, zero: Option<&str>, rows: Vec<(u32, String)>| {
        let descriptor = pool.get_enum_by_name(&format!("edge.v1.{name}")).expect(name);
        let contract: Vec<_> =
            descriptor.values().map(|value| (value.number() as u32, value.name().to_owned())).collect();
        let zero = zero.map(|word| (0, format!("{prefix}{word}")));
        let ours: Vec<_> =
            zero.into_iter().chain(rows.into_iter().map(|(n, word)| (n, format!("{prefix}{word}")))).collect();
        assert_eq!(contract, ours, "{name}");
    };
    let rows =
        |infos: &mut dyn Iterator<Item = CodeInfo>| infos.map(|info| (info.number, info.name.to_owned())).collect();
    check("CloseCode", "CLOSE_CODE_", None, rows(&mut CloseCode::ALL.iter().map(|code| code.info())));
    check("RefuseCode", "REFUSE_CODE_", Some("UNSPECIFIED"), rows(&mut RefuseCode::ALL.iter().map(|code| code.info())));
    check("RejectCode", "REJECT_CODE_", Some("UNSPECIFIED"), rows(&mut RejectCode::ALL.iter().map(|code| code.info())));
    let reasons =
        [("DRAIN", MoveReason::Drain), ("UPGRADE", MoveReason::Upgrade), ("REBALANCE", MoveReason::Rebalance)];
    let reasons = reasons.map(|(word, reason)| (reason.number(), word.to_owned())).to_vec();
    check("MoveReason", "MOVE_REASON_", Some("UNSPECIFIED"), reasons);
}
