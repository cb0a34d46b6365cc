//! Regular expressions as CEL has them, in RE2's syntax, rewritten for the crate `regex`.
//!
//! What comes in: an author's pattern. What goes out: a pattern that means in that crate what the first means in RE2, or what RE2
//! refuses about it. The two differ in few places: there `\d`, `\w`, `\s` and `\b` know Unicode, brackets of a class nest, `&&`
//! and `--` are operators on classes, `{` is never itself, a repetition can be repeated. Deliberately absent: everything that
//! both understand and both refuse; the crate tells that.

use std::iter::Peekable;
use std::str::CharIndices;

/// The most repetitions that a pattern may count.
const REPEATED_MAX: u32 = 1_000;

/// Rewrites a pattern.
///
/// # Errors
/// What is wrong with it, in words.
pub fn rewritten(pattern: &str) -> Result<String, String> {
    let mut rewriter = Rewriter { pattern, rest: pattern.char_indices().peekable(), out: String::new() };
    rewriter.whole()?;
    Ok(rewriter.out)
}

struct Rewriter<'p> {
    pattern: &'p str,
    rest: Peekable<CharIndices<'p>>,
    out: String,
}

impl<'p> Rewriter<'p> {
    fn next(&mut self) -> Option<char> {
        self.rest.next().map(|(_, c)| c)
    }

