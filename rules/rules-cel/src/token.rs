//! The tokens of the language and its word lists.

use crate::span::Span;

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// Also `true`, `in` and the reserved words; the parser decides.
    Ident(String),
    /// Between back-ticks.
    QuotedIdent(String),
    /// Without its sign, at most 2^63.
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Dot,
    Comma,
    Colon,
    Question,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Bang,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    /// Something that the lexer already complained about and that stands for an operand.
    Bad,
    End,
}

impl TokenKind {
    /// Whether the token is this keyword.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Ident(text) if text == word)
    }

    /// Whether the token opens a bracket, and which closes it.
    pub(crate) fn closer(&self) -> Option<TokenKind> {
        match self {
            Self::LeftParen => Some(Self::RightParen),
            Self::LeftBracket => Some(Self::RightBracket),
            Self::LeftBrace => Some(Self::RightBrace),
            _ => None,
        }
    }

    pub(crate) fn is_closer(&self) -> bool {
        matches!(self, Self::RightParen | Self::RightBracket | Self::RightBrace)
    }

    /// The text of a closing bracket, for messages.
    pub(crate) fn symbol(&self) -> &'static str {
        match self {
            Self::RightParen => ")",
            Self::RightBracket => "]",
            Self::RightBrace => "}",
            _ => "",
        }
    }
}

/// Words with a meaning in the grammar: never a name.
pub(crate) fn is_keyword(word: &str) -> bool {
    matches!(word, "false" | "in" | "null" | "true")
}

/// Words kept free for languages around this one: fields may be named so, variables and functions may not.
pub(crate) fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "as" | "break"
            | "const"
            | "continue"
            | "else"
            | "for"
            | "function"
            | "if"
            | "import"
            | "let"
            | "loop"
            | "package"
            | "namespace"
            | "return"
            | "var"
            | "void"
            | "while"
    )
}

/// Whether a name can be written without back-ticks.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_part) && !is_keyword(name)
}

pub(crate) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(crate) fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
