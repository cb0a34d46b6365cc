//! The signatures of the standard library: operators' functions, conversions, time, text, math, base64, optionals.
//!
//! One line for each overload. Infix operators stand here under their symbols. What a table cannot say is the
//! checker's: `==`, `in`, `&&`, `||`, `?:`, index, macros, and the result of `math.greatest` and `math.least`.

use crate::ast::UnaryOp;
use crate::env::Signature;
use crate::overload::{Ordered, Overload, Relation, TimePart};
use crate::types::Type;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The signatures of one function; none for unknown names.
pub fn signatures(name: &str) -> &'static [Signature] {
    table().get(name).map_or(&[], Vec::as_slice)
}

/// The names of all functions that an author can write, operators left out.
pub fn names() -> impl Iterator<Item = &'static str> {
    table().keys().copied().filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The name under which a prefix operator's signatures stand.
pub(crate) fn prefix_name(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Not => "!",
        UnaryOp::Negate => "0-",
    }
}

type Table = BTreeMap<&'static str, Vec<Signature>>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut out = Builder { table: Table::new() };
        out.arithmetic();
        out.ordering();
        out.conversions();
        out.text();
        out.text_extension();
        out.time();
        out.math();
        out.containers();
        out.table
    })
}

struct Builder {
    table: Table,
}

use Overload as O;
use Type::{Bool, Bytes, Double, Duration, Dyn, Int, String, Timestamp, Uint};

impl Builder {
    fn add(&mut self, name: &'static str, overload: Overload, method: bool, params: &[Type], result: Type) {
        self.table.entry(name).or_default().push(Signature { overload, method, params: params.to_vec(), result });
    }

    fn function(&mut self, name: &'static str, overload: Overload, params: &[Type], result: Type) {
        self.add(name, overload, false, params, result);
    }

    fn method(&mut self, name: &'static str, overload: Overload, params: &[Type], result: Type) {
        self.add(name, overload, true, params, result);
    }

    fn both(&mut self, name: &'static str, overload: Overload, params: &[Type], result: &Type) {
        self.add(name, overload, false, params, result.clone());
        self.add(name, overload, true, params, result.clone());
    }

    fn arithmetic(&mut self) {
        self.function("!", O::Not, &[Bool], Bool);
        self.function("0-", O::NegateInt, &[Int], Int);
        self.function("0-", O::NegateDouble, &[Double], Double);
        let numbers = [
            (
                Int,
                [Some(O::AddInt), Some(O::SubtractInt), Some(O::MultiplyInt), Some(O::DivideInt), Some(O::ModuloInt)],
            ),
            (
                Uint,
                [
                    Some(O::AddUint),
                    Some(O::SubtractUint),
                    Some(O::MultiplyUint),
                    Some(O::DivideUint),
                    Some(O::ModuloUint),
                ],
            ),
            (
                Double,
                [Some(O::AddDouble), Some(O::SubtractDouble), Some(O::MultiplyDouble), Some(O::DivideDouble), None],
            ),
        ];
        for (ty, overloads) in numbers {
            for (name, overload) in ["+", "-", "*", "/", "%"].into_iter().zip(overloads) {
                let Some(overload) = overload else { continue };
                self.function(name, overload, &[ty.clone(), ty.clone()], ty.clone());
            }
        }
        self.function("+", O::AddString, &[String, String], String);
        self.function("+", O::AddBytes, &[Bytes, Bytes], Bytes);
        let list = Type::list(Type::Param(0));
        self.function("+", O::AddList, &[list.clone(), list.clone()], list);
        self.function("+", O::AddDurationDuration, &[Duration, Duration], Duration);
        self.function("+", O::AddDurationTimestamp, &[Duration, Timestamp], Timestamp);
        self.function("+", O::AddTimestampDuration, &[Timestamp, Duration], Timestamp);
        self.function("-", O::SubtractTimestampTimestamp, &[Timestamp, Timestamp], Duration);
        self.function("-", O::SubtractTimestampDuration, &[Timestamp, Duration], Timestamp);
        self.function("-", O::SubtractDurationDuration, &[Duration, Duration], Duration);
    }

    fn ordering(&mut self) {
        let operands = [
            (Ordered::Bool, Bool, Bool),
            (Ordered::Int, Int, Int),
            (Ordered::IntUint, Int, Uint),
            (Ordered::IntDouble, Int, Double),
            (Ordered::Uint, Uint, Uint),
            (Ordered::UintInt, Uint, Int),
            (Ordered::UintDouble, Uint, Double),
            (Ordered::Double, Double, Double),
            (Ordered::DoubleInt, Double, Int),
            (Ordered::DoubleUint, Double, Uint),
            (Ordered::String, String, String),
            (Ordered::Bytes, Bytes, Bytes),
            (Ordered::Timestamp, Timestamp, Timestamp),
            (Ordered::Duration, Duration, Duration),
        ];
        for relation in [Relation::Less, Relation::LessEqual, Relation::Greater, Relation::GreaterEqual] {
            for (ordered, left, right) in &operands {
                let overload = O::Compare(relation, *ordered);
                self.function(relation.symbol(), overload, &[left.clone(), right.clone()], Bool);
            }
        }
    }

