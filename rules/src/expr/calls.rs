//! Overloads of the CEL library to operators and functions of the engine: one table.

use rules_cel::Overload as O;
use rules_cel::checked::{Constant, NodeId, NodeKind};
use rules_cel::overload::{Relation, TimePart};
use rules_engine::ir::{BinaryOp as B, Function as F, Node, UnaryOp};

use super::lower::{Lowering, set_name};
use crate::diagnostic::{Code, Diagnostic};

/// What became of a call.
pub(super) enum Lowered {
    /// A node of its own.
    Node(Node),
    /// Nothing to do at run time: the operand is the result.
    Same(u32),
    /// The evaluator has no instruction for it.
    NotEvaluated(&'static str),
}

/// Lowers the operands and picks the instruction. `None` where an operand could not be lowered.
pub(super) fn lower_call(lowering: &mut Lowering<'_, '_>, overload: O, args: &[NodeId]) -> Option<Lowered> {
    match overload {
        O::InList => return in_list(lowering, args),
        O::Matches => return matches(lowering, args),
        _ => {}
    }
    let instruction = match instruction(overload) {
        Ok(instruction) => instruction,
        Err(what) => return Some(Lowered::NotEvaluated(what)),
    };
    let args = lowering.all(args)?;
    let first = args.first().copied();
    Some(match (instruction, args.as_slice()) {
        (Instruction::Same, [of]) => Lowered::Same(*of),
        (Instruction::Unary(op), [of]) => Lowered::Node(Node::Unary { op, of: *of }),
        (Instruction::Binary(op), [left, right]) => Lowered::Node(Node::Binary { op, left: *left, right: *right }),
        (Instruction::Function(function), _) if first.is_some() => Lowered::Node(Node::Call { function, args }),
        _ => Lowered::NotEvaluated("this call"),
    })
}

enum Instruction {
    Same,
    Unary(UnaryOp),
    Binary(B),
    Function(F),
}

fn instruction(overload: O) -> Result<Instruction, &'static str> {
    use Instruction::{Binary, Function, Same, Unary};
    Ok(match overload {
        O::Compare(relation, _) => Binary(match relation {
            Relation::Less => B::Less,
            Relation::LessEqual => B::LessOrEqual,
            Relation::Greater => B::Greater,
            Relation::GreaterEqual => B::GreaterOrEqual,
        }),
        O::Equals => Binary(B::Equal),
        O::NotEquals => Binary(B::NotEqual),
        O::InList | O::InMap => Binary(B::In),
        O::Not => Unary(UnaryOp::Not),
        O::NegateInt | O::NegateDouble => Unary(UnaryOp::Negate),
        O::AddInt
        | O::AddUint
        | O::AddDouble
        | O::AddString
        | O::AddBytes
        | O::AddList
        | O::AddDurationDuration
        | O::AddDurationTimestamp
        | O::AddTimestampDuration => Binary(B::Add),
        O::SubtractInt
        | O::SubtractUint
        | O::SubtractDouble
        | O::SubtractTimestampTimestamp
        | O::SubtractTimestampDuration
        | O::SubtractDurationDuration => Binary(B::Subtract),
        O::MultiplyInt | O::MultiplyUint | O::MultiplyDouble => Binary(B::Multiply),
        O::DivideInt | O::DivideUint | O::DivideDouble => Binary(B::Divide),
        O::ModuloInt | O::ModuloUint => Binary(B::Modulo),
        O::BoolToBool
        | O::BytesToBytes
        | O::DoubleToDouble
        | O::DurationToDuration
        | O::IntToInt
        | O::StringToString
        | O::TimestampToTimestamp
        | O::UintToUint => Same,
        O::StringToBool => Function(F::ToBool),
        O::StringToBytes => Function(F::ToBytes),
        O::IntToDouble | O::UintToDouble | O::StringToDouble => Function(F::ToDouble),
        O::IntToDuration | O::StringToDuration => Function(F::ToDuration),
        O::UintToInt | O::DoubleToInt | O::StringToInt | O::TimestampToInt | O::DurationToInt => Function(F::ToInt),
        O::BoolToString
        | O::IntToString
        | O::UintToString
        | O::DoubleToString
        | O::BytesToString
        | O::TimestampToString
        | O::DurationToString => Function(F::ToString),
        O::IntToTimestamp | O::StringToTimestamp => Function(F::ToTimestamp),
        O::IntToUint | O::DoubleToUint | O::StringToUint => Function(F::ToUint),
        O::TimestampPart(_, true) => return Err("time zones in time functions"),
        O::TimestampPart(part, false) | O::DurationPart(part) => Function(time_part(part)),
        O::TypeOf => return Err("types as values"),
        O::ToDyn => return Err("values whose type is known only at run time"),
        O::OptionalOf
        | O::OptionalOfNonZero
        | O::OptionalNone
        | O::OptionalHasValue
        | O::OptionalValue
        | O::OptionalOr
        | O::OptionalOrValue
        | O::OptionalUnwrap => return Err("optional values"),
        O::Custom(_) => return Err("this function"),
        other => Function(library_function(other)?),
    })
}

