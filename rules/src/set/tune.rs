//! Other values for declared parameters: of variations, and of regions.
//!
//! In: a name and a literal. Out: the typed value within the parameter's range, or a diagnostic with the place of the declaration.

use rules_cel::checked::Constant;
use rules_engine::ir::ConstIr;

use super::Building;
use super::package::literal_constant;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Names, ParamInfo, const_ir};
use crate::source::Spanned;
use crate::suggest::nearest;
use crate::syntax::{Literal, parse_duration_ms};

/// A parameter's other value.
pub(crate) struct Tuned {
    /// Index in the rule set.
    pub(crate) index: u16,
    pub(crate) value: Constant,
}

impl Tuned {
    pub(crate) fn ir(&self) -> ConstIr {
        const_ir(&self.value)
    }
}

impl Building<'_> {
    pub(crate) fn tuned(
        &mut self,
        name: &Spanned<String>,
        value: &Spanned<Literal>,
        names: &Names,
        package: &str,
    ) -> Option<Tuned> {
        let Some(param) = names.params.get(&name.value) else {
            let known = names.params.keys().map(String::as_str);
            let words = format!("package {package} declares no parameter `{}`", name.value);
            let d = Diagnostic::new(Code::UnknownParam, name.span, words).did_you_mean(nearest(&name.value, known));
            self.report.push(d.help("declare it under `params:`"));
            return None;
        };
        let Some(typed) = as_type_of(&param.value, &value.value) else {
            let words = format!("parameter `{}` is of type {}", name.value, param.value.ty());
            let d = Diagnostic::new(Code::UnknownParam, value.span, words).also(param.span, "declared here");
            self.report.push(d.help("give it a value of that type"));
            return None;
        };
        if !within(param, &typed) {
            let range = param.range.as_ref().map_or(param.span, |range| range.span);
            let words = format!("the value lies outside the range of parameter `{}`", name.value);
            let d = Diagnostic::new(Code::ParamOutOfRange, value.span, words).also(range, "the range");
            self.report.push(d.help("choose a value within it"));
            return None;
        }
        Some(Tuned { index: param.index, value: typed })
    }
}

fn within(param: &ParamInfo, value: &Constant) -> bool {
    let number = match value {
        Constant::Int(n) => *n as f64,
        Constant::Double(n) => *n,
        Constant::Duration { nanos } => *nanos as f64 / 1e6,
        _ => return true,
    };
    let (low, high) = param.range.as_ref().map_or((None, None), |range| range.value);
    low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
}

/// A literal as a value of the type that a parameter has.
pub(crate) fn as_type_of(default: &Constant, literal: &Literal) -> Option<Constant> {
    match (default, literal) {
        (Constant::Double(_), Literal::Int(n)) => Some(Constant::Double(*n as f64)),
        (Constant::String(_), Literal::Bool(b)) => Some(Constant::String(b.to_string())),
        (Constant::Duration { .. }, Literal::Text(text)) => {
            let ms = parse_duration_ms(text)?;
            Some(Constant::Duration { nanos: ms.checked_mul(1_000_000)? })
        }
        (default, literal) => Some(literal_constant(literal)).filter(|c| c.ty() == default.ty()),
    }
}
