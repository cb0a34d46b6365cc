//! Static types of expressions and the signatures of operators and functions.
//!
//! `Dyn` is a type that is known at run time only; it fits everywhere, and the evaluator checks the value then.

use std::fmt;

use rules_catalogue::{Cardinality, FieldPath, Kind, MessageIndex};

use crate::ir::{BinaryOp, ConstIr, Function, KeyType, ScalarType, UnaryOp, Var};

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Message(MessageIndex),
}

impl Type {
    pub(crate) fn list(of: Type) -> Type {
        Type::List(Box::new(of))
    }

    pub(crate) fn map(key: Type, value: Type) -> Type {
        Type::Map(Box::new(key), Box::new(value))
    }

    pub(crate) fn of_const(constant: &ConstIr) -> Type {
        match constant {
            ConstIr::Null => Type::Null,
            ConstIr::Bool(_) => Type::Bool,
            ConstIr::Int(_) => Type::Int,
            ConstIr::Uint(_) => Type::Uint,
            ConstIr::Double(_) => Type::Double,
            ConstIr::String(_) => Type::String,
            ConstIr::Bytes(_) => Type::Bytes,
            ConstIr::Timestamp { .. } => Type::Timestamp,
            ConstIr::Duration { .. } => Type::Duration,
        }
    }

    pub(crate) fn of_kind(kind: Kind) -> Type {
        match kind {
            Kind::Bool => Type::Bool,
            Kind::Int32
            | Kind::Int64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Sfixed32
            | Kind::Sfixed64
            | Kind::Enum(_) => Type::Int,
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Type::Uint,
            Kind::Float | Kind::Double => Type::Double,
            Kind::String => Type::String,
            Kind::Bytes => Type::Bytes,
            Kind::Message(message) => Type::Message(message),
            Kind::Timestamp => Type::Timestamp,
            Kind::Duration => Type::Duration,
        }
    }

    pub(crate) fn of_field(path: &FieldPath) -> Type {
        let one = Type::of_kind(path.kind);
        match path.cardinality {
            Cardinality::Implicit | Cardinality::Explicit => one,
            Cardinality::Repeated => Type::list(one),
            Cardinality::Map(key) => Type::map(Type::of_kind(key), one),
        }
    }

    pub(crate) fn of_var(var: Var) -> Type {
        match var {
            Var::ConnAttributes => Type::map(Type::String, Type::String),
            Var::TokenSegments => Type::list(Type::String),
            Var::PlayerId
            | Var::ConnPlatform
            | Var::ConnLocale
            | Var::ConnBuild
            | Var::ConnRegion
            | Var::TokenSub
            | Var::TokenRegion
            | Var::Variation => Type::String,
        }
    }

    pub(crate) fn of_key(key: KeyType) -> Type {
        Type::of_scalar(key.into())
    }

    pub(crate) fn of_scalar(scalar: ScalarType) -> Type {
        match scalar {
            ScalarType::Bool => Type::Bool,
            ScalarType::Int => Type::Int,
            ScalarType::Uint => Type::Uint,
            ScalarType::Double => Type::Double,
            ScalarType::String => Type::String,
            ScalarType::Bytes => Type::Bytes,
            ScalarType::Timestamp => Type::Timestamp,
            ScalarType::Duration => Type::Duration,
        }
    }

    /// Whether a value of this type may be one of `other`.
    pub(crate) fn fits(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (Type::List(a), Type::List(b)) => a.fits(b),
            (Type::Map(k, v), Type::Map(l, w)) => k.fits(l) && v.fits(w),
            (a, b) => a == b,
        }
    }

    /// The type of either of two values.
    pub(crate) fn join(self, other: Type) -> Type {
        if self == other { self } else { Type::Dyn }
    }

    fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double | Type::Dyn)
    }

    /// Whether `==` is defined. Messages compare by meaning in CEL and by bytes nowhere, so they are left out.
    fn has_equality(&self) -> bool {
        match self {
            Type::Message(_) => false,
            Type::List(of) => of.has_equality(),
            Type::Map(_, value) => value.has_equality(),
            _ => true,
        }
    }

    /// Whether a template's value may be of it.
    pub(crate) fn has_json(&self) -> bool {
        self.has_equality()
    }
}

