//! Folds: how what events bring is joined, and what comes out.
//!
//! A value is one word: sums keep their own form, what is compared keeps the order of its type. In: a checked value, and words
//! of panes. Out: words, and what a rule reads. Deliberately absent: windows and cells.

use crate::expr::{EvalError, LetValue, Timestamp, Value};
use crate::ir::{Aggregate, ScalarType};

const SIGN: u64 = 1 << 63;
const NANOS: i128 = 1_000_000_000;

/// How two words become one. The numbers stand in durable cells, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Fold {
    /// No word at all: events are counted.
    Count = 0,
    /// Sums, by the form of their numbers.
    Int = 1,
    Uint = 2,
    Double = 3,
    /// Sums, and how many.
    MeanInt = 4,
    MeanUint = 5,
    MeanDouble = 6,
    /// The smallest and the largest of words that keep the order of what they stand for.
    Least = 7,
    Most = 8,
    /// The smallest time of an event. Unlike [`Fold::Least`] it moves with the events when they are brought back.
    First = 9,
}

/// What was gathered of one event or of many.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Part {
    /// Meaningless where `count` is 0.
    pub(crate) word: u64,
    /// How many events, for folds that count; else 1 where there is any.
    pub(crate) count: u64,
    /// The sum left its type.
    pub(crate) overflow: bool,
}

impl Fold {
    const ALL: [Fold; 10] = [
        Fold::Count,
        Fold::Int,
        Fold::Uint,
        Fold::Double,
        Fold::MeanInt,
        Fold::MeanUint,
        Fold::MeanDouble,
        Fold::Least,
        Fold::Most,
        Fold::First,
    ];

    /// The inverse of `as u8`.
    pub(crate) fn from_u8(code: u8) -> Option<Fold> {
        Fold::ALL.get(usize::from(code)).copied()
    }

    /// The fold of an aggregate; `None` where events are not folded into one word.
    pub(crate) fn of(aggregate: &Aggregate) -> Option<Fold> {
        Some(match aggregate {
            Aggregate::Count { .. } => Fold::Count,
            Aggregate::Sum(of) => match of.ty {
                ScalarType::Uint => Fold::Uint,
                ScalarType::Double => Fold::Double,
                _ => Fold::Int,
            },
            Aggregate::Avg(of) => match of.ty {
                ScalarType::Uint => Fold::MeanUint,
                ScalarType::Double => Fold::MeanDouble,
                _ => Fold::MeanInt,
            },
            Aggregate::Min(_) => Fold::Least,
            Aggregate::Max(_) => Fold::Most,
            Aggregate::FirstSeen => Fold::First,
            Aggregate::Distinct { .. } | Aggregate::Last { .. } => return None,
        })
    }

    /// Whether a pane keeps a word.
    pub(crate) const fn has_word(self) -> bool {
        !matches!(self, Fold::Count)
    }

    /// Whether a pane keeps how many there were.
    pub(crate) const fn has_count(self) -> bool {
        matches!(self, Fold::Count | Fold::MeanInt | Fold::MeanUint | Fold::MeanDouble)
    }

    /// Both together. What leaves its type is marked, and the mark stays.
    pub(crate) fn join(self, a: Part, b: Part) -> Part {
        if a.count == 0 || b.count == 0 {
            return if a.count == 0 { b } else { a };
        }
        let signed = || (a.word as i64).checked_add(b.word as i64).map(|sum| sum as u64);
        let (word, fits) = match self {
            Fold::Count => (0, true),
            Fold::Int | Fold::MeanInt => (signed().unwrap_or(0), signed().is_some()),
            Fold::Uint | Fold::MeanUint => (a.word.wrapping_add(b.word), a.word.checked_add(b.word).is_some()),
            Fold::Double | Fold::MeanDouble => ((f64::from_bits(a.word) + f64::from_bits(b.word)).to_bits(), true),
            Fold::Least | Fold::First => (a.word.min(b.word), true),
            Fold::Most => (a.word.max(b.word), true),
        };
        let count = if self.has_count() { a.count.saturating_add(b.count) } else { 1 };
        Part { word, count, overflow: a.overflow || b.overflow || !fits }
    }

    /// What a rule reads; `ty` is the operand's type.
    pub(crate) fn read(self, part: Part, ty: ScalarType) -> LetValue {
        if part.overflow {
            return LetValue::Failed(EvalError::Overflow);
        }
        let empty = part.count == 0;
        match self {
            Fold::Count => LetValue::Int(i64::try_from(part.count).unwrap_or(i64::MAX)),
            Fold::Int | Fold::Uint | Fold::Double => scalar(ty, if empty { 0 } else { part.word }),
            _ if empty => LetValue::Empty,
            Fold::MeanInt | Fold::MeanUint | Fold::MeanDouble => self.mean(part, ty),
            Fold::Least | Fold::Most => ordered(ty, part.word),
            Fold::First => time(unordered_int(part.word)),
        }
    }

    fn mean(self, part: Part, ty: ScalarType) -> LetValue {
        let count = part.count as f64;
        match (self, ty) {
            (Fold::MeanInt, ScalarType::Duration) => {
                LetValue::Duration((i128::from(part.word as i64) / i128::from(part.count)) as i64)
            }
            (Fold::MeanInt, _) => LetValue::Double(part.word as i64 as f64 / count),
            (Fold::MeanUint, _) => LetValue::Double(part.word as f64 / count),
            _ => LetValue::Double(f64::from_bits(part.word) / count),
        }
    }
}

