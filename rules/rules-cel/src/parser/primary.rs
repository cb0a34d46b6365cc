//! What binds tightest: names, literals, brackets, and what follows a dot or an opening bracket.
//!
//! Lists of things between brackets recover here: after a mistake the parser skips to the next comma or to the closing
//! bracket of the same list, and goes on.

use super::{Operand, Parser};
use crate::ast::{ExprKind, FieldInit, ListElement, Literal, MapEntry, Name};
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;
use crate::token::{TokenKind, is_keyword, is_reserved};

impl Parser<'_> {
    /// A primary and all `.field`, `.method()`, `[index]` and `{fields}` after it.
    pub(super) fn member(&mut self) -> Operand {
        let mut operand = self.primary();
        loop {
            operand = match self.peek() {
                TokenKind::Dot => self.after_dot(operand),
                TokenKind::LeftBracket => self.index(operand),
                TokenKind::LeftBrace if operand.is_path => self.message(operand),
                _ => return operand,
            };
        }
    }

    fn primary(&mut self) -> Operand {
        let span = self.span();
        match self.peek().clone() {
            TokenKind::LeftParen => self.parenthesised(),
            TokenKind::LeftBracket => self.list(),
            TokenKind::LeftBrace => self.map(),
            TokenKind::Dot => {
                self.bump();
                self.rooted_name(span)
            }
            TokenKind::Ident(word) if word == "in" => self.missing_operand(),
            TokenKind::Ident(word) if is_keyword(&word) => {
                self.bump();
                let literal = match word.as_str() {
                    "null" => Literal::Null,
                    word => Literal::Bool(word == "true"),
                };
                self.operand(span, ExprKind::Literal(literal))
            }
            TokenKind::Ident(word) => self.name_or_call(word, span, false),
            TokenKind::QuotedIdent(_) => {
                let message = "a name between back-ticks can only be a field";
                self.complain(Diagnostic::new(Code::Unexpected, span, message).help("write it after a dot"));
                self.bump();
                self.error_node(span)
            }
            TokenKind::Int(_) | TokenKind::Double(_) => self.number(None),
            TokenKind::Minus => {
                self.bump();
                self.number(Some(span))
            }
            TokenKind::Uint(value) => self.literal(Literal::Uint(value)),
            TokenKind::String(value) => self.literal(Literal::String(value)),
            TokenKind::Bytes(value) => self.literal(Literal::Bytes(value)),
            TokenKind::Bad => {
                self.bump();
                self.error_node(span)
            }
            _ => self.missing_operand(),
        }
    }

    fn literal(&mut self, literal: Literal) -> Operand {
        let span = self.bump();
        self.operand(span, ExprKind::Literal(literal))
    }

    /// Nothing that begins an operand stands here; the token is left to whoever wants it.
    fn missing_operand(&mut self) -> Operand {
        let diagnostic = self.unexpected("expected a value");
        self.complain(diagnostic);
        let at = self.span().start;
        self.error_node(Span::new(at, at))
    }

    fn parenthesised(&mut self) -> Operand {
        let open = self.bump();
        let inner = self.expression();
        let close = self.close(open, &TokenKind::RightParen);
        Operand { id: inner.id, span: open.to(close), is_path: false }
    }

    fn rooted_name(&mut self, dot: Span) -> Operand {
        match self.peek().clone() {
            TokenKind::Ident(word) if !is_keyword(&word) => self.name_or_call(word, dot, true),
            _ => {
                let diagnostic = self.unexpected("expected a name after `.`");
                self.complain(diagnostic);
                self.error_node(dot)
            }
        }
    }

    /// The current token is a word. `start` is where the node begins: the word or the dot before it.
    fn name_or_call(&mut self, word: String, start: Span, rooted: bool) -> Operand {
        let name = Name { text: word, span: self.span() };
        if is_reserved(&name.text) {
            let message = format!("`{}` is a reserved word", name.text);
            self.complain(Diagnostic::new(Code::Reserved, name.span, message).help("choose another name"));
        }
        self.bump();
        if *self.peek() == TokenKind::LeftParen {
            return self.call(None, rooted, name, start);
        }
        let span = start.to(name.span);
        let id = self.push(span, ExprKind::Ident { rooted, name });
        Operand { id, span, is_path: true }
    }

    fn call(&mut self, target: Option<Operand>, rooted: bool, function: Name, start: Span) -> Operand {
        let open = self.bump();
        let mut args = Vec::new();
        let close = self.items(open, &TokenKind::RightParen, false, |parser| {
            let arg = parser.expression().id;
            args.push(arg);
        });
        let target = target.map(|target| target.id);
        self.operand(start.to(close), ExprKind::Call { target, rooted, function, args })
    }

    fn after_dot(&mut self, operand: Operand) -> Operand {
        let dot = self.bump();
        let question = self.eat(&TokenKind::Question);
        let op_span = question.map_or(dot, |question| dot.to(question));
        let optional = question.is_some();
        let span = self.span();
        let (text, quoted) = match self.peek().clone() {
            TokenKind::Ident(word) if !is_keyword(&word) => (word, false),
            TokenKind::QuotedIdent(word) => (word, true),
            TokenKind::Ident(_) => {
                let diagnostic = self.unexpected("expected a field's name").help("put the name between back-ticks");
                self.complain(diagnostic);
                self.bump();
                return self.error_node(operand.span.to(span));
            }
            _ => {
                let diagnostic = self.unexpected("expected a field's name");
                self.complain(diagnostic);
                return self.error_node(operand.span.to(op_span));
            }
        };
        self.bump();
        let field = Name { text, span };
        if *self.peek() == TokenKind::LeftParen && !quoted && !optional {
            return self.call(Some(operand), false, field, operand.span);
        }
        let span = operand.span.to(field.span);
        let id = self.push(span, ExprKind::Select { operand: operand.id, optional, op_span, field });
        Operand { id, span, is_path: operand.is_path && !quoted && !optional }
    }

    fn index(&mut self, operand: Operand) -> Operand {
        let open = self.bump();
        let optional = self.eat(&TokenKind::Question).is_some();
        let index = self.expression();
        let close = self.close(open, &TokenKind::RightBracket);
        let kind = ExprKind::Index { operand: operand.id, optional, op_span: open.to(close), index: index.id };
        self.operand(operand.span.to(close), kind)
    }

    fn list(&mut self) -> Operand {
        let open = self.bump();
        let mut elements = Vec::new();
        let close = self.items(open, &TokenKind::RightBracket, true, |parser| {
            let optional = parser.eat(&TokenKind::Question).is_some();
            let value = parser.expression().id;
            elements.push(ListElement { optional, value });
        });
        self.operand(open.to(close), ExprKind::List { elements })
    }

    fn map(&mut self) -> Operand {
        let open = self.bump();
        let mut entries = Vec::new();
        let close = self.items(open, &TokenKind::RightBrace, true, |parser| {
            let optional = parser.eat(&TokenKind::Question).is_some();
            let key = parser.expression().id;
            let value = parser.after_colon("expected `:` and the key's value");
            entries.push(MapEntry { optional, key, value: value.id });
        });
        self.operand(open.to(close), ExprKind::Map { entries })
    }

    /// `Path{field: value}`; `path` is a dotted path that was read as fields so far.
    fn message(&mut self, path: Operand) -> Operand {
        let open = self.bump();
        let (rooted, names) = self.path_names(path);
        let mut fields = Vec::new();
        let close = self.items(open, &TokenKind::RightBrace, true, |parser| {
            let optional = parser.eat(&TokenKind::Question).is_some();
            let Some(name) = parser.field_name() else { return };
            let value = parser.after_colon("expected `:` and the field's value").id;
            fields.push(FieldInit { optional, name, value });
        });
        self.operand(path.span.to(close), ExprKind::Message { rooted, path: names, fields })
    }

    fn path_names(&self, path: Operand) -> (bool, Vec<Name>) {
        let mut names = Vec::new();
        let mut at = path.id;
        loop {
            match &self.exprs[at.0 as usize].kind {
                ExprKind::Select { operand, field, .. } => {
                    names.push(field.clone());
                    at = *operand;
                }
                ExprKind::Ident { rooted, name } => {
                    names.push(name.clone());
                    names.reverse();
                    return (*rooted, names);
                }
                // Only when the tree's limit cut the path.
                _ => return (false, names),
            }
        }
    }

    fn field_name(&mut self) -> Option<Name> {
        let span = self.span();
        let text = match self.peek().clone() {
            TokenKind::Ident(word) if !is_keyword(&word) => word,
            TokenKind::QuotedIdent(word) => word,
            _ => {
                let diagnostic = self.unexpected("expected a field's name");
                self.complain(diagnostic);
                return None;
            }
        };
        self.bump();
        Some(Name { text, span })
    }

    fn after_colon(&mut self, expected: &str) -> Operand {
        if self.eat(&TokenKind::Colon).is_some() {
            return self.expression();
        }
        let diagnostic = self.unexpected(expected);
        self.complain(diagnostic);
        let at = self.span().start;
        self.error_node(Span::new(at, at))
    }

    /// Items between commas up to `closer`; gives the closer's place. After a mistake goes on with the next item.
    fn items(&mut self, open: Span, closer: &TokenKind, trailing_comma: bool, mut item: impl FnMut(&mut Self)) -> Span {
        if trailing_comma && *self.peek() == TokenKind::Comma && self.peek_second() == closer {
            self.bump();
        }
        if let Some(close) = self.eat(closer) {
            return close;
        }
        loop {
            item(self);
            if *self.peek() != TokenKind::Comma && self.peek() != closer && *self.peek() != TokenKind::End {
                let diagnostic = self.unexpected(&format!("expected `,` or `{}`", closer.symbol()));
                self.complain(diagnostic);
                self.skip_item();
            }
            if self.eat(&TokenKind::Comma).is_none() {
                return self.close(open, closer);
            }
            if trailing_comma && let Some(close) = self.eat(closer) {
                return close;
            }
        }
    }

    /// Goes to the next comma or closing bracket of this list, past whole brackets inside.
    fn skip_item(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                TokenKind::End => return,
                TokenKind::Comma if open == 0 => return,
                kind if kind.is_closer() && open == 0 => return,
                kind if kind.is_closer() => open -= 1,
                kind if kind.closer().is_some() => open += 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// Takes the closing bracket, or complains, skips to it where it is near, and goes on.
    fn close(&mut self, open: Span, closer: &TokenKind) -> Span {
        if let Some(close) = self.eat(closer) {
            return close;
        }
        let at = self.span();
        let symbol = closer.symbol();
        let opener = open.text(self.source).to_owned();
        let diagnostic = if *self.peek() == TokenKind::End {
            Diagnostic::new(Code::Unclosed, open, format!("`{opener}` is not closed"))
                .help(format!("`{symbol}` is missing"))
        } else {
            self.unexpected(&format!("expected `{symbol}`")).related(open, "to close this")
        };
        self.complain(diagnostic);
        self.skip_item();
        self.eat(closer).unwrap_or(Span::new(at.start, at.start))
    }
}
