//! Text to tree.
//!
//! What comes in: the text of one expression. What goes out: a tree, always, and what is wrong with the text. The grammar
//! is the one of the language definition with optional syntax (`.?`, `[?`, `?key:`), a mark before a field's name and
//! names between back-ticks. Recursion happens only through brackets and ternaries and is bounded by
//! [`crate::MAX_NESTING`]; where a limit is passed, parsing stops with one diagnostic.
//!
//! Deliberately absent: names' meaning and macros, which the checker knows.

mod primary;

#[cfg(test)]
mod tests;

use crate::ast::{Ast, BinaryOp, Expr, ExprId, ExprKind, Literal, LogicOp, UnaryOp};
use crate::diagnostic::{Code, Collector, Diagnostic};
use crate::lexer::lex;
use crate::span::Span;
use crate::token::{Token, TokenKind};
use crate::{MAX_HEIGHT, MAX_NESTING, MAX_TEXT_BYTES};

/// What [`parse`] found.
#[derive(Clone, Debug)]
pub struct Parse {
    /// The tree; with error nodes where there are diagnostics.
    pub ast: Ast,
    /// Mistakes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses one expression. Never fails: what is not understood becomes an error node and a diagnostic.
pub fn parse(source: &str) -> Parse {
    let mut diagnostics = Collector::default();
    if source.len() > MAX_TEXT_BYTES {
        let message = format!("the expression is {} bytes long; at most {MAX_TEXT_BYTES} are allowed", source.len());
        diagnostics.push(Diagnostic::new(Code::TooLong, Span::new(0, 1), message));
        let error = Expr { span: Span::new(0, 1), kind: ExprKind::Error };
        let ast = Ast { exprs: vec![error], root: ExprId(0) };
        return Parse { ast, diagnostics: diagnostics.into_sorted() };
    }
    let tokens = lex(source, &mut diagnostics);
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        exprs: Vec::new(),
        heights: Vec::new(),
        nesting: 0,
        stopped: false,
        last_error_at: None,
        diagnostics,
    };
    let root = parser.expression().id;
    parser.expect_end();
    Parse { ast: Ast { exprs: parser.exprs, root }, diagnostics: parser.diagnostics.into_sorted() }
}

struct Parser<'s> {
    source: &'s str,
    /// The last one is always [`TokenKind::End`].
    tokens: Vec<Token>,
    at: usize,
    exprs: Vec<Expr>,
    /// For each node, the height of its tree; a leaf has 1.
    heights: Vec<usize>,
    nesting: usize,
    /// A limit was passed; nothing more is said.
    stopped: bool,
    /// The token about which was complained last: one complaint for each.
    last_error_at: Option<usize>,
    diagnostics: Collector,
}

