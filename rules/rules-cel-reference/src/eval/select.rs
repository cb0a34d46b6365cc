//! What is read from a value: fields, keys, elements, and whether they are there.
//!
//! Reading from an optional gives an optional: nothing where there is nothing, or where what is sought is not there.

use super::{Outcome, Walker};
use crate::failure::{Fault, Kind, Stop};
use crate::value::Value;
use rules_cel::checked::{LocalId, NodeId};

impl Walker<'_> {
    pub(super) fn select(&mut self, id: NodeId, operand: NodeId, name: &str, optional: bool) -> Outcome {
        let (value, optional) = match self.eval(operand)? {
            Value::Optional(None) => return Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => ((*inner).clone(), true),
            value => (value, optional),
        };
        let found = if optional && !self.is_there(id, &value, name)? {
            return Ok(Value::Optional(None));
        } else {
            self.member(&value, name).map_err(|fault| fault.at(self.checked.node(id).span))?
        };
        Ok(if optional { Value::some(found) } else { found })
    }

    fn member(&mut self, value: &Value, name: &str) -> Result<Value, Fault> {
        match value {
            Value::Map(map) => map.get(&Value::from(name)).cloned().ok_or_else(|| no_key(name)),
            Value::Message(message) => {
                let Some(member) = self.types.member(message, name) else { return Err(no_field(value, name)) };
                self.types.read(message, &member, &mut self.run)
            }
            other => Err(no_field(other, name)),
        }
    }

    pub(super) fn has(&mut self, id: NodeId, operand: NodeId, name: &str) -> Outcome {
        let there = match self.eval(operand)? {
            Value::Optional(None) => false,
            Value::Optional(Some(inner)) => self.is_there(id, &inner, name)?,
            value => self.is_there(id, &value, name)?,
        };
        Ok(Value::Bool(there))
    }

    /// Whether a map has a key, or a message has a field set.
    fn is_there(&mut self, id: NodeId, value: &Value, name: &str) -> Result<bool, Stop> {
        match value {
            Value::Map(map) => Ok(map.get(&Value::from(name)).is_some()),
            Value::Message(message) => match self.types.member(message, name) {
                Some(member) => Ok(member.is_set(message)),
                None => Err(no_field(value, name).at(self.checked.node(id).span)),
            },
            other => Err(no_field(other, name).at(self.checked.node(id).span)),
        }
    }

    pub(super) fn index(&mut self, id: NodeId, operand: NodeId, index: NodeId, optional: bool) -> Outcome {
        let values = self.all(&[operand, index])?;
        let [container, index] = values.as_slice() else {
            return Err(self.fault(id, Kind::Malformed, "an index has two operands"));
        };
        let (container, optional) = match container {
            Value::Optional(None) => return Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => ((**inner).clone(), true),
            container => (container.clone(), optional),
        };
        let found = match (element(&container, index), optional) {
            (Ok(found), true) => Value::some(found),
            (Ok(found), false) => found,
            (Err(fault), true) if fault.kind == Kind::NoSuchKey => Value::Optional(None),
            (Err(fault), _) => return Err(fault.at(self.checked.node(id).span)),
        };
        Ok(found)
    }

    pub(super) fn optional_map(&mut self, operand: NodeId, local: LocalId, body: NodeId, flat: bool) -> Outcome {
        match self.eval(operand)? {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => {
                self.bind(local, (*inner).clone());
                match self.eval(body)? {
                    value @ Value::Optional(_) if flat => Ok(value),
                    _ if flat => Err(self.fault(body, Kind::NoOverload, "an optional is needed here")),
                    value => Ok(Value::some(value)),
                }
            }
            _ => Err(self.fault(operand, Kind::NoOverload, "an optional is needed here")),
        }
    }
}

fn element(container: &Value, index: &Value) -> Result<Value, Fault> {
    match (container, index) {
        (Value::List(list), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
            let at = match index {
                Value::Int(at) => usize::try_from(*at).ok(),
                Value::Uint(at) => usize::try_from(*at).ok(),
                Value::Double(at) => crate::map::whole(*at).and_then(|at| usize::try_from(at).ok()),
                _ => None,
            };
            let found = at.and_then(|at| list.get(at)).cloned();
            found.ok_or_else(|| Fault::new(Kind::NoSuchKey, format!("a list of {} has no such place", list.len())))
        }
        // What cannot be a key is none that the map has.
        (Value::Map(map), index) => {
            map.get(index).cloned().ok_or_else(|| Fault::new(Kind::NoSuchKey, "the map has no such key"))
        }
        (container, index) => {
            Err(Fault::no_overload(format!("{} is not indexed by {}", container.type_name(), index.type_name())))
        }
    }
}

fn no_key(name: &str) -> Fault {
    Fault::new(Kind::NoSuchKey, format!("the map has no key `{name}`"))
}

fn no_field(value: &Value, name: &str) -> Fault {
    Fault::new(Kind::NoSuchField, format!("{} has no field `{name}`", value.type_name()))
}
