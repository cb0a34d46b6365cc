//! The walk over a checked tree.
//!
//! What comes in: the tree, an activation, message types, settings. What goes out: a value, or why there is none, with its
//! place in the text. Deliberately absent: what functions do, which is `functions`.
//!
//! Recursion follows the tree, whose height the parser bounds; only the chain of bindings that a block becomes may be
//! longer, and is a loop here. Siblings: what is read from something (`select`), loops (`loops`), literals of lists, maps
//! and messages (`literals`).

mod literals;
mod loops;
mod select;

use crate::activation::{Activation, Lookup};
use crate::equal::equal;
use crate::failure::{Fault, Kind, Stop};
use crate::functions;
use crate::proto::Descriptors;
use crate::run::{Run, Settings};
use crate::value::Value;
use rules_cel::checked::{LocalId, NodeId, NodeKind};
use rules_cel::{Checked, Overload, Type};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The value of a checked expression.
///
/// # Errors
/// [`Stop`] tells why there is none.
pub fn evaluate(
    checked: &Checked,
    activation: &dyn Activation,
    types: &Descriptors,
    settings: Settings,
) -> Result<Value, Stop> {
    let locals = vec![None; checked.locals().len()];
    Walker { checked, activation, types, run: Run::new(settings), locals }.eval(checked.root())
}

type Outcome = Result<Value, Stop>;

struct Walker<'a> {
    checked: &'a Checked,
    activation: &'a dyn Activation,
    types: &'a Descriptors,
    run: Run,
    /// What the macros' variables are bound to.
    locals: Vec<Option<Outcome>>,
}

