//! Upper bounds on what one event can leave behind, from the catalogue's limits.

use rules_catalogue::{Cardinality, FieldPath, MAX_PAYLOAD_BYTES};

use super::{LoadedRule, Loader};
use crate::expr::{Program, Type};
use crate::ir::{BinaryOp, ConstIr, Function, Mode, Node, RuleSetIr, Var, limits};
use crate::outcome::WorstCase;
use crate::rule_set::{Action, ActionKind, Definition, Partition, TemplateStep};
use crate::state::most_cell_bytes;

/// A subject, an attribute or another text of a session. Bytes.
const SESSION_TEXT_BYTES: u64 = 1_024;
/// Address, expiry and lengths of a durable cell in a record.
const CELL_ADDRESS_BYTES: usize = 64;

pub(super) fn worst_case(
    loader: &Loader<'_>,
    partition: &Partition,
    rules: &[LoadedRule],
    definitions: &[Definition],
) -> WorstCase {
    let paths = partition.extractor.slots();
    let mut most = WorstCase::default();
    let (mut bytes, mut deltas) = (0, 0);
    let mut durable = |definition: u32| {
        let definition = &definitions[definition as usize];
        if definition.durable {
            // A write may evict another cell, which is a delta, too.
            deltas += 2;
            bytes += cell_bytes(definition) as u64;
        }
    };
    partition.feeds.iter().for_each(|feed| durable(feed.definition));
    let rules = partition.rules.iter().map(|at| &rules[*at as usize].rule);
    for rule in rules.filter(|r| r.info.mode == Mode::Live) {
        rule.cells().for_each(|gate| durable(gate.definition));
        for action in &rule.actions {
            match action.kind {
                ActionKind::Reply(_) => most.replies += 1,
                _ => most.commands += 1,
            }
            most.bytes += action_bytes(loader, paths, action) + (rule.info.id.len() + rule.info.package.len()) as u64;
        }
    }
    most.deltas = deltas;
    most.bytes += bytes;
    most.records = u32::from(most.commands + most.deltas > 0);
    most
}

/// The most bytes that the durable cells take that one event of the type feeds.
pub(super) fn durable_feed_bytes(partition: &Partition, definitions: &[Definition]) -> usize {
    let fed = partition.feeds.iter().map(|feed| &definitions[feed.definition as usize]);
    fed.filter(|definition| definition.durable).map(cell_bytes).sum()
}

/// The most bytes of a durable cell, with the removal of one that it pushes out.
fn cell_bytes(definition: &Definition) -> usize {
    most_cell_bytes(definition.layout) + 2 * CELL_ADDRESS_BYTES
}

fn action_bytes(loader: &Loader<'_>, paths: &[FieldPath], action: &Action) -> u64 {
    let id = action
        .id
        .as_ref()
        .map_or(0, |id| text_bytes(loader, paths, id, id.root()).min(limits::MAX_WORKFLOW_ID_BYTES as u64));
    let body: u64 = action
        .template
        .iter()
        .map(|step| match step {
            TemplateStep::Text(text) => text.len() as u64,
            TemplateStep::Value(program) => json_bytes(loader, paths, program),
        })
        .fold(0, u64::saturating_add);
    // Command id, names, times: everything of fixed or checked length.
    const FRAME: u64 = 128 + limits::MAX_NAME_BYTES as u64;
    id + body.min(limits::MAX_BODY_BYTES as u64) + FRAME
}

fn json_bytes(loader: &Loader<'_>, paths: &[FieldPath], program: &Program) -> u64 {
    match program.ty {
        Type::Null | Type::Bool => 5,
        Type::Int | Type::Uint | Type::Double => 26,
        Type::Timestamp | Type::Duration => 40,
        // The worst character becomes six.
        Type::String => text_bytes(loader, paths, program, program.root()).saturating_mul(6).saturating_add(2),
        Type::Bytes => text_bytes(loader, paths, program, program.root()).saturating_mul(2).saturating_add(6),
        Type::Dyn | Type::List(_) | Type::Map(..) | Type::Message(_) => limits::MAX_BODY_BYTES as u64,
    }
}

/// The longest string or bytes that a node gives.
fn text_bytes(loader: &Loader<'_>, paths: &[FieldPath], program: &Program, at: u32) -> u64 {
    let of = |at: u32| text_bytes(loader, paths, program, at);
    match &program.nodes[at as usize] {
        Node::Const(i) => const_bytes(&loader.ir.consts[*i as usize]),
        Node::Param(i) => loader.longest_params[usize::from(*i)],
        Node::Var(Var::ConnAttributes | Var::TokenSegments) => u64::MAX,
        Node::Var(Var::Variation) => limits::MAX_NAME_BYTES as u64,
        Node::Var(_) => SESSION_TEXT_BYTES,
        Node::Field(slot) => {
            let path = &paths[usize::from(*slot)];
            let limit = loader.catalogue.field_at(path).limits.max_len;
            match path.cardinality {
                Cardinality::Implicit | Cardinality::Explicit => u64::from(limit.unwrap_or(MAX_PAYLOAD_BYTES)),
                Cardinality::Repeated | Cardinality::Map(_) => u64::MAX,
            }
        }
        Node::Binary { op: BinaryOp::Add, left, right } => of(*left).saturating_add(of(*right)),
        Node::If { then, otherwise, .. } => of(*then).max(of(*otherwise)),
        Node::Call { function, args } => match function {
            Function::LowerAscii | Function::UpperAscii | Function::Trim | Function::Substring | Function::CharAt => {
                args.first().map_or(0, |a| of(*a))
            }
            Function::ToString | Function::ToBytes => args.first().map_or(0, |a| of(*a).max(40)),
            _ => u64::MAX,
        },
        Node::Let(_) => u64::from(limits::MAX_LAST_BYTES),
        // Numbers and bools, which `string()` makes short.
        Node::HasLet(_) | Node::HasField(_) | Node::HasSelect { .. } | Node::InSet { .. } | Node::Matches { .. } => 40,
        Node::And(_) | Node::Or(_) | Node::Unary { .. } => 40,
        _ => u64::MAX,
    }
}

fn const_bytes(constant: &ConstIr) -> u64 {
    match constant {
        ConstIr::String(s) => s.len() as u64,
        ConstIr::Bytes(b) => b.len() as u64,
        _ => 40,
    }
}

/// The longest value of each parameter: its own, or that of any variation.
pub(super) fn longest_params(ir: &RuleSetIr) -> Vec<u64> {
    let mut longest: Vec<u64> = ir.params.iter().map(|param| const_bytes(&param.value)).collect();
    let arms = ir.rules.iter().flat_map(|rule| &rule.variations).flat_map(|variation| &variation.arms);
    for (index, value) in arms.flat_map(|arm| &arm.params) {
        if let Some(most) = longest.get_mut(usize::from(*index)) {
            *most = const_bytes(value).max(*most);
        }
    }
    longest
}
