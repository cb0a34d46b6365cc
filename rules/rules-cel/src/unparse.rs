//! Tree to text.
//!
//! Writes the shortest parentheses that give the same tree again: `parse(unparse(tree))` has the tree's outline, for
//! every tree without error nodes. Error nodes are written as nothing. Comments and spacing of the source are lost.

use crate::ast::{Ast, BinaryOp, ExprId, ExprKind, Literal, LogicOp, Name};
use crate::token::is_plain_name;
use std::fmt::Write as _;

/// The expression as text.
pub fn unparse(ast: &Ast) -> String {
    let mut out = Writer { ast, text: String::new() };
    out.expr(ast.root(), Level::Conditional);
    out.text
}

/// How tight a node binds, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Conditional,
    Or,
    And,
    Relation,
    Sum,
    Product,
    Unary,
    Member,
}

impl Level {
    fn tighter(self) -> Self {
        match self {
            Self::Conditional => Self::Or,
            Self::Or => Self::And,
            Self::And => Self::Relation,
            Self::Relation => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Unary,
            Self::Unary | Self::Member => Self::Member,
        }
    }
}

struct Writer<'a> {
    ast: &'a Ast,
    text: String,
}

impl Writer<'_> {
    /// Writes a node, in parentheses where it binds looser than `at_least`.
    fn expr(&mut self, id: ExprId, at_least: Level) {
        let kind = &self.ast.expr(id).kind;
        let parentheses = level(kind) < at_least;
        if parentheses {
            self.text.push('(');
        }
        self.kind(kind);
        if parentheses {
            self.text.push(')');
        }
    }

    fn kind(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Error => {}
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Ident { rooted, name } => {
                self.mark(*rooted, ".");
                self.text.push_str(&name.text);
            }
            ExprKind::Select { operand, optional, field, .. } => {
                self.expr(*operand, Level::Member);
                self.text.push('.');
                self.mark(*optional, "?");
                self.field_name(field);
            }
            ExprKind::Index { operand, optional, index, .. } => {
                self.expr(*operand, Level::Member);
                self.text.push('[');
                self.mark(*optional, "?");
                self.expr(*index, Level::Conditional);
                self.text.push(']');
            }
            ExprKind::Call { target, rooted, function, args } => {
                if let Some(target) = target {
                    self.expr(*target, Level::Member);
                    self.text.push('.');
                }
                self.mark(*rooted, ".");
                self.text.push_str(&function.text);
                self.items("(", args, ")", |out, arg| out.expr(*arg, Level::Conditional));
            }
            ExprKind::Unary { op, operand, .. } => {
                self.text.push_str(op.symbol());
                // `-1` is one literal: a number after a minus stands in parentheses.
                let number = op.symbol() == "-" && self.begins_with_number(*operand);
                self.mark(number, "(");
                self.expr(*operand, if number { Level::Conditional } else { Level::Unary });
                self.mark(number, ")");
            }
            ExprKind::Binary { op, left, right, .. } => {
                let own = level(kind);
                self.expr(*left, own);
                let _ = write!(self.text, " {} ", op.symbol());
                self.expr(*right, own.tighter());
            }
            ExprKind::Logic { op, terms, .. } => {
                let own = level(kind).tighter();
                for (number, term) in terms.iter().enumerate() {
                    if number > 0 {
                        let _ = write!(self.text, " {} ", op.symbol());
                    }
                    self.expr(*term, own);
                }
            }
            ExprKind::Conditional { condition, then, otherwise, .. } => {
                self.expr(*condition, Level::Or);
                self.text.push_str(" ? ");
                self.expr(*then, Level::Or);
                self.text.push_str(" : ");
                self.expr(*otherwise, Level::Conditional);
            }
            ExprKind::List { .. } | ExprKind::Map { .. } | ExprKind::Message { .. } => self.aggregate(kind),
        }
    }

    fn aggregate(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::List { elements } => self.items("[", elements, "]", |out, element| {
                out.mark(element.optional, "?");
                out.expr(element.value, Level::Conditional);
            }),
            ExprKind::Map { entries } => self.items("{", entries, "}", |out, entry| {
                out.mark(entry.optional, "?");
                out.expr(entry.key, Level::Conditional);
                out.text.push_str(": ");
                out.expr(entry.value, Level::Conditional);
            }),
            ExprKind::Message { rooted, path, fields } => {
                self.mark(*rooted, ".");
                let names: Vec<_> = path.iter().map(|name| name.text.as_str()).collect();
                self.text.push_str(&names.join("."));
                self.items("{", fields, "}", |out, field| {
                    out.mark(field.optional, "?");
                    out.field_name(&field.name);
                    out.text.push_str(": ");
                    out.expr(field.value, Level::Conditional);
                });
            }
            _ => {}
        }
    }

    fn mark(&mut self, present: bool, mark: &str) {
        if present {
            self.text.push_str(mark);
        }
    }

    fn items<T>(&mut self, open: &str, items: &[T], close: &str, mut write: impl FnMut(&mut Self, &T)) {
        self.text.push_str(open);
        for (number, item) in items.iter().enumerate() {
            self.mark(number > 0, ", ");
            write(self, item);
        }
        self.text.push_str(close);
    }

    fn field_name(&mut self, name: &Name) {
        if is_plain_name(&name.text) {
            self.text.push_str(&name.text);
        } else {
            let _ = write!(self.text, "`{}`", name.text);
        }
    }

    /// Whether the text of the node, without parentheses around it, begins with a digit, a dot of a number or its minus.
    fn begins_with_number(&self, id: ExprId) -> bool {
        let mut at = id;
        loop {
            at = match &self.ast.expr(at).kind {
                ExprKind::Literal(Literal::Int(_) | Literal::Double(_)) => return true,
                ExprKind::Select { operand, .. } | ExprKind::Index { operand, .. } => *operand,
                ExprKind::Call { target: Some(target), .. } => *target,
                _ => return false,
            };
        }
    }

    fn literal(&mut self, literal: &Literal) {
        let _ = match literal {
            Literal::Null => write!(self.text, "null"),
            Literal::Bool(value) => write!(self.text, "{value}"),
            Literal::Int(value) => write!(self.text, "{value}"),
            Literal::Uint(value) => write!(self.text, "{value}u"),
            Literal::Double(value) => write!(self.text, "{value:?}"),
            Literal::String(value) => return self.quoted(value),
            Literal::Bytes(value) => return self.quoted_bytes(value),
        };
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('\'');
        for c in value.chars() {
            match c {
                '\'' | '\\' => self.text.extend(['\\', c]),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c.is_control() => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                }
                c => self.text.push(c),
            }
        }
        self.text.push('\'');
    }

    fn quoted_bytes(&mut self, value: &[u8]) {
        self.text.push_str("b'");
        for byte in value {
            match byte {
                b'\'' | b'\\' => self.text.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => self.text.push(char::from(*byte)),
                _ => {
                    let _ = write!(self.text, "\\x{byte:02x}");
                }
            }
        }
        self.text.push('\'');
    }
}

fn level(kind: &ExprKind) -> Level {
    match kind {
        ExprKind::Conditional { .. } => Level::Conditional,
        ExprKind::Logic { op: LogicOp::Or, .. } => Level::Or,
        ExprKind::Logic { op: LogicOp::And, .. } => Level::And,
        ExprKind::Unary { .. } => Level::Unary,
        ExprKind::Binary { op, .. } => match op {
            BinaryOp::Add | BinaryOp::Subtract => Level::Sum,
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => Level::Product,
            _ => Level::Relation,
        },
        _ => Level::Member,
    }
}
