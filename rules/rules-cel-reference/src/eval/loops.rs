//! Loops over lists and maps, one for each macro's way to fold.

use super::{Outcome, Walker, join};
use crate::failure::{Fault, Kind, Stop};
use crate::map::Map;
use crate::value::Value;
use rules_cel::checked::{Comprehension, Fold, NodeId};
use std::sync::Arc;

/// What one round binds: index or key, and element or value.
type Round = (Value, Value);

impl Walker<'_> {
    pub(super) fn comprehension(&mut self, id: NodeId, of: &Comprehension) -> Outcome {
        let range = self.eval(of.range)?;
        let is_list = matches!(range, Value::List(_));
        let rounds: Vec<Round> = match &range {
            Value::List(list) => {
                self.pay(id, list.len())?;
                (0_i64..).map(Value::Int).zip(list.iter().cloned()).collect()
            }
            Value::Map(map) => {
                self.pay(id, map.len())?;
                map.entries().to_vec()
            }
            other => {
                let message = format!("{} has no elements to go over", other.type_name());
                return Err(self.fault(of.range, Kind::NoOverload, message));
            }
        };
        let one = |round: &Round| if is_list { round.1.clone() } else { round.0.clone() };
        match of.fold {
            Fold::All | Fold::Exists => {
                let decisive = of.fold == Fold::Exists;
                let mut held: Option<Stop> = None;
                for round in rounds {
                    self.bind_round(of, &round, one(&round));
                    let stop = match self.condition(of.body) {
                        Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                        Ok(_) => continue,
                        Err(stop) if stop.is_exhausted() => return Err(stop),
                        Err(stop) => stop,
                    };
                    held = Some(join(held, stop));
                }
                held.map_or(Ok(Value::Bool(!decisive)), Err)
            }
            Fold::ExistsOne => {
                let mut count = 0_usize;
                for round in rounds {
                    self.bind_round(of, &round, one(&round));
                    count += usize::from(self.condition(of.body)?);
                }
                Ok(Value::Bool(count == 1))
            }
            Fold::Filter => {
                let mut kept = Vec::new();
                for round in rounds {
                    self.bind_round(of, &round, one(&round));
                    if self.condition(of.body)? {
                        kept.push(one(&round));
                    }
                }
                Ok(Value::list(kept))
            }
            Fold::List => {
                let mut out = Vec::new();
                for round in rounds {
                    self.bind_round(of, &round, one(&round));
                    if self.passes(of)? {
                        out.push(self.eval(of.body)?);
                    }
                }
                Ok(Value::list(out))
            }
            Fold::Map | Fold::MapEntry => self.gather(id, of, rounds, one),
        }
    }

    fn gather(&mut self, id: NodeId, of: &Comprehension, rounds: Vec<Round>, one: impl Fn(&Round) -> Value) -> Outcome {
        let span = self.checked.node(id).span;
        let mut out = Map::new();
        for round in rounds {
            self.bind_round(of, &round, one(&round));
            if !self.passes(of)? {
                continue;
            }
            let body = self.eval(of.body)?;
            let added = match (of.fold, body) {
                (Fold::Map, body) => out.insert(round.0, body),
                (_, Value::Map(entries)) => {
                    self.pay(id, entries.len())?;
                    entries.entries().iter().try_for_each(|(key, value)| out.insert(key.clone(), value.clone()))
                }
                (_, other) => Err(Fault::no_overload(format!("a map is needed here; this is {}", other.type_name()))),
            };
            added.map_err(|fault| fault.at(span))?;
        }
        Ok(Value::Map(Arc::new(out)))
    }

    fn bind_round(&mut self, of: &Comprehension, round: &Round, one: Value) {
        match of.second {
            Some(second) => {
                self.bind(of.first, round.0.clone());
                self.bind(second, round.1.clone());
            }
            None => self.bind(of.first, one),
        }
    }

    fn passes(&mut self, of: &Comprehension) -> Result<bool, Stop> {
        of.filter.map_or(Ok(true), |filter| self.condition(filter))
    }

    fn condition(&mut self, id: NodeId) -> Result<bool, Stop> {
        match self.eval(id)? {
            Value::Bool(value) => Ok(value),
            other => Err(self.not_bool(id, &other)),
        }
    }
}
