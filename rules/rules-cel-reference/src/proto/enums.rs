//! Enumerations: as int, as the language has them today, or as types of their own, as it plans to.
//!
//! What comes in: names, numbers and texts. What goes out: the constants behind them, and the signatures of the functions that
//! make them.

use super::Descriptors;
use crate::failure::Fault;
use crate::value::Value;
use prost_reflect::EnumDescriptor;
use rules_cel::{Env, Overload, Signature, Type};
use std::sync::Arc;

/// The number of the caller's function that makes an int of an enumeration's value.
const TO_INT: u32 = u32::MAX;

/// The first number of those that make a value of an enumeration, two for each: from an int and from a string.
const FIRST: u32 = 1 << 30;

impl Descriptors {
    /// Where enumerations are types of their own: declares their conversions, `int(Zone.CRYPT)`, `Zone(3)`, `Zone('CRYPT')`.
    pub fn declare_enums(&self, env: &mut Env<'_>) {
        if !self.strong_enums {
            return;
        }
        let mut function = |name: &str, number: u32, from: Type, to: Type| {
            let overload = Overload::Custom(number);
            env.function(name, Signature { overload, method: false, params: vec![from], result: to });
        };
        for (number, of) in (FIRST..).step_by(2).zip(self.pool.all_enums()) {
            let ty = self.enum_type(&of);
            function("int", TO_INT, ty.clone(), Type::Int);
            function(of.full_name(), number, Type::Int, ty.clone());
            function(of.full_name(), number + 1, Type::String, ty);
        }
    }

    pub(super) fn enum_type(&self, of: &EnumDescriptor) -> Type {
        if self.strong_enums { Type::Abstract(Arc::from(of.full_name()), Arc::from([])) } else { Type::Int }
    }

    /// The enumeration and the number behind `game.v1.Zone.CRYPT`.
    pub(super) fn enum_constant(&self, name: &str) -> Option<(EnumDescriptor, i32)> {
        let (of, value) = name.rsplit_once('.')?;
        let of = self.pool.get_enum_by_name(of)?;
        let number = of.get_value_by_name(value)?.number();
        Some((of, number))
    }

    /// The value of an enumeration's constant, where enumerations are types of their own.
    pub(crate) fn constant(&self, name: &str) -> Option<Value> {
        if !self.strong_enums {
            return None;
        }
        self.enum_constant(name).map(|(of, number)| self.enum_value_of(&of, number))
    }

    pub(super) fn enum_value_of(&self, of: &EnumDescriptor, number: i32) -> Value {
        match of.full_name() {
            "google.protobuf.NullValue" => Value::Null,
            name if self.strong_enums => Value::Enum { ty: Arc::from(name), number },
            _ => Value::Int(i64::from(number)),
        }
    }

    /// Calls a function that [`Descriptors::declare_enums`] declared.
    pub(crate) fn call(&self, function: u32, args: &[Value]) -> Option<Result<Value, Fault>> {
        if let (TO_INT, [Value::Enum { number, .. }]) = (function, args) {
            return Some(Ok(Value::Int(i64::from(*number))));
        }
        let at = usize::try_from(function.checked_sub(FIRST)?).ok()?;
        let of = self.pool.all_enums().nth(at / 2).filter(|_| self.strong_enums)?;
        match (at % 2, args) {
            (0, [Value::Int(number)]) => Some(match i32::try_from(*number) {
                Ok(number) => Ok(self.enum_value_of(&of, number)),
                Err(_) => Err(Fault::range("the number is outside of every enumeration")),
            }),
            (1, [Value::String(name)]) => Some(match of.get_value_by_name(name) {
                Some(value) => Ok(self.enum_value_of(&of, value.number())),
                None => Err(Fault::invalid(format!("{} has no value of that name", of.full_name()))),
            }),
            _ => None,
        }
    }
}
