//! A tree as text, the way the data writes it: one operand a line, each node followed by its kind.

use std::fmt::Write as _;

use rules_cel::ast::Literal;

use crate::trees::{Entry, Key, RESULT, Tree};

/// The text of a tree.
pub(crate) fn write(tree: &Tree) -> String {
    let mut out = Out { text: String::new(), indent: 0 };
    out.tree(tree);
    out.text
}

struct Out {
    text: String,
    indent: usize,
}

impl Out {
    fn line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.indent));
    }

    /// What stands between two brackets, one item a line.
    fn items<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.indent += 1;
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.text.push(',');
            }
            self.line();
            each(self, item);
        }
        self.indent -= 1;
        self.line();
    }

    fn tree(&mut self, tree: &Tree) {
        let kind = match tree {
            Tree::Literal(literal) => {
                self.text.push_str(&written(literal));
                match literal {
                    Literal::Null => "Constant_NullValue",
                    Literal::Bool(_) => "Constant_BoolValue",
                    Literal::Int(_) => "Constant_Int64Value",
                    Literal::Uint(_) => "Constant_Uint64Value",
                    Literal::Double(_) => "Constant_DoubleValue",
                    Literal::String(_) => "Constant_StringValue",
                    Literal::Bytes(_) => "Constant_BytesValue",
                }
            }
            Tree::Ident(name) => {
                self.text.push_str(name);
                "Expr_IdentExpr"
            }
            Tree::Select { operand, field, test_only } => {
                self.tree(operand);
                let _ = write!(self.text, ".{field}{}", if *test_only { "~test-only~" } else { "" });
                "Expr_SelectExpr"
            }
            Tree::Call { target, function, args } => {
                if let Some(target) = target {
                    self.tree(target);
                    self.text.push('.');
                }
                let _ = write!(self.text, "{function}(");
                self.items(args, Self::tree);
                self.text.push(')');
                "Expr_CallExpr"
            }
            Tree::List(elements) => {
                self.text.push('[');
                self.items(elements, Self::tree);
                self.text.push(']');
                "Expr_ListExpr"
            }
            Tree::Struct { name, entries } => {
                let _ = write!(self.text, "{name}{{");
                self.items(entries, Self::entry);
                self.text.push('}');
                "Expr_StructExpr"
            }
            Tree::Loop(of) => {
                let name = |name: &str| Err(name.to_owned());
                let parts: [(&str, Result<&Tree, String>); 7] = [
                    ("Variable", name(&of.variable)),
                    ("Target", Ok(&of.range)),
                    ("Accumulator", name(RESULT)),
                    ("Init", Ok(&of.init)),
                    ("LoopCondition", Ok(&of.condition)),
                    ("LoopStep", Ok(&of.step)),
                    ("Result", Ok(&of.result)),
                ];
                self.text.push_str("__comprehension__(");
                self.indent += 1;
                for (number, (title, part)) in parts.into_iter().enumerate() {
                    if number > 0 {
                        self.text.push(',');
                    }
                    self.line();
                    let _ = write!(self.text, "// {title}");
                    self.line();
                    match part {
                        Ok(tree) => self.tree(tree),
                        Err(name) => self.text.push_str(&name),
                    }
                }
                self.indent -= 1;
                self.text.push(')');
                "Expr_ComprehensionExpr"
            }
        };
        let _ = write!(self.text, "^#*expr.{kind}#");
    }

    fn entry(&mut self, entry: &Entry) {
        if entry.optional {
            self.text.push('?');
        }
        match &entry.key {
            Key::Field(name) => self.text.push_str(name),
            Key::Value(key) => self.tree(key),
        }
        self.text.push(':');
        self.tree(&entry.value);
        self.text.push_str("^#*expr.Expr_CreateStruct_Entry#");
    }
}

fn written(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Uint(value) => format!("{value}u"),
        Literal::Double(value) => double(*value),
        Literal::String(text) => format!("\"{}\"", text.chars().map(escaped).collect::<String>()),
        Literal::Bytes(bytes) => {
            let mut out = String::new();
            for chunk in bytes.utf8_chunks() {
                out.extend(chunk.valid().chars().map(escaped));
                out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
            }
            format!("b\"{out}\"")
        }
    }
}

fn double(value: f64) -> String {
    let scientific = format!("{value:e}");
    match scientific.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent @ (..-4 | 6..))) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
        }
        _ => value.to_string(),
    }
}

fn escaped(c: char) -> String {
    match c {
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\x0b' => "\\v".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '"' | '\\' => format!("\\{c}"),
        '\0'..='\x1f' | '\x7f' => format!("\\x{:02x}", u32::from(c)),
        // After a letter, so that what combines with one is not escaped.
        c if c == '\'' || format!("a{c}").escape_debug().count() == 2 => c.to_string(),
        c @ ..='\u{ffff}' => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    }
}