/// The result of an operator, `None` where it does not take the operand.
pub(crate) fn unary(op: UnaryOp, of: &Type) -> Option<Type> {
    match (op, of) {
        (_, Type::Dyn) => Some(if op == UnaryOp::Not { Type::Bool } else { Type::Dyn }),
        (UnaryOp::Not, Type::Bool) => Some(Type::Bool),
        (UnaryOp::Negate, Type::Int | Type::Double | Type::Duration) => Some(of.clone()),
        _ => None,
    }
}

/// The result of an operator, `None` where it does not take the operands.
pub(crate) fn binary(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    match op {
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => {
            arithmetic(op, left, right)
        }
        BinaryOp::Equal | BinaryOp::NotEqual => {
            let null = *left == Type::Null || *right == Type::Null;
            let comparable = left.fits(right) || (left.is_number() && right.is_number()) || null;
            (comparable && left.has_equality() && right.has_equality()).then_some(Type::Bool)
        }
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            let ordered = match left {
                Type::Bool | Type::String | Type::Bytes | Type::Timestamp | Type::Duration => left.fits(right),
                Type::Int | Type::Uint | Type::Double => right.is_number(),
                Type::Dyn => !matches!(right, Type::Null | Type::List(_) | Type::Map(..) | Type::Message(_)),
                _ => false,
            };
            ordered.then_some(Type::Bool)
        }
        BinaryOp::In => match right {
            Type::Dyn => Some(Type::Bool),
            Type::List(of) | Type::Map(of, _) => binary(BinaryOp::Equal, left, of),
            _ => None,
        },
        BinaryOp::Index => match (left, right) {
            (Type::Dyn, _) => Some(Type::Dyn),
            (Type::List(of), Type::Int | Type::Dyn) => Some((**of).clone()),
            (Type::Map(key, value), index) => binary(BinaryOp::Equal, key, index).map(|_| (**value).clone()),
            _ => None,
        },
    }
}

fn arithmetic(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use BinaryOp::{Add, Divide, Modulo, Multiply, Subtract};
    Some(match (op, left, right) {
        (_, Type::Dyn, _) | (_, _, Type::Dyn) => Type::Dyn,
        (_, Type::Int, Type::Int) => Type::Int,
        (_, Type::Uint, Type::Uint) => Type::Uint,
        (Add | Subtract | Multiply | Divide, Type::Double, Type::Double) => Type::Double,
        (Add, Type::String, Type::String) => Type::String,
        (Add, Type::Bytes, Type::Bytes) => Type::Bytes,
        (Add, Type::List(a), Type::List(b)) => Type::list((**a).clone().join((**b).clone())),
        (Add, Type::Timestamp, Type::Duration) | (Add, Type::Duration, Type::Timestamp) => Type::Timestamp,
        (Add | Subtract, Type::Duration, Type::Duration) => Type::Duration,
        (Subtract, Type::Timestamp, Type::Duration) => Type::Timestamp,
        (Subtract, Type::Timestamp, Type::Timestamp) => Type::Duration,
        (Modulo | Add | Subtract | Multiply | Divide, ..) => return None,
        (BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::Less | BinaryOp::LessOrEqual, ..)
        | (BinaryOp::Greater | BinaryOp::GreaterOrEqual | BinaryOp::In | BinaryOp::Index, ..) => return None,
    })
}

