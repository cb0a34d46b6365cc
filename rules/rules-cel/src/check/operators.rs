//! Operators: prefix, infix, `&&`, `||`, `?:` and the index.
//!
//! Arithmetic and order come from the library's table. Equality and `in` are decided here: the two sides have one type, or
//! one of them is dyn, or both are numbers.

use super::Checker;
use crate::ast::{BinaryOp, ExprId, LogicOp, UnaryOp};
use crate::checked::{NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::env::Typing;
use crate::library;
use crate::overload::Overload;
use crate::span::Span;
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn unary(&mut self, span: Span, op: UnaryOp, op_span: Span, operand: ExprId) -> NodeId {
        let arg = self.expr(operand);
        let ty = self.ty(arg);
        let signatures = library::signatures(library::prefix_name(op));
        if let Some((overloads, result)) = self.resolve(signatures, std::slice::from_ref(&ty)) {
            return self.push(span, result, NodeKind::Call { overloads, args: vec![arg] });
        }
        let message = format!("`{}` does not take {}", op.symbol(), self.shown(&ty));
        let diagnostic = Diagnostic::new(Code::NoOverload, op_span, message);
        self.fail(
            span,
            match (op, ty) {
                (UnaryOp::Negate, Type::Uint) => diagnostic.help("convert it: `-int(x)`"),
                (UnaryOp::Not, Type::String) => diagnostic.help("compare it: `x == ''`"),
                _ => diagnostic,
            },
        )
    }

    pub(super) fn binary(&mut self, span: Span, op: BinaryOp, op_span: Span, left: ExprId, right: ExprId) -> NodeId {
        let args = vec![self.expr(left), self.expr(right)];
        let (left, right) = (self.ty(args[0]), self.ty(args[1]));
        let resolved = match op {
            BinaryOp::Equal => self.comparable(&left, &right).then(|| (vec![Overload::Equals], Type::Bool)),
            BinaryOp::NotEqual => self.comparable(&left, &right).then(|| (vec![Overload::NotEquals], Type::Bool)),
            BinaryOp::In => self.membership(&left, &right).map(|overloads| (overloads, Type::Bool)),
            _ => self.resolve(library::signatures(op.symbol()), &[left.clone(), right.clone()]),
        };
        if let Some((overloads, result)) = resolved {
            return self.push(span, result, NodeKind::Call { overloads, args });
        }
        let diagnostic = self.binary_mismatch(op, op_span, &left, &right);
        self.fail(span, diagnostic)
    }

    /// Whether `==` makes sense between the two.
    fn comparable(&mut self, left: &Type, right: &Type) -> bool {
        let across = self.env.typing() == Typing::Strict && unwrapped(left).is_number() && unwrapped(right).is_number();
        across || self.infer.fits(left, right)
    }

    /// What `left in right` may be; nothing where it makes no sense.
    fn membership(&mut self, left: &Type, right: &Type) -> Option<Vec<Overload>> {
        let (inner, overload) = match right {
            Type::List(element) => (element, Overload::InList),
            Type::Map(key, _) => (key, Overload::InMap),
            Type::Dyn | Type::Error | Type::Param(_) => return Some(vec![Overload::InList, Overload::InMap]),
            _ => return None,
        };
        self.comparable(left, inner).then(|| vec![overload])
    }

    fn binary_mismatch(&self, op: BinaryOp, op_span: Span, left: &Type, right: &Type) -> Diagnostic {
        let (shown_left, shown_right) = (self.shown(left), self.shown(right));
        let symbol = op.symbol();
        let message = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                format!("{shown_left} and {shown_right} are never equal")
            }
            BinaryOp::In => match right {
                Type::List(_) | Type::Map(..) => format!("{shown_left} is never in {shown_right}"),
                _ => format!("`in` needs a list or a map on its right, not {shown_right}"),
            },
            _ => format!("`{symbol}` does not take {shown_left} and {shown_right}"),
        };
        let diagnostic = Diagnostic::new(Code::NoOverload, op_span, message);
        match mismatch_help(op, left, right) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    pub(super) fn logic(&mut self, span: Span, op: LogicOp, terms: &[ExprId]) -> NodeId {
        let nodes = self.exprs(terms);
        let what = format!("what `{}` joins", op.symbol());
        for node in &nodes {
            self.expect_bool(*node, &what);
        }
        let kind = match op {
            LogicOp::And => NodeKind::And(nodes),
            LogicOp::Or => NodeKind::Or(nodes),
        };
        self.push(span, Type::Bool, kind)
    }

    pub(super) fn conditional(
        &mut self,
        span: Span,
        condition: ExprId,
        op_span: Span,
        then: ExprId,
        otherwise: ExprId,
    ) -> NodeId {
        let condition = self.expr(condition);
        self.expect_bool(condition, "the condition before `?`");
        let (then, otherwise) = (self.expr(then), self.expr(otherwise));
        let (left, right) = (self.ty(then), self.ty(otherwise));
        let Some(ty) = self.infer.join(&left, &right) else {
            let message =
                format!("the two values of `? :` differ in type: {} and {}", self.shown(&left), self.shown(&right));
            let diagnostic = Diagnostic::new(Code::WrongType, op_span, message);
            return self.fail(
                span,
                match mismatch_help(BinaryOp::Add, &left, &right) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic.help("make them one type, or write `dyn(x)`"),
                },
            );
        };
        self.push(span, ty, NodeKind::Conditional { condition, then, otherwise })
    }

    pub(super) fn index(
        &mut self,
        span: Span,
        operand: ExprId,
        optional: bool,
        op_span: Span,
        index: ExprId,
    ) -> NodeId {
        let (operand, index) = (self.expr(operand), self.expr(index));
        let container = match self.ty(operand) {
            Type::Optional(inner) => (*inner).clone(),
            ty => ty,
        };
        let index_ty = self.ty(index);
        let (wanted, element) = match &container {
            Type::List(element) => (Type::Int, (**element).clone()),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Dyn => (Type::Dyn, Type::Dyn),
            Type::Param(_) => (Type::Dyn, self.infer.fresh()),
            Type::Error => return self.error(span),
            other => {
                let message = format!("{} has no elements to index", self.shown(other));
                let diagnostic = Diagnostic::new(Code::NotSelectable, op_span, message);
                return self.fail(
                    span,
                    match other {
                        Type::String => diagnostic.help("write `x.charAt(0)` or `x.substring(0, 1)`"),
                        Type::Message(_) => diagnostic.help("write a field after a dot"),
                        _ => diagnostic,
                    },
                );
            }
        };
        // A key may be a number of another type: it is looked up by value.
        if !self.comparable(&index_ty, &wanted) {
            let message = format!(
                "{} is indexed by {}, not by {}",
                self.shown(&container),
                self.shown(&wanted),
                self.shown(&index_ty)
            );
            let diagnostic = Diagnostic::new(Code::WrongType, self.span(index), message);
            return self.fail(span, diagnostic);
        }
        let ty = self.maybe_optional(operand, optional, element);
        self.push(span, ty, NodeKind::Index { operand, index, optional })
    }
}

