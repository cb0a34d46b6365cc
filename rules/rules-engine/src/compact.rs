//! Tests: conjuncts that ask one thing of one field, decided without walking a tree.
//!
//! `&&` does not care in which order its operands are tried, nor for errors beside a false one; a test never fails with an
//! error and never runs out of steps, so trying the tests first decides most rules at the price of one comparison.

use edge_event::Event;
use rules_catalogue::{Cardinality, FieldPath, FieldValue, Kind};

use crate::expr::{Pools, Program, Value, compare, holds, is_set, set_contains};
use crate::ir::{BinaryOp, Function, Node, UnaryOp, Var};

/// One conjunct in compact form.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Test {
    pub(crate) source: Source,
    pub(crate) relation: Relation,
    /// Holds where the relation does not.
    pub(crate) negated: bool,
}

/// What a test looks at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Source {
    /// A slot with a scalar.
    Slot(u16),
    /// A text of the player, the connection or the token.
    Var(Var),
    /// Whether a slot's field is set.
    Presence(u16),
}

/// What it asks of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Relation {
    /// `value op known`.
    Compare { op: BinaryOp, known: Known },
    /// The text begins so.
    Prefix(Known),
    /// It is in this set.
    Set(u16),
    /// It is true.
    True,
}

/// A value that is known before any event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Known {
    Const(u32),
    Param(u16),
}

/// The compact form of a conjunct, where it has one.
pub(crate) fn compact(program: &Program, paths: &[FieldPath], at: u32) -> Option<Test> {
    let node = |at: u32| &program.nodes[at as usize];
    let test = |source, relation| Some(Test { source, relation, negated: false });
    match node(at) {
        Node::Binary { op, left, right } => {
            let (source, op, other) = match source(node(*left), paths) {
                Some(source) => (source, *op, node(*right)),
                None => (source(node(*right), paths)?, mirrored(*op)?, node(*left)),
            };
            mirrored(op)?;
            test(source, Relation::Compare { op, known: known(other)? })
        }
        Node::InSet { of, set } => test(source(node(*of), paths)?, Relation::Set(*set)),
        Node::Call { function: Function::StartsWith, args } => {
            test(source(node(args[0]), paths)?, Relation::Prefix(known(node(args[1]))?))
        }
        Node::HasField(slot) => test(Source::Presence(*slot), Relation::True),
        Node::Field(_) => test(source(node(at), paths)?, Relation::True),
        Node::Unary { op: UnaryOp::Not, of } => {
            let test = compact(program, paths, *of)?;
            Some(Test { negated: !test.negated, ..test })
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

fn known(node: &Node) -> Option<Known> {
    match node {
        Node::Const(index) => Some(Known::Const(*index)),
        Node::Param(index) => Some(Known::Param(*index)),
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

impl Known {
    pub(crate) fn value(self, pools: &Pools) -> Value<'_> {
        Value::of_const(match self {
            Known::Const(index) => &pools.consts[index as usize],
            Known::Param(index) => &pools.params[usize::from(index)].value,
        })
    }
}

impl Test {
    /// Whether the conjunct holds.
    #[inline]
    pub(crate) fn holds(&self, pools: &Pools, paths: &[FieldPath], slots: &[FieldValue<'_>], event: &Event) -> bool {
        let value = match self.source {
            Source::Slot(slot) => scalar(slots[usize::from(slot)], &paths[usize::from(slot)]),
            Source::Var(var) => Value::String(text(var, event)),
            Source::Presence(slot) => Value::Bool(is_set(&slots[usize::from(slot)], &paths[usize::from(slot)])),
        };
        self.holds_for(pools, value)
    }

    /// The same for a value of its source.
    pub(crate) fn holds_for(&self, pools: &Pools, value: Value<'_>) -> bool {
        let related = match self.relation {
            Relation::Compare { op, known } => relates(op, value, known.value(pools)),
            Relation::Prefix(known) => match (value, known.value(pools)) {
                (Value::String(value), Value::String(prefix)) => value.starts_with(prefix),
                _ => false,
            },
            Relation::Set(index) => set_contains(&pools.sets[usize::from(index)], value),
            Relation::True => matches!(value, Value::Bool(true)),
        };
        related != self.negated
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

/// A text that the event or its session carries.
pub(crate) fn text(var: Var, event: &Event) -> &str {
    let conn = &*event.conn;
    match var {
        Var::PlayerId => &event.subject,
        Var::ConnPlatform => &conn.platform,
        Var::ConnLocale => &conn.locale,
        Var::ConnBuild => &conn.build,
        Var::ConnRegion | Var::TokenRegion => &conn.region,
        Var::TokenSub => &conn.sub,
        // INVARIANT: `source` lets only texts through.
        Var::ConnAttributes | Var::TokenSegments | Var::Variation => "",
    }
}
