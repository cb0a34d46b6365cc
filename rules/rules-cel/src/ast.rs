//! The tree of an expression as it was written.
//!
//! The parser makes it, always, also from broken text (then with [`ExprKind::Error`] nodes). Macros are still calls
//! here, names are not resolved and nothing is typed: that is the checker's work. Nodes live in one vector and point at
//! each other by [`ExprId`], so that dropping or cloning a tree never recurses.

use crate::span::Span;
use crate::token::is_plain_name;
use std::fmt::Write as _;

/// A node of one [`Ast`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub(crate) u32);

/// One parsed expression. Children always have smaller ids than their parents; the height is bounded by
/// [`crate::MAX_HEIGHT`].
#[derive(Clone, Debug)]
pub struct Ast {
    pub(crate) exprs: Vec<Expr>,
    pub(crate) root: ExprId,
}

/// A node: what it is and where it stands. Parentheses around a node belong to no node.
#[derive(Clone, Debug)]
pub struct Expr {
    /// The text of the whole node, operands included.
    pub span: Span,
    /// What the node is.
    pub kind: ExprKind,
}

/// A name token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, without back-ticks.
    pub text: String,
    /// The token, with its back-ticks where it has them.
    pub span: Span,
}

/// A constant as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1`, `-0x2A`
    Int(i64),
    /// `1u`
    Uint(u64),
    /// `1.5`, `1e3`
    Double(f64),
    /// `'text'`, escapes already resolved
    String(String),
    /// `b'text'`, escapes already resolved
    Bytes(Vec<u8>),
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// Infix operators that take exactly two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// The two operators whose chains are one node: `a && b && c` has three terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogicOp {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// Text that could not be understood; a diagnostic tells why.
    Error,
    /// A constant.
    Literal(Literal),
    /// `name` or `.name`; the dot says "from the root of all names".
    Ident {
        /// Whether a dot stands before the name.
        rooted: bool,
        /// The name.
        name: Name,
    },
    /// `operand.field` or `operand.?field`.
    Select {
        /// What stands before the dot.
        operand: ExprId,
        /// Whether the dot is `.?`.
        optional: bool,
        /// The dot, with its question mark.
        op_span: Span,
        /// The field's name.
        field: Name,
    },
    /// `operand[index]` or `operand[?index]`.
    Index {
        /// What stands before the bracket.
        operand: ExprId,
        /// Whether the bracket is `[?`.
        optional: bool,
        /// From the opening bracket to the closing one.
        op_span: Span,
        /// What stands inside.
        index: ExprId,
    },
    /// `function(args)`, `.function(args)` or `target.function(args)`. Macros look the same.
    Call {
        /// What stands before the dot, where there is one.
        target: Option<ExprId>,
        /// Whether a dot without anything before it stands in front.
        rooted: bool,
        /// The function's name.
        function: Name,
        /// What stands inside the parentheses.
        args: Vec<ExprId>,
    },
    /// `!operand`, `-operand`.
    Unary {
        /// Which.
        op: UnaryOp,
        /// The operator's token.
        op_span: Span,
        /// What it applies to.
        operand: ExprId,
    },
    /// `left op right`.
    Binary {
        /// Which.
        op: BinaryOp,
        /// The operator's token.
        op_span: Span,
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
    },
    /// `a && b && c`, `a || b`.
    Logic {
        /// Which.
        op: LogicOp,
        /// The operators' tokens; one fewer than terms.
        op_spans: Vec<Span>,
        /// At least two.
        terms: Vec<ExprId>,
    },
    /// `condition ? then : otherwise`.
    Conditional {
        /// Before the question mark.
        condition: ExprId,
        /// The question mark.
        op_span: Span,
        /// Between question mark and colon.
        then: ExprId,
        /// After the colon.
        otherwise: ExprId,
    },
    /// `[a, ?b]`.
    List {
        /// In the order of the text.
        elements: Vec<ListElement>,
    },
    /// `{key: value, ?key: value}`.
    Map {
        /// In the order of the text.
        entries: Vec<MapEntry>,
    },
    /// `pkg.Message{field: value, ?field: value}`.
    Message {
        /// Whether a dot stands in front.
        rooted: bool,
        /// The parts of the type's name.
        path: Vec<Name>,
        /// In the order of the text.
        fields: Vec<FieldInit>,
    },
}

/// One element of a list literal.
#[derive(Clone, Copy, Debug)]
pub struct ListElement {
    /// Whether a question mark stands in front: absent when the value is an empty optional.
    pub optional: bool,
    /// The element.
    pub value: ExprId,
}