/// A value as a word in its own form: for sums and for what is kept.
///
/// # Errors
/// NaN, which would spoil every sum and has no place in an order; a moment before 1678 or after 2261.
pub(crate) fn word(value: Value<'_>) -> Result<u64, EvalError> {
    match value {
        Value::Bool(b) => Ok(u64::from(b)),
        Value::Int(n) | Value::Duration(n) => Ok(n as u64),
        Value::Uint(n) => Ok(n),
        Value::Double(d) if d.is_nan() => Err(EvalError::BadConversion),
        Value::Double(d) => Ok(d.to_bits()),
        Value::Timestamp(t) => {
            let nanos = i128::from(t.seconds) * NANOS + i128::from(t.nanos);
            i64::try_from(nanos).map(|nanos| nanos as u64).map_err(|_| EvalError::Overflow)
        }
        _ => Err(EvalError::NoSuchOverload),
    }
}

/// A value as a word that is smaller where the value is.
///
/// # Errors
/// As [`word`].
pub(crate) fn ordered_word(value: Value<'_>) -> Result<u64, EvalError> {
    let word = word(value)?;
    Ok(match value {
        Value::Int(_) | Value::Duration(_) | Value::Timestamp(_) => word ^ SIGN,
        // Negative doubles fall where their bits rise. Both zeros are one value.
        Value::Double(0.0) => SIGN,
        Value::Double(_) => word ^ if word & SIGN == 0 { SIGN } else { u64::MAX },
        _ => word,
    })
}

/// A time as a word that is smaller where it is earlier. Milliseconds since 1970.
pub(crate) const fn ordered_int(n: i64) -> u64 {
    n as u64 ^ SIGN
}

/// The inverse of [`ordered_int`].
pub(crate) const fn unordered_int(word: u64) -> i64 {
    (word ^ SIGN) as i64
}

/// The inverse of [`ordered_word`].
fn ordered(ty: ScalarType, word: u64) -> LetValue {
    let word = match ty {
        ScalarType::Int | ScalarType::Duration | ScalarType::Timestamp => word ^ SIGN,
        ScalarType::Double => word ^ if word & SIGN == 0 { u64::MAX } else { SIGN },
        _ => word,
    };
    scalar(ty, word)
}

/// The inverse of [`word`].
pub(crate) fn scalar(ty: ScalarType, word: u64) -> LetValue {
    match ty {
        ScalarType::Bool => LetValue::Bool(word != 0),
        ScalarType::Int => LetValue::Int(word as i64),
        ScalarType::Uint => LetValue::Uint(word),
        ScalarType::Double => LetValue::Double(f64::from_bits(word)),
        ScalarType::Duration => LetValue::Duration(word as i64),
        ScalarType::Timestamp => {
            let nanos = word as i64;
            moment(nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000) as u32)
        }
        ScalarType::String | ScalarType::Bytes => LetValue::Failed(EvalError::NoSuchOverload),
    }
}

/// Milliseconds since 1970 as a moment.
fn time(ms: i64) -> LetValue {
    moment(ms.div_euclid(1_000), ms.rem_euclid(1_000) as u32 * 1_000_000)
}

fn moment(seconds: i64, nanos: u32) -> LetValue {
    Timestamp::new(seconds, nanos).map_or_else(LetValue::Failed, LetValue::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_the_order_of_what_they_stand_for() {
        let doubles = [f64::NEG_INFINITY, -1e300, -2.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 0.5, 7.0, f64::INFINITY];
        let ints = [i64::MIN, -9, -1, 0, 1, 9, i64::MAX];
        let words = |values: Vec<Value<'_>>| values.into_iter().map(|v| ordered_word(v).unwrap()).collect::<Vec<_>>();
        for words in [words(doubles.map(Value::Double).to_vec()), words(ints.map(Value::Int).to_vec())] {
            assert!(words.windows(2).all(|two| two[0] < two[1]), "{words:?}");
        }
        for d in doubles {
            assert_eq!(ordered(ScalarType::Double, ordered_word(Value::Double(d)).unwrap()), LetValue::Double(d));
        }
        for n in ints {
            assert_eq!(ordered(ScalarType::Int, ordered_word(Value::Int(n)).unwrap()), LetValue::Int(n));
        }
        assert_eq!(ordered_word(Value::Double(-0.0)), ordered_word(Value::Double(0.0)));
        assert_eq!(word(Value::Double(f64::NAN)), Err(EvalError::BadConversion));
    }

    #[test]
    fn sums_that_leave_their_type_are_marked_and_never_wrap() {
        let part = |n: i64| Part { word: n as u64, count: 1, overflow: false };
        let over = Fold::Int.join(part(i64::MAX), part(1));
        assert_eq!(Fold::Int.read(over, ScalarType::Int), LetValue::Failed(EvalError::Overflow));
        assert_eq!(
            Fold::Int.read(Fold::Int.join(over, part(-5)), ScalarType::Int),
            LetValue::Failed(EvalError::Overflow)
        );
        assert_eq!(Fold::Int.read(Fold::Int.join(part(i64::MAX), part(i64::MIN)), ScalarType::Int), LetValue::Int(-1));
        let uints = Fold::Uint.join(part(-1), part(1));
        assert_eq!(Fold::Uint.read(uints, ScalarType::Uint), LetValue::Failed(EvalError::Overflow));
        assert_eq!(Fold::Uint.read(Part::default(), ScalarType::Uint), LetValue::Uint(0));
    }

    #[test]
    fn means_of_whole_numbers_are_doubles_and_those_of_durations_durations() {
        let part = |n: i64| Part { word: n as u64, count: 1, overflow: false };
        let mean = Fold::MeanInt.join(part(1), part(2));
        assert_eq!(Fold::MeanInt.read(mean, ScalarType::Int), LetValue::Double(1.5));
        assert_eq!(Fold::MeanInt.read(mean, ScalarType::Duration), LetValue::Duration(1));
        assert_eq!(Fold::MeanInt.read(Part::default(), ScalarType::Int), LetValue::Empty);
    }
}
