//! The compact scan: conjuncts that compare one field with one constant, tested without walking a tree.
//!
//! `&&` does not care in which order its operands are tried, nor for errors beside a false one; a test never fails with an
//! error, so trying the tests first decides most rules at the price of one comparison. The tests are the linear evaluator's
//! front, and the place where an index over all rules goes.

use edge_event::Event;
use rules_catalogue::{Cardinality, FieldPath, FieldValue, Kind};

use crate::expr::{Pools, Program, Value, compare, holds, set_contains};
use crate::ir::{BinaryOp, Node, UnaryOp, Var};

/// One conjunct in compact form.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Test {
    source: Source,
    relation: Relation,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Source {
    /// A slot with a scalar.
    Slot(u16),
    Var(Var),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Relation {
    Const {
        op: BinaryOp,
        index: u32,
    },
    Param {
        op: BinaryOp,
        index: u16,
    },
    Set {
        index: u16,
    },
    /// The value is this bool.
    Is(bool),
}

/// The compact form of a conjunct, where it has one.
pub(crate) fn compact(program: &Program, paths: &[FieldPath], at: u32) -> Option<Test> {
    let node = |at: u32| &program.nodes[at as usize];
    match node(at) {
        Node::Binary { op, left, right } => {
            let (source, op, other) = match source(node(*left), paths) {
                Some(source) => (source, *op, node(*right)),
                None => (source(node(*right), paths)?, mirrored(*op)?, node(*left)),
            };
            mirrored(op)?;
            let relation = match other {
                Node::Const(index) => Relation::Const { op, index: *index },
                Node::Param(index) => Relation::Param { op, index: *index },
                _ => return None,
            };
            Some(Test { source, relation })
        }
        Node::InSet { of, set } => {
            Some(Test { source: source(node(*of), paths)?, relation: Relation::Set { index: *set } })
        }
        Node::Field(_) => Some(Test { source: source(node(at), paths)?, relation: Relation::Is(true) }),
        Node::Unary { op: UnaryOp::Not, of } if matches!(node(*of), Node::Field(_)) => {
            Some(Test { source: source(node(*of), paths)?, relation: Relation::Is(false) })
        }
        _ => None,
    }
}

/// A value that can be read without an error and without an allocation.
fn source(node: &Node, paths: &[FieldPath]) -> Option<Source> {
    match node {
        Node::Field(slot) => {
            let path = &paths[usize::from(*slot)];
            let single = matches!(path.cardinality, Cardinality::Implicit | Cardinality::Explicit);
            let total = !path.kind.is_message() && path.kind != Kind::Bytes;
            (single && total).then_some(Source::Slot(*slot))
        }
        Node::Var(Var::ConnAttributes | Var::TokenSegments | Var::Variation) => None,
        Node::Var(var) => Some(Source::Var(*var)),
        _ => None,
    }
}

/// The relation with its sides exchanged; `None` for operators that are no relation.
fn mirrored(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Equal => BinaryOp::Equal,
        BinaryOp::NotEqual => BinaryOp::NotEqual,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        _ => return None,
    })
}

impl Test {
    /// Whether the conjunct holds.
    #[inline]
    pub(crate) fn holds(&self, pools: &Pools, paths: &[FieldPath], slots: &[FieldValue<'_>], event: &Event) -> bool {
        let value = match self.source {
            Source::Slot(slot) => scalar(slots[usize::from(slot)], &paths[usize::from(slot)]),
            Source::Var(var) => text(var, event),
        };
        match self.relation {
            Relation::Const { op, index } => relates(op, value, Value::of_const(&pools.consts[index as usize])),
            Relation::Param { op, index } => {
                relates(op, value, Value::of_const(&pools.params[usize::from(index)].value))
            }
            Relation::Set { index } => set_contains(&pools.sets[usize::from(index)], value),
            Relation::Is(wanted) => matches!(value, Value::Bool(b) if b == wanted),
        }
    }
}

fn relates(op: BinaryOp, left: Value<'_>, right: Value<'_>) -> bool {
    match compare(left, right) {
        Some(order) => holds(op, order),
        // Without an order two values are unequal, and neither is less.
        None => op == BinaryOp::NotEqual,
    }
}

#[inline]
fn scalar<'a>(value: FieldValue<'a>, path: &FieldPath) -> Value<'a> {
    match value {
        FieldValue::Bool(b) => Value::Bool(b),
        FieldValue::Int(n) => Value::Int(n),
        FieldValue::Uint(n) => Value::Uint(n),
        FieldValue::Double(d) => Value::Double(d),
        FieldValue::Str(s) => Value::String(s),
        FieldValue::Enum(n) => Value::Int(i64::from(n)),
        FieldValue::Absent => scalar(FieldValue::default_of(path.kind), path),
        // INVARIANT: `source` lets only scalars through.
        _ => Value::Null,
    }
}

fn text(var: Var, event: &Event) -> Value<'_> {
    let conn = &*event.conn;
    Value::String(match var {
        Var::PlayerId => &event.subject,
        Var::ConnPlatform => &conn.platform,
        Var::ConnLocale => &conn.locale,
        Var::ConnBuild => &conn.build,
        Var::ConnRegion | Var::TokenRegion => &conn.region,
        Var::TokenSub => &conn.sub,
        // INVARIANT: `source` lets none of these through.
        Var::ConnAttributes | Var::TokenSegments | Var::Variation => "",
    })
}
