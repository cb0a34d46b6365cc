//! What is constant in a checked tree, and its value.
//!
//! One pass over the nodes, operands first. Scalars only: lists, maps, messages and loops are never constant here.
//! An operation on constants that has no value (a malformed date, an overflow, a division by zero) gives a diagnostic
//! where it stands; whether it would ever be reached is not asked.

use crate::checked::{Checked, Constant, Node, NodeId, NodeKind};
use crate::diagnostic::{Code, Collector, Diagnostic};
use crate::overload::{Overload, Relation};
use crate::time;
use std::cmp::Ordering;

/// The longest text or bytes that folding makes, in bytes.
const MAX_TEXT_BYTES: usize = crate::MAX_TEXT_BYTES;

/// What [`fold`] found.
#[derive(Clone, Debug)]
pub struct Folded {
    values: Vec<Option<Constant>>,
    /// Constant operations without a value, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Folded {
    /// The value of a node of the folded tree, where it is constant.
    pub fn value(&self, id: NodeId) -> Option<&Constant> {
        self.values.get(id.index())?.as_ref()
    }
}

/// Computes every constant node of the tree.
pub fn fold(checked: &Checked) -> Folded {
    let mut out = Folded { values: Vec::with_capacity(checked.nodes.len()), diagnostics: Vec::new() };
    let mut diagnostics = Collector::default();
    for (_, node) in checked.nodes() {
        let value = match fold_node(node, &out) {
            Ok(value) => value,
            Err(message) => {
                diagnostics.push(Diagnostic::new(Code::BadValue, node.span, message));
                None
            }
        };
        out.values.push(value);
    }
    out.diagnostics = diagnostics.into_sorted();
    out
}

/// A value, nothing where the node is not constant, or a message where it has no value.
type Outcome = Result<Option<Constant>, String>;

fn fold_node(node: &Node, folded: &Folded) -> Outcome {
    let value = |id: &NodeId| folded.value(*id);
    Ok(match &node.kind {
        NodeKind::Constant(constant) => Some(constant.clone()),
        NodeKind::And(terms) => fold_logic(terms, folded, false),
        NodeKind::Or(terms) => fold_logic(terms, folded, true),
        NodeKind::Conditional { condition, then, otherwise } => match value(condition) {
            Some(Constant::Bool(true)) => value(then).cloned(),
            Some(Constant::Bool(false)) => value(otherwise).cloned(),
            _ => None,
        },
        NodeKind::Call { overloads, args } => {
            let args: Option<Vec<&Constant>> = args.iter().map(value).collect();
            match (overloads.as_slice(), args) {
                ([overload], Some(args)) => return fold_call(*overload, &args),
                _ => None,
            }
        }
        _ => None,
    })
}

/// `decisive` is the value that decides alone: false for `&&`, true for `||`.
fn fold_logic(terms: &[NodeId], folded: &Folded, decisive: bool) -> Option<Constant> {
    let values = || terms.iter().map(|term| folded.value(*term));
    if values().any(|value| value == Some(&Constant::Bool(decisive))) {
        return Some(Constant::Bool(decisive));
    }
    let rest = values().all(|value| value == Some(&Constant::Bool(!decisive)));
    rest.then_some(Constant::Bool(!decisive))
}

fn fold_call(overload: Overload, args: &[&Constant]) -> Outcome {
    use Constant as C;
    use Overload as O;
    Ok(match (overload, args) {
        (O::Not, [C::Bool(value)]) => Some(C::Bool(!value)),
        (O::Equals, [left, right]) => Some(C::Bool(equals(left, right))),
        (O::NotEquals, [left, right]) => Some(C::Bool(!equals(left, right))),
        (O::Compare(relation, _), [left, right]) => Some(C::Bool(holds(relation, compare(left, right)))),
        (_, [C::Int(left), C::Int(right)]) => return fold_int(overload, *left, *right),
        (_, [C::Uint(left), C::Uint(right)]) => return fold_uint(overload, *left, *right),
        (_, [C::Double(left), C::Double(right)]) => fold_double(overload, *left, *right),
        (O::NegateInt, [C::Int(value)]) => Some(C::Int(value.checked_neg().ok_or("the number overflows an int")?)),
        (O::NegateDouble, [C::Double(value)]) => Some(C::Double(-value)),
        (O::AddString, [C::String(left), C::String(right)]) if left.len() + right.len() <= MAX_TEXT_BYTES => {
            Some(C::String([left.as_str(), right].concat()))
        }
        (O::AddBytes, [C::Bytes(left), C::Bytes(right)]) if left.len() + right.len() <= MAX_TEXT_BYTES => {
            Some(C::Bytes([left.as_slice(), right].concat()))
        }
        (O::SizeString, [C::String(text)]) => i64::try_from(text.chars().count()).ok().map(C::Int),
        (O::SizeBytes, [C::Bytes(bytes)]) => i64::try_from(bytes.len()).ok().map(C::Int),
        (_, [_, _]) => return fold_time(overload, args),
        (_, [value]) => return fold_conversion(overload, value),
        _ => None,
    })
}

