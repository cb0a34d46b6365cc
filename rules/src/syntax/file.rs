//! A whole file: its header and sections.
//!
//! In: the YAML tree. Out: a [`RuleFile`] with everything that could be read, in the order written.

use super::head::key_span;
use super::reader::{Fields, Reader};
use super::{RuleFile, TestDecl};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::{SourceFile, Span};
use crate::suggest::nearest;
use crate::yaml::{Kind, Node};

/// Most rules in one file.
pub(crate) const MAX_RULES_PER_FILE: usize = 10_000;

/// Most tests in one file.
pub(crate) const MAX_TESTS_PER_FILE: usize = 10_000;

/// Reads one file.
pub fn read(source: &SourceFile, root: &Node, report: &mut Report) -> RuleFile {
    let mut reader = Reader { source, report };
    reader.file(root)
}

impl Reader<'_> {
    fn file(&mut self, root: &Node) -> RuleFile {
        let mut out = RuleFile::default();
        let Some(mut fields) = self.fields(root, "a rule file") else { return out };
        let head = fields.get("rules/v1");
        let params_head = fields.get("params/v1");
        let overlay_head = fields.get("overlay/v1");
        match (head, params_head, overlay_head) {
            (Some(head), None, None) => out.head = self.head(head),
            (None, Some(head), None) => out.params_head = self.params_head(head),
            (None, None, Some(head)) => out.overlay_head = self.overlay_head(head),
            (None, None, None) => {
                self.no_header(root);
                fields.skip(is_header);
            }
            _ => {
                let words = "a file has one of the headers `rules/v1`, `params/v1` and `overlay/v1`";
                let at = key_span(root, if params_head.is_some() { "params/v1" } else { "overlay/v1" });
                self.push(Diagnostic::new(Code::WrongFile, at, words).help("put what follows into a file of its own"));
            }
        }
        if overlay_head.is_some() {
            self.overlay_sections(root, fields, &mut out);
            return out;
        }
        let rules_file = params_head.is_none();
        if let Some(node) = fields.get("params") {
            out.params = self.params(node);
        }
        if let Some(node) = fields.get("sets")
            && self.belongs("sets", key_span(root, "sets"), rules_file)
        {
            out.sets = self.sets(node);
        }
        if let Some(node) = fields.get("calendars")
            && self.belongs("calendars", key_span(root, "calendars"), rules_file)
        {
            out.calendars = self.calendars(node);
        }
        if let Some(node) = fields.get("regions")
            && self.belongs("regions", key_span(root, "regions"), rules_file)
        {
            out.regions = self.regions(node);
        }
        if let Some(node) = fields.get("rules")
            && self.belongs("rules", key_span(root, "rules"), rules_file)
        {
            let items = self.bounded(node, "rules", MAX_RULES_PER_FILE);
            out.rules = items.iter().filter_map(|item| self.rule(item)).collect();
        }
        if let Some(node) = fields.get("tests")
            && self.belongs("tests", key_span(root, "tests"), rules_file)
        {
            out.tests = self.tests(node);
        }
        fields.finish(self);
        out
    }

    /// An overlay has rules by their names, calendars and tests, and declares nothing.
    fn overlay_sections(&mut self, root: &Node, mut fields: Fields<'_>, out: &mut RuleFile) {
        if let Some(node) = fields.get("calendars") {
            out.calendars = self.calendars(node);
        }
        if let Some(node) = fields.get("rules") {
            out.overlay = self.overlay_rules(node);
        }
        if let Some(node) = fields.get("tests") {
            out.tests = self.tests(node);
        }
        for section in ["params", "sets", "regions"] {
            if fields.take(section).is_some() {
                let words = format!("`{section}` cannot stand in an overlay");
                let d = Diagnostic::new(Code::WrongFile, key_span(root, section), words);
                self.push(d.help("the package declares it; values for a rule stand in the rule's `params`"));
            }
        }
        fields.finish(self);
    }

    fn tests(&mut self, node: &Node) -> Vec<TestDecl> {
        let items = self.bounded(node, "tests", MAX_TESTS_PER_FILE);
        items.iter().filter_map(|item| self.test(item)).collect()
    }

    fn bounded<'n>(&mut self, node: &'n Node, what: &str, most: usize) -> &'n [Node] {
        let items = self.items(node, &format!("`{what}`"));
        if items.len() > most {
            let words = format!("a file has {} {what}; limit {most}", items.len());
            let d = Diagnostic::new(Code::TooLarge, node.span.at_start(), words);
            self.push(d.help("split it into several files of the same package"));
            return &items[..most];
        }
        items
    }

    fn no_header(&mut self, root: &Node) {
        let Kind::Map(entries) = &root.kind else { return };
        let versioned = entries.iter().find(|e| is_header(&e.key) || e.key == "overlay");
        if root.cut_off && versioned.is_none() {
            return;
        }
        let (span, words) = match versioned {
            Some(entry) => (entry.key_span, format!("`{}` is not a version this compiler knows", entry.key)),
            None => (Span { end: root.span.start, ..root.span }, "the file has no header".to_owned()),
        };
        let guess = entries.iter().find_map(|e| nearest(&e.key, ["rules/v1", "params/v1", "overlay/v1"]));
        let help = "begin with `rules/v1: { package: eu.retention, catalogue: game.v1, owner: team-eu }`";
        self.push(
            Diagnostic::new(Code::NoHeader, span, words).did_you_mean(guess.filter(|_| versioned.is_some())).help(help),
        );
    }
}

/// Whether a key is a header, of whatever version.
fn is_header(key: &str) -> bool {
    ["rules/", "params/", "overlay/"].iter().any(|kind| key.starts_with(kind))
}
