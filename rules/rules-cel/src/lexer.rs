//! Text to tokens.
//!
//! What comes in: text of bounded length. What goes out: tokens with spans, the last one [`TokenKind::End`], and
//! diagnostics for what is no token. A mistake never stops it: it says so and goes on with the next plausible token.

use crate::diagnostic::{Code, Collector, Diagnostic};
use crate::literal;
use crate::span::Span;
use crate::token::{Token, TokenKind, is_name_part, is_name_start};

/// All tokens of `source`.
pub(crate) fn lex(source: &str, diagnostics: &mut Collector) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), diagnostics };
    while lexer.next() {}
    let end = lexer.span_from(source.len());
    lexer.tokens.push(Token { kind: TokenKind::End, span: end });
    lexer.tokens
}

struct Lexer<'s, 'd> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
    diagnostics: &'d mut Collector,
}

impl Lexer<'_, '_> {
    /// Takes one token, space or comment; false at the end.
    fn next(&mut self) -> bool {
        let Some(c) = self.peek(0) else { return false };
        match c {
            ' ' | '\t' | '\n' | '\r' | '\x0c' => self.at += 1,
            '/' if self.peek(1) == Some('/') => self.comment(),
            '0'..='9' => self.number(),
            '.' if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '\'' | '"' => self.string(0, false, false),
            '`' => self.quoted_name(),
            _ if is_name_start(c) => self.word(),
            _ => self.symbol(c),
        }
        true
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest().chars().nth(ahead)
    }

    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    /// From `start` to where the lexer is.
    fn span_from(&self, start: usize) -> Span {
        Span::new(offset(start), offset(self.at.max(start)))
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let span = self.span_from(start);
        self.tokens.push(Token { kind, span });
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let length = self.rest().find(|c| !accept(c)).unwrap_or(self.rest().len());
        self.at += length;
        &self.source[start..self.at]
    }

    fn comment(&mut self) {
        self.take_while(|c| c != '\n' && c != '\r');
    }

    /// A name, a keyword, or the prefix of a string.
    fn word(&mut self) {
        let start = self.at;
        let word = self.take_while(is_name_part);
        let (raw, bytes) = match word {
            "r" | "R" => (true, false),
            "b" | "B" => (false, true),
            "br" | "bR" | "Br" | "BR" => (true, true),
            _ => (false, false),
        };
        if (raw || bytes) && matches!(self.peek(0), Some('\'' | '"')) {
            let prefix = self.at - start;
            self.at = start;
            return self.string(prefix, raw, bytes);
        }
        let word = self.source[start..self.at].to_owned();
        self.push(TokenKind::Ident(word), start);
    }

