//! Literals of lists, maps and messages.
//!
//! After a question mark stands an optional: its value is put in, or nothing is.

use super::{Outcome, Walker};
use crate::failure::{Kind, Stop};
use crate::map::Map;
use crate::value::Value;
use rules_cel::checked::{FieldRef, NodeId};
use std::sync::Arc;

impl Walker<'_> {
    pub(super) fn list(&mut self, elements: &[(bool, NodeId)]) -> Outcome {
        let ids: Vec<NodeId> = elements.iter().map(|(_, id)| *id).collect();
        let mut out = Vec::with_capacity(elements.len());
        for ((optional, id), value) in elements.iter().zip(self.all(&ids)?) {
            out.extend(self.taken(*id, *optional, value)?);
        }
        Ok(Value::list(out))
    }

    pub(super) fn map(&mut self, entries: &[(bool, NodeId, NodeId)]) -> Outcome {
        let ids: Vec<NodeId> = entries.iter().flat_map(|(_, key, value)| [*key, *value]).collect();
        let mut values = self.all(&ids)?.into_iter();
        let mut out = Map::new();
        for (optional, key_id, value_id) in entries {
            let (Some(key), Some(value)) = (values.next(), values.next()) else { break };
            let fault = match self.taken(*value_id, *optional, value)? {
                Some(value) => out.insert(key, value),
                None => Map::accepts(&key),
            };
            fault.map_err(|fault| fault.at(self.checked.node(*key_id).span))?;
        }
        Ok(Value::Map(Arc::new(out)))
    }

    pub(super) fn message(&mut self, id: NodeId, name: &str, fields: &[(bool, FieldRef, NodeId)]) -> Outcome {
        let ids: Vec<NodeId> = fields.iter().map(|(_, _, id)| *id).collect();
        let mut set = Vec::with_capacity(fields.len());
        for ((optional, field, id), value) in fields.iter().zip(self.all(&ids)?) {
            if let Some(value) = self.taken(*id, *optional, value)? {
                set.push((field.name.as_str(), value));
            }
        }
        self.types.build(name, &set, &mut self.run).map_err(|fault| fault.at(self.checked.node(id).span))
    }

    /// The value that is put in; nothing for an optional without one.
    fn taken(&self, id: NodeId, optional: bool, value: Value) -> Result<Option<Value>, Stop> {
        match (optional, value) {
            (false, value) => Ok(Some(value)),
            (true, Value::Optional(inner)) => Ok(inner.map(|inner| (*inner).clone())),
            (true, other) => {
                let message = format!("after `?` stands an optional; this is {}", other.type_name());
                Err(self.fault(id, Kind::NoOverload, message))
            }
        }
    }
}