fn time_part(part: TimePart) -> F {
    match part {
        TimePart::FullYear => F::GetFullYear,
        TimePart::Month => F::GetMonth,
        TimePart::DayOfYear => F::GetDayOfYear,
        TimePart::DayOfMonth => F::GetDayOfMonth,
        TimePart::Date => F::GetDate,
        TimePart::DayOfWeek => F::GetDayOfWeek,
        TimePart::Hours => F::GetHours,
        TimePart::Minutes => F::GetMinutes,
        TimePart::Seconds => F::GetSeconds,
        TimePart::Milliseconds => F::GetMilliseconds,
    }
}

fn library_function(overload: O) -> Result<F, &'static str> {
    Ok(match overload {
        O::SizeString | O::SizeBytes | O::SizeList | O::SizeMap => F::Size,
        O::Contains => F::Contains,
        O::StartsWith => F::StartsWith,
        O::EndsWith => F::EndsWith,
        O::CharAt => F::CharAt,
        O::IndexOf | O::IndexOfFrom => F::IndexOf,
        O::LastIndexOf | O::LastIndexOfFrom => F::LastIndexOf,
        O::Join | O::JoinSeparator => F::Join,
        O::LowerAscii => F::LowerAscii,
        O::UpperAscii => F::UpperAscii,
        O::Replace | O::ReplaceLimit => F::Replace,
        O::Split | O::SplitLimit => F::Split,
        O::SubstringFrom | O::SubstringFromTo => F::Substring,
        O::Trim => F::Trim,
        O::MathGreatest => F::Greatest,
        O::MathLeast => F::Least,
        O::MathAbsInt | O::MathAbsUint | O::MathAbsDouble => F::Abs,
        O::MathSignInt | O::MathSignUint | O::MathSignDouble => F::Sign,
        O::MathCeil => F::Ceil,
        O::MathFloor => F::Floor,
        O::MathRound => F::Round,
        O::MathTrunc => F::Trunc,
        O::MathIsNan => F::IsNan,
        O::MathIsInf => F::IsInf,
        O::MathIsFinite => F::IsFinite,
        _ => return Err("this function"),
    })
}

/// `x in set` and `x in [constants]` become a look-up; any other list is searched.
fn in_list(lowering: &mut Lowering<'_, '_>, args: &[NodeId]) -> Option<Lowered> {
    let [element, list] = args else { return Some(Lowered::NotEvaluated("this call")) };
    let expr = lowering.expr;
    let set = match expr.kind(*list) {
        NodeKind::NamedConstant { name } => {
            let name = set_name(name);
            lowering.scope.names.sets.get(name).map(|set| (name.to_owned(), set.items.clone()))
        }
        NodeKind::List(items) if !items.is_empty() => {
            let constants: Option<Vec<Constant>> = items.iter().map(|(_, id)| constant_of(expr.kind(*id))).collect();
            constants.map(|items| (String::new(), items))
        }
        _ => None,
    };
    let of = lowering.node(*element)?;
    if let Some(set) = set.and_then(|(name, items)| lowering.pools.set(&name, &items)) {
        return Some(Lowered::Node(Node::InSet { of, set }));
    }
    let right = lowering.node(*list)?;
    Some(Lowered::Node(Node::Binary { op: B::In, left: of, right }))
}

fn constant_of(kind: &NodeKind) -> Option<Constant> {
    match kind {
        NodeKind::Constant(constant) if !matches!(constant, Constant::Null) => Some(constant.clone()),
        _ => None,
    }
}

/// The pattern must be known now, so that it is compiled once and bounded.
fn matches(lowering: &mut Lowering<'_, '_>, args: &[NodeId]) -> Option<Lowered> {
    let [text, pattern] = args else { return Some(Lowered::NotEvaluated("this call")) };
    let span = lowering.expr.span_of(*pattern);
    let NodeKind::Constant(Constant::String(pattern)) = lowering.expr.kind(*pattern) else {
        let d = Diagnostic::new(Code::BadPattern, span, "the pattern of `matches` must be constant text");
        lowering.report.push(d.help("write the pattern out: `event.name.matches('^[a-z]+$')`"));
        return None;
    };
    if pattern.len() > PATTERN_BYTES {
        let words = format!("the pattern has {} bytes; limit {PATTERN_BYTES}", pattern.len());
        lowering.report.push(Diagnostic::new(Code::BadPattern, span, words));
        return None;
    }
    let pattern = match rules_cel::pattern::rewritten(pattern) {
        Ok(pattern) => rules_engine::pattern::compiled(&pattern).map(|_| pattern).map_err(|why| in_one_line(&why)),
        Err(why) => Err(why),
    };
    let pattern = match pattern {
        Ok(pattern) => pattern,
        Err(why) => {
            let d = Diagnostic::new(Code::BadPattern, span, format!("the pattern cannot be used: {why}"));
            lowering.report.push(d.help("patterns have RE2's syntax: no look-around and no back-references"));
            return None;
        }
    };
    let Some(regex) = lowering.pools.pattern(&pattern) else {
        lowering.report.push(Diagnostic::new(Code::TooComplex, span, "the rules together have too many patterns"));
        return None;
    };
    let of = lowering.node(*text)?;
    Some(Lowered::Node(Node::Matches { of, regex }))
}

/// The longest pattern that an author may write. Bytes.
const PATTERN_BYTES: usize = 1_024;

fn in_one_line(why: &regex::Error) -> String {
    match why {
        regex::Error::CompiledTooBig(_) => "it is too large when compiled".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("not a regular expression");
            last.trim().trim_start_matches("error: ").to_owned()
        }
    }
}