/// One entry of a map literal.
#[derive(Clone, Copy, Debug)]
pub struct MapEntry {
    /// Whether a question mark stands in front: absent when the value is an empty optional.
    pub optional: bool,
    /// The key.
    pub key: ExprId,
    /// The value.
    pub value: ExprId,
}

/// One field of a message literal.
#[derive(Clone, Debug)]
pub struct FieldInit {
    /// Whether a question mark stands in front: unset when the value is an empty optional.
    pub optional: bool,
    /// The field's name.
    pub name: Name,
    /// The value.
    pub value: ExprId,
}

impl Ast {
    /// The whole expression.
    pub fn root(&self) -> ExprId {
        self.root
    }

    /// The node behind an id of this tree.
    ///
    /// # Panics
    /// When the id belongs to another tree.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    /// How many nodes there are; ids that are no longer reachable from the root are counted too.
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// Never true: there is always a root.
    pub fn is_empty(&self) -> bool {
        self.exprs.is_empty()
    }

    /// The names of a plain dotted path (`a.b.c`, `.a.b`) and whether it begins with a dot; nothing for other nodes, nor
    /// where a name could only be written between back-ticks.
    pub fn path(&self, id: ExprId) -> Option<(bool, Vec<&Name>)> {
        let mut names = Vec::new();
        let mut at = id;
        loop {
            match &self.expr(at).kind {
                ExprKind::Select { operand, optional: false, field, .. } if is_plain_name(&field.text) => {
                    names.push(field);
                    at = *operand;
                }
                ExprKind::Ident { rooted, name } => {
                    names.push(name);
                    names.reverse();
                    return Some((*rooted, names));
                }
                _ => return None,
            }
        }
    }

    /// The tree as nested parentheses without spans: two trees of one meaning have one outline. For tests and for people.
    pub fn outline(&self) -> String {
        let mut out = String::new();
        self.outline_into(self.root, &mut out);
        out
    }

    fn outline_into(&self, id: ExprId, out: &mut String) {
        let list = |out: &mut String, head: &str, ids: &[ExprId]| {
            let _ = write!(out, "({head}");
            for id in ids {
                out.push(' ');
                self.outline_into(*id, out);
            }
            out.push(')');
        };
        let dot = |rooted: bool| if rooted { "." } else { "" };
        let mark = |optional: bool| if optional { "?" } else { "" };
        match &self.expr(id).kind {
            ExprKind::Error => out.push_str("<error>"),
            ExprKind::Literal(literal) => {
                let _ = write!(out, "{literal:?}");
            }
            ExprKind::Ident { rooted, name } => {
                let _ = write!(out, "{}{}", dot(*rooted), name.text);
            }
            ExprKind::Select { operand, optional, field, .. } => {
                list(out, &format!("select.{}{:?}", mark(*optional), field.text), &[*operand]);
            }
            ExprKind::Index { operand, optional, index, .. } => {
                list(out, &format!("index{}", mark(*optional)), &[*operand, *index]);
            }
            ExprKind::Call { target, rooted, function, args } => {
                let head = format!("call {}{}", dot(*rooted), function.text);
                let Some(target) = target else { return list(out, &head, args) };
                let all: Vec<_> = std::iter::once(*target).chain(args.iter().copied()).collect();
                list(out, &format!("{head} of"), &all);
            }
            ExprKind::Unary { op, operand, .. } => list(out, &format!("{op:?}"), &[*operand]),
            ExprKind::Binary { op, left, right, .. } => list(out, &format!("{op:?}"), &[*left, *right]),
            ExprKind::Logic { op, terms, .. } => list(out, &format!("{op:?}"), terms),
            ExprKind::Conditional { condition, then, otherwise, .. } => {
                list(out, "if", &[*condition, *then, *otherwise]);
            }
            ExprKind::List { elements } => {
                out.push('[');
                for element in elements {
                    let _ = write!(out, " {}", mark(element.optional));
                    self.outline_into(element.value, out);
                }
                out.push_str(" ]");
            }
            ExprKind::Map { entries } => {
                out.push('{');
                for entry in entries {
                    let _ = write!(out, " {}", mark(entry.optional));
                    self.outline_into(entry.key, out);
                    out.push_str(": ");
                    self.outline_into(entry.value, out);
                }
                out.push_str(" }");
            }
            ExprKind::Message { rooted, path, fields } => {
                let path: Vec<_> = path.iter().map(|name| name.text.as_str()).collect();
                let _ = write!(out, "(new {}{}", dot(*rooted), path.join("."));
                for field in fields {
                    let _ = write!(out, " {}{:?}: ", mark(field.optional), field.name.text);
                    self.outline_into(field.value, out);
                }
                out.push(')');
            }
        }
    }
}

impl UnaryOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Negate => "-",
        }
    }
}

impl BinaryOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

impl LogicOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}