    /// What is left.
    fn left(&mut self) -> &'p str {
        self.rest.peek().map_or("", |(at, _)| &self.pattern[*at..])
    }

    fn skip(&mut self, bytes: usize) {
        let to = self.pattern.len() - self.left().len() + bytes;
        while self.rest.next_if(|(at, _)| *at < to).is_some() {}
    }

    fn whole(&mut self) -> Result<(), String> {
        let mut repeats = false;
        while let Some(c) = self.next() {
            let repetition = match c {
                '*' | '+' | '?' => Some(c.to_string()),
                '{' => self.counted()?,
                _ => None,
            };
            if let Some(repetition) = repetition {
                if std::mem::replace(&mut repeats, true) {
                    return Err(format!("`{repetition}` repeats a repetition"));
                }
                self.out.push_str(&repetition);
                if self.rest.next_if(|(_, c)| *c == '?').is_some() {
                    self.out.push('?');
                }
                continue;
            }
            repeats = false;
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '{' => self.out.push_str("\\{"),
                '(' => self.group()?,
                c => self.out.push(c),
            }
        }
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,5}` after the bracket; anything else is a bracket that means itself.
    fn counted(&mut self) -> Result<Option<String>, String> {
        let left = self.left();
        let Some((inside, _)) = left.split_once('}') else { return Ok(None) };
        let bounds: Vec<&str> = inside.split(',').collect();
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_counted = match bounds.as_slice() {
            [exactly] => is_number(exactly),
            [least, most] => is_number(least) && (most.is_empty() || is_number(most)),
            _ => false,
        };
        if !is_counted {
            return Ok(None);
        }
        let too_many = |text: &&&str| is_number(text) && text.parse().map_or(true, |many: u32| many > REPEATED_MAX);
        if bounds.iter().any(|text| too_many(&text)) {
            return Err(format!("`{{{inside}}}` repeats more than {REPEATED_MAX} times"));
        }
        self.skip(inside.len() + 1);
        Ok(Some(format!("{{{inside}}}")))
    }

    /// After a backslash that stands in no class.
    fn escape(&mut self) -> Result<(), String> {
        let c = self.next().ok_or("a backslash ends the pattern")?;
        match c {
            'Q' => {
                let (quoted, length) = match self.left().split_once("\\E") {
                    Some((quoted, _)) => (quoted, quoted.len() + 2),
                    None => (self.left(), self.left().len()),
                };
                quoted.chars().for_each(|c| literal(c, &mut self.out));
                self.skip(length);
            }
            'b' | 'B' => self.out.push_str(if c == 'b' { "(?-u:\\b)" } else { "(?-u:\\B)" }),
            'A' | 'z' => self.out.extend(['\\', c]),
            'd' | 'w' | 's' => self.out.push_str(&format!("[{}]", ascii_class(c))),
            'D' | 'W' | 'S' => self.out.push_str(&format!("[^{}]", ascii_class(c))),
            'p' | 'P' => self.property(c)?,
            c => {
                let c = self.escaped(c)?;
                literal(c, &mut self.out);
            }
        }
        Ok(())
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`
    fn property(&mut self, letter: char) -> Result<(), String> {
        let left = self.left();
        let name = match left.strip_prefix('{') {
            Some(inside) => inside.split_once('}').ok_or("`\\p{` is not closed")?.0,
            None => left.chars().next().map_or("", |c| &left[..c.len_utf8()]),
        };
        self.skip(if left.starts_with('{') { name.len() + 2 } else { name.len() });
        let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
        let letter = if negated == (letter == 'p') { 'P' } else { 'p' };
        self.out.push_str(&format!("\\{letter}{{{name}}}"));
        Ok(())
    }

    /// The character that an escape stands for; the letter after the backslash is read.
    fn escaped(&mut self, c: char) -> Result<char, String> {
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal()?,
            '0'..='7' => self.octal(c)?,
            c if c.is_ascii_punctuation() => c,
            c => return Err(format!("there is no escape `\\{c}`")),
        })
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let left = self.left();
        let (digits, length) = match left.strip_prefix('{') {
            Some(inside) => inside.split_once('}').map(|(digits, _)| (digits, digits.len() + 2)),
            None => left.get(..2).map(|digits| (digits, 2)),
        }
        .ok_or("`\\x` is followed by two digits, or by any number of them in curly brackets")?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).filter(|_| is_hex);
        self.skip(length);
        found.ok_or_else(|| format!("`\\x{{{digits}}}` is no character"))
    }

    /// `\0`, `\12`, `\123`; one digit alone would refer back to a group.
    fn octal(&mut self, first: char) -> Result<char, String> {
        let more: String = self.left().chars().take_while(|c| matches!(c, '0'..='7')).take(2).collect();
        if first != '0' && more.is_empty() {
            return Err(format!("`\\{first}` refers back to a group, which patterns cannot"));
        }
        self.skip(more.len());
        let value = u32::from_str_radix(&format!("{first}{more}"), 8).ok().and_then(char::from_u32);
        value.ok_or_else(|| format!("`\\{first}{more}` is no character"))
    }

    /// After an opening bracket: what RE2 takes behind a question mark is passed on.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.next_if(|(_, c)| *c == '?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if ["=", "!", "<=", "<!"].iter().any(|looks| self.left().starts_with(looks)) {
            return Err("look-around, including look-ahead and look-behind, is not supported".to_owned());
        }
        if self.left().starts_with("P<") || self.left().starts_with('<') {
            return Ok(());
        }
        while let Some(c) = self.next() {
            self.out.push(c);
            match c {
                ':' | ')' => return Ok(()),
                'i' | 'm' | 's' | 'U' | '-' => {}
                c => return Err(format!("a group cannot begin with `(?{c}`")),
            }
        }
        Err("a group is not closed".to_owned())
    }

    /// After `[`.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if(|(_, c)| *c == '^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.next().ok_or("a class `[…]` is not closed")?;
            match c {
                ']' if !first => break,
                '[' if self.left().starts_with(':') && self.left().contains(":]") => {
                    let name = self.left().split_once(":]").map_or("", |(name, _)| name);
                    self.out.push_str(&format!("[{name}:]"));
                    self.skip(name.len() + 2);
                }
                '\\' => match self.next().ok_or("a backslash ends the pattern")? {
                    c @ ('d' | 'w' | 's') => self.out.push_str(ascii_class(c)),
                    c @ ('D' | 'W' | 'S') => self.out.push_str(&format!("[^{}]", ascii_class(c))),
                    c @ ('p' | 'P') => self.property(c)?,
                    c => {
                        let c = self.escaped(c)?;
                        self.range(c)?;
                    }
                },
                c => self.range(c)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// One character of a class, or a range that begins with it.
    fn range(&mut self, low: char) -> Result<(), String> {
        literal(low, &mut self.out);
        let mut ahead = self.left().chars();
        if ahead.next() != Some('-') || matches!(ahead.next(), None | Some(']')) {
            return Ok(());
        }
        self.skip(1);
        let high = match self.next() {
            Some('\\') => match self.next().ok_or("a backslash ends the pattern")? {
                c @ ('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P') => {
                    return Err(format!("`\\{c}` is no end of a range"));
                }
                c => self.escaped(c)?,
            },
            Some(c) => c,
            None => return Err("a class `[…]` is not closed".to_owned()),
        };
        if high < low {
            return Err(format!("the range `{low}-{high}` ends before it begins"));
        }
        self.out.push('-');
        literal(high, &mut self.out);
        Ok(())
    }
}