    fn conversions(&mut self) {
        self.function("type", O::TypeOf, &[Type::Param(0)], Type::type_of(Type::Param(0)));
        self.function("dyn", O::ToDyn, &[Type::Param(0)], Dyn);
        let table = [
            ("bool", O::BoolToBool, Bool, Bool),
            ("bool", O::StringToBool, String, Bool),
            ("bytes", O::BytesToBytes, Bytes, Bytes),
            ("bytes", O::StringToBytes, String, Bytes),
            ("double", O::DoubleToDouble, Double, Double),
            ("double", O::IntToDouble, Int, Double),
            ("double", O::UintToDouble, Uint, Double),
            ("double", O::StringToDouble, String, Double),
            ("duration", O::DurationToDuration, Duration, Duration),
            ("duration", O::IntToDuration, Int, Duration),
            ("duration", O::StringToDuration, String, Duration),
            ("int", O::IntToInt, Int, Int),
            ("int", O::UintToInt, Uint, Int),
            ("int", O::DoubleToInt, Double, Int),
            ("int", O::StringToInt, String, Int),
            ("int", O::TimestampToInt, Timestamp, Int),
            ("int", O::DurationToInt, Duration, Int),
            ("string", O::StringToString, String, String),
            ("string", O::BoolToString, Bool, String),
            ("string", O::IntToString, Int, String),
            ("string", O::UintToString, Uint, String),
            ("string", O::DoubleToString, Double, String),
            ("string", O::BytesToString, Bytes, String),
            ("string", O::TimestampToString, Timestamp, String),
            ("string", O::DurationToString, Duration, String),
            ("timestamp", O::TimestampToTimestamp, Timestamp, Timestamp),
            ("timestamp", O::IntToTimestamp, Int, Timestamp),
            ("timestamp", O::StringToTimestamp, String, Timestamp),
            ("uint", O::UintToUint, Uint, Uint),
            ("uint", O::IntToUint, Int, Uint),
            ("uint", O::DoubleToUint, Double, Uint),
            ("uint", O::StringToUint, String, Uint),
        ];
        for (name, overload, from, to) in table {
            self.function(name, overload, &[from], to);
        }
    }

    fn text(&mut self) {
        self.both("size", O::SizeString, &[String], &Int);
        self.both("size", O::SizeBytes, &[Bytes], &Int);
        self.method("contains", O::Contains, &[String, String], Bool);
        self.method("startsWith", O::StartsWith, &[String, String], Bool);
        self.method("endsWith", O::EndsWith, &[String, String], Bool);
        self.both("matches", O::Matches, &[String, String], &Bool);
        self.function("base64.encode", O::Base64Encode, &[Bytes], String);
        self.function("base64.decode", O::Base64Decode, &[String], Bytes);
    }

    fn text_extension(&mut self) {
        self.method("charAt", O::CharAt, &[String, Int], String);
        self.method("indexOf", O::IndexOf, &[String, String], Int);
        self.method("indexOf", O::IndexOfFrom, &[String, String, Int], Int);
        self.method("lastIndexOf", O::LastIndexOf, &[String, String], Int);
        self.method("lastIndexOf", O::LastIndexOfFrom, &[String, String, Int], Int);
        self.method("join", O::Join, &[Type::list(String)], String);
        self.method("join", O::JoinSeparator, &[Type::list(String), String], String);
        self.method("lowerAscii", O::LowerAscii, &[String], String);
        self.method("upperAscii", O::UpperAscii, &[String], String);
        self.method("replace", O::Replace, &[String, String, String], String);
        self.method("replace", O::ReplaceLimit, &[String, String, String, Int], String);
        self.method("reverse", O::Reverse, &[String], String);
        self.method("split", O::Split, &[String, String], Type::list(String));
        self.method("split", O::SplitLimit, &[String, String, Int], Type::list(String));
        self.method("substring", O::SubstringFrom, &[String, Int], String);
        self.method("substring", O::SubstringFromTo, &[String, Int, Int], String);
        self.method("trim", O::Trim, &[String], String);
        self.method("format", O::Format, &[String, Type::list(Dyn)], String);
        self.function("strings.quote", O::Quote, &[String], String);
    }

