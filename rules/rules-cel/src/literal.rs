//! The values of number, string and bytes literals.
//!
//! What comes in: the text of one literal without its quotes. What goes out: its value, and diagnostics that point at the
//! very escape sequence that is wrong. A wrong escape is left out of the value.

use crate::diagnostic::{Code, Collector, Diagnostic};
use crate::span::Span;
use crate::token::TokenKind;

/// The number written as `digits` and `suffix` (`u`, `U` or nothing; everything else is wrong).
pub(crate) fn number(digits: &str, suffix: &str, span: Span) -> Result<TokenKind, Box<Diagnostic>> {
    let bad = |message: String| Diagnostic::new(Code::BadNumber, span, message);
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    if hex == Some("") {
        return Err(Box::new(bad(format!("`{digits}{suffix}` is not a number")).help("hex digits follow `0x`")));
    }
    let is_double = hex.is_none() && digits.contains(['.', 'e', 'E']);
    let is_uint = matches!(suffix, "u" | "U") && !is_double;
    if !suffix.is_empty() && !is_uint {
        let diagnostic = bad(format!("`{digits}{suffix}` is not a number"));
        return Err(Box::new(match suffix {
            "ms" | "s" | "m" | "h" => {
                diagnostic.help(format!("write a length of time as `duration('{digits}{suffix}')`"))
            }
            "d" => diagnostic.help("write days in hours, as in `duration('24h')`"),
            _ => diagnostic,
        }));
    }
    if is_double {
        return match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(TokenKind::Double(value)),
            _ => Err(Box::new(bad(format!("`{digits}` is too large for a double")))),
        };
    }
    let magnitude = match hex {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    match magnitude {
        Ok(value) if is_uint => Ok(TokenKind::Uint(value)),
        Ok(value) if value <= i64::MIN.unsigned_abs() => Ok(TokenKind::Int(value)),
        _ if is_uint => Err(Box::new(bad(format!("`{digits}{suffix}` is too large for a uint")))),
        _ => Err(Box::new(bad(format!("`{digits}` is too large for an int")))),
    }
}

/// The text with its escapes resolved; `text_at` is its offset in the expression.
pub(crate) fn unescape_string(text: &str, text_at: u32, diagnostics: &mut Collector) -> String {
    let mut out = String::with_capacity(text.len());
    unescape(text, text_at, false, diagnostics, |piece| match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Char(c) => out.push(c),
        Piece::Byte(byte) => out.push(char::from(byte)),
    });
    out
}

/// The bytes with their escapes resolved; `text_at` is their offset in the expression.
pub(crate) fn unescape_bytes(text: &str, text_at: u32, diagnostics: &mut Collector) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    unescape(text, text_at, true, diagnostics, |piece| match piece {
        Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
        Piece::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        Piece::Byte(byte) => out.push(byte),
    });
    out
}

enum Piece<'t> {
    Text(&'t str),
    Char(char),
    /// From `\x` or an octal escape: a byte of bytes, a code point of text.
    Byte(u8),
}

fn unescape<'t>(
    text: &'t str,
    text_at: u32,
    bytes: bool,
    diagnostics: &mut Collector,
    mut emit: impl FnMut(Piece<'t>),
) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        emit(Piece::Text(&rest[..at]));
        let sequence = &rest[at..];
        let length = match escape(sequence, bytes) {
            Ok((piece, length)) => {
                emit(piece);
                length
            }
            Err((message, length)) => {
                let start = text_at + u32::try_from(text.len() - sequence.len()).unwrap_or(0);
                let span = Span::new(start, start + u32::try_from(length).unwrap_or(0));
                let diagnostic = Diagnostic::new(Code::BadEscape, span, message)
                    .help(r"write `\\` for a backslash, or put `r` before the text: `r'\d+'`");
                diagnostics.push(diagnostic);
                length
            }
        };
        rest = &sequence[length..];
    }
    emit(Piece::Text(rest));
}

/// The escape at the start of `sequence` and its length in bytes, or what is wrong with it and how much to skip.
fn escape(sequence: &str, bytes: bool) -> Result<(Piece<'static>, usize), (String, usize)> {
    let Some(c) = sequence[1..].chars().next() else {
        return Err(("a backslash stands at the end".into(), 1));
    };
    let plain = |c| Ok((Piece::Char(c), 2));
    match c {
        '\\' | '?' | '"' | '\'' | '`' => plain(c),
        'a' => plain('\x07'),
        'b' => plain('\x08'),
        'f' => plain('\x0c'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\x0b'),
        'x' | 'X' => digits(sequence, 2, 2, 16).map(|value| (Piece::Byte(low_byte(value)), 4)),
        '0'..='3' => digits(sequence, 1, 3, 8).map(|value| (Piece::Byte(low_byte(value)), 4)),
        'u' | 'U' if bytes => Err((format!("`\\{c}` cannot stand in bytes"), 2)),
        'u' => digits(sequence, 2, 4, 16).and_then(|value| code_point(value, 6)),
        'U' => digits(sequence, 2, 8, 16).and_then(|value| code_point(value, 10)),
        _ => Err((format!("there is no escape `\\{c}`"), 1 + c.len_utf8())),
    }
}

fn digits(sequence: &str, skip: usize, count: usize, radix: u32) -> Result<u32, (String, usize)> {
    let all_digits = |text: &&str| text.chars().all(|c| c.is_digit(radix));
    let value =
        sequence.get(skip..skip + count).filter(all_digits).and_then(|text| u32::from_str_radix(text, radix).ok());
    value.ok_or_else(|| {
        let kind = if radix == 8 { "octal" } else { "hex" };
        (format!("the escape `{}` needs {count} {kind} digits", &sequence[..2]), 2)
    })
}

fn code_point(value: u32, length: usize) -> Result<(Piece<'static>, usize), (String, usize)> {
    match char::from_u32(value) {
        Some(c) => Ok((Piece::Char(c), length)),
        None => Err((format!("U+{value:04X} is not a character"), length)),
    }
}

/// INVARIANT: two hex digits, or three octal ones of which the first is at most 3, make at most 255.
fn low_byte(value: u32) -> u8 {
    u8::try_from(value).expect("two hex digits or `\\3xx` make one byte")
}
