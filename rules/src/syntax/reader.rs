//! Reading a map by its schema: known keys, missing keys, unknown keys with a guess.
//!
//! In: a node of the tree. Out: its values one by one; diagnostics for what does not fit. Everything that is not understood
//! ends in a diagnostic, so that a misspelled key never switches something off in silence.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::{SourceFile, Span, Spanned};
use crate::suggest::nearest;
use crate::syntax::Cel;
use crate::yaml::{Entry, Kind, Node, OffsetMap};

/// What every reading function needs: the file and where problems go.
pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) report: &'a mut Report,
}

/// How many unknown keys of one map are told.
const UNKNOWN_KEYS_TOLD: usize = 20;

/// A map being read. Keys are asked for one by one; [`Fields::finish`] complains about the rest.
pub(super) struct Fields<'n> {
    node: &'n Node,
    what: &'static str,
    asked: Vec<&'static str>,
    taken: Vec<bool>,
}

impl Reader<'_> {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    /// Complains that `node` is not what belongs here. Silent about nodes that a syntax error cut off.
    pub(super) fn wrong_shape(&mut self, node: &Node, what: &str, wanted: &str) {
        if !node.cut_off {
            let words = format!("{what} must be {wanted}, not {}", node.describe());
            let d = Diagnostic::new(Code::WrongShape, node.span, words);
            self.push(d.help("look at the indentation, the brackets and the dashes"));
        }
    }

    /// A map, to be asked for keys.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        match &node.kind {
            Kind::Map(entries) => Some(Fields { node, what, asked: Vec::new(), taken: vec![false; entries.len()] }),
            _ => {
                self.wrong_shape(node, what, "a map (`key: value`)");
                None
            }
        }
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            _ => {
                self.wrong_shape(node, what, "a list (`[a, b]` or lines that begin with `- `)");
                &[]
            }
        }
    }

    /// The text of a single value that is not empty.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        match node.as_scalar() {
            Some(scalar) if !node.is_absent() => Some(Spanned::new(scalar.text.clone(), node.span)),
            _ => {
                self.wrong_shape(node, what, "a single value");
                None
            }
        }
    }

    /// An expression: any single value.
    pub(super) fn cel(&mut self, node: &Node, what: &str) -> Option<Cel> {
        let text = self.text(node, what)?;
        let style = node.as_scalar()?.style;
        Some(self.cel_of(&text.value, style, node.span))
    }

    pub(super) fn cel_of(&self, text: &str, style: crate::yaml::Style, span: Span) -> Cel {
        let written = &self.source.text[span.range()];
        let map = OffsetMap::new(text, style, written, span.start);
        Cel { text: text.to_owned(), span, style, map }
    }
}

impl<'n> Fields<'n> {
    /// The whole map's span.
    pub(super) const fn span(&self) -> Span {
        self.node.span
    }

    /// Whether a syntax error cut the map off.
    pub(super) const fn is_cut_off(&self) -> bool {
        self.node.cut_off
    }

    /// The value of `key`, where it was written.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        let Kind::Map(entries) = &self.node.kind else { return None };
        let index = entries.iter().position(|e| e.key == key)?;
        self.taken[index] = true;
        Some(&entries[index].value)
    }

    /// As [`Fields::get`], for a key that has no place here and so is not named among those that have.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        let found = self.get(key);
        self.asked.pop();
        found
    }

    /// Whether `key` was written; does not count as asking for it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys().any(|k| k == key)
    }

    /// All keys, as written.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'n str> {
        let entries: &[Entry] = match &self.node.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        };
        entries.iter().map(|e| e.key.as_str())
    }

    /// The first key without a value that is like this: the short spelling of a clause's main value.
    pub(super) fn take_bare(&mut self, like: impl Fn(&str) -> bool) -> Option<Spanned<String>> {
        let Kind::Map(entries) = &self.node.kind else { return None };
        let index = entries.iter().position(|e| e.value.is_absent() && like(&e.key))?;
        self.taken[index] = true;
        Some(Spanned::new(entries[index].key.clone(), entries[index].key_span))
    }

    /// As [`Fields::get`]; complains where it is missing.
    pub(super) fn need(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() && !self.node.cut_off {
            let words = format!("{} has no `{key}`", self.what);
            let place = self.node.span.at_start();
            reader.push(Diagnostic::new(Code::MissingKey, place, words).help(format!("add `{key}: …`")));
        }
        found
    }

    /// The entries nobody has asked for yet; they count as taken from now on.
    pub(super) fn rest(&mut self) -> Vec<(Spanned<String>, &'n Node)> {
        let Kind::Map(entries) = &self.node.kind else { return Vec::new() };
        let rest = entries.iter().zip(&mut self.taken).filter(|(_, taken)| !**taken);
        rest.map(|(entry, taken)| {
            *taken = true;
            (Spanned::new(entry.key.clone(), entry.key_span), &entry.value)
        })
        .collect()
    }

    /// Says that somebody has already complained about these keys.
    pub(super) fn skip(&mut self, which: impl Fn(&str) -> bool) {
        let Kind::Map(entries) = &self.node.kind else { return };
        for (entry, taken) in entries.iter().zip(&mut self.taken) {
            *taken |= which(&entry.key);
        }
    }

    /// Names keys of the full language that this release does not have.
    pub(super) fn not_yet(&mut self, reader: &mut Reader<'_>, keys: &[&'static str]) {
        let Kind::Map(entries) = &self.node.kind else { return };
        for (entry, taken) in entries.iter().zip(&mut self.taken) {
            if !*taken && keys.contains(&entry.key.as_str()) {
                *taken = true;
                let words = format!("`{}` is not available in this version", entry.key);
                let help = format!(
                    "{} can have: {}; remove `{}` or keep the rule for a later version",
                    self.what,
                    list(&self.asked),
                    entry.key
                );
                reader.push(Diagnostic::new(Code::NotAvailable, entry.key_span, words).help(help));
            }
        }
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(mut self, reader: &mut Reader<'_>) {
        let (what, known) = (self.what, list(&self.asked));
        let asked = std::mem::take(&mut self.asked);
        for (key, _) in self.rest().into_iter().take(UNKNOWN_KEYS_TOLD) {
            let guess = nearest(&key.value, asked.iter().copied());
            let words = format!("{what} has no key `{}`", key.value);
            let d = Diagnostic::new(Code::UnknownKey, key.span, words).did_you_mean(guess);
            reader.push(d.help(format!("{what} can have: {known}")));
        }
    }
}

/// `a`, `b`, `c`
fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