fn fold_int(overload: Overload, left: i64, right: i64) -> Outcome {
    let value = match overload {
        Overload::AddInt => left.checked_add(right),
        Overload::SubtractInt => left.checked_sub(right),
        Overload::MultiplyInt => left.checked_mul(right),
        Overload::DivideInt | Overload::ModuloInt if right == 0 => return Err("division by zero".into()),
        Overload::DivideInt => left.checked_div(right),
        Overload::ModuloInt => left.checked_rem(right),
        _ => return Ok(None),
    };
    value.map(|value| Some(Constant::Int(value))).ok_or_else(|| "the result overflows an int".into())
}

fn fold_uint(overload: Overload, left: u64, right: u64) -> Outcome {
    let value = match overload {
        Overload::AddUint => left.checked_add(right),
        Overload::SubtractUint => left.checked_sub(right),
        Overload::MultiplyUint => left.checked_mul(right),
        Overload::DivideUint | Overload::ModuloUint if right == 0 => return Err("division by zero".into()),
        Overload::DivideUint => left.checked_div(right),
        Overload::ModuloUint => left.checked_rem(right),
        _ => return Ok(None),
    };
    value.map(|value| Some(Constant::Uint(value))).ok_or_else(|| "the result overflows a uint".into())
}

fn fold_double(overload: Overload, left: f64, right: f64) -> Option<Constant> {
    Some(Constant::Double(match overload {
        Overload::AddDouble => left + right,
        Overload::SubtractDouble => left - right,
        Overload::MultiplyDouble => left * right,
        Overload::DivideDouble => left / right,
        _ => return None,
    }))
}

fn fold_time(overload: Overload, args: &[&Constant]) -> Outcome {
    use Constant::{Duration, Timestamp};
    let out_of_range = || "the result is out of range".to_owned();
    let duration = |nanos: i128| i64::try_from(nanos).map(|nanos| Some(Duration { nanos })).map_err(|_| out_of_range());
    let moment = |nanos: i128| time::timestamp_from_nanos(nanos).map(Some).ok_or_else(out_of_range);
    let nanos = |constant: &Constant| match constant {
        Duration { nanos } => i128::from(*nanos),
        Timestamp { seconds, nanos } => time::timestamp_nanos(*seconds, *nanos),
        _ => 0,
    };
    let [left, right] = [nanos(args[0]), nanos(args[1])];
    match overload {
        Overload::AddDurationDuration => duration(left + right),
        Overload::SubtractDurationDuration | Overload::SubtractTimestampTimestamp => duration(left - right),
        Overload::AddDurationTimestamp | Overload::AddTimestampDuration => moment(left + right),
        Overload::SubtractTimestampDuration => moment(left - right),
        _ => Ok(None),
    }
}

fn fold_conversion(overload: Overload, value: &Constant) -> Outcome {
    use Constant as C;
    use Overload as O;
    let not = |what: &str, text: &str| format!("'{text}' is not {what}");
    let folded = match (overload, value) {
        (O::BoolToBool | O::BytesToBytes | O::DoubleToDouble | O::DurationToDuration, value) => value.clone(),
        (O::IntToInt | O::StringToString | O::TimestampToTimestamp | O::UintToUint, value) => value.clone(),
        (O::StringToBytes, C::String(text)) => C::Bytes(text.clone().into_bytes()),
        (O::BoolToString, C::Bool(value)) => C::String(value.to_string()),
        (O::IntToString, C::Int(value)) => C::String(value.to_string()),
        (O::UintToString, C::Uint(value)) => C::String(value.to_string()),
        (O::IntToUint, C::Int(value)) => C::Uint(u64::try_from(*value).map_err(|_| "a negative number is no uint")?),
        (O::UintToInt, C::Uint(value)) => C::Int(i64::try_from(*value).map_err(|_| "the number overflows an int")?),
        (O::StringToInt, C::String(text)) => C::Int(text.parse().map_err(|_| not("an int", text))?),
        (O::StringToUint, C::String(text)) => C::Uint(text.parse().map_err(|_| not("a uint", text))?),
        (O::TimestampToInt, C::Timestamp { seconds, .. }) => C::Int(*seconds),
        (O::DurationToInt, C::Duration { nanos }) => C::Int(nanos / 1_000_000_000),
        (O::IntToTimestamp, C::Int(seconds)) => time::timestamp(*seconds, 0).ok_or("the moment is out of range")?,
        (O::IntToDuration, C::Int(seconds)) => {
            C::Duration { nanos: seconds.checked_mul(1_000_000_000).ok_or("the length of time is out of range")? }
        }
        (O::StringToDuration, C::String(text)) => {
            let help = "a length of time, like '1h30m', '90s' or '250ms'";
            C::Duration { nanos: time::parse_duration(text).ok_or_else(|| not(help, text))? }
        }
        (O::StringToTimestamp, C::String(text)) => {
            time::parse_timestamp(text).ok_or_else(|| not("a moment, like '2026-01-31T18:00:00Z'", text))?
        }
        _ => return Ok(None),
    };
    Ok(Some(folded))
}