    fn time(&mut self) {
        let parts = [
            ("getFullYear", TimePart::FullYear, false),
            ("getMonth", TimePart::Month, false),
            ("getDayOfYear", TimePart::DayOfYear, false),
            ("getDayOfMonth", TimePart::DayOfMonth, false),
            ("getDate", TimePart::Date, false),
            ("getDayOfWeek", TimePart::DayOfWeek, false),
            ("getHours", TimePart::Hours, true),
            ("getMinutes", TimePart::Minutes, true),
            ("getSeconds", TimePart::Seconds, true),
            ("getMilliseconds", TimePart::Milliseconds, true),
        ];
        for (name, part, of_duration) in parts {
            self.method(name, O::TimestampPart(part, false), &[Timestamp], Int);
            self.method(name, O::TimestampPart(part, true), &[Timestamp, String], Int);
            if of_duration {
                self.method(name, O::DurationPart(part), &[Duration], Int);
            }
        }
    }

    fn math(&mut self) {
        self.function("math.greatest", O::MathGreatest, &[Dyn], Dyn);
        self.function("math.least", O::MathLeast, &[Dyn], Dyn);
        let unary = [
            ("math.abs", O::MathAbsInt, Int, Int),
            ("math.abs", O::MathAbsUint, Uint, Uint),
            ("math.abs", O::MathAbsDouble, Double, Double),
            ("math.sign", O::MathSignInt, Int, Int),
            ("math.sign", O::MathSignUint, Uint, Uint),
            ("math.sign", O::MathSignDouble, Double, Double),
            ("math.ceil", O::MathCeil, Double, Double),
            ("math.floor", O::MathFloor, Double, Double),
            ("math.round", O::MathRound, Double, Double),
            ("math.trunc", O::MathTrunc, Double, Double),
            ("math.sqrt", O::MathSqrtInt, Int, Double),
            ("math.sqrt", O::MathSqrtUint, Uint, Double),
            ("math.sqrt", O::MathSqrtDouble, Double, Double),
            ("math.isNaN", O::MathIsNan, Double, Bool),
            ("math.isInf", O::MathIsInf, Double, Bool),
            ("math.isFinite", O::MathIsFinite, Double, Bool),
            ("math.bitNot", O::MathBitNotInt, Int, Int),
            ("math.bitNot", O::MathBitNotUint, Uint, Uint),
        ];
        for (name, overload, from, to) in unary {
            self.function(name, overload, &[from], to);
        }
        let bits = [
            ("math.bitAnd", O::MathBitAndInt, Int, Int),
            ("math.bitAnd", O::MathBitAndUint, Uint, Uint),
            ("math.bitOr", O::MathBitOrInt, Int, Int),
            ("math.bitOr", O::MathBitOrUint, Uint, Uint),
            ("math.bitXor", O::MathBitXorInt, Int, Int),
            ("math.bitXor", O::MathBitXorUint, Uint, Uint),
            ("math.bitShiftLeft", O::MathShiftLeftInt, Int, Int),
            ("math.bitShiftLeft", O::MathShiftLeftUint, Uint, Int),
            ("math.bitShiftRight", O::MathShiftRightInt, Int, Int),
            ("math.bitShiftRight", O::MathShiftRightUint, Uint, Int),
        ];
        for (name, overload, left, right) in bits {
            self.function(name, overload, &[left.clone(), right], left);
        }
    }

    fn containers(&mut self) {
        let a = Type::Param(0);
        let maybe = Type::optional(a.clone());
        self.both("size", O::SizeList, &[Type::list(a.clone())], &Int);
        self.both("size", O::SizeMap, &[Type::map(a.clone(), Type::Param(1))], &Int);
        self.function("optional.of", O::OptionalOf, std::slice::from_ref(&a), maybe.clone());
        self.function("optional.ofNonZeroValue", O::OptionalOfNonZero, std::slice::from_ref(&a), maybe.clone());
        self.function("optional.none", O::OptionalNone, &[], maybe.clone());
        self.method("hasValue", O::OptionalHasValue, std::slice::from_ref(&maybe), Bool);
        self.method("value", O::OptionalValue, std::slice::from_ref(&maybe), a.clone());
        self.method("or", O::OptionalOr, &[maybe.clone(), maybe.clone()], maybe.clone());
        self.method("orValue", O::OptionalOrValue, &[maybe.clone(), a.clone()], a.clone());
        let list = Type::list(maybe);
        self.function("optional.unwrap", O::OptionalUnwrap, std::slice::from_ref(&list), Type::list(a.clone()));
        self.method("unwrapOpt", O::OptionalUnwrap, std::slice::from_ref(&list), Type::list(a));
    }
}