/// A node just parsed.
#[derive(Clone, Copy)]
struct Operand {
    id: ExprId,
    /// With the parentheses around it.
    span: Span,
    /// Whether it is a dotted path without parentheses and back-ticks: a message type's name may look so.
    is_path: bool,
}

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    fn peek_second(&self) -> &TokenKind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// Takes the current token; the end is never passed.
    fn bump(&mut self) -> Span {
        let span = self.span();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    fn eat(&mut self, kind: &TokenKind) -> Option<Span> {
        (self.peek() == kind).then(|| self.bump())
    }

    fn push(&mut self, span: Span, kind: ExprKind) -> ExprId {
        let mut children_height = 0;
        let heights = &self.heights;
        for_each_child(&kind, |child| children_height = children_height.max(heights[child.0 as usize]));
        let (kind, height) = if children_height < MAX_HEIGHT {
            (kind, children_height + 1)
        } else {
            self.stop(span, format!("more than {MAX_HEIGHT} operators are stacked upon each other"));
            (ExprKind::Error, 1)
        };
        let id = ExprId(u32::try_from(self.exprs.len()).expect("a bounded text makes a bounded tree"));
        self.exprs.push(Expr { span, kind });
        self.heights.push(height);
        id
    }

    fn operand(&mut self, span: Span, kind: ExprKind) -> Operand {
        Operand { id: self.push(span, kind), span, is_path: false }
    }

    /// An error node at `span` about which something was already said.
    fn error_node(&mut self, span: Span) -> Operand {
        self.operand(span, ExprKind::Error)
    }

    /// Says something about the current token, unless something was said about it before.
    fn complain(&mut self, diagnostic: Diagnostic) {
        if !self.stopped && self.last_error_at != Some(self.at) {
            self.diagnostics.push(diagnostic);
        }
        self.last_error_at = Some(self.at);
    }

    /// A limit was passed: says so and goes to the end of the text.
    fn stop(&mut self, span: Span, message: String) {
        if !self.stopped {
            self.diagnostics.push(Diagnostic::new(Code::TooDeep, span, message).help("split the expression"));
        }
        self.stopped = true;
        self.at = self.tokens.len() - 1;
    }

    /// `condition ? then : otherwise`, or what stands before the question mark.
    fn expression(&mut self) -> Operand {
        if self.nesting >= MAX_NESTING {
            let span = self.span();
            self.stop(span, format!("nested more than {MAX_NESTING} deep"));
            return self.error_node(span);
        }
        self.nesting += 1;
        let condition = self.logic(LogicOp::Or);
        let out = match self.eat(&TokenKind::Question) {
            Some(op_span) => self.conditional(condition, op_span),
            None => condition,
        };
        self.nesting -= 1;
        out
    }

    fn conditional(&mut self, condition: Operand, op_span: Span) -> Operand {
        let then = self.logic(LogicOp::Or);
        let otherwise = if self.eat(&TokenKind::Colon).is_some() {
            self.expression()
        } else {
            let found = self.found();
            let span = self.span();
            let message = format!("expected `:` and the other value, found {found}");
            let diagnostic =
                Diagnostic::new(Code::Unexpected, span, message).related(op_span, "for this question mark");
            let nested = *self.peek() == TokenKind::Question;
            self.complain(if nested { diagnostic.help("put the inner condition in parentheses") } else { diagnostic });
            self.error_node(span)
        };
        let span = condition.span.to(otherwise.span);
        let kind = ExprKind::Conditional { condition: condition.id, op_span, then: then.id, otherwise: otherwise.id };
        self.operand(span, kind)
    }

    /// A chain of `||` whose terms are chains of `&&` whose terms are relations.
    fn logic(&mut self, op: LogicOp) -> Operand {
        let token = if op == LogicOp::Or { TokenKind::Or } else { TokenKind::And };
        let first = self.logic_term(op);
        let (mut terms, mut op_spans, mut span) = (vec![first.id], Vec::new(), first.span);
        while let Some(op_span) = self.eat(&token) {
            let term = self.logic_term(op);
            op_spans.push(op_span);
            terms.push(term.id);
            span = span.to(term.span);
        }
        if op_spans.is_empty() { first } else { self.operand(span, ExprKind::Logic { op, op_spans, terms }) }
    }

    fn logic_term(&mut self, op: LogicOp) -> Operand {
        match op {
            LogicOp::Or => self.logic(LogicOp::And),
            LogicOp::And => self.binary(Level::Relation),
        }
    }

    /// A chain of operators that bind at least as tight as `level`, grouped from the left.
    fn binary(&mut self, level: Level) -> Operand {
        let mut left = self.unary();
        while let Some((op, op_level)) = self.binary_op().filter(|(_, op_level)| *op_level >= level) {
            let op_span = self.bump();
            let right = match op_level {
                Level::Relation => self.binary(Level::Sum),
                Level::Sum => self.binary(Level::Product),
                Level::Product => self.unary(),
            };
            let span = left.span.to(right.span);
            left = self.operand(span, ExprKind::Binary { op, op_span, left: left.id, right: right.id });
        }
        left
    }

    fn binary_op(&self) -> Option<(BinaryOp, Level)> {
        Some(match self.peek() {
            TokenKind::Equal => (BinaryOp::Equal, Level::Relation),
            TokenKind::NotEqual => (BinaryOp::NotEqual, Level::Relation),
            TokenKind::Less => (BinaryOp::Less, Level::Relation),
            TokenKind::LessEqual => (BinaryOp::LessEqual, Level::Relation),
            TokenKind::Greater => (BinaryOp::Greater, Level::Relation),
            TokenKind::GreaterEqual => (BinaryOp::GreaterEqual, Level::Relation),
            word if word.is_word("in") => (BinaryOp::In, Level::Relation),
            TokenKind::Plus => (BinaryOp::Add, Level::Sum),
            TokenKind::Minus => (BinaryOp::Subtract, Level::Sum),
            TokenKind::Star => (BinaryOp::Multiply, Level::Product),
            TokenKind::Slash => (BinaryOp::Divide, Level::Product),
            TokenKind::Percent => (BinaryOp::Modulo, Level::Product),
            _ => return None,
        })
    }

    /// `!x`, `-x`, `!!x`; a minus directly before a number belongs to the number.
    fn unary(&mut self) -> Operand {
        let mut ops = Vec::new();
        loop {
            let op = match self.peek() {
                TokenKind::Bang => UnaryOp::Not,
                TokenKind::Minus if matches!(self.peek_second(), TokenKind::Int(_) | TokenKind::Double(_)) => break,
                TokenKind::Minus => UnaryOp::Negate,
                _ => break,
            };
            ops.push((op, self.bump()));
        }
        let mut operand = self.member();
        for (op, op_span) in ops.into_iter().rev() {
            let span = op_span.to(operand.span);
            operand = self.operand(span, ExprKind::Unary { op, op_span, operand: operand.id });
        }
        operand
    }

    /// A number token, after its minus where `minus` is its place.
    fn number(&mut self, minus: Option<Span>) -> Operand {
        let (token, span) = (self.peek().clone(), self.span());
        let whole = minus.map_or(span, |minus| minus.to(span));
        let literal = match (token, minus.is_some()) {
            (TokenKind::Double(value), true) => Literal::Double(-value),
            (TokenKind::Double(value), false) => Literal::Double(value),
            (TokenKind::Int(value), true) => Literal::Int(0_i64.wrapping_sub_unsigned(value)),
            (TokenKind::Int(value), false) if i64::try_from(value).is_ok() => Literal::Int(value.cast_signed()),
            _ => {
                let message = format!("`{}` is too large for an int", span.text(self.source));
                self.complain(Diagnostic::new(Code::BadNumber, span, message));
                self.bump();
                return self.error_node(whole);
            }
        };
        self.bump();
        self.operand(whole, ExprKind::Literal(literal))
    }

    fn expect_end(&mut self) {
        if *self.peek() == TokenKind::End || self.stopped {
            return;
        }
        let diagnostic = self.unexpected("expected an operator or the end");
        self.complain(diagnostic);
    }

    /// What the current token is, for a message.
    fn found(&self) -> String {
        match self.peek() {
            TokenKind::End => "the end".into(),
            TokenKind::String(_) => "a text".into(),
            TokenKind::Bytes(_) => "bytes".into(),
            _ => format!("`{}`", self.span().text(self.source)),
        }
    }

    /// "expected …, found …" with the help that the token suggests.
    fn unexpected(&self, expected: &str) -> Diagnostic {
        let diagnostic = Diagnostic::new(Code::Unexpected, self.span(), format!("{expected}, found {}", self.found()));
        match self.peek() {
            TokenKind::Ident(word) => match word.to_ascii_lowercase().as_str() {
                "and" => diagnostic.help("`&&` means and"),
                "or" => diagnostic.help("`||` means or"),
                "not" => diagnostic.help("`!` means not"),
                "is" | "eq" => diagnostic.help("`==` compares"),
                _ => diagnostic,
            },
            _ => diagnostic,
        }
    }
}

/// How tight an infix operator binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Relation,
    Sum,
    Product,
}

fn for_each_child(kind: &ExprKind, mut visit: impl FnMut(ExprId)) {
    match kind {
        ExprKind::Error | ExprKind::Literal(_) | ExprKind::Ident { .. } => {}
        ExprKind::Select { operand, .. } | ExprKind::Unary { operand, .. } => visit(*operand),
        ExprKind::Index { operand: left, index: right, .. } | ExprKind::Binary { left, right, .. } => {
            visit(*left);
            visit(*right);
        }
        ExprKind::Call { target, args, .. } => target.iter().chain(args).for_each(|id| visit(*id)),
        ExprKind::Logic { terms, .. } => terms.iter().for_each(|id| visit(*id)),
        ExprKind::Conditional { condition, then, otherwise, .. } => {
            [condition, then, otherwise].into_iter().for_each(|id| visit(*id));
        }
        ExprKind::List { elements } => elements.iter().for_each(|element| visit(element.value)),
        ExprKind::Map { entries } => entries.iter().for_each(|entry| {
            visit(entry.key);
            visit(entry.value);
        }),
        ExprKind::Message { fields, .. } => fields.iter().for_each(|field| visit(field.value)),
    }
}