/// The primitive inside a wrapper, or the type itself.
pub(super) fn unwrapped(ty: &Type) -> &Type {
    match ty {
        Type::Wrapper(inner) => inner,
        ty => ty,
    }
}

/// What one may do about operands that do not go together.
fn mismatch_help(op: BinaryOp, left: &Type, right: &Type) -> Option<String> {
    let has = |wanted: &Type| left == wanted || right == wanted;
    Some(match (op, left, right) {
        (BinaryOp::In, _, Type::String) => "to search inside a text write `x.contains(y)`".into(),
        (BinaryOp::Equal | BinaryOp::NotEqual, ..) if has(&Type::Null) => {
            "this value is never null; ask with `has(x.field)` whether a field is set".into()
        }
        _ if left.is_number() && right.is_number() && left != right => {
            if has(&Type::Double) {
                "convert one side: `double(x)`".into()
            } else {
                "convert one side: `int(x)`; a uint is written `1u`".into()
            }
        }
        (BinaryOp::Add, ..) if has(&Type::String) && (left.is_number() || right.is_number() || has(&Type::Bool)) => {
            "convert the other side: `string(x)`".into()
        }
        _ if has(&Type::Timestamp) && (left.is_number() || right.is_number()) => {
            "write a length of time as `duration('5m')`, a moment as `timestamp('2026-01-01T00:00:00Z')`".into()
        }
        _ if has(&Type::Duration) && (left.is_number() || right.is_number()) => {
            "write a length of time as `duration('5m')`".into()
        }
        _ if has(&Type::String) && (left.is_number() || right.is_number()) => {
            "numbers stand without quotes; convert a text with `int(x)`".into()
        }
        _ if matches!(left, Type::Optional(_)) || matches!(right, Type::Optional(_)) => {
            "take the value out: `x.orValue(default)`".into()
        }
        _ => return None,
    })
}