    fn number(&mut self) {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let hex =
            self.at == start + 1 && self.source[start..].starts_with('0') && matches!(self.peek(0), Some('x' | 'X'));
        if hex {
            self.at += 1;
            self.take_while(|c| c.is_ascii_hexdigit());
        } else {
            self.fraction();
        }
        let digits_end = self.at;
        let suffix = self.take_while(is_name_part).to_owned();
        let digits = &self.source[start..digits_end];
        let span = self.span_from(start);
        let kind = match literal::number(digits, &suffix, span) {
            Ok(kind) => kind,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                TokenKind::Bad
            }
        };
        self.push(kind, start);
    }

    /// `.5`, `e-3`, `.5e+10`, where they are there.
    fn fraction(&mut self) {
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
        if matches!(self.peek(0), Some('e' | 'E')) && self.peek(1 + sign).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1 + sign;
            self.take_while(|c| c.is_ascii_digit());
        }
    }

    /// A string or bytes literal; `prefix` is the length of its letters in bytes.
    fn string(&mut self, prefix: usize, raw: bool, bytes: bool) {
        let start = self.at;
        self.at += prefix;
        let quote = if self.rest().starts_with('"') { "\"" } else { "'" };
        let triple = quote.repeat(3);
        let closer = if self.rest().starts_with(&triple) { triple.as_str() } else { quote };
        self.at += closer.len();
        let body_start = self.at;
        let closed = self.skip_to_closer(closer, raw);
        let body = body_start..self.at;
        if closed {
            self.at += closer.len();
        } else {
            let span = self.span_from(start);
            let opened = &self.source[start..body_start];
            let diagnostic = Diagnostic::new(Code::BadString, span, format!("the text after {opened} is not closed"))
                .help(format!("put {closer} at its end"));
            self.diagnostics.push(diagnostic);
        }
        let text = &self.source[body.clone()];
        let text_at = offset(body.start);
        let kind = match (bytes, raw) {
            (false, true) => TokenKind::String(text.to_owned()),
            (true, true) => TokenKind::Bytes(text.as_bytes().to_vec()),
            (false, false) => TokenKind::String(literal::unescape_string(text, text_at, self.diagnostics)),
            (true, false) => TokenKind::Bytes(literal::unescape_bytes(text, text_at, self.diagnostics)),
        };
        self.push(kind, start);
    }

    /// Moves to the closing quotes; false where the line (or, for three quotes, the text) ends before.
    fn skip_to_closer(&mut self, closer: &str, raw: bool) -> bool {
        let one_line = closer.len() == 1;
        loop {
            if self.rest().starts_with(closer) {
                return true;
            }
            match self.peek(0) {
                None => return false,
                Some('\n' | '\r') if one_line => return false,
                Some('\\') if !raw => {
                    self.at += 1;
                    // A line's end is not swallowed by the backslash, so that an unclosed text stays on its line.
                    if let Some(c) = self.peek(0).filter(|c| !(one_line && matches!(c, '\n' | '\r'))) {
                        self.at += c.len_utf8();
                    }
                }
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }

    fn quoted_name(&mut self) {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|c| is_name_part(c) || matches!(c, '.' | '-' | '/' | ' ')).to_owned();
        let closed = self.rest().starts_with('`');
        self.at += usize::from(closed);
        if !closed || name.is_empty() {
            let span = self.span_from(start);
            let diagnostic = Diagnostic::new(Code::BadString, span, "the name between back-ticks is not well formed")
                .help("letters, digits, `_`, `.`, `-`, `/` and spaces may stand between back-ticks");
            self.diagnostics.push(diagnostic);
        }
        self.push(TokenKind::QuotedIdent(name), start);
    }

    fn symbol(&mut self, c: char) {
        let start = self.at;
        let next = self.peek(1);
        let (kind, length) = match (c, next) {
            ('=', Some('=')) => (TokenKind::Equal, 2),
            ('!', Some('=')) => (TokenKind::NotEqual, 2),
            ('<', Some('=')) => (TokenKind::LessEqual, 2),
            ('>', Some('=')) => (TokenKind::GreaterEqual, 2),
            ('&', Some('&')) => (TokenKind::And, 2),
            ('|', Some('|')) => (TokenKind::Or, 2),
            ('(', _) => (TokenKind::LeftParen, 1),
            (')', _) => (TokenKind::RightParen, 1),
            ('[', _) => (TokenKind::LeftBracket, 1),
            (']', _) => (TokenKind::RightBracket, 1),
            ('{', _) => (TokenKind::LeftBrace, 1),
            ('}', _) => (TokenKind::RightBrace, 1),
            ('.', _) => (TokenKind::Dot, 1),
            (',', _) => (TokenKind::Comma, 1),
            (':', _) => (TokenKind::Colon, 1),
            ('?', _) => (TokenKind::Question, 1),
            ('+', _) => (TokenKind::Plus, 1),
            ('-', _) => (TokenKind::Minus, 1),
            ('*', _) => (TokenKind::Star, 1),
            ('/', _) => (TokenKind::Slash, 1),
            ('%', _) => (TokenKind::Percent, 1),
            ('!', _) => (TokenKind::Bang, 1),
            ('<', _) => (TokenKind::Less, 1),
            ('>', _) => (TokenKind::Greater, 1),
            _ => return self.bad_character(c),
        };
        self.at += length;
        self.push(kind, start);
    }

    /// Goes past a text in curly quotes, where it ends on its line.
    fn curly_text(&mut self) {
        let line = self.rest().lines().next().unwrap_or("");
        let closer = line.find(['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\'', '"']);
        if let Some(at) = closer {
            let length = line[at..].chars().next().map_or(0, char::len_utf8);
            self.at += at + length;
        }
    }

    /// Says what is wrong, and goes on as if the likely symbol stood there.
    fn bad_character(&mut self, c: char) {
        let start = self.at;
        self.at += c.len_utf8();
        let span = self.span_from(start);
        let (kind, help) = match c {
            '=' => (Some(TokenKind::Equal), "`==` compares"),
            '&' => (Some(TokenKind::And), "`&&` means and"),
            '|' => (Some(TokenKind::Or), "`||` means or"),
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{201e}' => (Some(TokenKind::Bad), STRAIGHT_QUOTES),
            '\u{a0}' | '\u{feff}' | '\u{200b}' => (None, "it looks like a space or like nothing; delete it"),
            '#' => (None, "a comment begins with `//`"),
            _ => (Some(TokenKind::Bad), ""),
        };
        let shown = if c.is_control() || c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}' {
            format!("the character U+{:04X} has no meaning here", u32::from(c))
        } else {
            format!("`{c}` has no meaning here")
        };
        match c {
            '#' => self.comment(),
            _ if help == STRAIGHT_QUOTES => self.curly_text(),
            _ => {}
        }
        let diagnostic = Diagnostic::new(Code::BadCharacter, span, shown);
        self.diagnostics.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
        if let Some(kind) = kind {
            self.push(kind, start);
        }
    }
}

const STRAIGHT_QUOTES: &str = "use straight quotes";

/// INVARIANT: texts are at most [`crate::MAX_TEXT_BYTES`] long, so every offset fits.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("the text was measured before it was lexed")
}
