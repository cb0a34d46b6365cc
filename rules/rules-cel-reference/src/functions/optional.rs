//! The functions of optionals.

use super::Applied;
use crate::failure::Fault;
use crate::run::Run;
use crate::value::Value;
use rules_cel::Overload;

pub(super) fn call(overload: Overload, args: &[Value], run: &mut Run) -> Applied {
    use Overload as O;
    use Value as V;
    Some(match (overload, args) {
        (O::OptionalOf, [value]) => Ok(V::some(value.clone())),
        (O::OptionalOfNonZero, [value]) if value.is_zero() => Ok(V::Optional(None)),
        (O::OptionalOfNonZero, [value]) => Ok(V::some(value.clone())),
        (O::OptionalNone, []) => Ok(V::Optional(None)),
        (O::OptionalHasValue, [V::Optional(value)]) => Ok(V::Bool(value.is_some())),
        (O::OptionalValue, [V::Optional(Some(value))]) => Ok((**value).clone()),
        (O::OptionalValue, [V::Optional(None)]) => Err(Fault::invalid("the optional has no value")),
        // Where the first has a value, the walk did not even look at the second.
        (O::OptionalOr, [V::Optional(None), second @ V::Optional(_)]) => Ok(second.clone()),
        (O::OptionalOrValue, [V::Optional(None), other]) => Ok(other.clone()),
        (O::OptionalUnwrap, [V::List(list)]) => run.charge(list.len()).and_then(|()| unwrap(list)),
        _ => return None,
    })
}

fn unwrap(list: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for value in list {
        match value {
            Value::Optional(inner) => out.extend(inner.as_ref().map(|inner| (**inner).clone())),
            other => {
                return Err(Fault::no_overload(format!("optionals are needed here; this is {}", other.type_name())));
            }
        }
    }
    Ok(Value::list(out))
}