/// The result of a function, `None` where it does not take the arguments.
pub(crate) fn call(function: Function, args: &[Type]) -> Option<Type> {
    use Function as F;
    let is = |wanted: &[Type]| args.len() == wanted.len() && args.iter().zip(wanted).all(|(a, w)| a.fits(w));
    let one_of = |wanted: &[Type]| args.len() == 1 && (args[0] == Type::Dyn || wanted.contains(&args[0]));
    let (s, i) = (Type::String, Type::Int);
    let strings = |n: usize| args.len() == n && args.iter().all(|a| a.fits(&Type::String));
    let when = |fits: bool, result: Type| fits.then_some(result);
    match function {
        F::Size => {
            when(one_of(&[Type::String, Type::Bytes]) || matches!(args, [Type::List(_) | Type::Map(..)]), Type::Int)
        }
        F::Contains | F::StartsWith | F::EndsWith => when(strings(2), Type::Bool),
        F::LowerAscii | F::UpperAscii | F::Trim => when(strings(1), s),
        F::IndexOf | F::LastIndexOf => when(strings(2) || is(&[s.clone(), s, i]), Type::Int),
        F::Substring => when(is(&[s.clone(), i.clone()]) || is(&[s.clone(), i.clone(), i]), s),
        F::Replace => when(strings(3) || is(&[s.clone(), s.clone(), s.clone(), i]), s),
        F::CharAt => when(is(&[s.clone(), i]), s),
        F::Split => when(strings(2) || is(&[s.clone(), s.clone(), i]), Type::list(s)),
        F::Join => when(is(&[Type::list(s.clone())]) || is(&[Type::list(s.clone()), s.clone()]), s),
        F::HasKey => match args {
            [Type::Map(key, _), wanted] => binary(BinaryOp::Equal, key, wanted),
            [Type::Dyn, _] => Some(Type::Bool),
            _ => None,
        },
        F::ToInt => when(
            one_of(&[Type::Int, Type::Uint, Type::Double, Type::String, Type::Timestamp, Type::Duration]),
            Type::Int,
        ),
        F::ToUint => when(one_of(&[Type::Int, Type::Uint, Type::Double, Type::String]), Type::Uint),
        F::ToDouble => when(one_of(&[Type::Int, Type::Uint, Type::Double, Type::String]), Type::Double),
        F::ToString => when(
            one_of(&[
                Type::Bool,
                Type::Int,
                Type::Uint,
                Type::Double,
                Type::String,
                Type::Bytes,
                Type::Timestamp,
                Type::Duration,
            ]),
            Type::String,
        ),
        F::ToBytes => when(one_of(&[Type::Bytes, Type::String]), Type::Bytes),
        F::ToBool => when(one_of(&[Type::Bool, Type::String]), Type::Bool),
        F::ToTimestamp => when(one_of(&[Type::Timestamp, Type::Int, Type::String]), Type::Timestamp),
        F::ToDuration => when(one_of(&[Type::Duration, Type::Int, Type::String]), Type::Duration),
        F::GetFullYear | F::GetMonth | F::GetDate | F::GetDayOfMonth | F::GetDayOfWeek | F::GetDayOfYear => {
            when(one_of(&[Type::Timestamp]), Type::Int)
        }
        F::GetHours | F::GetMinutes | F::GetSeconds | F::GetMilliseconds => {
            when(one_of(&[Type::Timestamp, Type::Duration]), Type::Int)
        }
        F::Greatest | F::Least => extreme(args),
        F::Abs | F::Sign => when(one_of(&[Type::Int, Type::Uint, Type::Double]), args.first()?.clone()),
        F::Ceil | F::Floor | F::Round | F::Trunc => when(one_of(&[Type::Double]), Type::Double),
        F::IsNan | F::IsInf | F::IsFinite => when(one_of(&[Type::Double]), Type::Bool),
    }
}

/// `math.greatest` and `math.least`: numbers, or one list of numbers.
fn extreme(args: &[Type]) -> Option<Type> {
    let joined = match args {
        [] => return None,
        [Type::List(of)] => (**of).clone(),
        [first, rest @ ..] => {
            rest.iter().fold(first.clone(), |a, b| if b.is_number() { a.join(b.clone()) } else { Type::Null })
        }
    };
    joined.is_number().then_some(joined)
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dyn => f.write_str("dyn"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Uint => f.write_str("uint"),
            Type::Double => f.write_str("double"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::List(of) => write!(f, "list({of})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
            Type::Message(_) => f.write_str("message"),
        }
    }
}