/// What a letter after a backslash stands for in a class.
fn ascii_class(letter: char) -> &'static str {
    match letter.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => "\\t\\n\\f\\r ",
    }
}

/// The character itself, in a class or out of it.
fn literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_understand_stays() {
        for same in
            ["", "^a+$", "(a|b)*?c", "(?i:x)(?P<n>y)(?<m>z)", "a{2}b{2,}c{2,5}?", "[a-z]", "[^a]", "[[:alpha:]x]"]
        {
            assert_eq!(rewritten(same), Ok(same.to_owned()));
        }
    }

    #[test]
    fn what_they_read_otherwise_is_rewritten() {
        let known = [
            (r"\d\D", "[0-9][^0-9]"),
            (r"\w[\w\W]\s", r"[0-9A-Za-z_][0-9A-Za-z_[^0-9A-Za-z_]][\t\n\f\r ]"),
            (r"\bx", r"(?-u:\b)x"),
            ("[[a]", r"[\[a]"),
            ("[a&&b~~c]", r"[a\&\&b\~\~c]"),
            ("[]a]", r"[\]a]"),
            ("[a-]", r"[a\-]"),
            ("[!--]", r"[\!-\-]"),
            ("a{,2}{x}{", r"a\{,2}\{x}\{"),
            (r"\Qa.b\E.", r"a\.b."),
            (r"\p{^Greek}\pN\P{^L}", r"\P{Greek}\p{N}\p{L}"),
            (r"\101\x41\x{1F600}\0", "AA\u{1f600}\0"),
            (r"\/\-", r"\/\-"),
        ];
        for (pattern, wanted) in known {
            assert_eq!(rewritten(pattern), Ok(wanted.to_owned()), "{pattern}");
        }
    }

    #[test]
    fn what_is_refused_is_told() {
        let known = [
            ("a**", "`*` repeats a repetition"),
            ("a{2}{3}", "`{3}` repeats a repetition"),
            ("a{1001}", "`{1001}` repeats more than 1000 times"),
            (r"\1", r"`\1` refers back to a group, which patterns cannot"),
            (r"\<", r"\<"),
            (r"\y", r"there is no escape `\y`"),
            ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
            ("(?>a)", "a group cannot begin with `(?>`"),
            ("(?x)a", "a group cannot begin with `(?x`"),
            ("[z-a]", "the range `z-a` ends before it begins"),
            ("[a", "a class `[…]` is not closed"),
            (r"[\b]", r"there is no escape `\b`"),
            ("\\", "a backslash ends the pattern"),
        ];
        for (pattern, wanted) in known {
            let told = rewritten(pattern).unwrap_or_else(|why| why);
            assert_eq!(told, wanted, "{pattern}");
        }
    }
}
