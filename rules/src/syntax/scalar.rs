//! Single values by our schema: names, switches, numbers, durations, constants.
//!
//! In: a node. Out: the value, or a diagnostic that shows what it should look like. YAML's own ideas of types play no part:
//! `no` is text wherever text belongs, `5m` is five minutes wherever a duration belongs.

use super::Literal;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;
use crate::yaml::{Node, Style};

/// Longest name of anything, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 128;

/// Longest duration: ten years.
const MAX_DURATION_MS: i64 = 3653 * 24 * 3_600_000;

impl Reader<'_> {
    fn bad_value(&mut self, node: &Node, what: &str, wanted: &str) {
        let text = node.as_scalar().map_or("", |s| s.text.as_str());
        let words = format!("{what} cannot be `{}`", shorten(text));
        self.push(Diagnostic::new(Code::BadValue, node.span, words).help(format!("write {wanted}")));
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.text(node, what)?.value.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.bad_value(node, what, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number in `least..=most`.
    pub(super) fn whole(&mut self, node: &Node, what: &str, least: i64, most: i64) -> Option<Spanned<i64>> {
        let text = self.text(node, what)?;
        let number = text.value.replace('_', "").parse::<i64>().ok().filter(|n| (least..=most).contains(n));
        if number.is_none() {
            self.bad_value(node, what, &format!("a whole number from {least} to {most}"));
        }
        Some(Spanned::new(number?, node.span))
    }

    /// A duration in milliseconds, at least `least`.
    pub(super) fn duration_ms(&mut self, node: &Node, what: &str, least: i64) -> Option<Spanned<i64>> {
        let text = self.text(node, what)?;
        let parsed = parse_duration_ms(&text.value).filter(|ms| (least..=MAX_DURATION_MS).contains(ms));
        if parsed.is_none() {
            let wanted = if text.value.parse::<f64>().is_ok() && text.value != "0" {
                format!("a unit after the number: `{}s`, `{}m`, `{}h`", text.value, text.value, text.value)
            } else {
                format!("a duration such as `90s`, `5m`, `1h30m` or `7d`, at least {least} ms and at most ten years")
            };
            self.bad_value(node, what, &wanted);
        }
        Some(Spanned::new(parsed?, node.span))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.text(node, what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Spanned::new(*value, node.span));
        }
        let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.bad_value(node, what, &format!("one of {}", known.join(", ")));
        None
    }

    /// A name: letters, digits, `_`, `-`, and where `dots` allow them, `.` between parts; begins with a letter.
    pub(super) fn name(&mut self, node: &Node, what: &str, dots: bool) -> Option<Spanned<String>> {
        let text = self.text(node, what)?;
        self.checked_name(text, what, dots)
    }

    /// As [`Reader::name`], for a key.
    pub(super) fn checked_name(&mut self, text: Spanned<String>, what: &str, dots: bool) -> Option<Spanned<String>> {
        if is_name(&text.value, dots) {
            return Some(text);
        }
        let words = format!("`{}` cannot be {what}", shorten(&text.value));
        let also = if dots { "; parts are joined by `.`" } else { "" };
        let help =
            format!("a name begins with a letter and goes on with letters, digits, `_` and `-`, 128 at most{also}");
        self.push(Diagnostic::new(Code::BadName, text.span, words).help(help));
        None
    }

    /// A constant. Quotes make it text.
    pub(super) fn literal(&mut self, node: &Node, what: &str) -> Option<Spanned<Literal>> {
        let Some(scalar) = node.as_scalar().filter(|_| !node.is_absent()) else {
            self.wrong_shape(node, what, "a single value");
            return None;
        };
        let value = if scalar.style == Style::Plain { plain_literal(&scalar.text) } else { None };
        Some(Spanned::new(value.unwrap_or_else(|| Literal::Text(scalar.text.clone())), node.span))
    }
}

fn plain_literal(text: &str) -> Option<Literal> {
    match text {
        "true" => return Some(Literal::Bool(true)),
        "false" => return Some(Literal::Bool(false)),
        _ => {}
    }
    if let Ok(n) = text.parse::<i64>() {
        return Some(Literal::Int(n));
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.')
        && text.contains(|c: char| c.is_ascii_digit());
    let number = text.parse::<f64>().ok().filter(|n| numeric && n.is_finite());
    number.map(Literal::Double)
}

/// `90s`, `5m`, `1h30m`, `250ms`, `7d`: whole numbers with units, largest first or not, each unit once; `0` alone.
pub(crate) fn parse_duration_ms(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut seen = 0u8;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (bit, ms) = match &rest[..letters] {
            "ms" => (1, 1),
            "s" => (2, 1000),
            "m" => (4, 60_000),
            "h" => (8, 3_600_000),
            "d" => (16, 86_400_000),
            _ => return None,
        };
        if seen & bit != 0 {
            return None;
        }
        seen |= bit;
        total = total.checked_add(number.checked_mul(ms)?)?;
        rest = &rest[letters..];
    }
    (seen != 0).then_some(total)
}

fn is_name(text: &str, dots: bool) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    text.len() <= MAX_NAME_BYTES && if dots { text.split('.').all(part) } else { part(text) }
}

/// An author's word for a message: cut where it is long.
pub(crate) fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(39).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250), ("0", 0), ("0s", 0), ("7d", 604_800_000)]
        {
            assert_eq!(parse_duration_ms(text), Some(ms), "{text}");
        }
        for text in
            ["", "5", "m", "5x", "5m5m", "-5m", "1.5h", "99999999999999999999d", "999999999999999d", "5 m", "5mm"]
        {
            assert_eq!(parse_duration_ms(text), None, "{text}");
        }
    }

    #[test]
    fn bare_words_are_what_they_look_like() {
        assert_eq!(plain_literal("12"), Some(Literal::Int(12)));
        assert_eq!(plain_literal("1.5"), Some(Literal::Double(1.5)));
        for text in ["no", "inf", "nan", "1e999", "5m", "on", "-"] {
            assert_eq!(plain_literal(text), None, "{text}");
        }
    }
}