fn equals(left: &Constant, right: &Constant) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right) && left == right
        || compare(left, right) == Some(Ordering::Equal)
}

fn holds(relation: Relation, ordering: Option<Ordering>) -> bool {
    ordering.is_some_and(|ordering| match relation {
        Relation::Less => ordering.is_lt(),
        Relation::LessEqual => ordering.is_le(),
        Relation::Greater => ordering.is_gt(),
        Relation::GreaterEqual => ordering.is_ge(),
    })
}

/// The order of two values; nothing with NaN and between types that have none.
fn compare(left: &Constant, right: &Constant) -> Option<Ordering> {
    use Constant::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    match (left, right) {
        (Bool(left), Bool(right)) => Some(left.cmp(right)),
        (String(left), String(right)) => Some(left.cmp(right)),
        (Bytes(left), Bytes(right)) => Some(left.cmp(right)),
        (Duration { nanos: left }, Duration { nanos: right }) => Some(left.cmp(right)),
        (Timestamp { seconds, nanos }, Timestamp { seconds: other_seconds, nanos: other_nanos }) => {
            Some((seconds, nanos).cmp(&(other_seconds, other_nanos)))
        }
        (Double(left), Double(right)) => left.partial_cmp(right),
        (Double(left), right) => compare_double(*left, whole(right)?),
        (left, Double(right)) => compare_double(*right, whole(left)?).map(Ordering::reverse),
        (Int(_) | Uint(_), Int(_) | Uint(_)) => Some(whole(left)?.cmp(&whole(right)?)),
        _ => None,
    }
}

fn whole(value: &Constant) -> Option<i128> {
    match value {
        Constant::Int(value) => Some(i128::from(*value)),
        Constant::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// By exact value: converting the whole number to a double would make near neighbours equal.
fn compare_double(left: f64, right: i128) -> Option<Ordering> {
    /// Beyond every int and uint, and exact as a double.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if left.is_nan() {
        return None;
    }
    if left.abs() >= BEYOND {
        return Some(if left > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    // Truncation is exact here: the magnitude is below 2^65.
    #[expect(clippy::cast_possible_truncation, reason = "the magnitude was bounded above")]
    let floor = left.floor() as i128;
    Some(floor.cmp(&right).then(if left > left.floor() { Ordering::Greater } else { Ordering::Equal }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Env, NoTypes, check, parse};

    fn folded(source: &str) -> (Option<Constant>, Vec<Diagnostic>) {
        let checked = check(&parse(source).ast, &Env::new(&NoTypes));
        assert!(checked.diagnostics.is_empty(), "{source}: {:?}", checked.diagnostics);
        let folded = fold(&checked.checked);
        (folded.value(checked.checked.root()).cloned(), folded.diagnostics)
    }

    #[test]
    fn constants_have_values() {
        let known = [
            ("1 + 2 * 3", Constant::Int(7)),
            ("-7 / 2", Constant::Int(-3)),
            ("duration('1h') + duration('30m')", Constant::Duration { nanos: 5_400_000_000_000 }),
            ("timestamp('1970-01-01T00:00:10Z') - duration('10s')", Constant::Timestamp { seconds: 0, nanos: 0 }),
            ("'a' + 'b' == 'ab' && size('\u{e4}') == 1", Constant::Bool(true)),
            ("9007199254740993 > 9007199254740992.0", Constant::Bool(true)),
            ("1 == 1u && 1.0 == 1", Constant::Bool(true)),
            ("-0.5 < 0 && 18446744073709551615u < 1e20", Constant::Bool(true)),
            ("1 < 2 ? 'yes' : 'no'", Constant::String("yes".into())),
            ("false && 1 / 1 == 1", Constant::Bool(false)),
            ("int('42') + int(3u)", Constant::Int(45)),
        ];
        for (source, value) in known {
            assert_eq!(folded(source), (Some(value), vec![]), "{source}");
        }
    }

    #[test]
    fn what_has_no_value_is_told() {
        let known = [
            ("duration('5 minutes')", "'5 minutes' is not a length of time, like '1h30m', '90s' or '250ms'"),
            ("timestamp('yesterday')", "'yesterday' is not a moment, like '2026-01-31T18:00:00Z'"),
            ("1 / 0", "division by zero"),
            ("9223372036854775807 + 1", "the result overflows an int"),
            ("uint(-1)", "a negative number is no uint"),
        ];
        for (source, message) in known {
            let (value, diagnostics) = folded(source);
            assert_eq!((value, diagnostics[0].message.as_str()), (None, message), "{source}");
        }
    }
}