impl Walker<'_> {
    /// The value of a node; none is nested deeper than [`MAX_DEPTH`].
    fn eval(&mut self, id: NodeId) -> Outcome {
        let mut id = id;
        while let NodeKind::Bind { local, init, body } = &self.checked.node(id).kind {
            self.pay(id, 1)?;
            // What is never asked for never fails: so a failure is bound like a value.
            let value = self.eval(*init);
            if let Err(stop) = &value
                && stop.is_exhausted()
            {
                return value;
            }
            self.locals[local.index()] = Some(value);
            id = *body;
        }
        self.pay(id, 1)?;
        let value = self.node(id)?;
        if value.depth() > MAX_DEPTH {
            return Err(self.fault(id, Kind::Exhausted, "the value is nested too deep"));
        }
        Ok(value)
    }

    fn node(&mut self, id: NodeId) -> Outcome {
        let checked = self.checked;
        match &checked.node(id).kind {
            NodeKind::Error => Err(self.fault(id, Kind::Malformed, "the expression is not well formed here")),
            NodeKind::Constant(constant) => Ok(Value::from(constant)),
            NodeKind::TypeValue(ty) => Ok(Value::Type(type_name(ty))),
            NodeKind::Variable { name } | NodeKind::NamedConstant { name } => self.variable(id, name),
            NodeKind::Local(local) => self.local(*local),
            NodeKind::Field { operand, field, optional } => self.select(id, *operand, &field.name, *optional),
            NodeKind::Key { operand, key, optional } => self.select(id, *operand, key, *optional),
            NodeKind::HasVariable { name } => self.has_variable(name),
            NodeKind::HasField { operand, field } => self.has(id, *operand, &field.name),
            NodeKind::HasKey { operand, key } => self.has(id, *operand, key),
            NodeKind::Index { operand, index, optional } => self.index(id, *operand, *index, *optional),
            NodeKind::Call { overloads, args } => self.call(id, overloads, args),
            NodeKind::And(terms) => self.logic(terms, false),
            NodeKind::Or(terms) => self.logic(terms, true),
            NodeKind::Conditional { condition, then, otherwise } => match self.eval(*condition)? {
                Value::Bool(true) => self.eval(*then),
                Value::Bool(false) => self.eval(*otherwise),
                other => Err(self.not_bool(*condition, &other)),
            },
            NodeKind::List(elements) => self.list(elements),
            NodeKind::Map(entries) => self.map(entries),
            NodeKind::Message { name, fields } => self.message(id, name, fields),
            NodeKind::Comprehension(comprehension) => self.comprehension(id, comprehension),
            NodeKind::OptionalMap { operand, local, body, flat } => self.optional_map(*operand, *local, *body, *flat),
            NodeKind::Bind { .. } => Err(self.fault(id, Kind::Malformed, "a binding ends nowhere")),
        }
    }

    fn has_variable(&mut self, name: &str) -> Outcome {
        match self.activation.variable(name) {
            Some(Lookup::Unknown) => Err(Stop::Unknown(BTreeSet::from([name.to_owned()]))),
            bound => Ok(Value::Bool(bound.is_some())),
        }
    }

    fn variable(&mut self, id: NodeId, name: &str) -> Outcome {
        match self.activation.variable(name) {
            Some(Lookup::Value(value)) => Ok(value),
            Some(Lookup::Unknown) => Err(Stop::Unknown(BTreeSet::from([name.to_owned()]))),
            None => match self.types.constant(name) {
                Some(value) => Ok(value),
                None => Err(self.fault(id, Kind::Unbound, format!("nothing is bound to `{name}`"))),
            },
        }
    }

    fn local(&self, local: LocalId) -> Outcome {
        self.locals[local.index()].clone().unwrap_or_else(|| {
            let at = self.checked.local(local);
            Err(Fault::new(Kind::Unbound, format!("nothing is bound to `{}`", at.name)).at(at.span))
        })
    }

    fn bind(&mut self, local: LocalId, value: Value) {
        self.locals[local.index()] = Some(Ok(value));
    }

    /// `decisive` is the value that decides alone, whatever the others are: false for `&&`, true for `||`.
    fn logic(&mut self, terms: &[NodeId], decisive: bool) -> Outcome {
        let mut held: Option<Stop> = None;
        for term in terms {
            let stop = match self.eval(*term) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => continue,
                Ok(other) => self.not_bool(*term, &other),
                Err(stop) if stop.is_exhausted() => return Err(stop),
                Err(stop) => stop,
            };
            held = Some(join(held, stop));
        }
        held.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn call(&mut self, id: NodeId, overloads: &[Overload], args: &[NodeId]) -> Outcome {
        let args = match (overloads, args) {
            ([overload @ (Overload::OptionalOr | Overload::OptionalOrValue)], [first, second]) => {
                let first = match self.eval(*first)? {
                    // The other is never asked for.
                    Value::Optional(Some(inner)) if *overload == Overload::OptionalOrValue => {
                        return Ok((*inner).clone());
                    }
                    some @ Value::Optional(Some(_)) => return Ok(some),
                    other => other,
                };
                vec![first, self.eval(*second)?]
            }
            _ => self.all(args)?,
        };
        for overload in overloads {
            let result = match (overload, args.as_slice()) {
                (Overload::Custom(number), args) => {
                    self.activation.call(*number, args).or_else(|| self.types.call(*number, args))
                }
                (Overload::Equals, [left, right]) => {
                    Some(equal(left, right, self.types, &mut self.run).map(Value::Bool))
                }
                (Overload::NotEquals, [left, right]) => {
                    Some(equal(left, right, self.types, &mut self.run).map(|equal| Value::Bool(!equal)))
                }
                (Overload::InList, [element, Value::List(list)]) => Some(self.is_in(element, list)),
                (overload, args) => functions::call(*overload, args, &mut self.run),
            };
            if let Some(result) = result {
                return result.map_err(|fault| fault.at(self.checked.node(id).span));
            }
        }
        let types: Vec<_> = args.iter().map(Value::type_name).collect();
        let message = match overloads.first() {
            Some(overload) => format!("`{}` does not take ({})", overload.id(), types.join(", ")),
            None => format!("no function of that name takes ({})", types.join(", ")),
        };
        Err(self.fault(id, Kind::NoOverload, message))
    }

    fn is_in(&mut self, element: &Value, list: &[Value]) -> Result<Value, Fault> {
        for other in list {
            if equal(element, other, self.types, &mut self.run)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }

    /// All operands; where some have no value, why, of all of them together.
    fn all(&mut self, ids: &[NodeId]) -> Result<Vec<Value>, Stop> {
        let mut values = Vec::with_capacity(ids.len());
        let mut held: Option<Stop> = None;
        for id in ids {
            match self.eval(*id) {
                Ok(value) => values.push(value),
                Err(stop) if stop.is_exhausted() => return Err(stop),
                Err(stop) => held = Some(join(held, stop)),
            }
        }
        held.map_or(Ok(values), Err)
    }

    fn pay(&mut self, at: NodeId, steps: usize) -> Result<(), Stop> {
        self.run.charge(steps).map_err(|fault| fault.at(self.checked.node(at).span))
    }

    fn fault(&self, at: NodeId, kind: Kind, message: impl Into<String>) -> Stop {
        Fault::new(kind, message).at(self.checked.node(at).span)
    }

    fn not_bool(&self, at: NodeId, value: &Value) -> Stop {
        self.fault(at, Kind::NoOverload, format!("a bool is needed here; this is {}", value.type_name()))
    }
}

fn join(held: Option<Stop>, stop: Stop) -> Stop {
    match held {
        Some(held) => held.and(stop),
        None => stop,
    }
}

/// The name under which a type is a value.
fn type_name(ty: &Type) -> Arc<str> {
    Arc::from(match ty {
        Type::Null => "null_type",
        Type::Timestamp => "google.protobuf.Timestamp",
        Type::Duration => "google.protobuf.Duration",
        Type::List(_) => "list",
        Type::Map(..) => "map",
        Type::Type(_) => "type",
        Type::Optional(_) => "optional_type",
        Type::Message(name) | Type::Abstract(name, _) => return name.clone(),
        Type::Wrapper(inner) => return type_name(inner),
        other => return Arc::from(other.to_string()),
    })
}

/// How deep a value may be nested.
const MAX_DEPTH: usize = 128;
